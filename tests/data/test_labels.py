"""A file of corrections, or of rows to drop: what it changes, what it leaves alone, and what is wrong with it."""

from pathlib import Path

import numpy as np
import pytest

from escalera import builders
from escalera.core.errors import DataError, LadderError, SettingError
from escalera.data.images import Images, ImageSet
from escalera.data.labels import read_edits, with_edits
from escalera.data.splits import split
from escalera.ladder.schema import Data
from escalera.ladder.settings import read_data

SOURCE = ImageSet(
    "birds",
    ["robin", "wren", "=crow"],
    {
        "train": Images(np.zeros((30, 2, 2, 1), np.uint8), np.arange(30) % 3),
        "test": Images(np.zeros((6, 2, 2, 1), np.uint8), np.arange(6) % 3),
    },
)


def write(tmp_path: Path, text: str) -> Path:
    path = tmp_path / "labels.csv"
    path.write_text(text, encoding="utf-8")
    return path


def test_corrections_reach_train_and_validation_and_leave_test_as_it_is(tmp_path: Path) -> None:
    before = split(SOURCE, validation=0.2, test=0.2, seed=0)
    lines = "".join(f"train,{row},robin,wren\n" for row in range(0, 15, 3))
    file = write(tmp_path, f"split,row,given,suggested\n{lines}test,0,robin,'=crow\n")
    edits = read_edits(file, "corrections", SOURCE)
    after = with_edits(before, edits, test=False)
    for one, other in ((before.train, after.train), (before.validation, after.validation), (before.test, after.test)):
        assert np.array_equal(one.rows, other.rows)
    assert after.train.labels[[0, 3, 6, 9, 12, 15]].tolist() == [1, 1, 1, 1, 1, 0]
    assert np.array_equal(after.test.labels, before.test.labels)
    made = after.relabelled
    assert made is not None
    assert (made.train + made.validation, made.test, made.kind, made.test_changed) == (5, 1, "corrections", False)
    assert SOURCE.splits["train"].labels[0] == 0  # the source itself is not written to
    changed = with_edits(before, edits, test=True)
    assert changed.test.labels[0] == 2
    assert changed.relabelled is not None and changed.relabelled.test_changed


def test_rows_are_dropped_from_train(tmp_path: Path) -> None:
    before = split(SOURCE, validation=0.2, test=0.2, seed=0)
    rows = before.train.rows[:4].tolist()
    file = write(tmp_path, "row\n" + "".join(f"{row}\n" for row in rows))
    after = with_edits(before, read_edits(file, "drop", SOURCE), test=False)
    assert after.train.rows.tolist() == before.train.rows[4:].tolist()
    assert np.array_equal(after.test.rows, before.test.rows)


def test_rows_count_as_the_source_counts_where_bad_pictures_were_left_out(tmp_path: Path) -> None:
    some = Images(np.zeros((3, 2, 2, 1), np.uint8), np.array([0, 1, 2]), listed=np.array([0, 2, 5]))
    source = ImageSet("birds", SOURCE.classes, {"train": some})
    file = write(tmp_path, "row;label\n5;wren\n")  # as Excel saves it in Spain
    assert read_edits(file, "corrections", source).rows["train"].tolist() == [2]
    with pytest.raises(DataError, match="expected a row of train from 0 to 5, received '3'"):
        read_edits(write(tmp_path, "row,label\n3,wren\n"), "corrections", source)


def test_all_that_is_wrong_is_told_together_with_its_line(tmp_path: Path) -> None:
    file = write(
        tmp_path,
        "split,row,given,label\ntrain,99,,wren\ntrain,1,,wern\ntrain,2,robin,wren\n"
        "tset,0,,wren\ntrain,x,,wren\ntrain,4,,robin\ntrain,4,,wren\n",
    )
    with pytest.raises(DataError) as told:
        read_edits(file, "corrections", SOURCE)
    assert str(told.value).splitlines() == [
        "data.labels.corrections: 6 lines do not fit birds:",
        f"{file}:2: expected a row of train from 0 to 29, received '99'",
        f"{file}:3: unknown class 'wern'; did you mean 'wren'?",
        f"{file}:4: row 2 of train is labelled '=crow', not 'robin': the file was made for other data",
        f"{file}:5: birds has no split 'tset'; did you mean 'test'?",
        f"{file}:6: expected a row of train from 0 to 29, received 'x'",
        f"{file}:8: row 4 of train stands there twice, with different labels",
    ]


def test_a_file_that_is_absent_or_another(tmp_path: Path) -> None:
    file = write(tmp_path, "name,class\na,b\n")
    with pytest.raises(DataError, match=r"has the columns name, class; expected split, row and label, or suggested"):
        read_edits(file, "corrections", SOURCE)
    with pytest.raises(DataError, match=r"has the columns name, class; expected split and row, as"):
        read_edits(file, "drop", SOURCE)
    with pytest.raises(DataError, match=r"lables\.csv is not there\. Did you mean .*labels\.csv\?"):
        read_edits(tmp_path / "lables.csv", "drop", SOURCE)
    with pytest.raises(DataError, match="is a folder"):
        read_edits(tmp_path, "drop", SOURCE)


def test_a_class_keeps_a_row(tmp_path: Path) -> None:
    data = split(SOURCE, validation=0.2, test=0.2, seed=0)
    file = write(tmp_path, "row\n" + "".join(f"{row}\n" for row in range(0, 30, 3)))
    with pytest.raises(DataError, match="leaves no row of class 'robin' in train"):
        with_edits(data, read_edits(file, "drop", SOURCE), test=False)


@pytest.mark.parametrize("part", ["validation", "test"])
def test_the_other_splits_keep_a_row_too(tmp_path: Path, part: str) -> None:
    data = split(SOURCE, validation=0.2, test=0.2, seed=0)
    rows = getattr(data, part).rows
    of = "test" if part == "test" else "train"
    file = write(tmp_path, "split,row\n" + "".join(f"{of},{row}\n" for row in rows))
    edits = read_edits(file, "drop", SOURCE)
    with pytest.raises(SettingError, match=rf"labels\.csv leaves no row in {part}\. Take some of its lines out"):
        with_edits(data, edits, test=True)
    if part == "test":
        assert len(with_edits(data, edits, test=False).test.rows) == len(rows)


def test_a_ladder_names_one_file_found_beside_it(tmp_path: Path) -> None:
    write(tmp_path, "row,given,label\n0,0,8\n")
    section = Data.model_validate({"source": "digits", "labels": {"corrections": "labels.csv"}})
    with_file = builders.dataset(section, seed=0, data_root=None, beside=tmp_path)
    without = builders.dataset(Data(source="digits"), seed=0, data_root=None)
    assert np.array_equal(with_file.test.rows, without.test.rows)
    assert with_file.relabelled is not None and with_file.relabelled.file == str(tmp_path / "labels.csv")
    for said, why in (
        ("data.labels={corrections: a.csv, drop: b.csv}", "expected either corrections or drop, received both"),
        ("data.labels={test: keep}", "expected either corrections or drop, received neither"),
    ):
        with pytest.raises(LadderError, match=why):
            read_data("digits", [said])
    with pytest.raises(LadderError, match="bands of a target have no labels to correct"):
        read_data("digits", ["data.labels={drop: b.csv}", "data.target=price", "data.bands=3"])
