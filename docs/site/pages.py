"""The pages of the site: their order, the file behind each, and where a link in it leads."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

DOCS = Path(__file__).resolve().parents[1]
ROOT = DOCS.parent
LANGUAGES = ("en", "es")
_CODE = "https://github.com/escalera/escalera/blob/main/"
_LINK = re.compile(r"(!?\[(?:[^\[\]]|\[[^\]]*\])*\])\(([^()\s]+)\)")
_FENCE = re.compile(r"(^```.*?^```$|`[^`\n]+`)", re.MULTILINE | re.DOTALL)
_ENGLISH_ONLY = '!!! note "En inglés"\n    Esta página existe solo en inglés.\n\n'


@dataclass(frozen=True)
class Section:
    """Pages under one heading; one page alone stands without it."""

    title: Mapping[str, str]
    names: tuple[str, ...]


@dataclass(frozen=True)
class Page:
    """A page of the site by its name there, and the file it comes from."""

    name: str
    file: Path


def _all(folder: str) -> tuple[str, ...]:
    """Those of a folder, its own page first, in the order of their names."""
    found = sorted((DOCS / folder).glob("*.md"), key=lambda path: (path.name != "README.md", path.name))
    return tuple(path.relative_to(DOCS).as_posix() for path in found)


SECTIONS = (
    Section({"en": "Escalera", "es": "Escalera"}, ("index.md",)),
    Section({"en": "Begin", "es": "Empezar"}, ("install.md", "tutorial.md", "faq.md")),
    Section({"en": "Course", "es": "Curso"}, _all("course")),
    Section(
        {"en": "How to", "es": "Cómo se hace"},
        (
            "data.md",
            "recipes.md",
            "search.md",
            "trust.md",
            "studio.md",
            "serve.md",
            "hub.md",
            "tracking.md",
            "cluster.md",
        ),
    ),
    Section({"en": "Reference", "es": "Referencia"}, ("commands.md", "keys.md", "api.md")),
    Section({"en": "Understand", "es": "Entender"}, ("statistics.md", "tour.md", "decisions.md")),
    Section({"en": "Reports", "es": "Informes"}, ("gallery.md",)),
    Section({"en": "Results", "es": "Resultados"}, _all("results")),
)
MADE = {"gallery.md"}
"""Pages that no file in docs/ holds, made by build.py."""


def listed(section: Section, language: str) -> list[Page]:
    """The pages of a section in a language; one that is not translated comes from English."""
    return [Page(name, translation(name, language)) for name in section.names if name not in MADE]


def translation(name: str, language: str) -> Path:
    """The file of a page in a language, else in English."""
    translated = DOCS / language / name
    return translated if language != "en" and translated.exists() else DOCS / name


def written(page: Page, language: str) -> str:
    """The Markdown of a page, with links as the site needs them."""
    text = page.file.read_text(encoding="utf-8")
    if language != "en" and page.file.parent.parts[: len(DOCS.parts) + 1] != (DOCS / language).parts:
        head, _, rest = text.partition("\n")
        text = f"{head}\n\n{_ENGLISH_ONLY}{rest.lstrip()}"
    parts = _FENCE.split(text)
    return "".join(part if number % 2 else _linked(part, page) for number, part in enumerate(parts))


def _linked(text: str, page: Page) -> str:
    return _LINK.sub(lambda found: f"{found[1]}({_where(found[2], page)})", text)


def _where(link: str, page: Page) -> str:
    """A page of the site, else the file where the code is shown. Raises ValueError for a file that is not there."""
    path, hash_, anchor = link.partition("#")
    if not path or re.match(r"[a-z]+:", path):
        return link
    target = (page.file.parent / path).resolve()
    if not target.exists():
        raise ValueError(f"{page.file.relative_to(ROOT)}: a link to {path}, which is not there")
    name = _name(target)
    if name is None:
        return f"{_CODE}{target.relative_to(ROOT).as_posix()}{hash_}{anchor}"
    return Path(os.path.relpath(name, Path(page.name).parent)).as_posix() + hash_ + anchor


def _name(target: Path) -> str | None:
    """What a file is called on the site; None for one that is not there."""
    if target.parent == ROOT and target.name.startswith("README"):
        return "index.md"
    if not target.is_relative_to(DOCS):
        return None
    name = target.relative_to(DOCS).as_posix()
    name = name.removeprefix("es/")
    known = {name for section in SECTIONS for name in section.names}
    return name if name in known or name.startswith("images/") else None
