"""Opening a source: a known set, a folder, a table, an archive or a set of the hub, decoded once and then mapped.

images  (N, H, W, C) uint8
labels  (N,) int64
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from escalera.core.errors import DataError, refuse
from escalera.data.cache import folders
from escalera.data.cache.labels import SINGLE
from escalera.data.cache.store import Store
from escalera.data.home import is_there
from escalera.data.images import Images, ImageSet
from escalera.data.options import NOTHING_SAID, OF_TABLES, ReadOptions
from escalera.data.readers.layouts import CALLED, Layout, find_layout, no_shape, read_table
from escalera.data.readers.paths import fault
from escalera.data.sources.bundled import BUNDLED, bundled
from escalera.data.sources.locate import catalogue, data_roots, locate
from escalera.data.sources.registry import KNOWN, KnownSource, native_shape

if TYPE_CHECKING:
    from escalera.data.cache.bitmap import Channels, Resize
    from escalera.data.readers.listing import Listing

Bad = Literal["refuse", "skip", "note"]
"""What becomes of pictures that cannot be used: they are refused, or left out and counted (`skip`); `note` is for
looking at a source that a training would refuse, and lists the faults of its labels and tables too."""

_COLUMNS = "has no columns; '{given}' needs a CSV or parquet table."
_SPLITS = "is one file; {given} needs a folder of files or folders."
_NAMES = "has its labels inside; '{given}' needs a folder of images whose names say their classes."

__all__ = [
    "KNOWN", "ImageSet", "Images", "KnownSource", "catalogue", "data_roots", "list_source", "native_shape",
    "open_source",
]  # fmt: skip


def open_source(
    name: str,
    options: ReadOptions = NOTHING_SAID,
    *,
    data_root: Path | None,
    image_size: tuple[int, int] | None,
    channels: Channels | None,
    resize: Resize = "squash",
    bad: Bad = "refuse",
    beside: Path | None = None,
) -> ImageSet:
    """Open a source, decoded at `image_size` (height, width) with `channels` 1 or 3; None keeps the source's.

    `name` is a known one, a path, a name below `data_root` or ESCALERA_DATA, or `owner/name` on the hub. What `options`
    leave open is guessed; several image columns are laid side by side, each of `image_size`. With a target all labels
    are 0 and there are no classes, and the column is in the table. What was decoded or downloaded is kept in the
    cache. Raises DataError where the source is absent, and for pictures and labels that cannot be used; nothing bad is
    replaced, and none is left out but as `bad` says.
    """
    if name in BUNDLED:
        _nothing_to_say(name, options)
        return bundled(name, image_size, channels, resize)
    known = KNOWN.get(name)
    if known is not None:
        channels = channels or known.shape[2]
    root = folders.cache_root()
    faults: list[str] | None = [] if bad == "note" else None
    place = locate(name, data_root, root, beside)
    listings = _listings(name, place, options, faults)
    expected_shape = (*known.shape[:2], channels) if known and channels and image_size is None else None
    named = options.label_column is not None
    options = _completed(name, options)
    # Where no size is given pictures of several are resized, too; those of a known source have one.
    way = resize if image_size or not known else None
    settings = {"size": image_size, "channels": channels, "resize": way, "options": options.given()}
    key, all_good = _keys(root, name, listings, settings, bad)

    def write(store: Store) -> str | None:
        from escalera.data.cache.decode import most_pixels
        from escalera.data.cache.ingest import Decoding, Expected, ingest  # Pillow, where nothing is in the cache yet

        decoding = Decoding(
            image_size, channels, resize, skip_bad=bad != "refuse", lenient=bad == "note", levels=options.range,
            max_pixels=most_pixels(options.max_megapixels),
        )  # fmt: skip
        # Another column than the usual one holds other classes than those known by heart.
        classes = known.classes if known and options.label_column == known.label else None
        expected = Expected(classes, expected_shape, label_named=named, target=options.target is not None)
        return all_good if ingest(store, name, listings, decoding, expected, cache=root) else None

    # The same place read in the same way again under another key has changed in between.
    origin = folders.key("", [str(place.absolute())], **settings)
    opened = folders.image_set(root, key, name, write, f"{origin} {bad}")
    # Not kept in the cache: how a source was understood may be said otherwise next time.
    notes = [note for listing in listings for note in listing.notes]
    # Of a folder that is hardly a class it was told already that it would be the only one.
    single = any(SINGLE in fault for fault in faults or ())
    others = [fault for fault in opened.faults if not (single and SINGLE in fault)]
    return replace(opened, notes=(*notes, *opened.notes), faults=(*(faults or ()), *others))


def _keys(root: Path, name: str, listings: Sequence[Listing], settings: Mapping[str, Any], bad: Bad) -> tuple[str, str]:
    """Where in the cache a source is, as it is now and by these settings; and where it is, should all of it be good."""
    states = [f"{listing.split} {listing.state()}" for listing in listings]
    all_good = folders.key(name, states, **settings)
    # Where all was found to be good, there is nothing to skip, and nothing to note.
    if bad == "refuse" or (root / all_good).is_dir():
        return all_good, all_good
    return folders.key(
        name, states, **settings, **{"skip": {"skip_bad": True}, "note": {"lenient": True}}[bad]
    ), all_good


def list_source(
    name: str,
    options: ReadOptions = NOTHING_SAID,
    *,
    data_root: Path | None,
    beside: Path | None = None,
) -> Sequence[Listing]:
    """The splits of a source before anything is decoded, train first, whatever is wrong with them.

    What comes with a library has none; a path is looked for `beside` a ladder too.
    Raises DataError where the source is absent or cannot be read at all.
    """
    if name in BUNDLED:
        _nothing_to_say(name, options)
        return []
    return _listings(name, locate(name, data_root, folders.cache_root(), beside), options, [])


def _completed(name: str, options: ReadOptions) -> ReadOptions:
    """The options, with the columns of a known source as they are called there."""
    known = KNOWN.get(name)
    if known is None:
        return options
    return replace(
        options,
        image_column=options.image_column or known.image,
        label_column=options.label_column or known.label,
    )


def _listings(name: str, path: Path, options: ReadOptions, faults: list[str] | None = None) -> Sequence[Listing]:
    """The splits of a source, train first, checked; what a check finds is raised, or noted in `faults`.

    Raises DataError for a form that is not known, and for what is said of another.
    """
    listings = _read_listings(name, path, options, faults)
    for listing in listings:
        try:
            listing.check()
        except DataError as error:
            refuse(error, faults)
    return listings


def _read_listings(name: str, path: Path, options: ReadOptions, faults: list[str] | None) -> Sequence[Listing]:
    if options.splits == {}:
        raise DataError(
            "data.splits: expected which folder or file is which split, as {train: a, test: b}, received {}. Take it "
            "out to have them found, or write false where none of them is a split."
        )
    options = _by_column(path, options)
    layout = find_layout(path, options)
    _has_effect(path, layout, options)
    listings: Sequence[Listing]
    if layout.form == "table":
        listings = read_table(layout.path, _completed(name, options), faults)
    elif layout.form == "arrays":
        from escalera.data.readers.arrays import arrays

        listings = arrays(layout.path, options)
    else:
        from escalera.data.readers.class_folders import class_folders

        no_shape(layout.path, options)
        listings = class_folders(layout.path, options)
    listings[0].notes[:0] = layout.notes
    return listings


def _by_column(path: Path, options: ReadOptions) -> ReadOptions:
    """The options, with what `splits` says taken for values of the column of splits, where no file is called so."""
    splits = options.splits
    if not isinstance(splits, Mapping) or not isinstance(options.split_column, str):
        return options
    if any(not fault(name) and is_there(path / name) for name in splits.values()):
        return options
    return replace(options, splits=None, split_words=dict(splits))


def _has_effect(path: Path, layout: Layout, options: ReadOptions) -> None:
    """Raise DataError for what is said of another form, with what it is for."""
    without = {
        "folders": dict.fromkeys(OF_TABLES, _COLUMNS),
        "arrays": {**dict.fromkeys(OF_TABLES, _COLUMNS), "label_pattern": _NAMES},
        "table": {"label_pattern": _NAMES},
    }[layout.form]
    if layout.path.is_file():
        without["splits"] = _SPLITS
    elif options.splits is False and layout.form != "folders":
        raise DataError(
            f"data.splits: {path} holds {CALLED[layout.form]}, and false is said of folders, which are classes then. "
            "Name one file as the source to read it alone."
        )
    for key, value in options.given().items():
        if key in without:
            given = "false" if value is False else value
            raise DataError(f"data.{key}: {path} {without[key].format(given=given)}")


def _nothing_to_say(name: str, options: ReadOptions) -> None:
    whose = "the digits come with scikit-learn" if name == "digits" else f"'{name}' comes with a library"
    for key in options.given():
        raise DataError(f"data.{key}: {whose}, without files or columns. Take it out.")
