"""Opening a source: a known set, a folder, a table, an archive or a set of the hub, decoded once and then mapped.

images  (N, H, W, C) uint8
labels  (N,) int64
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from escalera.data import cache
from escalera.data.images import Images, ImageSet
from escalera.data.known import KNOWN, KnownSource, native_shape
from escalera.data.places import catalogue, data_roots, form, locate, table_files
from escalera.data.store import Store
from escalera.errors import DataError, refuse

if TYPE_CHECKING:
    from escalera.data.columns import Named
    from escalera.data.decode import Channels, Resize
    from escalera.data.listing import Listing

__all__ = [
    "KNOWN", "ImageSet", "Images", "KnownSource", "catalogue", "data_roots", "list_source", "native_shape",
    "open_source",
]  # fmt: skip


def open_source(
    name: str,
    *,
    data_root: Path | None,
    image_size: tuple[int, int] | None,
    channels: Channels | None,
    resize: Resize = "squash",
    image_column: str | Sequence[str] | None = None,
    label_column: str | None = None,
    group: str | None = None,
    target: str | None = None,
    skip_bad: bool = False,
    lenient: bool = False,
    cache_dir: Path | None = None,
) -> ImageSet:
    """Open a source, decoded at `image_size` (height, width) with `channels` 1 or 3; None keeps the source's.

    `name` is a known one, a path, a name below `data_root` or ESCALERA_DATA, or `owner/name` on the hub. Columns are
    guessed where they are not named; several `image_column`s are laid side by side, each of `image_size`. `target` is a
    column that becomes the label later on: until then all labels are 0, there are no classes, and the column is in the
    table. What was decoded or downloaded is kept in the cache. Raises
    DataError where the source is absent, and for pictures and labels that cannot be used; nothing bad is replaced, and
    none is left out but with `skip_bad`, which counts them. `lenient` is for looking at a source that a training would
    refuse: bad pictures are left out, and the faults are listed in the set.
    """
    if name == "digits":
        return _digits(image_size, channels, resize)
    known = KNOWN.get(name)
    root = cache_dir or cache.cache_root()
    named = _named(name, image_column, label_column, group, target)
    if known is not None:
        channels = channels or known.shape[2]
    faults: list[str] | None = [] if lenient else None
    listings = _listings(locate(name, data_root, root), named, faults)
    settings = {"size": image_size, "channels": channels, "resize": image_size and resize, "columns": vars(named)}
    states = [f"{listing.split} {listing.state()}" for listing in listings]
    key = cache.key(name, states, **settings)
    if lenient:
        key = cache.key(name, states, **settings, lenient=True)
    elif skip_bad and not (root / key).is_dir():
        key = cache.key(name, states, **settings, skip_bad=True)
    # Another column than the usual one holds other classes than those known by heart.
    classes = known.classes if known and named.label == known.label else None

    def write(store: Store) -> None:
        from escalera.data.ingest import Decoding, ingest  # Pillow is needed where nothing is in the cache yet

        ingest(
            store,
            name,
            listings,
            Decoding(image_size, channels, resize, skip_bad or lenient, lenient),
            classes=classes,
            shape=(*known.shape[:2], channels) if known and channels and image_size is None else None,
            label_named=label_column is not None,
            target=target is not None,
        )

    opened = cache.image_set(root, key, name, write)
    return replace(opened, faults=(*(faults or ()), *opened.faults))


def list_source(
    name: str,
    *,
    data_root: Path | None,
    image_column: str | Sequence[str] | None = None,
    label_column: str | None = None,
    group: str | None = None,
    target: str | None = None,
    cache_dir: Path | None = None,
) -> Sequence[Listing]:
    """The splits of a source before anything is decoded, train first, whatever is wrong with them; digits have none.

    Raises DataError where the source is absent or cannot be read at all.
    """
    if name == "digits":
        return []
    named = _named(name, image_column, label_column, group, target)
    return _listings(locate(name, data_root, cache_dir or cache.cache_root()), named, [])


def _named(
    name: str, image: str | Sequence[str] | None, label: str | None, group: str | None, target: str | None
) -> Named:
    """The columns as the user names them, and as they are called in a known source."""
    from escalera.data.columns import Named

    known = KNOWN.get(name)
    if known is None:
        return Named(image, label, group, target)
    return Named(image or known.image, label or known.label, group, target)


def _listings(path: Path, named: Named, faults: list[str] | None = None) -> Sequence[Listing]:
    """The splits of a source, train first, checked; what a check finds is raised, or noted in `faults`.

    Raises DataError for a form that is not known.
    """
    listings = _read_listings(path, named, faults)
    for listing in listings:
        try:
            listing.check()
        except DataError as error:
            refuse(error, faults)
    return listings


def _read_listings(path: Path, named: Named, faults: list[str] | None) -> Sequence[Listing]:
    match form(path):
        case "parquet" | "csv":
            from escalera.data.pictured import pictured_table

            files = {"train": [path]} if path.is_file() else table_files(path)
            if "train" not in files:
                raise DataError(f"{path} has {', '.join(files)} but no train. Name the file to learn from train.")
            return [
                pictured_table(split, files[split], named, faults)
                for split in ("train", "validation", "test")
                if split in files
            ]
        case "npz":
            from escalera.data.npz import archive

            _no_columns(path, named)
            return archive(path if path.is_file() else next(path.glob("*.npz")))
        case "folders":
            from escalera.data.folder import class_folders

            _no_columns(path, named)
            return class_folders(path)
    raise DataError(
        f"{path}: expected a folder of classes, a parquet or CSV file (or a folder with train.parquet or one CSV), or "
        f"a .npz; found {'a folder with none of them' if path.is_dir() else 'another kind of file'}."
    )


def _no_columns(path: Path, named: Named) -> None:
    given = {
        "data.image_column": named.image, "data.label_column": named.label, "data.group": named.group,
        "data.target": named.target,
    }  # fmt: skip
    for key, value in given.items():
        if value is not None:
            raise DataError(f"{key}: {path} has no columns; '{value}' needs a CSV or parquet table.")


def _digits(image_size: tuple[int, int] | None, channels: Channels | None, resize: Resize) -> ImageSet:
    """The 1,797 digits that come with scikit-learn: 8x8, grey, 0 to 16 scaled to 0 to 255."""
    from PIL import Image
    from sklearn.datasets import load_digits

    from escalera.data.decode import to_array

    digits = load_digits()
    grey = np.rint(digits.images * (255 / 16)).astype(np.uint8)
    images = np.stack(
        [to_array(Image.fromarray(digit), size=image_size, channels=channels, resize=resize) for digit in grey]
    )
    return ImageSet("digits", list(KNOWN["digits"].classes), {"train": Images(images, digits.target.astype(np.int64))})
