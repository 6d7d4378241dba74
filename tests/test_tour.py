"""The tour is what the packages say of themselves, and every file that a document names is there."""

import re
import runpy
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
SOURCE = ROOT / "src" / "escalera"
TOUR = runpy.run_path(str(ROOT / "docs" / "tour.py"))
PACKAGES = sorted(path.parent for path in SOURCE.rglob("__init__.py"))
DOCUMENTS = [
    ROOT / "CONTRIBUTING.md",
    *ROOT.glob("README*.md"),
    *(path for path in (ROOT / "docs").glob("*.md") if path.name != "decisions.md"),
]
"""Those that speak of today; the decisions and the changes speak of what was."""


def test_the_tour_is_current() -> None:
    text = (ROOT / "docs" / "tour.md").read_text(encoding="utf-8")
    assert TOUR["with_rooms"](text) == text, "python docs/tour.py"


def test_every_room_is_on_the_tour() -> None:
    assert sorted(TOUR["ROOMS"]) == [path.name for path in TOUR["drawers"](SOURCE)]


@pytest.mark.parametrize("package", PACKAGES, ids=lambda path: path.relative_to(SOURCE.parent).as_posix())
def test_a_package_says_in_a_sentence_what_it_is(package: Path) -> None:
    said = TOUR["sentence"](package)
    assert re.match(r"[A-Z].{15,150}\.", said), said
    if package != SOURCE:  # whose docstring is what `help(escalera)` begins with
        assert not re.search(r"\. [A-Z]", said), said


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.name)
def test_every_file_that_a_document_names_is_there(document: Path) -> None:
    text = document.read_text(encoding="utf-8")
    named = set(re.findall(r"`((?:[\w.-]+/)+[\w-]+\.(?:py|j2))`", text))
    if document.name == "CONTRIBUTING.md":
        named |= set(re.findall(r"`((?:[\w.-]+/)+(?:[\w-]+\.yaml)?)`", text))
    assert [name for name in sorted(named) if not (ROOT / name).exists() and not (SOURCE / name).exists()] == []
    linked = set(re.findall(r"\]\(([^)#:]+)(?:#[^)]*)?\)", text))
    assert [link for link in sorted(linked) if not (document.parent / link).exists()] == []
