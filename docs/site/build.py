"""Build the documentation as a site, in English and Spanish: `python docs/site/build.py [FOLDER]`, or `make docs`.

English lies at the root and Spanish in `es/`. The pages are those of docs/, with a gallery of reports that are
climbed here. A link to nowhere, or to no heading, ends the build.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import yaml
from gallery import gallery
from pages import DOCS, LANGUAGES, SECTIONS, listed, written

SITE = Path(__file__).parent


def main() -> None:
    """Write the sources of both languages, then let Zensical make the site of them."""
    target = Path(sys.argv[1] if len(sys.argv) > 1 else "site").resolve()
    for old in ("html", *LANGUAGES):
        shutil.rmtree(target / old, ignore_errors=True)
    for language in LANGUAGES:
        source(target / language, language)
        gallery(target / language / "gallery.md", target / "runs", language)
        settings = target / f"{language}.yml"
        settings.write_text(yaml.safe_dump(configuration(language)), encoding="utf-8")
        made = [sys.executable, "-m", "zensical", "build", "--strict", "--clean", "--config-file", str(settings)]
        subprocess.run(made, cwd=target, check=True)
    print(f"The site: {target / 'html' / 'index.html'}")


def source(folder: Path, language: str) -> None:
    """Write the Markdown of a language into a folder."""
    for section in SECTIONS:
        for page in listed(section, language):
            place = folder / page.name
            place.parent.mkdir(parents=True, exist_ok=True)
            place.write_text(written(page, language), encoding="utf-8")
    shutil.copytree(DOCS / "images", folder / "images")
    for file in ("site.css", "logo.svg"):
        shutil.copy(SITE / file, folder / "images" / file)


def configuration(language: str) -> dict[str, Any]:
    """What Zensical is told of one language."""
    settings: dict[str, Any] = yaml.safe_load((SITE / "site.yml").read_text(encoding="utf-8"))
    names = {"light": {"en": "Dark", "es": "Oscuro"}, "dark": {"en": "Light", "es": "Claro"}}
    for palette, name in zip(settings["theme"]["palette"], names.values(), strict=True):
        palette["toggle"]["name"] = name[language]
    settings["theme"]["language"] = language
    settings["docs_dir"] = language
    settings["site_dir"] = "html" if language == "en" else f"html/{language}"
    english, spanish = ("index.html", "es/index.html") if language == "en" else ("../index.html", "index.html")
    settings["extra"] = {
        "alternate": [
            {"name": "English", "link": english, "lang": "en"},
            {"name": "Español", "link": spanish, "lang": "es"},
        ]
    }
    settings["nav"] = [
        {section.title[language]: list(section.names)} if len(section.names) > 1 else section.names[0]
        for section in SECTIONS
        if section.names
    ]
    return settings


if __name__ == "__main__":
    main()
