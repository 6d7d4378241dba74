"""Folders of classes: how they are laid out, what is left out, and what is said of it."""

import os
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from escalera.core.errors import DataError
from escalera.data.cache.decode import FORMATS
from escalera.data.images import Images
from escalera.data.options import ReadOptions
from escalera.data.sources.open import ImageSet, open_source
from escalera.data.splits import split


@pytest.fixture
def lay(root: Path, png: Callable[..., bytes]) -> Callable[..., Path]:
    """`lay("birds", {"train/robin/1.png": 7, "train/robin/x.txt": b"..."})`: a folder; a number is a grey picture."""

    def write(name: str, files: dict[str, int | bytes | None]) -> Path:
        for below, content in files.items():
            path = root / name / below
            if content is None:
                path.mkdir(parents=True)
                continue
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(png(content) if isinstance(content, int) else content)
        return root / name

    return write


@pytest.fixture
def opened(root: Path) -> Callable[..., ImageSet]:
    def read(name: str = "birds", **settings: Any) -> ImageSet:
        return open_source(name, data_root=root, **{"image_size": None, "channels": None, **settings})

    return read


def values(part: Images) -> list[int]:
    return [int(value) for value in part.images[:, 0, 0, 0]]


TWO = {"robin/1.png": 1, "robin/2.png": 2, "wren/1.png": 3, "wren/2.png": 4}


def test_one_level_of_classes_is_train_alone(lay: Callable[..., Path], opened: Callable[..., ImageSet]) -> None:
    lay("birds", TWO)
    birds = opened()
    assert (list(birds.splits), birds.classes, birds.notes) == (["train"], ["robin", "wren"], ())
    assert values(birds.splits["train"]) == [1, 2, 3, 4]
    assert birds.splits["train"].labels.tolist() == [0, 0, 1, 1]
    assert birds.splits["train"].table is None


@pytest.mark.parametrize("validation", ["validation", "valid", "val", "dev", "Val"])
def test_three_splits(validation: str, lay: Callable[..., Path], opened: Callable[..., ImageSet]) -> None:
    lay("birds", {f"train/{k}": v for k, v in TWO.items()} | {f"{validation}/wren/a.png": 7, "test/robin/a.png": 9})
    birds = opened()
    assert list(birds.splits) == ["train", "validation", "test"]
    assert values(birds.splits["validation"]) == [7]
    assert birds.splits["validation"].labels.tolist() == [1]
    data = split(birds, validation=0.3, test=0.3, seed=0)
    assert data.train.rows.tolist() == [0, 1, 2, 3]
    assert (data.validation.origin, data.test.origin) == ("validation", "test")
    assert data.notes == ("validation has no picture of 'robin'.", "test has no picture of 'wren'.")


def test_folders_below_a_class_belong_to_it(lay: Callable[..., Path], opened: Callable[..., ImageSet]) -> None:
    lay("birds", TWO | {"robin/garden/9.png": 9, "robin/garden/deep/8.png": 8})
    assert values(opened().splits["train"]) == [1, 2, 9, 8, 3, 4]


def test_what_is_left_out_is_said(lay: Callable[..., Path], opened: Callable[..., ImageSet]) -> None:
    more = {"robin/notes.txt": b"seen in May", "robin/.hidden.png": 8, "readme.png": 9, "wren/Thumbs.db": b"x",
            "wren/.DS_Store": b"x", ".git/config": b"x"}  # fmt: skip
    folder = lay("birds", TWO | more)
    assert opened().notes == (
        f"{folder}: left out, since they are in no class: readme.png.",
        f"{folder}: left out, since they are no pictures: robin/notes.txt.",
    )


def test_many_that_are_left_out_are_counted(lay: Callable[..., Path], opened: Callable[..., ImageSet]) -> None:
    folder = lay("birds", TWO | {f"wren/{i}.txt": b"x" for i in range(5)})
    listed = "wren/0.txt, wren/1.txt, wren/2.txt, and 2 more."
    assert opened().notes == (f"{folder}: left out, since they are no pictures: {listed}",)


def test_a_folder_beside_train_is_named(lay: Callable[..., Path], opened: Callable[..., ImageSet]) -> None:
    folder = lay("birds", {f"train/{k}": v for k, v in TWO.items()} | {"extra/x.png": 1})
    assert opened().notes == (f"{folder}: not read: extra, beside train.",)


