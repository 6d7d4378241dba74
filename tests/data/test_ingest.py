"""What in a file stops it: each message names the file, the place, what was found and what to do."""

import re
from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from numpy.typing import NDArray

from escalera.core.errors import DataError
from escalera.core.translation import translate
from escalera.data.cache import earlier, ingest
from escalera.data.cache.bitmap import Resize
from escalera.data.cache.decode import FORMATS, decode_all
from escalera.data.cache.progress import Step, heard
from escalera.data.cache.remarks import Remarks
from escalera.data.readers.listing import Raw
from escalera.data.sources.open import open_source


@pytest.fixture
def fails(root: Path, tmp_path: Path) -> Callable[..., None]:
    """`fails(name, text)`: opening raises DataError with this text, and leaves nothing in the cache."""

    def check(name: str, text: str, **settings: Any) -> None:
        with pytest.raises(DataError, match=re.escape(text)):
            open_source(name, data_root=root, **{"image_size": None, "channels": None, **settings})
        assert not list((tmp_path / "cache").glob("*"))

    return check


def test_a_file_of_no_bytes(put: Callable[..., Path], fails: Callable[..., None]) -> None:
    path = put("mine", "train", [0, 1])
    path.write_bytes(b"")
    fails("mine", f"{path} is empty (0 bytes). Copy or download it again.")


def test_a_file_without_rows(put: Callable[..., Path], fails: Callable[..., None]) -> None:
    path = put("mine", "train", pa.array([], pa.int64()))
    fails("mine", f"{path} has 0 rows. Copy or download it again.")


def test_a_file_cut_short(put: Callable[..., Path], fails: Callable[..., None]) -> None:
    path = put("mine", "train", [0, 1])
    path.write_bytes(path.read_bytes()[:-20])
    fails("mine", f"{path} cannot be read as parquet: Parquet magic bytes not found in footer.")


def test_a_file_damaged_within(put: Callable[..., Path], fails: Callable[..., None]) -> None:
    path = put("mine", "train", list(range(200)) * 2)
    raw = bytearray(path.read_bytes())
    raw[100:1400] = bytes(1300)
    path.write_bytes(raw)
    fails("mine", f"{path} cannot be read as parquet: ")


def test_another_format(root: Path, fails: Callable[..., None]) -> None:
    path = root / "mine" / "train.parquet"
    path.parent.mkdir(parents=True)
    path.write_text("image,label\n" * 10)
    fails("mine", f"{path} cannot be read as parquet: ")


def test_the_test_file_is_looked_into_too(put: Callable[..., Path], fails: Callable[..., None]) -> None:
    put("mine", "train", [0, 1])
    path = put("mine", "test", [0, 1])
    path.write_bytes(b"")
    fails("mine", f"{path} is empty (0 bytes)")


