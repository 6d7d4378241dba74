"""Write the notebooks of the course from its lessons: docs/course and docs/es/course, each beside its .md.

python docs/course/notebooks.py          writes them
python docs/course/notebooks.py --check  says whether they are current; the exit code is 1 where one is not
"""

from __future__ import annotations

import json
import re
import shlex
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parent
FOLDERS = (HERE, HERE.parent / "es" / "course")
INSTALL = '%pip install -q "escalera[train] @ git+https://github.com/escalera/escalera"'
_BLOCK = re.compile(r"^```(sh|python)\n(.*?)^```\n", re.DOTALL | re.MULTILINE)
_COMMAND = "escalera climb docs/course/"
_OPTIONS = {"--rung": "rungs", "--seeds": "seeds", "--lang": "language"}
"""The options of the commands in the lessons, by what Python calls them."""


def main() -> None:
    """Write the notebooks, or compare them."""
    if sys.argv[1:] not in ([], ["--check"]):
        sys.exit(f"expected nothing or --check, received {' '.join(sys.argv[1:])}")
    for lesson in lessons():
        path, text = lesson.with_suffix(".ipynb"), notebook(lesson)
        if not sys.argv[1:]:
            path.write_text(text, encoding="utf-8")
        elif not path.is_file() or path.read_text(encoding="utf-8") != text:
            sys.exit(f"{path.name} is not current; type: python docs/course/notebooks.py")


def lessons() -> list[Path]:
    """The lessons of both languages, in their order."""
    return [path for folder in FOLDERS for path in sorted(folder.glob("[0-9][0-9]-*.md"))]


def notebook(lesson: Path) -> str:
    """A lesson as a notebook, without outputs: what to install, the files that it needs, its text and its code."""
    parts = list(parted(lesson.read_text(encoding="utf-8")))
    files = [
        ("code", f"%%writefile {file.name}\n{file.read_text(encoding='utf-8')}") for file in of_lesson(lesson.stem)
    ]
    cells = [parts[0], ("code", INSTALL), *files, *parts[1:]]
    return json.dumps(
        {
            "cells": [_cell(number, kind, text) for number, (kind, text) in enumerate(cells)],
            "metadata": {
                "kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"},
                "language_info": {"name": "python"},
            },
            "nbformat": 4,
            "nbformat_minor": 5,
        },
        ensure_ascii=False,
        indent=1,
    ) + "\n"  # fmt: skip


def of_lesson(name: str) -> list[Path]:
    """The ladder of a lesson, and the table that belongs to it where there is one."""
    return sorted([*HERE.glob(f"{name}*.csv"), HERE / f"{name}.yaml"])


def parted(text: str) -> Iterator[tuple[str, str]]:
    """The cells of a lesson: its text in pieces, and between them its code."""
    end = 0
    for found in _BLOCK.finditer(text):
        if before := text[end : found.start()].strip():
            yield "markdown", before
        yield "code", in_python(found[2].strip()) if found[1] == "sh" else found[2].strip()
        end = found.end()
    if rest := text[end:].strip():
        yield "markdown", rest


def in_python(command: str) -> str:
    """A command of the terminal as Python has it; one that is no climb stays a command, after a `!`."""
    if not command.startswith(_COMMAND) or "\n" in command:
        return "\n".join(f"!{line}" for line in command.splitlines())
    file, *rest = shlex.split(command)[2:]
    given: dict[str, Any] = {}
    for option, value in zip(rest[::2], rest[1::2], strict=True):
        key = _OPTIONS[option]
        given[key] = [*given.get(key, []), value] if key == "rungs" else int(value) if key == "seeds" else value
    values = [json.dumps(Path(file).name), *(f"{key}={json.dumps(value)}" for key, value in given.items())]
    return f"import escalera as esc\n\nresults = esc.climb({', '.join(values)})\nresults"


def _cell(number: int, kind: str, text: str) -> dict[str, Any]:
    """A cell as nbformat 4.5 has it."""
    code: dict[str, Any] = {"execution_count": None, "outputs": []} if kind == "code" else {}
    return {"cell_type": kind, "id": f"cell-{number}", "metadata": {}, "source": text.splitlines(True), **code}


if __name__ == "__main__":
    main()