def test_a_picture_of_another_format_than_its_name_says(
    lay: Callable[..., Path], opened: Callable[..., ImageSet], png: Callable[..., bytes]
) -> None:
    lay("birds", TWO | {"robin/3.jpg": 9, "robin/4.txt": 8})
    assert opened().notes == (
        "2 files are of another format than the name says, and read by content: robin/3.jpg is PNG, robin/4.txt is PNG",
    )


def test_a_second_start_says_the_same(lay: Callable[..., Path], opened: Callable[..., ImageSet]) -> None:
    lay("birds", TWO | {"robin/3.jpg": 9, "robin/bad.png": b"bad"})
    first, second = opened(bad="skip"), opened(bad="skip")
    assert (first.notes, first.skipped) == (second.notes, second.skipped)
    assert len(first.notes) == len(first.skipped) == 1


@pytest.mark.parametrize(
    ("files", "text"),
    [
        ({"robin/1.png": 1, "wren": None}, "{}: no picture in the folder of 'wren'. Put pictures of it there, or remo"),
        ({"robin/1.png": 1, "wren": None, "tit": None}, "{}: no picture in the folders of 'tit', 'wren'. Put"),
        ({"robin/1.png": 1, "robin/2.png": 2}, "{} has a single class, 'robin'. A classifier needs two or more."),
        ({"1.png": 1, "2.png": 2}, "{}: expected a folder of classes, a parquet or CSV file"),
        ({"1.png": 1, "empty": None}, "{} has no folders of classes with pictures; expected <class>/<picture>.jpg, fo"),
        ({"test/robin/1.png": 1, "test/wren/1.png": 1}, "{} has a folder 'test' but none called 'train'. Put the pict"),
        (
            {f"{split}/{k}": v for k, v in TWO.items() for split in ("train", "val", "valid")},
            "{} has 2 folders for validation: val, valid. Leave one of them, or say which folder is which split with "
            "data.splits: {{train: ..., test: ...}}.",
        ),
        (
            {f"train/{k}": v for k, v in TWO.items()} | {"test/tit/1.png": 1},
            "{}/test: class 'tit' is in test (1 row) but not in train. Add pictures of it to train, or take it out of",
        ),
        ({**TWO, "two\nlines/1.png": 1}, "{}: 'two\\nlines' cannot be the name of a class. Give its folder another on"),
    ],
)  # fmt: skip
def test_folders_that_cannot_be_learned_from(
    files: dict[str, Any], text: str, lay: Callable[..., Path], opened: Callable[..., ImageSet], tmp_path: Path
) -> None:
    folder = lay("birds", files)
    with pytest.raises(DataError, match=re.escape(text.format(folder))):
        opened()
    assert not list((tmp_path / "cache").glob("*"))


def test_a_name_that_is_no_text(
    lay: Callable[..., Path], opened: Callable[..., ImageSet], root: Path, png: Callable[..., bytes]
) -> None:
    lay("birds", TWO)
    Path(os.fsdecode(os.fsencode(root / "birds" / "robin") + b"/\xff.png")).write_bytes(b"bad")
    with pytest.raises(DataError, match=re.escape(f"{root}/birds/robin/\\xff.png: not a picture of a known format")):
        opened()


def test_an_empty_class_in_test_is_said(lay: Callable[..., Path], opened: Callable[..., ImageSet]) -> None:
    folder = lay("birds", {f"train/{k}": v for k, v in TWO.items()} | {"test/robin/1.png": 1, "test/wren": None})
    assert opened().notes == (f"{folder}/test: no picture of 'wren'.",)


def test_a_class_with_one_picture(lay: Callable[..., Path], opened: Callable[..., ImageSet]) -> None:
    lay("birds", {f"{name}/{i}.png": i for name in ("robin", "wren") for i in range(9)} | {"tit/1.png": 1})
    with pytest.raises(
        DataError,
        match=r"birds: 1 class has too few pictures in train .*: 'tit' \(1\). Each needs",
    ):
        split(opened(), validation=0.3, test=0.3, seed=0)
    lay("given", {f"{s}/{k}": v for k, v in (TWO | {"tit/1.png": 1}).items() for s in ("train", "val", "test")})
    notes = split(opened("given"), validation=0.3, test=0.3, seed=0).notes
    assert notes == ("train has a single picture of 'tit'.",)


