"""What is in a source and what is wrong with it, before anybody trains on it.

images  (N, H, W, C) uint8 for each split, as they come, or 96x96 where they are large or differ in size
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from escalera.core.errors import DataError
from escalera.data import groups
from escalera.data.cache.bitmap import Channels, is_grey
from escalera.data.duplicates.search import Duplicates, Pair, find_duplicates
from escalera.data.explore.pixels import Pixels, class_means, pixel_statistics
from escalera.data.explore.survey import Survey, survey, survey_arrays
from escalera.data.images import ImageSet
from escalera.data.options import NOTHING_SAID, ReadOptions
from escalera.data.sources.open import list_source, native_shape, open_source
from escalera.data.splits import Rare, rare_fault, too_few
from escalera.data.table.bands import provisional
from escalera.data.table.summary import describe, ranking

if TYPE_CHECKING:
    from escalera.data.readers.listing import Listing

SIDE = 96
"""Pixels of a side to which pictures are resized that are larger, or differ in size: enough to be recognised."""
SHARES: Mapping[str, float] = {"test": 0.2, "validation": 0.1}
"""Of train, where the source has no such split: the defaults of a ladder."""
_PAIRS = 10_000
"""Pairs of duplicates that are listed; all are counted."""
_SIZES = 1_000


UNEVEN = 5
"""A class with so many times fewer rows of train than another is rare."""


@dataclass(frozen=True)
class Twin:
    """A pair of duplicates for people: its `rows` in the source, where each of the two lies, and its class."""

    pair: Pair
    rows: tuple[int, int]
    places: tuple[str, str]
    classes: tuple[str | None, str | None]

    @property
    def conflict(self) -> bool:
        """Whether one picture is said to show two things."""
        return self.classes[0] != self.classes[1]

    @property
    def splits(self) -> tuple[str, str]:
        """The splits that the two are in."""
        return self.pair.first[0], self.pair.second[0]


@dataclass(frozen=True)
class Explored:
    """A source that was looked at.

    `means` (K, H, W, C) are the mean pictures of the classes in train, `twins` the duplicates, those across splits
    first; `columns` and `ranked` describe train's table, as `table.describe` and `table.ranking` do. `settings` is what
    was asked.
    """

    images: ImageSet
    survey: Survey
    pixels: Pixels
    means: NDArray[np.float64]
    duplicates: Duplicates
    twins: list[Twin]
    columns: list[dict[str, Any]]
    ranked: list[dict[str, Any]]
    missing: dict[str, dict[str, int]]
    settings: dict[str, Any]
    listings: Sequence[Listing] = ()

    def place(self, split: str, row: int) -> str:
        """Where a person finds a picture: its path, or its row in the file."""
        row = self.images.row(split, row)
        return next((one.where(row) for one in self.listings if one.split == split), f"{split}: row {row}")

    def size(self, split: str, row: int) -> tuple[int, int]:
        """Height and width of a picture as it was before it was resized."""
        height, width = self.survey.sizes[split][self.images.row(split, row)].tolist()
        return (height, width) if height else self.pixels.shape[:2]

    def facts(self) -> dict[str, Any]:
        """All of it as values that JSON can hold."""
        images = self.images
        return {
            "source": images.name,
            "settings": self.settings,
            "faults": list(images.faults),
            "bad": list(images.skipped),
            "notes": [*images.notes, *uneven(images)],
            "classes": images.classes,
            "splits": {
                name: {"rows": len(part.labels), "classes": _counts(part.labels, images.classes)}
                for name, part in images.splits.items()
            },
            "pictures": _pictures(self.survey, self.pixels.shape),
            "pixels": self.pixels.facts(),
            "duplicates": _duplicates(self.duplicates, self.twins),
            "table": {"columns": self.columns, "ranking": self.ranked, "missing": self.missing},
        }


def explore(
    name: str,
    options: ReadOptions = NOTHING_SAID,
    *,
    data_root: Path | None = None,
    bands: int | None = None,
    shares: Mapping[str, float] = SHARES,
    rare_classes: Rare = "refuse",
) -> Explored:
    """Look at a source: whatever a training would refuse of it is listed among its faults, and the rest is shown.

    Statistics are those of train alone. With a `target`, its `bands` over all rows of train are the classes. `shares`
    are those of the splits that the source lacks, `rare_classes` what becomes of small ones (see `splits.split`).
    Raises DataError where there is nothing to look at.
    """
    where: dict[str, Any] = {"options": options, "data_root": data_root}
    target = options.target
    listings = list_source(name, **where)
    heads = survey(listings)
    size, channels = _common(name, heads)
    images = _opened(name, size, channels, where)
    if not listings:
        heads = survey_arrays((split, part.images) for split, part in images.splits.items())
    if target is not None and bands is not None:
        images = provisional(images, target, bands)
    if fault := _uncut(images, shares, rare_classes, options.group):
        images = replace(images, faults=(*images.faults, fault))
    train = images.splits["train"]
    duplicates = find_duplicates({split: part.images for split, part in images.splits.items()})
    described = {split: describe(part.table) for split, part in images.splits.items() if part.table is not None}
    table = None if train.table is None else train.table.drop_columns([target] if target else [])

    found = Explored(
        images=images,
        survey=heads,
        pixels=pixel_statistics(train.images),
        means=class_means(train.images, train.labels, len(images.classes)),
        duplicates=duplicates,
        twins=[],
        columns=described.get("train", []),
        ranked=ranking(table, train.labels) if table is not None and images.classes else [],
        missing={
            split: {entry["column"]: entry["missing"] for entry in entries} for split, entries in described.items()
        },
        settings=options.given() | ({"bands": bands} if bands else {}),
        listings=listings,
    )
    return replace(found, twins=_twins(duplicates, images, found.place))


def _uncut(images: ImageSet, shares: Mapping[str, float], rare_classes: Rare, group: str | None) -> str:
    """Why the splits that a source lacks cannot be cut out of train; "" where they can."""
    cut = {split: share for split, share in shares.items() if split not in images.splits}
    if group is not None:
        try:
            groups.cut(images, group, cut, seed=0)
        except DataError as error:
            return str(error)
        return ""
    rare = {name: count for name, count in too_few(images, cut).items() if count} if images.classes else {}
    return rare_fault(images, cut, rare_classes, rare)


def uneven(images: ImageSet) -> list[str]:
    """A note on classes with far fewer rows of train than another, and what helps them."""
    counts = np.bincount(images.splits["train"].labels, minlength=len(images.classes))
    there = np.flatnonzero(counts)
    if len(there) < 2 or not images.classes:
        return []
    most, least = int(counts.argmax()), int(there[counts[there].argmin()])
    if counts[most] <= UNEVEN * counts[least]:
        return []
    return [
        f"{images.name}: class '{images.classes[most]}' has {counts[most]:,} images in train and "
        f"'{images.classes[least]}' {counts[least]:,}: a network may ignore the rare one and look good by accuracy. "
        "Judge by evaluate.metric: balanced_accuracy, and give rare classes weight by train.class_weights: balanced or "
        "train.sampler: balanced."
    ]


def _opened(name: str, size: tuple[int, int] | None, channels: Channels | None, where: Mapping[str, Any]) -> ImageSet:
    """Whatever can be had of a source, decoded once; where nothing is wrong with it, a climb shares it in the cache."""
    try:
        return open_source(name, image_size=size, channels=channels, bad="note", **where)
    except DataError:
        # There is nothing to look at, for the reason that a climb gives.
        return open_source(name, image_size=size, channels=channels, **where)


def _common(name: str, heads: Survey) -> tuple[tuple[int, int] | None, Channels | None]:
    """A size and a number of channels for all pictures, None where they have one of their own that will do."""
    if native_shape(name):
        return None, None
    sizes = heads.common()
    if not sizes:
        # Opening it says why: each picture with its place.
        return (SIDE, SIDE), None
    one = next(iter(sizes)) if len(sizes) == 1 else None
    grey = {is_grey(mode) for _, mode in heads.kinds}
    return None if one and max(one) <= SIDE else (SIDE, SIDE), 3 if len(grey) > 1 else None


def _counts(labels: NDArray[np.int64], classes: list[str]) -> dict[str, int]:
    return dict(zip(classes, np.bincount(labels, minlength=len(classes)).tolist(), strict=False)) if classes else {}


def _pictures(heads: Survey, shape: tuple[int, int, int]) -> dict[str, Any]:
    sizes = heads.common()
    return {
        "shape": list(shape),
        "sizes": [{"height": h, "width": w, "count": n} for (h, w), n in sizes.most_common(_SIZES)],
        "different_sizes": len(sizes),
        "kinds": [{"format": kind, "mode": mode, "count": n} for (kind, mode), n in heads.kinds.most_common()],
    }


def _twins(found: Duplicates, images: ImageSet, place: Callable[[str, int], str]) -> list[Twin]:
    """The pairs as people know them; those across splits, which make a test too easy, come first."""

    def named(split: str, row: int) -> str | None:
        return images.classes[images.splits[split].labels[row]] if images.classes else None

    twins: list[Twin] = []
    for pair in sorted(found.pairs(), key=lambda pair: pair.first[0] == pair.second[0]):
        both = (pair.first, pair.second)
        # The place of a row may have to be looked up in a file: only for those that are listed.
        places = [place(*one) if len(twins) < _PAIRS else "" for one in both]
        rows = images.row(*pair.first), images.row(*pair.second)
        twins.append(Twin(pair, rows, (places[0], places[1]), (named(*pair.first), named(*pair.second))))
    return twins


def _duplicates(found: Duplicates, twins: list[Twin]) -> dict[str, Any]:
    counts = Counter((twin.pair.kind, *twin.splits) for twin in twins)
    rows = {}
    for split in [name for name in found.sizes if name != "train"]:
        marked = np.zeros(len(found.same), bool)
        marked[: found.sizes["train"]] = True
        own = found.number(split, np.arange(found.sizes[split]))
        exact, either = found.beside(marked, exact=True)[own], found.beside(marked)[own]
        rows[split] = {"exact": int(exact.sum()), "near": int((either & ~exact).sum())}
    return {
        "near_searched": found.near_searched,
        "in_train": rows,
        "pairs_by_split": [
            {"kind": kind, "splits": [first, second], "pairs": n} for (kind, first, second), n in counts.items()
        ],
        "conflicts": sum(twin.conflict for twin in twins),
        "pairs": [
            {
                "kind": twin.pair.kind,
                "first": _end(twin, 0),
                "second": _end(twin, 1),
                "distance": round(twin.pair.distance, 4),
                "mirrored": twin.pair.mirrored,
            }
            for twin in twins[:_PAIRS]
        ],
    }


def _end(twin: Twin, which: int) -> dict[str, Any]:
    split = twin.splits[which]
    return {"split": split, "row": twin.rows[which], "place": twin.places[which], "class": twin.classes[which]}