def test_a_file_that_may_not_be_read(put: Callable[..., Path], root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = put("mine", "train", [0, 1])

    def refuse(self: Path, *args: Any, **options: Any) -> None:
        raise PermissionError(13, "Permission denied", str(self))

    monkeypatch.setattr(Path, "open", refuse)
    with pytest.raises(DataError, match=re.escape(f"could not read {path}: Permission denied.")):
        open_source("mine", data_root=root, image_size=None, channels=None)


def test_a_known_column_that_is_absent(put: Callable[..., Path], fails: Callable[..., None]) -> None:
    path = put("cifar10", "train", [0, 1], columns=("image", "label"))
    fails(
        "cifar10",
        f"{path} has no column 'img'; its columns: image (bytes and path), label (int64). Did you mean 'image'?",
    )


def test_a_known_column_of_another_kind(put: Callable[..., Path], fails: Callable[..., None]) -> None:
    path = put("mnist", "train", [0.5, 1.0])
    fails("mnist", f"{path}: column 'label' holds 0.5 in row 0, which is no label but a number. Rows count from 0.")


def test_columns_that_are_guessed(put: Callable[..., Path], root: Path, png: Callable[..., bytes]) -> None:
    put("one", "train", ["b", "a"], binary=True, columns=("scan", "kind"), more={"weight": [0.5, 0.5]})
    put("two", "train", ["b", "a"], columns=("img", "label"), more={"mask": pa.array([png(), png()]), "id": [1, 2]})
    put("three", "train", pa.array(["b", "a"]).dictionary_encode(), columns=("image", "kind"))
    for name in ("one", "two", "three"):
        opened = open_source(name, data_root=root, image_size=None, channels=None)
        assert opened.classes == ["a", "b"]
        assert opened.splits["train"].labels.tolist() == [1, 0]
        assert opened.splits["train"].images.max() == 1


def test_columns_that_cannot_be_guessed(
    put: Callable[..., Path], fails: Callable[..., None], png: Callable[..., bytes]
) -> None:
    path = put("mine", "train", [0, 1], columns=("left", "label"), more={"right": pa.array([png(), png()])})
    fails(
        "mine",
        f"{path}: expected one column of images (binary, bytes and path as the hub writes them, or paths to "
        "files), found 2 (left, right); its columns: left (bytes and path), label (int64), right (binary). "
        "Say which one with data.image_column.",
    )
    path = put("yours", "train", [0, 1], columns=("image", "species"), more={"year": [1, 2]})
    fails(
        "yours",
        "expected one column of labels (integers or text), found 2 (species, year); its columns: image",
    )
    path = put("ours", "train", [0.5, 1.5])
    fails(
        "ours",
        "column 'label' holds 0.5 in row 0, which is no label but a number. Rows count from 0. A number is cut into",
    )


def test_labels_that_are_null(put: Callable[..., Path], fails: Callable[..., None]) -> None:
    path = put("mine", "train", [0, None, 1, None])
    fails("mine", f"{path}: column 'label' has no label (null) at 2 of 4 rows, counted from 0: 1, 3. Give each a label")
    path = put("more", "train", [0, 1] + [None] * 11)
    fails("more", "null) at 11 of 13 rows, counted from 0: 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, .... Give")


def test_pictures_that_are_null_or_damaged(
    put: Callable[..., Path], fails: Callable[..., None], png: Callable[..., bytes]
) -> None:
    path = put("mine", "train", [0, 1, 0, 1, 0], [png(), None, b"no picture", png(), png()[:-30]])
    fails(
        "mine",
        "3 of 5 pictures cannot be decoded (rows count from 0):\n"
        f"  {path}: row 1: no picture (null)\n"
        f"  {path}: row 2: not a picture of a known format ({', '.join(FORMATS)}), 10 bytes\n"
        f"  {path}: row 4: ",
    )


def test_every_bad_picture_of_every_split_is_listed(
    put: Callable[..., Path], fails: Callable[..., None], png: Callable[..., bytes]
) -> None:
    train = put("mine", "train", [0, 1, 2] * 101, [png()] * 290 + [None] * 13)
    put("mine", "test", [0, 1], [png(), None])
    listed = "".join(f"\n  {train}: row {row}: no picture (null)" for row in range(290, 300))
    fails(
        "mine",
        f"14 of 305 pictures cannot be decoded (rows count from 0):{listed}\n  ... and 4 more\n"
        "Put good files in their place, take them out, or leave them out with --skip-bad.",
    )


def test_of_a_thousand_bad_pictures_ten_are_listed(put: Callable[..., Path], fails: Callable[..., None]) -> None:
    path = put("mine", "train", [0, 1] * 501, [None] * 1002)
    fails("mine", f"1,002 of 1,002 pictures cannot be decoded (rows count from 0):\n  {path}: row 0: no picture (null)")
    fails("mine", f"\n  {path}: row 9: no picture (null)\n  ... and 992 more\nPut good files in their place")


RESIZED = (
    "the pictures have 2 sizes and are resized to 64x64; data.image_size says another, as 224 for a network that "
    "learned from ImageNet."
)


def test_pictures_of_several_sizes_are_resized_as_is_said_without_a_size_too(
    put: Callable[..., Path], root: Path, png: Callable[..., bytes]
) -> None:
    """And by each way anew, whatever the cache has of another one."""
    put("mine", "train", [0, 1], [png(9, (4, 16)), png(9, (16, 4))])

    def opened(resize: Resize) -> NDArray[np.uint8]:
        found = open_source("mine", data_root=root, image_size=None, channels=None, resize=resize)
        return np.array(found.splits["train"].images)

    squashed, padded = opened("squash"), opened("pad")
    assert squashed.shape == padded.shape == (2, 64, 64, 1) and not np.array_equal(squashed, padded)


def test_sizes_that_differ(put: Callable[..., Path], root: Path, png: Callable[..., bytes]) -> None:
    put("mine", "train", [0, 1, 0], [png(0, (4, 6)), png(0, (6, 4)), png(0, (6, 4))])
    usual = open_source("mine", data_root=root, image_size=None, channels=None)
    assert (usual.splits["train"].images.shape, usual.notes) == ((3, 64, 64, 1), (RESIZED,))
    opened = open_source("mine", data_root=root, image_size=(5, 5), channels=None)
    assert (opened.splits["train"].images.shape, opened.notes) == ((3, 5, 5, 1), ())


def test_pictures_of_several_sizes_are_not_decoded_at_their_own_first(
    put: Callable[..., Path], root: Path, png: Callable[..., bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A hundred thousand photos of one size may come before the first of another, and would fill the disk."""
    several = [*(png(row, (70, 80)) for row in range(255)), *(png(row, (80, 70), "RGB") for row in range(45))]
    put("mine", "train", [0, 1] * 150, several)
    put("yours", "train", [0, 1] * 150, [png(row % 250, (70, 80)) for row in range(300)])
    seen: Counter[object] = Counter()

    def counted(raws: Sequence[Raw], **how: Any) -> Any:
        seen[how["size"], how["channels"]] += len(raws)
        return decode_all(raws, **how)

    monkeypatch.setattr(earlier, "decode_all", counted)
    mine = open_source("mine", data_root=root, image_size=None, channels=None)
    assert seen == {(None, None): 8, ((64, 64), 3): 300}
    assert mine.splits["train"].images.shape == (300, 64, 64, 3)
    assert mine.notes == (
        "255 of 300 pictures are grey and become colour; data.channels: 1 makes all of them grey.",
        RESIZED,
    )
    seen.clear()
    yours = open_source("yours", data_root=root, image_size=None, channels=None)
    assert (yours.splits["train"].images.shape, yours.notes) == ((300, 70, 80, 1), ())
    assert seen == {(None, None): 308}


def test_how_far_decoding_is_may_be_heard(put: Callable[..., Path], root: Path, png: Callable[..., bytes]) -> None:
    for split in ("train", "test"):
        put("mine", split, [0, 1] * 150, [png(0, (6, 4 + row % 2)) for row in range(300)])
    told: list[tuple[Step, int, int]] = []
    with heard(lambda *far: told.append(far)):
        open_source("mine", data_root=root, image_size=None, channels=None)
    assert [far for far in told if far[0] == "heads"][-1] == ("heads", 600, 600)
    assert told[-2:] == [("decoding", 600, 600), ("decoding", 0, 0)]
    assert len(told) > 5
    told.clear()
    open_source("mine", data_root=root, image_size=(8, 8), channels=None)
    assert not told


def test_sizes_that_differ_between_train_and_test(
    put: Callable[..., Path], root: Path, png: Callable[..., bytes]
) -> None:
    put("mine", "train", [0, 1], [png(), png()])
    put("mine", "test", [0, 1], [png(0, (8, 8)), png(0, (8, 8))])
    opened = open_source("mine", data_root=root, image_size=None, channels=None)
    assert [part.images.shape[1:] for part in opened.splits.values()] == [(64, 64, 1)] * 2


def test_a_bad_picture_among_several_sizes_is_refused_first(
    put: Callable[..., Path], fails: Callable[..., None], png: Callable[..., bytes]
) -> None:
    put("mine", "train", [0, 1, 0], [png(0, (4, 6)), png(0, (6, 4)), b"bad"])
    fails("mine", "1 of 3 pictures cannot be decoded")


@pytest.mark.parametrize("first", ["L", "RGB"])
def test_a_few_grey_pictures_become_colour(
    first: str, put: Callable[..., Path], root: Path, png: Callable[..., bytes]
) -> None:
    modes = [first, *("RGB" if first == "L" else "L" for _ in range(2))]
    put("mine", "train", [0, 1, 0], [png(9, (4, 4), mode) for mode in modes])
    usual = open_source("mine", data_root=root, image_size=None, channels=None)
    grey = modes.count("L")
    assert usual.splits["train"].images.shape == (3, 4, 4, 3)
    some = "1 of 3 pictures is grey and becomes" if grey == 1 else "2 of 3 pictures are grey and become"
    assert usual.notes == (f"{some} colour; data.channels: 1 makes all of them grey.",)
    assert translate(usual.notes[0], "es").startswith("1 de 3 imágenes es gris" if grey == 1 else "2 de 3 imágenes son")
    for channels in (1, 3):
        opened = open_source("mine", data_root=root, image_size=None, channels=channels)
        assert (opened.splits["train"].images.shape, opened.notes) == ((3, 4, 4, channels), ())


def test_grey_ones_of_another_size(put: Callable[..., Path], root: Path, png: Callable[..., bytes]) -> None:
    put("mine", "train", [0, 1, 0], [png(9, (4, 4), "RGB"), png(9, (8, 8)), png(9, (8, 8))])
    opened = open_source("mine", data_root=root, image_size=None, channels=None)
    assert opened.splits["train"].images.shape == (3, 64, 64, 3)
    assert len(opened.notes) == 2


def test_class_names_are_those_in_the_file(put: Callable[..., Path], root: Path) -> None:
    put("mine", "train", [1, 0, 1], names=["zebra", "ant"])
    opened = open_source("mine", data_root=root, image_size=None, channels=None)
    assert opened.classes == ["zebra", "ant"]
    assert opened.splits["train"].labels.tolist() == [1, 0, 1]


def test_integers_without_names_are_sorted_as_numbers(put: Callable[..., Path], root: Path) -> None:
    put("mine", "train", [10, 9, 10])
    opened = open_source("mine", data_root=root, image_size=None, channels=None)
    assert opened.classes == ["9", "10"]
    assert opened.splits["train"].labels.tolist() == [1, 0, 1]


def test_a_label_outside_the_classes(put: Callable[..., Path], fails: Callable[..., None]) -> None:
    path = put("mine", "train", [0, 1, -1], names=["ant", "bee"])
    fails(
        "mine", f"{path}: row 2: label -1 is not one of the 2 classes (0 to 1). Mend the label, or take its rows out."
    )
    path = put("mnist", "train", [0, 10, 1])
    fails("mnist", f"{path}: row 1: label 10 is not one of the 10 classes (0 to 9).")
    path = put("yours", "train", ["ant", "wasp"], names=["ant", "bee"])
    fails("yours", f"{path}: row 1: label 'wasp' is not one of the 2 classes (ant, bee).")


def test_classes_listed_otherwise_in_test(put: Callable[..., Path], fails: Callable[..., None]) -> None:
    put("mine", "train", [0, 1], names=["ant", "bee"])
    path = put("mine", "test", [0, 1], names=["bee", "ant"])
    fails("mine", f"{path} lists other classes than train: ['bee', 'ant'], expected ['ant', 'bee'].")


def test_a_class_that_train_lacks(put: Callable[..., Path], fails: Callable[..., None]) -> None:
    put("mine", "train", ["ant", "bee"])
    path = put("mine", "test", ["ant", "wasp", "wasp"])
    fails(
        "mine",
        f"{path}: class 'wasp' is in test (2 rows) but not in train. Add pictures of it to train, or take it out of t",
    )
    put("yours", "train", [0, 1, 1], names=["ant", "bee", "wasp"])
    path = put("yours", "test", [0, 2], names=["ant", "bee", "wasp"])
    fails("yours", f"{path}: class 'wasp' is in test (1 row) but not in train.")


def test_a_single_class(put: Callable[..., Path], fails: Callable[..., None]) -> None:
    path = put("mine", "train", ["ant", "ant"])
    fails("mine", f"{path} has a single class, 'ant' in column 'label'. A classifier needs two or more.")
    path = put("yours", "train", [1, 1], names=["ant", "bee"])
    fails("yours", f"{path} has a single class, 'bee' in column 'label'.")


def test_the_labels_are_looked_at_before_any_picture_is_decoded(
    put: Callable[..., Path], fails: Callable[..., None], monkeypatch: pytest.MonkeyPatch
) -> None:
    put("mine", "train", ["ant", "ant"], [b"no picture"] * 2)
    fails("mine", "has a single class, 'ant' in column 'label'")


def test_rows_keep_their_order_over_many_row_groups(
    put: Callable[..., Path], root: Path, png: Callable[..., bytes]
) -> None:
    path = put("mine", "train", list(range(256)) * 3, [png(i) for i in range(256)] * 3)
    pq.write_table(pq.read_table(path), path, row_group_size=100)
    train = open_source("mine", data_root=root, image_size=None, channels=None).splits["train"]
    assert (train.images[:, 0, 0, 0] == train.labels).all()
    assert train.labels.tolist() == list(range(256)) * 3


def test_large_pictures_are_decoded_a_few_at_once() -> None:
    """Of a size that nobody said files tell little: 256 photos of 12 megapixels would be 9 GB."""
    listing: Any = SimpleNamespace(pictures=lambda: iter([[b"raw"] * 40, [b"raw"] * 3]))

    def parts(size: tuple[int, int] | None, *shapes: tuple[int, int, int]) -> list[int]:
        found = ingest._Found(shapes[0] if shapes else None, Remarks(None))
        found.others.update(shapes[1:])
        return [len(part) for part in ingest._some_at_a_time(listing, size, found)]

    assert parts(None) == [8, 8, 8, 8, 8, 3]
    assert parts(None, (32, 32, 3)) == parts((64, 64)) == [40, 3]
    assert parts(None, (3000, 4000, 3)) == parts(None, (32, 32, 3), (3000, 4000, 3)) == [8, 8, 8, 8, 8, 3]
    assert parts(None, (1000, 1000, 3)) == [22, 18, 3]
