"""What a check of new pictures found, as lines for the terminal."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from escalera.core.language import Language
from escalera.data.readers.listing import shown

_LISTED = 10
_CLASSES = 3


def print_check(found: Mapping[str, Any], write: Callable[[str], object], words: Language) -> None:
    """The verdict with its p, what differs, and the pictures that are like none."""
    say, p = words.say, words.p_text(found["p"])
    what = "check.only_classes" if found["reason"] == "classes" else "check.unlike"
    what = "check.alike" if found["alike"] else what
    write(say(what, p=p, new=found["rows"], reference=found["reference"]))
    if found["few"]:
        write(say("check.few"))
    if not found["alike"]:
        pairs = [
            say("check.share", name=shown(one["name"]), new=words.percent(one["new"]),
                before=words.percent(one["reference"]))
            for one in found["classes"][:_CLASSES]
        ]  # fmt: skip
        write(say("check.shares", p=words.p_text(found["p_classes"]), shares="; ".join(pairs)))
    strange = [one for one in found["pictures"] if one["unlike"]]
    write(say("check.some", n=len(strange)) if strange else say("check.none"))
    for one in (strange or found["pictures"])[:_LISTED]:
        name = shown(one["file"])
        place = name if one["row"] is None else say("predict.row", file=name, row=one["row"])
        write(f"  {words.p_text(one['p'])}  {place}  ({shown(one['class'])})")
    if len(strange) > _LISTED:
        write(f"  {say('list.more', n=len(strange) - _LISTED)}")
    if not strange and 0.05 / found["rows"] < found["smallest_p"]:
        write(say("check.coarse", n=found["reference"], p=words.number(found["smallest_p"], 4)))
