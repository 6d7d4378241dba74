"""The pictures of a class as a page shows them: small, each with a box to choose it by."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path

from markupsafe import Markup

from escalera.core.errors import DataError
from escalera.core.language import Language
from escalera.data.cache.decode import decode
from escalera.report.pictures import data_uri

_SIDE = 96
_REMEMBERED = 5_000


def wall_html(paths: Sequence[Path], words: Language) -> Markup:
    """Boxes with a picture each; one that cannot be decoded is shown as such."""
    boxes = Markup("").join(
        Markup(
            '<label class="choice"><input type="checkbox" name="picture" value="{}">{}<span>{}</span></label>'
        ).format(path.name, _small(path), path.name)
        for path in paths
    )
    every = Markup('<label class="all"><input type="checkbox" data-part="all"> {}</label>').format(
        words.say("pictures.all")
    )
    return Markup('{}<div class="wall" role="group" aria-label="{}">{}</div>').format(
        every, words.say("pictures.wall"), boxes
    )


def _small(path: Path) -> Markup:
    try:
        found = path.stat()
        uri = _uri(path, found.st_size, found.st_mtime_ns)
    except (DataError, OSError):
        return Markup('<span class="broken" aria-hidden="true">✕</span>')
    return Markup('<img src="{}" alt="" loading="lazy">').format(uri)


@lru_cache(_REMEMBERED)
def _uri(path: Path, size: int, modified: int) -> str:
    return data_uri(decode(path.read_bytes(), size=(_SIDE, _SIDE), channels=None, resize="crop"))
