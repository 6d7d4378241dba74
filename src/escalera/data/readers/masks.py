"""Pictures that are masks of others, by their names or by the folders that they lie in."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path

from escalera.core.names import same
from escalera.data.readers.listing import shown
from escalera.data.readers.sidecars import to_make

_SHARE = 0.05
"""Of the pictures that are named as masks, from where on it is no accident."""
_NAMED = re.compile(r"[ ._-]+(masks?|seg|segmentation|gt|ground[ _-]?truth)[ ._-]?\d*$", re.IGNORECASE)
_MASKS = {"mask", "masks", "seg", "segs", "segmentation", "segmentations", "gt", "groundtruth", "ground_truth"}
_PICTURES = {
    "image", "images", "img", "imgs", "photo", "photos", "picture", "pictures", "jpegimages", "jpg", "jpeg", "png",
    "original",
}  # fmt: skip


def named(files: Sequence[str]) -> list[tuple[str, str]]:
    """The files that are named as masks of others, each with that other."""
    found = [(file, stem[: match.start()]) for file in files if (match := _NAMED.search(stem := _stem(file)))]
    stems = {_stem(file): file for file in files} if found else {}
    return [(file, stems[other]) for file, other in found if other in stems]


def _stem(file: str) -> str:
    """A name without its ending, to compare, however it is spelt."""
    return same(file.rpartition(".")[0])


def about_named(files: Sequence[str]) -> str:
    """What is said of files that are named as masks of others; nothing where there are none."""
    pairs = named(files)
    if not pairs:
        return ""
    mask, other = map(shown, pairs[0])
    if len(pairs) == 1:
        return f"1 of {len(files):,} pictures is named as the mask of another, {mask} of {other}."
    return f"{len(pairs):,} of {len(files):,} pictures are named as masks of others, as {mask} of {other}."


def refused(path: Path, files: Sequence[str]) -> str:
    """Why pictures are not learned from where many are named as masks."""
    pairs = named(files)
    if len(pairs) < 2 or len(pairs) < _SHARE * len(files):
        return ""
    return (
        f"{about_named(files)} Move them out of {path}, since no key leaves files out; to learn from them as well, "
        "write data.form: folders."
    )


def are_kinds(names: Collection[str]) -> bool:
    """Whether some folders are named for what their pictures are, and not for what these show."""
    return all(name.casefold() in _MASKS | _PICTURES for name in names)


def folders_of_masks(names: Collection[str]) -> list[str]:
    """Those of some folders that hold masks, where all the others hold the pictures."""
    masks = [name for name in names if name.casefold() in _MASKS]
    pictures = [name for name in names if name.casefold() in _PICTURES]
    return masks if masks and pictures and are_kinds(names) else []


def beside_pictures(path: Path, found: Mapping[str, Sequence[str]]) -> str:
    """Why folders are no classes where one holds the pictures, and the others their masks."""
    kept = [name for name, files in found.items() if files]
    masks = folders_of_masks(kept)
    if not masks:
        return ""
    file = next(files[0] for name, files in found.items() if files and name not in masks)
    return f"the folders {', '.join(kept)} hold pictures and their masks, and are no classes. {to_make(path, file)}"
