"""One line of the doctor: a thing, how it stands, and what to type."""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import Literal

State = Literal["ok", "missing", "broken"]
"""Missing is what somebody may want and most can do without; broken is what stands in the way."""


@dataclass(frozen=True)
class Check:
    """`command` is what to type where something is to be done; `text` says what it is for, or why."""

    name: str
    state: State
    text: str
    command: str = ""


def set_variable(name: str, value: str) -> str:
    """What to type so that a variable of the environment has a value; without one, so that it has none."""
    if os.name == "nt":
        return f'$env:{name} = "{value}"' if value else f"Remove-Item Env:{name}"
    return f"export {name}={value}" if value else f"unset {name}"
