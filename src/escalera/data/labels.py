"""Labels that somebody corrected, or rows to be dropped, from a CSV file as `escalera explore --labels` writes it.

Its columns: `split` (train where there is none), `row` (of that split, from 0), `given` (what the label is now, which
is checked), and for corrections `label`, or else `suggested`.
"""

from __future__ import annotations

import csv
import hashlib
import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from escalera.core.errors import DataError, SettingError, closest, nearest
from escalera.data.dataset import Dataset, Relabelled, Split
from escalera.data.images import Images, ImageSet
from escalera.data.readers.csv_text import read_text

Kind = Literal["corrections", "drop"]
_LISTED = 20
_NEEDED = {"corrections": "split, row and label, or suggested", "drop": "split and row"}


@dataclass(frozen=True)
class Edits:
    """What a file says: by split the rows (n,), as positions in its pictures, and their new labels (n,).

    A label of -1 is that of a row to be dropped.
    """

    file: Path
    kind: Kind
    rows: Mapping[str, NDArray[np.int64]]
    labels: Mapping[str, NDArray[np.int64]]


def read_edits(file: Path, kind: Kind, images: ImageSet) -> Edits:
    """The edits in a file; raises SettingError with all that is wrong with it, each fault with its line."""
    if not file.is_file():
        what = "is a folder" if file.is_dir() else "is not there"
        beside = [one.name for one in file.parent.glob("*.csv")] if file.parent.is_dir() else []
        guess = closest(file.name, beside)
        hint = f" Did you mean {file.with_name(guess)}?" if guess else ""
        raise SettingError(f"data.labels.{kind}", f"expected a CSV file, but {file} {what}.{hint}")
    lines = _lines(file, kind)
    faults: list[str] = []
    found: dict[str, dict[int, int]] = {name: {} for name in images.splits}
    for number, cells in lines:
        fault = _read(cells, kind, images, found)
        if fault:
            faults.append(f"{file}:{number}: {fault}")
    if faults:
        more = [f"... and {len(faults) - _LISTED:,} more"] if len(faults) > _LISTED else []
        count = f"{len(faults):,} {'lines do' if len(faults) > 1 else 'line does'} not fit {images.name}"
        raise SettingError(f"data.labels.{kind}", "\n".join([f"{count}:", *faults[:_LISTED], *more]))
    rows = {name: np.array(sorted(some), np.int64) for name, some in found.items()}
    labels = {name: np.array([found[name][row] for row in own.tolist()], np.int64) for name, own in rows.items()}
    return Edits(file, kind, rows, labels)


def with_edits(data: Dataset, edits: Edits, *, test: bool) -> Dataset:
    """The same splits after the edits; the rows of test stay as they are unless `test` says otherwise.

    Raises SettingError where a class would have no row left in train, or another part none at all.
    """
    counts = {}
    parts = {"train": data.train, "validation": data.validation, "test": data.test}
    for name, part in parts.items():
        touched = np.isin(part.rows, edits.rows[part.origin])
        counts[name] = int(touched.sum())
        if counts[name] and (name != "test" or test):
            parts[name] = _edited(part, edits, touched)
    for label in np.setdiff1d(data.train.labels[data.train.rows], parts["train"].labels[parts["train"].rows]):
        raise SettingError(
            f"data.labels.{edits.kind}",
            f"{edits.file} leaves no row of class '{data.classes[label]}' in train. Take some of its lines out.",
        )
    for name in ("validation", "test"):
        if counts[name] and not len(parts[name].rows):
            raise SettingError(
                f"data.labels.{edits.kind}", f"{edits.file} leaves no row in {name}. Take some of its lines out."
            )
    digest = hashlib.sha256(edits.file.read_bytes()).hexdigest()
    made = Relabelled(str(edits.file.absolute()), digest, edits.kind, **counts, test_changed=test)
    return replace(data, train=parts["train"], validation=parts["validation"], test=parts["test"], relabelled=made)


def _edited(part: Split, edits: Edits, touched: NDArray[np.bool_]) -> Split:
    if edits.kind == "drop":
        return replace(part, rows=part.rows[~touched])
    labels = part.labels.copy()
    labels[edits.rows[part.origin]] = edits.labels[part.origin]
    return replace(part, labels=labels)


def _lines(file: Path, kind: Kind) -> Sequence[tuple[int, Mapping[str, str]]]:
    """The lines below the first by their numbers; raises SettingError where columns that are needed are absent."""
    text = read_text(file)[0]
    first = text.partition("\n")[0]
    separator = max(",;\t", key=first.count)
    reader = csv.DictReader(io.StringIO(text, newline=""), delimiter=separator, restval="")
    names = [name.strip().lower() for name in reader.fieldnames or []]
    if "row" not in names or (kind == "corrections" and not {"label", "suggested"} & set(names)):
        raise SettingError(
            f"data.labels.{kind}",
            f"{file} has the columns {', '.join(names) or 'none'}; expected {_NEEDED[kind]}, as escalera explore "
            "--labels writes them.",
        )
    reader.fieldnames = names
    try:
        return [(reader.line_num, line) for line in reader if any(filter(None, line.values()))]
    except csv.Error as error:
        raise DataError(f"{file}:{reader.line_num}: {error}") from error


def _read(cells: Mapping[str, str], kind: Kind, images: ImageSet, found: dict[str, dict[int, int]]) -> str | None:
    """Note what a line says in `found`; gives what is wrong with it."""
    split = cells.get("split", "").strip() or "train"
    if split not in images.splits:
        return f"{images.name} has no split '{split}'; {nearest(split, images.splits)}"
    part = images.splits[split]
    text = cells["row"].strip()
    row = _position(part, int(text)) if text.isascii() and text.isdecimal() else None
    if row is None:
        last = len(part.labels) - 1 if part.listed is None else int(part.listed[-1])
        return f"expected a row of {split} from 0 to {last}, received '{text}'"
    faults = []
    label = -1
    if kind == "corrections":
        name = cells["label"] if "label" in cells else cells["suggested"]
        label = _class(name, images.classes)
        if label < 0:
            faults.append(f"unknown class '{name}'; {nearest(name, images.classes)}")
    given = cells.get("given", "")
    if given and _class(given, images.classes) != part.labels[row]:
        now = images.classes[part.labels[row]]
        faults.append(f"row {text} of {split} is labelled '{now}', not '{given}': the file was made for other data")
    if found[split].setdefault(row, label) != label:
        faults.append(f"row {text} of {split} stands there twice, with different labels")
    return "; ".join(faults) or None


def _position(part: Images, row: int) -> int | None:
    """Where a row of the source stands among the pictures that were read; None where it does not."""
    if part.listed is None:
        return row if row < len(part.labels) else None
    place = int(np.searchsorted(part.listed, row))
    return place if place < len(part.listed) and part.listed[place] == row else None


def _class(name: str, classes: Sequence[str]) -> int:
    """The number of a class, -1 for none; what Escalera writes has an apostrophe before what begins a formula."""
    for one in (name, name.strip(), name.strip().removeprefix("'")):
        if one in classes:
            return classes.index(one)
    return -1
