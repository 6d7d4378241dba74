"""Which folder a name leads to, and what is said when it leads nowhere."""

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
import pytest

from escalera.core.errors import DataError
from escalera.core.translation import translate
from escalera.data.cache.bitmap import Channels
from escalera.data.images import ImageSet
from escalera.data.sources import hub
from escalera.data.sources.locate import at_hand, locate
from escalera.data.sources.open import KNOWN, catalogue, native_shape, open_source


def opened(
    name: str, root: Path | None, image_size: tuple[int, int] | None = None, channels: Channels | None = None
) -> ImageSet:
    return open_source(name, data_root=root, image_size=image_size, channels=channels)


def test_the_known_sources_are_whole() -> None:
    assert {name: len(source.classes) for name, source in KNOWN.items()} == {
        "digits": 10, "mnist": 10, "fashion_mnist": 10, "cifar10": 10, "cifar100": 100,
    }  # fmt: skip
    assert all(len(set(source.classes)) == len(source.classes) for source in KNOWN.values())
    assert list(KNOWN["cifar100"].classes) == sorted(KNOWN["cifar100"].classes)
    assert native_shape("cifar10") == (32, 32, 3)
    assert native_shape("my_own") is None


def test_digits_come_with_a_library() -> None:
    digits = opened("digits", None)
    train = digits.splits["train"]
    assert list(digits.splits) == ["train"]
    assert digits.classes == list("0123456789")
    assert train.images.shape == (1797, 8, 8, 1)
    dtypes: tuple[Any, ...] = (train.images.dtype, train.labels.dtype)
    assert dtypes == (np.uint8, np.int64)
    # scikit-learn's first digit is a nought whose first row reads 0 0 5 13 9 1 0 0, of 16.
    assert train.labels[0] == 0
    assert train.images[0, 0, :, 0].tolist() == [0, 0, 80, 207, 143, 16, 0, 0]


def test_digits_resized_and_in_colour() -> None:
    assert opened("digits", None, (12, 10), 3).splits["train"].images.shape == (1797, 12, 10, 3)


def test_a_folder_of_the_user(put: Callable[..., Path], root: Path) -> None:
    put("mine", "train", ["dog", "cat", "dog"])
    put("mine", "test", ["cat"])
    mine = opened("mine", root)
    assert mine.name == "mine"
    assert mine.classes == ["cat", "dog"]
    assert mine.splits["train"].images.shape == (3, 4, 4, 1)
    assert mine.splits["train"].images[:, 0, 0, 0].tolist() == [0, 1, 2]
    assert mine.splits["train"].labels.tolist() == [1, 0, 1]
    assert mine.splits["test"].labels.tolist() == [0]


