"""Write the reference, in both languages: what each command says of itself, and each key of a ladder.

python docs/site/reference.py          writes docs/commands.md, docs/keys.md, and the same in docs/es
python docs/site/reference.py --check  says whether they are current; the exit code is 1 where one is not
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from pages import DOCS, LANGUAGES, ROOT

from escalera.cli import app
from escalera.core.translation import translate
from escalera.ladder.editor import json_schema
from escalera.ladder.fields import describe

_COMMANDS = {
    "en": "# Commands\n\nWhat `escalera COMMAND --help` prints.\n",
    "es": "# Órdenes\n\nLo que imprime `escalera ORDEN --help`.\n",
}
_KEYS = {
    "en": (
        "# Keys of a ladder\n\nEvery section that a ladder may hold, from the schema. A change names a key by its "
        "path, as `train.optimizer.lr`. `escalera schema` writes the same for editors.\n",
        ("key", "default", "expected", "what it is"),
        "required",
    ),
    "es": (
        "# Claves de una escalera\n\nTodas las secciones que puede tener una escalera, según el esquema. Un "
        "cambio nombra una clave por su ruta, como `train.optimizer.lr`. `escalera schema` escribe lo "
        "mismo para los editores.\n",
        ("clave", "por defecto", "se espera", "qué es"),
        "obligatoria",
    ),
}
_FIRST = ("RungEntry", "Data", "Augment", "Train", "Evaluate", "Search")
"""The sections that most ladders have; the others follow by their names."""


def main() -> None:
    """Write the pages, or compare them."""
    if sys.argv[1:] not in ([], ["--check"]):
        sys.exit(f"expected nothing or --check, received {' '.join(sys.argv[1:])}")
    for language in LANGUAGES:
        for name, text in (("commands.md", commands(language)), ("keys.md", keys(language))):
            page = (DOCS if language == "en" else DOCS / language) / name
            if not sys.argv[1:]:
                page.write_text(text, encoding="utf-8")
            elif page.read_text(encoding="utf-8") != text:
                sys.exit(f"{page.relative_to(ROOT)} is not current; type: python docs/site/reference.py")


def commands(language: str) -> str:
    """The page of commands."""
    names = [str(one.name or getattr(one.callback, "__name__", "")) for one in app.registered_commands]
    with ThreadPoolExecutor(4) as pool:
        said = pool.map(lambda name: _help(name, language), names)
    parts = [f"## escalera {name}\n\n```text\n{text}\n```\n" for name, text in zip(names, said, strict=True)]
    return "\n".join([_COMMANDS[language], *parts])


def _help(command: str, language: str) -> str:
    """What a command says of itself where the system speaks no other language."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("LC_", "LANG", "ESCALERA_"))}
    done = subprocess.run(
        [sys.executable, "-m", "escalera", command, "--help"],
        env={**kept, "ESCALERA_LANG": language, "COLUMNS": "100", "PYTHONIOENCODING": "utf-8"},
        check=True,
        capture_output=True,
        encoding="utf-8",
    )
    return done.stdout.strip()


def keys(language: str) -> str:
    """The page of keys."""
    schema = json_schema(language)
    sections: dict[str, Any] = schema.pop("$defs")
    rest = [name for name in sections if name not in _FIRST and sections[name].get("properties")]
    parts = [_KEYS[language][0], _section("Ladder", schema, language)]
    parts += [_section(name, sections[name], language) for name in (*_FIRST, *rest)]
    return "\n".join(parts)


def _section(name: str, node: dict[str, Any], language: str) -> str:
    """A section's sentence, and its keys as a table."""
    _, columns, required = _KEYS[language]
    lines = [f"## {name}", "", node.get("description", ""), ""]
    lines += [_row(*columns), _row(*("---" for _ in columns))]
    for key, child in node["properties"].items():
        default = required if key in node.get("required", []) else _code(child.get("const", child.get("default")))
        expected = "" if key == "change" else translate(describe(child), language)
        lines.append(_row(f"`{key}`", default, expected, child.get("description", "")))
    return "\n".join([*lines, ""])


def _code(value: object) -> str:
    return f"`{json.dumps(value, ensure_ascii=False)}`"


def _row(*cells: str) -> str:
    """A row of a table; signs that Markdown or HTML would read are told."""
    told = (cell.replace("|", "\\|").replace("<", "&lt;").replace("*", "\\*") for cell in cells)
    return f"| {' | '.join(told)} |"


if __name__ == "__main__":
    main()
