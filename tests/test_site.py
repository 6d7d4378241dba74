"""The documentation site: the same pages in both languages, links that lead somewhere."""

import os
import re
import runpy
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from escalera.core.translation import translate
from escalera.ladder.editor import json_schema
from escalera.ladder.fields import describe

ROOT = Path(__file__).parents[1]
SITE = ROOT / "docs" / "site"


@pytest.fixture(scope="module")
def site() -> Iterator[dict[str, Any]]:
    """The scripts of the site, which import one another by their bare names."""
    sys.path.insert(0, str(SITE))
    try:
        yield {name: runpy.run_path(str(SITE / f"{name}.py")) for name in ("pages", "reference", "gallery", "build")}
    finally:
        sys.path.remove(str(SITE))
        for name in ("pages", "gallery", "reference"):
            sys.modules.pop(name, None)


@pytest.mark.slow
def test_the_reference_is_current(site: dict[str, Any]) -> None:
    reference = site["reference"]
    for folder, language in ((ROOT / "docs", "en"), (ROOT / "docs" / "es", "es")):
        for name in ("commands", "keys"):
            text = (folder / f"{name}.md").read_text(encoding="utf-8")
            assert text == reference[name](language), "python docs/site/reference.py"


def test_every_key_of_a_ladder_is_described_in_spanish() -> None:
    english, spanish = list(_descriptions(json_schema())), list(_descriptions(json_schema("es")))
    assert len(english) == len(spanish) > 100
    assert [text for text in english if text in spanish] == []


def test_what_is_expected_of_a_key_is_said_in_spanish(english_left: Callable[[str], list[str]]) -> None:
    schema = json_schema()
    for section in (schema, *schema["$defs"].values()):
        for key, node in section.get("properties", {}).items():
            if key != "change":
                said = re.sub(r"\{[^}]*\}|'[^']*'", "", translate(describe(node), "es"))
                assert english_left(said) == [], said
                assert not re.search(r"\b(of|or|to|at|whole|numbers?|list|text|mapping)\b", said), said


def _descriptions(node: Any) -> Iterator[str]:
    """Every description of a schema, in its order."""
    if isinstance(node, list):
        for child in node:
            yield from _descriptions(child)
    elif isinstance(node, dict):
        for key, child in node.items():
            if key == "description" and isinstance(child, str):
                yield child
            else:
                yield from _descriptions(child)


def test_both_languages_list_the_same_pages(site: dict[str, Any]) -> None:
    build = site["build"]
    english, spanish = build["configuration"]("en"), build["configuration"]("es")
    navs = (english["nav"], spanish["nav"])
    pages = [[next(iter(entry.values())) if isinstance(entry, dict) else entry for entry in nav] for nav in navs]
    assert pages[0] == pages[1]
    assert english["theme"]["language"] == "en" and spanish["theme"]["language"] == "es"
    assert spanish["site_dir"] == "html/es"


@pytest.mark.parametrize("language", ["en", "es"])
def test_every_page_can_be_written(site: dict[str, Any], tmp_path: Path, language: str) -> None:
    site["build"]["source"](tmp_path, language)
    names = [name for section in site["pages"]["SECTIONS"] for name in section.names]
    assert sorted(names) == sorted({*names})
    assert {path.relative_to(tmp_path).as_posix() for path in tmp_path.rglob("*.md")} | {"gallery.md"} == {*names}


def test_a_link_leads_into_the_site_or_to_the_code(site: dict[str, Any]) -> None:
    pages = site["pages"]
    where, page = pages["_where"], pages["Page"]
    spanish = page("tutorial.md", ROOT / "docs" / "es" / "tutorial.md")
    assert where("install.md", spanish) == "install.md"
    assert where("../trust.md#labels", spanish) == "trust.md#labels"
    assert where("https://pytorch.org", spanish) == "https://pytorch.org"
    deep = page("results/photos.md", ROOT / "docs" / "results" / "photos.md")
    assert where("../data.md", deep) == "../data.md"
    assert where("../../README.md", deep) == "../index.md"
    assert where("../../LICENSE", deep).endswith("/blob/main/LICENSE")
    with pytest.raises(ValueError, match=r"^docs/results/photos\.md: a link to nowhere\.md, which is not there$"):
        where("nowhere.md", deep)


@pytest.mark.parametrize("language", ["en", "es"])
def test_a_link_leads_to_a_heading_and_stays_in_its_language(site: dict[str, Any], language: str) -> None:
    pages = site["pages"]
    found = {page.name: page for section in pages["SECTIONS"] for page in pages["listed"](section, language)}
    headings = {name: _headings(page.file.read_text(encoding="utf-8")) for name, page in found.items()}
    lost = []
    for name, page in found.items():
        for link in re.findall(r"\]\(([^()\s:]+\.md)?(#[^()\s]+)?\)", pages["written"](page, language)):
            target = os.path.normpath(Path(name).parent / link[0]) if link[0] else name
            if link[1] and link[1][1:] not in headings.get(Path(target).as_posix(), set()):
                lost.append(f"{page.file.relative_to(ROOT)}: {''.join(link)}")
    assert lost == [], "a link to a heading that is not there in this language"


def _headings(text: str) -> set[str]:
    """What the site and GitHub call the headings of a page in an address: letters, digits and _ in small, - between."""
    prose = re.sub(r"^```.*?^```$", "", text, flags=re.MULTILINE | re.DOTALL)
    plain = [re.sub(r"[^\w\s-]", "", head).strip().lower() for head in re.findall(r"^#+ (.+)$", prose, re.MULTILINE)]
    return {re.sub(r"[-\s]+", "-", head) for head in plain}


@pytest.mark.parametrize("path", [*sorted((ROOT / "docs" / "es").rglob("*.md"))], ids=lambda path: path.name)
def test_a_spanish_page_leads_to_the_spanish_one(path: Path) -> None:
    docs = ROOT / "docs"
    for link in re.findall(r"\]\(([^()\s:#]+\.md)", path.read_text(encoding="utf-8")):
        target = (path.parent / link).resolve()
        if target.is_relative_to(docs) and not target.is_relative_to(docs / "es"):
            assert not (docs / "es" / target.relative_to(docs)).exists(), f"{path.name}: {link} is there in Spanish"


def test_a_page_that_is_not_translated_says_so(site: dict[str, Any]) -> None:
    pages = site["pages"]
    page = pages["Page"]("decisions.md", pages["translation"]("decisions.md", "es"))
    assert "Esta página existe solo en inglés." in pages["written"](page, "es")
    assert "solo en inglés" not in pages["written"](page, "en")


@pytest.mark.parametrize("name", [path.name for path in sorted((ROOT / "docs" / "es").glob("*.md"))])
def test_a_translation_has_the_headings_of_its_page(name: str) -> None:
    english, spanish = ((ROOT / "docs" / place / name).read_text(encoding="utf-8") for place in (".", "es"))
    prose = [re.sub(r"^```.*?^```$", "", text, flags=re.MULTILINE | re.DOTALL) for text in (english, spanish)]
    levels = [[len(mark) for mark in re.findall(r"^(#+) ", text, re.MULTILINE)] for text in prose]
    assert levels[0] == levels[1]
