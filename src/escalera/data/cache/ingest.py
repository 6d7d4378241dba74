"""From the listings of a source to its arrays: labels checked, pictures decoded, nothing bad let in.

images  (N, H, W, C) uint8
labels  (N,) int64
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from escalera.core.errors import DataError, refuse
from escalera.core.runtime import now
from escalera.data.cache.bitmap import Channels, Resize, is_grey
from escalera.data.cache.class_names import odd_names
from escalera.data.cache.decode import MAX_PIXELS
from escalera.data.cache.earlier import Earlier, joined
from escalera.data.cache.heads import heads
from escalera.data.cache.labels import check_classes, classes_and_labels, labels_as_they_are
from escalera.data.cache.progress import tell
from escalera.data.cache.remarks import Remarks
from escalera.data.cache.store import Store
from escalera.data.readers.listing import Listing, Raw, Several

Shape = tuple[int, ...]

_LISTED = 10
"""Bad pictures that a message lists; the page of `explore` lists all."""
_FEW, _BYTES_AT_ONCE = 8, 1 << 26
"""Pictures that are decoded at once whatever their size, and bytes that more of them may have as pixels: files say
little of that, and 256 photos of 12 megapixels are 9 GB."""
USUAL = 64
"""Pixels of a side for pictures of several sizes, where nobody says another."""


@dataclass(frozen=True)
class Decoding:
    """How pictures become arrays: `size` (height, width) or None for their own, and what becomes of bad ones.

    `lenient` is for looking at a source: bad pictures are left out, and faults of the labels are noted. `levels` are
    black and white of values with more than 8 bits.
    """

    size: tuple[int, int] | None
    channels: Channels | None
    resize: Resize
    skip_bad: bool = False
    lenient: bool = False
    levels: Sequence[float] | None = None
    max_pixels: int = MAX_PIXELS

    @property
    def way(self) -> dict[str, Any]:
        """What the pixels of a file depend on, as `decode_all` takes it."""
        return {name: getattr(self, name) for name in ("size", "channels", "resize", "levels", "max_pixels")}


@dataclass(frozen=True)
class Expected:
    """What is known of a source beforehand: its `classes`, and the `shape` (H, W, C) of all pictures.

    `label_named`: whether the user named the column of labels; with a `target` there are no labels yet, and all rows
    have label 0.
    """

    classes: Sequence[str] | None = None
    shape: Shape | None = None
    label_named: bool = False
    target: bool = False


@dataclass
class _Found:
    """What decoding met, over all splits: bad pictures, other shapes than expected, and what is to be said of it.

    `several`: whether rows have several pictures, so that a bad one costs the whole row. Where `unsure`, it has
    `stopped` before many are decoded in a way that will not do for all.
    """

    shape: Shape | None
    remarks: Remarks
    bad: list[str] = field(default_factory=list)
    others: Counter[Shape] = field(default_factory=Counter)
    others_in: Listing | None = None
    several: bool = False
    none_left: bool = False
    unsure: bool = False
    stopped: bool = False
    done: int = 0
    rows: int = 0


def ingest(
    store: Store,
    source: str,
    listings: Sequence[Listing],
    decoding: Decoding,
    expected: Expected,
    *,
    cache: Path,
    notes: Sequence[str] = (),
    sure: bool = False,
) -> bool:
    """Decode `listings`, train first, into a store; raises DataError with all that cannot be used, and where.

    Gives whether all could be used, so that whatever becomes of bad pictures the store holds the same. What the `cache`
    has of them, decoded in the same way before, is not decoded again.

    Pictures of several sizes are resized to USUAL, and grey ones among coloured ones become colour, where nobody said
    otherwise; `notes` are what was said of that. Unless that is `sure`, the heads of the files are asked first.
    """
    # The labels come first: their faults show before an hour of decoding.
    faults: list[str] | None = [] if decoding.lenient else None
    names, labels = _labels(listings, expected, faults)
    found = _Found(expected.shape, Remarks(decoding.levels), unsure=not sure and expected.shape is None)
    found.rows = sum(listing.rows for listing in listings)
    kept = _store(store, listings, labels, Earlier(cache, decoding.way), found, skip_bad=decoding.skip_bad)
    if expected.shape is None:
        mended, more = _remedy(_shapes(found, listings, decoding), found.rows, decoding)
        if found.stopped or more:
            return ingest(store, source, listings, mended, expected, cache=cache, notes=[*notes, *more], sure=True)
    _refuse(found, listings, decoding)
    try:
        found.remarks.check()
    except DataError as error:
        refuse(error, faults)
    if names and not faults:
        check_classes(listings, kept, names, faults)
    odd = [] if expected.classes else odd_names(names, column=listings[0].label)
    store.meta(
        {
            "source": source,
            "made": now(),
            "classes": names,
            "splits": [listing.split for listing in listings],
            "skipped": found.bad,
            "notes": [*notes, *odd, *found.remarks.notes()],
            "faults": faults or [],
        }
    )
    return not (found.bad or faults) and bool(names or expected.target)


def _labels(
    listings: Sequence[Listing], expected: Expected, faults: list[str] | None
) -> tuple[list[str], list[NDArray[np.int64]]]:
    """The names of the classes, and the labels (N,) of each listing; what is wrong is raised, or noted in `faults`."""
    if expected.target:
        return [], [np.zeros(listing.rows, np.int64) for listing in listings]
    if faults is not None:
        return labels_as_they_are(listings, expected.classes, named=expected.label_named, faults=faults)
    return classes_and_labels(listings, expected.classes, named=expected.label_named)


def _store(
    store: Store,
    listings: Sequence[Listing],
    labels: Sequence[NDArray[np.int64]],
    earlier: Earlier,
    found: _Found,
    *,
    skip_bad: bool,
) -> list[NDArray[np.int64]]:
    """Write pictures, labels and tables, as far as they can be used; gives the labels of the rows that are good."""
    kept = []
    for listing, codes in zip(listings, labels, strict=True):
        good, digests = np.ones(listing.rows, dtype=bool), list[bytes]()  # filled in by _decoded, as it goes
        images = _decoded(listing, earlier, found, good, digests)
        try:
            store.array(f"{listing.split}-images", listing.rows, images)
        finally:
            # Of what is stopped or refused, too: the same pictures may be wanted again.
            store.array(f"{listing.split}-digests", len(digests), [joined(digests)] if digests else [])
        found.none_left = found.none_left or not good.any()
        if found.none_left or (found.bad and not skip_bad):
            continue
        if not good.all():
            store.array(f"{listing.split}-listed", int(good.sum()), [np.flatnonzero(good)])
        kept.append(codes[good])
        store.array(f"{listing.split}-labels", len(kept[-1]), [kept[-1]])
        table = listing.table()
        if table is not None:
            store.table(f"{listing.split}-table", table.filter(good))
    return kept


def _decoded(
    listing: Listing, earlier: Earlier, found: _Found, good: NDArray[np.bool_], digests: list[bytes]
) -> Iterator[NDArray[np.uint8]]:
    """The pictures (n, H, W, C), some at a time; marks the rows that are good, and goes on after bad ones."""
    size, row = earlier.way["size"], 0
    for raws in () if found.stopped else _some_at_a_time(listing, size, found):
        some = []
        for raw, (result, digest) in zip(raws, earlier.decode(raws), strict=True):
            found.several = found.several or isinstance(raw, Several)
            if isinstance(result, DataError):
                found.bad.append(f"{listing.where(row)}: {result}")
                good[row] = False
            elif result.pixels.shape != (found.shape or result.pixels.shape):
                found.others[result.pixels.shape] += 1
                found.others_in = found.others_in or listing
            else:
                found.shape = found.shape or result.pixels.shape
                found.remarks.add(listing, row, raw, result)
                if not found.others:
                    some.append(result.pixels)
                    digests.append(digest)
            row += 1
        found.done += len(raws)
        tell("decoding", found.done, found.rows)
        if found.unsure and not found.several and (found.others or _is_large(found, size)):
            found.stopped = True
            return
        if some and not found.others:
            yield np.stack(some)


def _some_at_a_time(listing: Listing, size: tuple[int, int] | None, found: _Found) -> Iterator[Sequence[Raw]]:
    """The pictures as they are listed; fewer at once where they are decoded at their own size and that is large."""
    for raws in listing.pictures():
        first = 0
        while first < len(raws):
            known = [*found.others, *([found.shape] if found.shape else [])]
            shapes = known if size is None else [(*size, 3)]
            step = max(_FEW, _BYTES_AT_ONCE // max(map(math.prod, shapes), default=_BYTES_AT_ONCE))
            yield raws[first : first + step]
            first += step


def _is_large(found: _Found, size: tuple[int, int] | None) -> bool:
    """Whether pictures are kept at a size of their own that fills a disk for nothing, should another one differ."""
    return size is None and found.shape is not None and max(found.shape[:2]) > USUAL


def _shapes(found: _Found, listings: Sequence[Listing], decoding: Decoding) -> Counter[Shape]:
    """How many pictures there are of each shape: by their heads where decoding has stopped, none where they are alike.

    None too where bad ones are refused anyway.
    """
    if found.stopped:
        shapes: Counter[Shape] = Counter()
        for _, _, some in heads(listings):
            shapes.update((*size, 1 if is_grey(kind[1]) else 3) for size, kind in some if kind)
        return shapes
    if not found.others or found.shape is None or found.none_left or (found.bad and not decoding.skip_bad):
        return Counter()
    return found.others + Counter({found.shape: found.rows - len(found.bad) - found.others.total()})


def _remedy(shapes: Counter[Shape], rows: int, decoding: Decoding) -> tuple[Decoding, list[str]]:
    """How pictures of these shapes become alike where nobody said it, and what is said of that."""
    notes = []
    if decoding.channels is None and len({shape[2] for shape in shapes}) > 1:
        grey = sum(count for shape, count in shapes.items() if shape[2] == 1)
        some = "is grey and becomes" if grey == 1 else "are grey and become"
        notes.append(f"{grey:,} of {rows:,} pictures {some} colour; data.channels: 1 makes all of them grey.")
        decoding = replace(decoding, channels=3)
    sizes = {shape[:2] for shape in shapes}
    if decoding.size is None and len(sizes) > 1:
        notes.append(
            f"the pictures have {len(sizes):,} sizes and are resized to {USUAL}x{USUAL}; data.image_size says another, "
            "as 224 for a network that learned from ImageNet."
        )
        decoding = replace(decoding, size=(USUAL, USUAL))
    return decoding, notes


def _refuse(found: _Found, listings: Sequence[Listing], decoding: Decoding) -> None:
    """Raise DataError where bad pictures must not be left out, or where the shapes differ."""
    rows = found.rows
    what = "rows of pictures" if found.several else "pictures"
    if found.none_left or (found.bad and not decoding.skip_bad):
        listed = "".join(f"\n  {line}" for line in found.bad[:_LISTED])
        more = f"\n  ... and {len(found.bad) - _LISTED:,} more" if len(found.bad) > _LISTED else ""
        raise DataError(
            f"{len(found.bad):,} of {rows:,} {what} cannot be decoded (rows count from 0):{listed}{more}\n"
            "Put good files in their place, take them out, or leave them out with --skip-bad."
        )
    if found.others_in and found.shape:
        shape = found.shape
        others = ", ".join(f"{_text(other)} ({count:,})" for other, count in found.others.most_common(5))
        keys = [
            "data.image_size, which all are then resized to" if any(o[:2] != shape[:2] for o in found.others) else "",
            "data.channels, 1 for grey or 3 for colour" if any(o[2] != shape[2] for o in found.others) else "",
        ]
        raise DataError(
            f"{found.others_in.path}: expected every picture to be {_text(shape)} (height x width x channels), "
            f"found {others}. Set {' and '.join(filter(None, keys))}."
        )


def _text(shape: Shape) -> str:
    return "x".join(map(str, shape))