def test_the_data_root_comes_before_the_environment(
    put: Callable[..., Path], root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    put("mine", "train", [7, 5, 5])
    monkeypatch.setenv("ESCALERA_DATA", str(root))
    assert opened("mine", tmp_path / "elsewhere").classes == ["5", "7"]
    other = tmp_path / "other"
    (other / "mine").mkdir(parents=True)
    put("theirs", "train", [1, 2, 3]).rename(other / "mine" / "train.parquet")
    assert opened("mine", other).classes == ["1", "2", "3"]


def test_a_known_source_has_its_columns_classes_and_channels(
    put: Callable[..., Path], root: Path, png: Callable[..., bytes]
) -> None:
    grey = [png(9, (32, 32))] * 2
    put("cifar10", "train", [0, 9], grey, columns=("img", "label"), more={"label_2": [1, 1]})
    cifar = opened("cifar10", root)
    assert cifar.classes == list(KNOWN["cifar10"].classes)
    assert cifar.splits["train"].images.shape == (2, 32, 32, 3)


def test_a_known_source_of_another_size(put: Callable[..., Path], root: Path, png: Callable[..., bytes]) -> None:
    put("mnist", "train", [0, 1, 2], [png(0, (28, 28)), png(1, (14, 14)), png(2, (14, 14))])
    with pytest.raises(
        DataError, match=re.escape("to be 28x28x1 (height x width x channels), found 14x14x1 (2). Set data.im")
    ):
        opened("mnist", root)
    assert opened("mnist", root, (14, 14)).splits["train"].images.shape == (3, 14, 14, 1)


def test_an_unknown_name_gets_the_nearest_and_the_places(put: Callable[..., Path], root: Path) -> None:
    put("clothing", "train", [0, 1])
    with pytest.raises(DataError) as error:
        opened("clothes", root)
    assert str(error.value) == (
        "unknown source 'clothes': did you mean 'clothing'?\n"
        "Looked at:\n"
        f"  as a path: no {Path.cwd()}/clothes\n"
        f"  --data-root: no {root}/clothes\n"
        "  ESCALERA_DATA: not given\n"
        "Put it in <data-root>/clothes, as folders of classes, train.parquet, a CSV or a .npz, and name <data-root> "
        "with --data-root or ESCALERA_DATA."
    )


@pytest.mark.parametrize("name", [".", "..", "../", " "])
def test_what_is_neither_a_name_nor_a_path(name: str, root: Path) -> None:
    text = f"data.source: expected a name or the path of a file or folder, received '{name}'."
    with pytest.raises(DataError, match=re.escape(text)):
        opened(name, root)


@pytest.mark.parametrize("name", ["../secret", "mine/../../secret", "/nowhere/secret"])
def test_a_name_never_leaves_the_data_root(name: str, put: Callable[..., Path], root: Path) -> None:
    put("secret", "train", [0, 1])
    with pytest.raises(DataError, match=re.escape(f"unknown source '{name}'")):
        opened(name, root / "mine")


def test_a_path_is_taken_as_it_is(put: Callable[..., Path], root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = put("mine", "train", [0, 1, 1])
    monkeypatch.chdir(root)
    for name in (str(path), str(path.parent), "mine", "./mine", "mine/train.parquet"):
        assert opened(name, None).splits["train"].labels.tolist() == [0, 1, 1]


def test_a_known_name_is_never_a_folder_that_happens_to_be_called_so(
    put: Callable[..., Path], root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    put("mnist", "train", [0, 1, 1])
    monkeypatch.chdir(root)
    monkeypatch.setattr(hub, "unreachable", lambda name: "no")
    with pytest.raises(DataError, match="'mnist' is not on this machine"):
        opened("mnist", None)
    assert opened("./mnist", None).splits["train"].labels.tolist() == [0, 1, 1]


@pytest.mark.parametrize("shards", [["train-00000-of-00002", "train-00001-of-00002"], ["train_a", "train_b"]])
@pytest.mark.parametrize("below", ["", "data"])
def test_the_shards_of_a_split_are_read_in_order(
    shards: list[str], below: str, put: Callable[..., Path], root: Path, png: Callable[..., bytes]
) -> None:
    put(f"mine/{below}", shards[0], ["a", "b"], [png(1), png(2)])
    put(f"mine/{below}", shards[1], ["b", "a"], [png(3), png(4)])
    put(f"mine/{below}", "validation", ["a"])
    mine = opened("mine", root)
    assert mine.splits["train"].images[:, 0, 0, 0].tolist() == [1, 2, 3, 4]
    assert mine.splits["train"].labels.tolist() == [0, 1, 1, 0]
    assert list(mine.splits) == ["train", "validation"]


def test_shards_of_other_columns(put: Callable[..., Path], root: Path) -> None:
    put("mine", "train-0", ["a", "b"])
    path = put("mine", "train-1", ["a", "b"], columns=("img", "label"))
    text = f"{path} has other columns than train-0.parquet, of the same split: expected image, label."
    with pytest.raises(DataError, match=re.escape(text)):
        opened("mine", root)


def test_a_folder_without_a_train_file(put: Callable[..., Path], root: Path) -> None:
    put("mine", "test", ["a", "b"])
    with pytest.raises(
        DataError, match=re.escape(f"{root}/mine has test but no train. Name the file to learn from tr")
    ):
        opened("mine", root)


def test_what_is_in_no_form_that_is_known(root: Path) -> None:
    (root / "empty").mkdir(parents=True)
    (root / "song.mp3").write_bytes(b"ID3")
    with pytest.raises(
        DataError, match=re.escape(f"{root}/empty: expected a folder of classes, a parquet or CSV file")
    ):
        opened("empty", root)
    with pytest.raises(DataError, match=r"a \.npz; found another kind of file"):
        opened(str(root / "song.mp3"), None)
    (root / "photos.tar.gz").write_bytes(b"")
    with pytest.raises(DataError, match=r"found another kind of file\. Unpack it, and name the folder\.$") as caught:
        opened(str(root / "photos.tar.gz"), None)
    assert translate(str(caught.value), "es").endswith("otro tipo de archivo. Descomprímelo e indica la carpeta.")


def test_what_is_a_part_of_a_source(root: Path, png: Callable[..., bytes]) -> None:
    for kind in ("cat", "dog"):
        (root / "pets" / kind).mkdir(parents=True)
        (root / "pets" / kind / "1.png").write_bytes(png())
    (root / "pets.txt").write_text("path,label")
    for name, hint, spanish in (
        (
            "pets/cat/1.png",
            "It is one picture: name the folder that holds a folder of pictures for each class.",
            "imagen: n",
        ),
        (
            "pets/cat",
            f"If its pictures are those of one class, name {root}/pets, which holds the others.",
            "están las otra",
        ),
        ("pets.txt", "Save pets.txt as CSV.", "Guarda pets.txt como CSV"),
    ):
        with pytest.raises(DataError) as caught:
            opened(str(root / name), None)
        assert str(caught.value).endswith(f" {hint}")
        assert spanish in translate(str(caught.value), "es")


def test_the_catalogue_says_what_is_known_and_what_is_there(
    put: Callable[..., Path], root: Path, tmp_path: Path
) -> None:
    put("mnist", "train", [0, 1])
    put("mine", "train", [0, 1])
    (root / "birds" / "robin").mkdir(parents=True)
    (root / "nothing.txt").write_text("")
    (tmp_path / "cache" / "hub-ada--ants").mkdir(parents=True)
    put("x", "train", [0]).rename(tmp_path / "cache" / "hub-ada--ants" / "train.parquet")
    (root / "x").rmdir()
    found = {row["name"]: (row["form"], row["where"], row["hub"]) for row in catalogue(root)}
    assert found == {
        "digits": (None, "scikit-learn", None),
        "mnist": ("parquet", f"{root}/mnist", "ylecun/mnist"),
        "fashion_mnist": (None, None, "zalando-datasets/fashion_mnist"),
        "cifar10": (None, None, "uoft-cs/cifar10"),
        "cifar100": (None, None, "uoft-cs/cifar100"),
        "birds": ("folders", f"{root}/birds", None),
        "mine": ("parquet", f"{root}/mine", None),
        "ada/ants": ("parquet", f"{tmp_path}/cache/hub-ada--ants", "ada/ants"),
    }


def test_an_unknown_source_is_told_each_known_one_once(put: Callable[..., Path], root: Path) -> None:
    put("mnist", "train", [0, 1])
    with pytest.raises(DataError) as error:
        locate("zzzzzz", root, root.parent / "cache")
    known = str(error.value).splitlines()[0].partition("known: ")[2].split(", ")
    assert "mnist" in known and len(known) == len(set(known))


def test_what_is_at_hand(put: Callable[..., Path], root: Path, tmp_path: Path) -> None:
    put("mnist", "train", [0, 1])
    put("mine", "train", [0, 1])
    (tmp_path / "cache" / "hub-ada--ants").mkdir(parents=True)
    names = ["digits", "mnist", "cifar10", "mine", "ada/ants", "ada/bees", "nowhere", str(root), "x" * 5000, ".."]
    assert [at_hand(name, root) for name in names] == [
        "here", "here", "hub", "here", "here", "hub", "absent", "here", "absent", "absent",
    ]  # fmt: skip
    assert at_hand("mine", None) == "absent"


def test_a_known_source_that_is_nowhere(root: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(hub, "unreachable", lambda name: f"no route to {name}")
    monkeypatch.setenv("ESCALERA_DATA", str(tmp_path / "more"))
    with pytest.raises(DataError) as error:
        opened("cifar10", root)
    assert str(error.value) == (
        "'cifar10' is not on this machine, and the hub cannot be reached.\n"
        "Looked at:\n"
        f"  --data-root: no {root}/cifar10\n"
        f"  ESCALERA_DATA: no {tmp_path}/more/cifar10\n"
        f"  the cache: no {tmp_path}/cache/hub-cifar10\n"
        "  the hub: uoft-cs/cifar10: no route to uoft-cs/cifar10\n"
        "Put it in <data-root>/cifar10, as folders of classes, train.parquet, a CSV or a .npz, and name <data-root> "
        "with --data-root or ESCALERA_DATA."
    )


# What the published test sets are known to average, pixels in [0, 1].
@pytest.mark.data
@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "rows", "mean"),
    [
        ("mnist", 10_000, 0.1325),
        ("fashion_mnist", 10_000, 0.2868),
        ("cifar10", 10_000, 0.4769),
        ("cifar100", 9_999, 0.4782),
    ],
)
def test_the_real_sets(name: str, rows: int, mean: float, real_data: Path, tmp_path: Path) -> None:
    folder = tmp_path / "real" / name
    folder.mkdir(parents=True)
    (folder / "train.parquet").symlink_to(real_data / name / "test.parquet")
    real = opened(name, tmp_path / "real")
    assert real.classes == list(KNOWN[name].classes)
    assert real.splits["train"].images.shape == (rows, *KNOWN[name].shape)
    assert real.splits["train"].images.mean() / 255 == pytest.approx(mean, abs=0.002)


@pytest.mark.parametrize(("typed", "meant"), [("d/coco_exprt", "d/coco_export"), ("./d/coco_exprt", "d/coco_export")])
def test_a_path_of_another_spelling(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, typed: str, meant: str) -> None:
    (tmp_path / "d" / "coco_export").mkdir(parents=True)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(hub, "unreachable", lambda address: "no way there")
    with pytest.raises(DataError, match=rf"id you mean '{meant}'\?\nLooked at:") as refused:
        opened(typed, None)
    assert "<data-root>" not in str(refused.value)


def test_a_path_of_another_spelling_beside_the_ladder(tmp_path: Path) -> None:
    (tmp_path / "photos").mkdir()
    with pytest.raises(DataError, match=r"unknown source './fotos': did you mean 'photos'\?"):
        open_source("./fotos", data_root=None, image_size=None, channels=None, beside=tmp_path)


def test_of_two_splits_for_one_the_more_usual_is_fetched(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, png: Callable[..., bytes]
) -> None:
    datasets = pytest.importorskip("datasets")
    kinds = datasets.Features({"image": datasets.Image(), "label": datasets.Value("int64")})

    def rows(label: int) -> Any:
        return datasets.Dataset.from_dict(
            {"image": [{"bytes": png(1), "path": None}], "label": [label]}, features=kinds
        )

    loaded = {"Train": rows(1), "validation": rows(2), "dev": rows(3), "extra": rows(4)}
    monkeypatch.setattr(datasets, "load_dataset", lambda name: loaded)
    hub.fetch("a/set", tmp_path)
    found = {path.stem: pq.read_table(path)["label"].to_pylist() for path in tmp_path.iterdir()}
    assert found == {"train": [1], "validation": [2]}
