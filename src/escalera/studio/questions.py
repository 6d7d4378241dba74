"""Questions in JSON: read in one way only, asked of what there is, and naming no file but those that were uploaded."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from urllib.parse import unquote

from escalera.core.errors import nearest

_KEYS = {
    "join": {"data", "fn_index", "session_hash", "event_data", "trigger_id"},
    "call": {"data", "session_hash"},
    "cancel": {"session_hash", "fn_index", "event_id"},
    "reset": {"event_id"},
}
"""What a question may say, by the route that it takes."""
_OF_FILES = {"path", "url", "orig_name"}
_PAGES = ("", "/en", "/es")


class ForbiddenError(Exception):
    """A question names a file that nobody uploaded."""


def check_question(route: str, name: str, question: Any, inputs: Mapping[str, int]) -> None:
    """Raise ValueError where a question on `join`, `call`, `cancel` or `reset` is not one that gradio can answer.

    `inputs` is how many values each function takes, by its number and, where it has one, by its name; `name` is the
    function's where the route has it.
    """
    if not isinstance(question, dict):
        raise ValueError(f"expected a JSON object, received {type(question).__name__}")
    for key in question.keys() - _KEYS[route]:
        raise ValueError(f"unknown key {key[:60]!r}; {nearest(key[:60], sorted(_KEYS[route]))}")
    if route not in ("join", "call"):
        return
    number = question.get("fn_index")
    called = name if route == "call" else str(number) if type(number) is int and abs(number) < 10**6 else ""
    if called not in inputs:
        raise ValueError(f"there is no function {called!r} here")
    data = question.get("data")
    if not isinstance(data, list) or len(data) != inputs[called]:
        received = len(data) if isinstance(data, list) else type(data).__name__
        raise ValueError(f"data: expected a list of {inputs[called]} values, received {received}")


class Uploads:
    """The one folder whose files a question may name, since gradio would open any other too."""

    def __init__(self, folder: Path) -> None:
        self._written = folder.absolute()
        self._real = folder.resolve()

    def hold(self, path: str) -> bool:
        """Whether a path is one of a file in it, written as the page was told it, and wherever links lead."""
        try:
            written = Path(path)
            # As it is written first: to resolve a path of Windows may ask another machine.
            inside = any(written.is_relative_to(folder) for folder in (self._written, self._real))
            if not inside or ".." in written.parts or str(written) != path:
                return False
            return written.resolve().is_relative_to(self._real) and written.is_file()
        except (OSError, ValueError, RuntimeError):
            return False

    def check(self, question: Any, host: str) -> None:
        """Raise ForbiddenError for a file that is not here, or an address, wherever in a question it is named."""
        waiting = [question]
        while waiting:
            found = waiting.pop()
            if isinstance(found, dict):
                for key, value in found.items():
                    name = key.casefold().strip()
                    # gradio's page shows such a file by its content, and sends that along.
                    if name == "url" and isinstance(value, str) and value.startswith("data:image/svg+xml"):
                        raise ForbiddenError("a drawing in SVG is not read: save it as PNG, and take that")
                    if name in _OF_FILES and not self._may_be_named(name, value, host):
                        raise ForbiddenError("files are uploaded, and named as such")
                waiting += found.values()
            elif isinstance(found, list):
                waiting += found

    def _may_be_named(self, key: str, value: Any, host: str) -> bool:
        if value is None:
            return key != "path"
        if not isinstance(value, str):
            return False
        if key == "orig_name":
            return not re.search(r"[/\\\0]|^\.\.?$", value)
        if key == "url":
            # The page repeats the address under which it was told that the upload lies.
            before, found, file = value.partition("/gradio_api/file=")
            ours = before.partition("://")[2].partition("/")[0] == host if "://" in before else before in _PAGES
            return not value or bool(found and ours and self.hold(unquote(file)))
        return self.hold(value)
