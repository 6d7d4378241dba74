"""Write the list of rooms into tour.md, from the docstrings of the packages: `python docs/tour.py`."""

from __future__ import annotations

import ast
from pathlib import Path

TOUR = Path(__file__).with_name("tour.md")
PACKAGE = TOUR.parents[1] / "src" / "escalera"
ROOMS = (
    "cli", "studio", "experiment", "inference", "run", "report", "builders", "ladder", "train", "evaluate", "models",
    "data", "core",
)  # fmt: skip
"""From the top to the ground."""
BEGIN, END = "<!-- made by docs/tour.py -->", "<!-- end -->"


def sentence(package: Path) -> str:
    """What a package says of itself."""
    tree = ast.parse((package / "__init__.py").read_text(encoding="utf-8"))
    return " ".join((ast.get_docstring(tree) or "").split())


def drawers(package: Path) -> list[Path]:
    """The packages in a package."""
    return sorted(path.parent for path in package.glob("*/__init__.py"))


def lines(package: Path, depth: int = 0) -> list[str]:
    """A package, and under it the packages in it."""
    own = f"{'  ' * depth}- **`{package.name}/`** {sentence(package)}"
    return [own, *(line for drawer in drawers(package) for line in lines(drawer, depth + 1))]


def rooms() -> str:
    """The list, in Markdown."""
    return "\n".join(line for room in ROOMS for line in lines(PACKAGE / room))


def with_rooms(text: str) -> str:
    """The tour, with the list as it is now."""
    before, rest = text.split(BEGIN)
    return f"{before}{BEGIN}\n{rooms()}\n{END}{rest.split(END)[1]}"


if __name__ == "__main__":
    TOUR.write_text(with_rooms(TOUR.read_text(encoding="utf-8")), encoding="utf-8")
