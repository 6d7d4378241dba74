"""From the parquet files of a source to the arrays of the cache: labels checked, pictures decoded, nothing bad let in.

images  (N, H, W, C) uint8
labels  (N,) int64
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from itertools import chain
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from escalera.data import cache
from escalera.data.decode import Channels, decode_all
from escalera.data.known import KnownSource
from escalera.data.parquet import PictureFile, inspect
from escalera.errors import DataError

Shape = tuple[int, ...]


def ingest(
    folder: Path,
    paths: list[Path],
    known: KnownSource | None,
    *,
    size: tuple[int, int] | None,
    channels: Channels | None,
) -> None:
    """Decode `paths`, train first, into a folder of the cache; raises DataError with what cannot be used, and where.

    The classes are those that the train file states, else those of the known source, else the labels in train, sorted.
    """
    image, label = (known.image, known.label) if known else (None, None)
    files = [inspect(path, image=image, label=label) for path in paths]
    stated = files[0].names or (list(known.classes) if known else None)
    classes = stated or [str(value) for value in files[0].labels()[0]]
    # The labels come first: their faults show before an hour of decoding.
    labels = [_labels(file, classes, stated=stated is not None) for file in files]
    _check_classes(files, labels, classes)
    shape: Shape | None = (*known.shape[:2], channels or known.shape[2]) if known and size is None else None
    for file, codes in zip(files, labels, strict=True):
        decoded = _decoded(file, shape, size, channels)
        first = next(decoded)
        shape = first.shape[1:]
        cache.write_array(folder / f"{file.path.stem}-images.npy", file.rows, chain([first], decoded))
        cache.write_array(folder / f"{file.path.stem}-labels.npy", file.rows, [codes])
    cache.write_meta(folder, classes, [file.path.stem for file in files])


def _labels(file: PictureFile, classes: list[str], *, stated: bool) -> NDArray[np.int64]:
    """Each row's position in the list of classes; integers stand for positions where the list is stated."""
    if stated and file.names is not None and file.names != classes:
        raise DataError(f"{file.path} lists other classes than train.parquet: {file.names}, expected {classes}.")
    values, rows = file.labels()
    numbered = stated and isinstance(values[0], int)
    position = {str(i) if numbered else name: i for i, name in enumerate(classes)}
    codes = np.array([position.get(str(value), -1) for value in values])
    if (codes < 0).any():
        wrong = int(np.argmin(codes))
        row = int(np.flatnonzero(rows == wrong)[0])
        expected = f"0 to {len(classes) - 1}" if numbered else ", ".join(classes)
        if not stated:
            raise _not_in_train(file, str(values[wrong]), int((rows == wrong).sum()))
        raise DataError(
            f"{file.path}: row {row}: label {values[wrong]!r} is not one of the {len(classes)} classes ({expected}). "
            "Mend the label, or take its rows out. Rows count from 0."
        )
    return codes[rows]


def _check_classes(files: list[PictureFile], labels: list[NDArray[np.int64]], classes: list[str]) -> None:
    """There are two classes at least, and train has each that another split has."""
    counts = [np.bincount(label, minlength=len(classes)) for label in labels]
    present = [name for name, count in zip(classes, counts[0], strict=True) if count]
    if len(present) < 2:
        raise DataError(f"{files[0].path} has a single class, '{present[0]}'. A classifier needs two or more.")
    for file, count in zip(files[1:], counts[1:], strict=True):
        absent = np.flatnonzero((count > 0) & (counts[0] == 0))
        if len(absent):
            raise _not_in_train(file, classes[absent[0]], int(count[absent[0]]))


def _not_in_train(file: PictureFile, name: str, rows: int) -> DataError:
    return DataError(
        f"{file.path}: class '{name}' is in {file.path.stem} ({rows} rows) but not in train. "
        f"Add pictures of it to train, or take it out of {file.path.stem}."
    )


def _decoded(
    file: PictureFile, shape: Shape | None, size: tuple[int, int] | None, channels: Channels | None
) -> Iterator[NDArray[np.uint8]]:
    """The pictures (n, H, W, C), some at a time. All are looked at before DataError lists the bad ones.

    `shape` is what each must have; None takes that of the first.
    """
    bad: list[str] = []
    others: Counter[Shape] = Counter()
    row = 0
    for raws in file.pictures():
        good = []
        for result in decode_all(raws, size=size, channels=channels):
            if isinstance(result, DataError):
                bad.append(f"row {row}: {result}")
            elif result.shape != (shape := shape or result.shape):
                others[result.shape] += 1
            else:
                good.append(result)
            row += 1
        if not bad and not others:
            yield np.stack(good)
    if bad:
        listed = "".join(f"\n  {line}" for line in bad[:10]) + ("\n  ..." if len(bad) > 10 else "")
        raise DataError(
            f"{file.path}: {len(bad)} of {file.rows} pictures cannot be decoded (rows count from 0):{listed}\n"
            "Put good files in their place, or take the rows out."
        )
    if shape and others:
        found = ", ".join(f"{_text(other)} ({count})" for other, count in others.most_common(5))
        keys = [
            "data.image_size, which all are then resized to" if any(other[:2] != shape[:2] for other in others) else "",
            "data.channels, 1 for grey or 3 for colour" if any(other[2] != shape[2] for other in others) else "",
        ]
        raise DataError(
            f"{file.path}: expected every picture to be {_text(shape)} (height x width x channels), found {found}. "
            f"Set {' and '.join(filter(None, keys))}."
        )


def _text(shape: Shape) -> str:
    return "x".join(map(str, shape))
