"""Who is whose parent: the rungs of a file, ordered so that every parent stands before its children."""

from __future__ import annotations

import difflib
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from escalera.core.errors import nearest
from escalera.core.names import composed, same
from escalera.ladder.document import Document, Flaw, Path


@dataclass(eq=False)
class Step:
    """A rung as the file has it, and its parent.

    `lost`: its parent cannot be known. `doubtful`: what follows from it may not be what was meant.
    """

    index: int
    entry: dict[str, Any]
    parent: Step | None = None
    lost: bool = False
    doubtful: bool = False

    @property
    def name(self) -> str:
        """The name it goes by; empty when the file gives none."""
        name = self.entry.get("name")
        return composed(name) if isinstance(name, str) else ""

    @property
    def place(self) -> Path:
        """Where it stands in the file."""
        return ("rungs", self.index)


def families(document: Document) -> tuple[list[Step], list[Flaw]]:
    """The rungs, parents before children, and the flaws in their names and parents."""
    entries = document.value.get("rungs")
    items = entries if isinstance(entries, list) else []
    steps = {index: Step(index, item) for index, item in enumerate(items) if isinstance(item, dict)}
    named: dict[str, Step] = {}
    flaws: list[Flaw] = []
    for step in steps.values():
        # A name becomes a folder, and some file systems do not tell capitals apart.
        first = named.setdefault(same(step.name), step)
        if step.name and first is not step:
            step.doubtful = True
            path, line = (*step.place, "name"), document.line((*first.place, "name"))
            where = f"line {line}" if line else f"rungs[{first.index}]"  # a mapping of Python has no lines
            message = f"expected a name of its own, capitals aside, received '{step.name}'; {where} has '{first.name}'"
            flaws.append(Flaw(message, document.line(path), path))
    called = {step.name: step for step in reversed(steps.values()) if step.name}
    for step in steps.values():
        flaws += _adopt(step, steps, called, document)
    return _ordered(list(steps.values()), document, flaws), flaws


def _adopt(step: Step, steps: dict[int, Step], named: dict[str, Step], document: Document) -> Iterator[Flaw]:
    """Give a rung its parent: the one it names, else the one above; none for the first and after `from: null`."""
    if "from" not in step.entry:
        step.parent = steps.get(step.index - 1)
        step.lost = step.index > 0 and step.parent is None
        return
    wanted = step.entry["from"]
    if not isinstance(wanted, str):
        step.lost = wanted is not None
        return
    step.parent = named.get(composed(wanted))
    if step.parent is None:
        others = [name for name in named if name != step.name]
        path = (*step.place, "from")
        yield Flaw(
            f"expected the name of a rung, received '{wanted}'; {nearest(wanted, others)}", document.line(path), path
        )
        # With the rung that was probably meant, the rest of this one can be checked too.
        close = difflib.get_close_matches(wanted, others, n=1)
        step.parent, step.lost, step.doubtful = named[close[0]] if close else None, not close, True


def _ordered(steps: list[Step], document: Document, flaws: list[Flaw]) -> list[Step]:
    """Parents before children; a circle of parents is a flaw, and cut."""
    ordered: list[Step] = []
    seen: set[int] = set()
    for start in steps:
        trail: list[Step] = []
        step: Step | None = start
        while step and step.index not in seen:
            seen.add(step.index)
            trail.append(step)
            step = step.parent
        if step in trail:
            circle = trail[trail.index(step) :]
            first = min((member for member in circle if "from" in member.entry), key=lambda member: member.index)
            turn = circle.index(first)
            names = [member.name or f"rungs[{member.index}]" for member in [*circle[turn:], *circle[:turn], first]]
            path = (*first.place, "from")
            flaws.append(Flaw(f"the parents go in a circle: {' -> '.join(names)}", document.line(path), path))
            for member in circle:
                member.parent, member.lost = None, True
        ordered += reversed(trail)
    return ordered