def test_bad_pictures_are_left_out_when_asked_for(
    lay: Callable[..., Path], opened: Callable[..., ImageSet], root: Path, tmp_path: Path
) -> None:
    lay("birds", TWO | {"robin/0.png": b"", "wren/3.png": b"no picture"})
    with pytest.raises(DataError, match="2 of 6 pictures cannot be decoded"):
        opened()
    birds = opened(bad="skip")
    assert birds.skipped == (
        f"{root}/birds/robin/0.png: an empty file (0 bytes)",
        f"{root}/birds/wren/3.png: not a picture of a known format ({', '.join(FORMATS)}), 10 bytes",
    )
    assert values(birds.splits["train"]) == [1, 2, 3, 4]
    assert birds.splits["train"].labels.tolist() == [0, 0, 1, 1]
    with pytest.raises(DataError, match="2 of 6 pictures cannot be decoded"):
        opened()  # also now that the others are in the cache


def test_leaving_out_never_leaves_too_little(lay: Callable[..., Path], opened: Callable[..., ImageSet]) -> None:
    lay("birds", {"robin/1.png": 1, "wren/1.png": b"bad"})
    with pytest.raises(DataError, match=r"birds has a single class, 'robin'"):
        opened(bad="skip")
    lay("tits", {"blue/1.png": b"bad", "great/1.png": b"bad"})
    with pytest.raises(DataError, match="2 of 2 pictures cannot be decoded"):
        opened("tits", bad="skip")


def test_where_nothing_is_bad_both_ways_share_the_cache(
    lay: Callable[..., Path], opened: Callable[..., ImageSet], tmp_path: Path
) -> None:
    lay("birds", TWO)
    opened()
    opened(bad="skip")
    assert len(list((tmp_path / "cache").iterdir())) == 1


@pytest.mark.parametrize("change", ["content", "name", "more", "less"])
def test_a_folder_that_changed_is_decoded_anew(
    change: str, lay: Callable[..., Path], opened: Callable[..., ImageSet], root: Path, png: Callable[..., bytes]
) -> None:
    folder = lay("birds", TWO)
    opened()
    path = folder / "robin" / "2.png"
    if change == "content":
        before = path.stat()
        path.write_bytes(png(99))
        os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))
    elif change == "name":
        path.rename(folder / "robin" / "0.png")
    elif change == "more":
        lay("birds", {"robin/9.png": 9})
    else:
        path.unlink()
    expected = {"content": [1, 99, 3, 4], "name": [2, 1, 3, 4], "more": [1, 2, 9, 3, 4], "less": [1, 3, 4]}[change]
    assert values(opened().splits["train"]) == expected


def test_a_picture_that_is_gone_is_bad(lay: Callable[..., Path], opened: Callable[..., ImageSet], root: Path) -> None:
    folder = lay("birds", TWO)
    (folder / "robin" / "3.png").symlink_to(folder / "nowhere.png")
    with pytest.raises(DataError, match=re.escape(f"{folder}/robin/3.png: cannot be read: No such file or directory")):
        opened()


@pytest.mark.parametrize(("resize", "corner", "middle"), [("squash", 200, 200), ("pad", 0, 200), ("crop", 200, 200)])
def test_photographs_of_different_sizes(
    resize: str,
    corner: int,
    middle: int,
    lay: Callable[..., Path],
    opened: Callable[..., ImageSet],
    png: Callable[..., bytes],
) -> None:
    lay("birds", {"robin/1.png": png(200, (4, 8)), "wren/1.png": png(200, (20, 10))})
    usual = opened()
    assert usual.splits["train"].images.shape == (2, 64, 64, 1)
    assert usual.notes == (
        "the pictures have 2 sizes and are resized to 64x64; data.image_size says another, as 224 for a network that "
        "learned from ImageNet.",
    )
    images = opened(image_size=(6, 6), resize=resize).splits["train"].images
    assert images.shape == (2, 6, 6, 1)
    assert (images[:, 0, 0, 0].tolist(), images[:, 3, 3, 0].tolist()) == ([corner] * 2, [middle] * 2)


def test_columns_of_a_folder(lay: Callable[..., Path], opened: Callable[..., ImageSet]) -> None:
    folder = lay("birds", TWO)
    with pytest.raises(
        DataError, match=re.escape(f"data.group: {folder} has no columns; 'bird' needs a CSV or parquet")
    ):
        opened(options=ReadOptions(group="bird"))


@pytest.mark.data
@pytest.mark.slow
def test_clothing(real_data: Path) -> None:
    clothing = open_source("clothing", data_root=real_data, image_size=(24, 24), channels=3, resize="crop")
    sizes = {name: len(part.labels) for name, part in clothing.splits.items()}
    assert sizes == {"train": 3068, "validation": 341, "test": 372}
    assert len(clothing.classes) == 10
    assert (clothing.notes, clothing.skipped) == ((), ())
    assert 90 < np.asarray(clothing.splits["test"].images).mean() < 190
