"""The bytes of a CSV file as text: by the mark that it begins with, as UTF-8, or as cp1252 where that gives words."""

from __future__ import annotations

import codecs
import re
from pathlib import Path

from escalera.core.errors import DataError, nearest

_MARKS = {
    codecs.BOM_UTF32_LE: "UTF-32",
    codecs.BOM_UTF32_BE: "UTF-32",
    codecs.BOM_UTF16_LE: "UTF-16",
    codecs.BOM_UTF16_BE: "UTF-16",
}
"""What a file may begin with; the mark of UTF-32 begins as that of UTF-16."""
_USUAL = ("utf-8", "cp1252", "latin-1", "utf-16", "mac-roman", "cp850", "cp1251", "shift-jis", "gb18030")
_WORD = re.compile(r"(?:[A-Za-z]|[^\x00-\x7f\s])+")
_MEASURES = re.compile(r"\b[cdkm]?m[²³]|(?<=\d) ?[°€]|°C\b")
"""Signs that stand by numbers: m², 20 °C, 5 €."""
_ALONE = frozenset("àáâäåæèéêìíñòóôöøùúºª")
"""Letters that are words, or stand for some, in the languages of Western Europe."""


def read_text(path: Path, encoding: str | None = None) -> tuple[str, str | None]:
    """The text of a file, without the mark, and its encoding where that was found out and is not UTF-8.

    `encoding` is what the user says. Raises DataError for a file that cannot be read, and for bytes of no encoding
    that can be told.
    """
    try:
        raw = path.read_bytes()
    except OSError as error:
        raise DataError(f"could not read {path}: {error.strerror or error}.") from error
    if encoding is not None:
        return _decoded(path, raw, encoding), None
    marked = next((name for mark, name in _MARKS.items() if raw.startswith(mark)), None)
    try:
        text = raw.decode(marked or "utf-8-sig")
        if "\0" not in text:
            return text, marked
        reason = f"null character at byte {raw.index(0)}"
    except UnicodeDecodeError as error:
        reason = f"{error.reason} at byte {error.start}"
    if marked is None and (words := _windows(raw)) is not None:
        return words, "cp1252"
    raise DataError(
        f"{path} is not {marked or 'UTF-8'} ({reason}). Save it as UTF-8, or name its encoding with data.encoding, as "
        "cp1252 (Windows in Western Europe), mac-roman or utf-16-le."
    )


def _decoded(path: Path, raw: bytes, encoding: str) -> str:
    try:
        text = raw.decode(encoding)
    except LookupError:
        raise DataError(f"data.encoding: '{encoding}' is not known; {nearest(encoding, _USUAL)}") from None
    except UnicodeDecodeError as error:
        raise DataError(
            f"{path} is not {encoding} ({error.reason} at byte {error.start}). Name another with data.encoding, or let "
            "it be found out."
        ) from error
    except UnicodeError as error:
        raise DataError(f"{path} is not {encoding} ({error}).") from error
    return text.removeprefix("\ufeff")


def _windows(raw: bytes) -> str | None:
    """The text in Windows-1252, as Excel saves CSV files in Western Europe; None where it does not read as words do.

    Accented letters in another encoding with a byte a letter, as Mac Roman or Code Page 850, would be signs within
    words; in Cyrillic or Greek ones words would have no ASCII letter, and in Japanese ones ƒ would be everywhere.
    """
    try:
        text = raw.decode("cp1252")
    except UnicodeDecodeError:
        return None
    words = {word for word in _WORD.findall(_MEASURES.sub("", text)) if not word.isascii()}
    western = all(word.isalpha() and (re.search("[A-Za-z]", word) or word.lower() in _ALONE) for word in words)
    return text if western and not {"\0", "ƒ"} & set(text) else None
