"""What rows of a source have in common beside their class: attributes, size, brightness and folder, cut into values.

images  (N, H, W, C) uint8
rows    (n,) int64, ascending
codes   (n,) int64, positions among the values; -1 where a row has none of them
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import PurePath
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from escalera.data.column import guess, numbers, texts
from escalera.data.dataset import Bands
from escalera.data.rows import Rows, spread
from escalera.data.value import as_text

if TYPE_CHECKING:
    import pyarrow as pa

    from escalera.data.images import Images
    from escalera.data.readers.listing import Listing

ATTRIBUTE, SIZE, BRIGHTNESS, FOLDER = "attribute:", "size", "brightness", "folder"
"""What a facet is called; an attribute has the name of its column behind it."""
MISSING = ""
"""The value of rows whose attribute is not known."""
_BINS = 4
_AS_THEY_ARE = 6
"""Numbers with so few different values are values each, as bedrooms."""
_MOST = 30
"""Values of a facet, the most frequent ones; whoever has thousands of folders does not read a line for each."""
_HEADS = 20_000
"""Files whose size is looked up, spread over the rows."""
_AT_ONCE = 6_000_000
"""Bytes of pixels in memory together; as numbers they take four times as much."""
_GREY = np.array([0.299, 0.587, 0.114], np.float32)
"""Of red, green and blue (ITU-R BT.601)."""


@dataclass(frozen=True)
class Facet:
    """One way to cut rows into slices."""

    name: str
    values: Sequence[str]
    codes: NDArray[np.int64]


def facets(
    part: Images,
    rows: NDArray[np.int64],
    listing: Listing | None,
    classes: Sequence[str],
    aside: Iterable[str | None] = (),
) -> list[Facet]:
    """Every facet of some rows that tells them apart otherwise than their class does; columns `aside` are none.

    Pictures come from the array, sizes from the heads of their files: nothing is decoded.
    """
    labels = part.labels[rows]
    found = [] if part.table is None else _attributes(part.table.take(rows), {*aside})
    found.append(_numeric(BRIGHTNESS, brightness(part.images, rows).round(1)))
    if listing is not None:
        listed = rows if part.listed is None else part.listed[rows]
        found.append(_numeric(SIZE, sides(listing, listed), missing=-1))
        found.append(_folders(listing, listed, [classes[k] if classes else "" for k in labels]))
    return [one for one in found if len(np.unique(one.codes)) > 1 and not _same(one.codes, labels)]


def brightness(images: NDArray[np.uint8], rows: NDArray[np.int64]) -> NDArray[np.float64]:
    """(n,): the mean of each picture's pixels as grey ones, 0 to 255."""
    source, shape = Rows(images), images.shape[1:]
    size, channels = int(np.prod(shape)), shape[2]
    found = np.empty(len(rows))
    step = max(1, _AT_ONCE // size)
    for first in range(0, len(rows), step):
        means = source.take(rows[first : first + step]).reshape(-1, size // channels, channels).mean(axis=1)
        found[first : first + step] = means @ _GREY if channels == 3 else means.mean(axis=1)
    return found


def sides(listing: Listing, rows: NDArray[np.int64]) -> NDArray[np.float64]:
    """(n,): the side of a square as large as each picture was in its file, in pixels; NaN where that is not known."""
    from escalera.data.cache.decode import pillow_strict
    from escalera.data.cache.heads import head
    from escalera.data.readers.listing import Several, read_files

    chosen = rows[spread(len(rows), _HEADS)]
    names = [listing.file_name(int(row)) for row in chosen]
    if all(names):
        root = listing.path if listing.path.is_dir() else listing.path.parent
        raws = (raw for some in read_files(root, names) for raw in some)
    else:
        wanted = set(chosen.tolist())
        all_of_them = (raw for some in listing.pictures() for raw in some)
        raws = (raw for row, raw in enumerate(all_of_them) if row in wanted)
    found = np.full(len(rows), np.nan)
    places = np.searchsorted(rows, chosen)
    with pillow_strict():
        for place, raw in zip(places, raws, strict=False):
            (height, width), _ = ((0, 0), None) if isinstance(raw, Several) else head(raw)
            if height:
                found[place] = round(float(np.sqrt(height * width)))
    return found


def _attributes(table: pa.Table, aside: set[str | None]) -> list[Facet]:
    found = []
    for name in table.column_names:
        kind, remark = guess(table, name) if name not in aside else (None, None)
        if kind == "numeric" and remark is None:
            found.append(_numeric(ATTRIBUTE + name, numbers(table, name)))
        elif kind == "categorical" and remark is None:
            found.append(_named(ATTRIBUTE + name, texts(table, name).tolist()))
    return found


def _folders(listing: Listing, rows: NDArray[np.int64], classes: Sequence[str]) -> Facet:
    """The folder of each file, without what is called as its class is."""
    found = []
    for row, name in zip(rows.tolist(), classes, strict=True):
        file = listing.file_name(row)
        parts = () if file is None else PurePath(file).parent.parts
        found.append("/".join(part for part in parts if part != name))
    return _named(FOLDER, found)


def _named(name: str, texts: Sequence[str]) -> Facet:
    """The most frequent values."""
    values, codes, counts = np.unique(np.array(texts, dtype=str), return_inverse=True, return_counts=True)
    kept = np.sort(np.argsort(-counts, kind="stable")[:_MOST])
    place = np.full(len(values), -1)
    place[kept] = np.arange(len(kept))
    return Facet(name, values[kept].tolist(), place[codes])


def _numeric(name: str, values: NDArray[np.float64], missing: int | None = None) -> Facet:
    """Numbers in bins of as many rows each, cut at values there are; missing ones have a bin, or the code `missing`."""
    known = values[~np.isnan(values)]
    distinct = np.unique(known)
    if len(distinct) <= _AS_THEY_ARE:
        names = [as_text(float(value)) for value in distinct]
        codes = np.searchsorted(distinct, values)
    else:
        limits = np.unique(np.quantile(known, np.arange(1, _BINS) / _BINS, method="lower"))
        bands = Bands(name, tuple(limits[limits < distinct[-1]].tolist()))
        names, codes = bands.names, bands.labels(values)
    none = len(names) if missing is None else missing
    return Facet(name, [*names, MISSING], np.where(np.isnan(values), none, codes))


def _same(codes: NDArray[np.int64], labels: NDArray[np.int64]) -> bool:
    """Whether a facet is the class under another name."""
    pairs = len(np.unique(np.stack([codes, labels]), axis=1).T)
    return pairs == len(np.unique(codes)) == len(np.unique(labels))
