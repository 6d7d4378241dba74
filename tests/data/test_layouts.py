"""Folders as other people lay them out: which are splits, which classes, and what lies beside them."""

import re
import unicodedata
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from escalera.core.errors import DataError
from escalera.core.translation import translate
from escalera.data.explore.source import explore
from escalera.data.options import ReadOptions
from escalera.data.readers.natural import natural
from escalera.data.sources.open import ImageSet, open_source


@pytest.fixture
def lay(root: Path, png: Callable[..., bytes]) -> Callable[..., Path]:
    """`lay({"cat/1.png": 7, "x.csv": "..."})`: the folder `mine`; a number is a grey picture."""

    def write(files: dict[str, int | str], below: str = "mine") -> Path:
        for name, content in files.items():
            path = root / below / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(png(content) if isinstance(content, int) else content.encode())
        return root / below

    return write


@pytest.fixture
def opened(root: Path) -> Callable[..., ImageSet]:
    def read(name: str = "mine", **options: Any) -> ImageSet:
        return open_source(name, ReadOptions(**options), data_root=root, image_size=None, channels=None)

    return read


def classes(*places: str, first: int = 1) -> dict[str, int]:
    """Two pictures in each folder."""
    return {f"{place}/{n}.png": first + 2 * i + n for i, place in enumerate(places) for n in range(2)}


def rows(found: ImageSet) -> dict[str, int]:
    return {name: len(part.labels) for name, part in found.splits.items()}


@pytest.mark.parametrize(
    ("train", "test"),
    [
        ("training_set", "test_set"), ("seg_train", "seg_test"), ("train_images", "test_images"), ("train1", "test1"),
        ("TRAIN-data", "TEST-data"), ("x_train", "x_test"), ("images train", "images val"),
        ("entrenamiento", "prueba"), ("Fotos_ENTRENAMIENTO", "fotos validación"),
        ("train_evaluation", "test_set"), ("entrenamiento", "test"),
    ],
)  # fmt: skip
def test_folders_called_like_splits_are_splits(
    train: str, test: str, lay: Callable[..., Path], opened: Callable[..., ImageSet]
) -> None:
    folder = lay(classes(f"{train}/cats", f"{train}/dogs", f"{test}/cats", f"{test}/dogs"))
    found = opened()
    other = "validation" if "val" in test else "test"
    assert found.classes == ["cats", "dogs"]
    assert rows(found) == {"train": 4, other: 4}
    assert found.notes == (
        f"{folder}: read as splits, since they hold the same folders: train: {train}, {other}: {test}; "
        "data.splits: false makes them classes.",
    )
    assert sorted(opened(splits=False).classes) == sorted([train, test])
    said = opened(splits={"train": train, "test": test})
    assert (rows(said), said.notes) == ({"train": 4, "test": 4}, ())


@pytest.mark.parametrize(
    "places",
    [("training_set/cats", "test_set/birds"), ("train_station/a", "bus_station/a"), ("training_set/a", "notes/a")],
)
def test_folders_that_only_sound_like_splits_are_classes(
    places: tuple[str, str], lay: Callable[..., Path], opened: Callable[..., ImageSet]
) -> None:
    lay(classes(*places))
    assert len(opened().classes) == 2 and list(opened().splits) == ["train"]


def test_other_splits_beside_train_are_read_by_the_words_in_their_names(
    lay: Callable[..., Path], opened: Callable[..., ImageSet]
) -> None:
    """Of train, validate and test_set the last two were not read, and test rows were cut out of train."""
    folder = lay(
        classes(*(f"{split}/{name}" for split in ("train", "validate", "test_set") for name in ("cat", "dog")))
    )
    found = opened()
    assert rows(found) == {"train": 4, "validation": 4, "test": 4}
    assert found.notes == (
        f"{folder}: read as splits, since they hold the same folders: train: train, validation: validate, "
        "test: test_set; data.splits: false makes them classes.",
    )


@pytest.mark.parametrize("beside", ["test_more/cat", "test_set/bird", "train_more/cat", "more/cat"])
def test_what_stands_beside_train_and_test_and_is_none_of_them_is_not_read(
    beside: str, lay: Callable[..., Path], opened: Callable[..., ImageSet]
) -> None:
    split = "val" if beside == "test_set/bird" else "test"
    folder = lay(classes("train/cat", "train/dog", f"{split}/cat", f"{split}/dog", beside))
    assert opened().notes == (f"{folder}: not read: {beside.partition('/')[0]}, beside train.",)


def test_two_folders_for_one_split_beside_train_are_both_not_read(
    lay: Callable[..., Path], opened: Callable[..., ImageSet]
) -> None:
    folder = lay(classes("train/cat", "train/dog", "test_a/cat", "test_b/cat"))
    assert opened().notes == (f"{folder}: not read: test_a, test_b, beside train.",)


@pytest.mark.parametrize("names", [("seg_train", "seg_test", "seg_pred"), ("train", "test", "more")])
def test_splits_that_were_unpacked_a_folder_too_high(
    names: tuple[str, str, str], lay: Callable[..., Path], opened: Callable[..., ImageSet]
) -> None:
    """The set of Intel on Kaggle was learned from as the classes seg_train, seg_test and seg_pred."""
    train, test, other = names
    places = [f"{split}/{split}/{name}" for split in (train, test) for name in ("sea", "street")]
    folder = lay(classes(*places) | {f"{other}/{other}/{n}.png": n for n in range(3)})
    for found in (opened(), opened(splits={"train": train, "test": test})):
        assert (found.classes, rows(found)) == (["sea", "street"], {"train": 4, "test": 4})
        assert found.notes[-2:] == tuple(
            f"{folder}/{one}: read from {folder}/{one}/{one}, the only folder in it that holds anything to read."
            for one in (train, test)
        )
    assert f"{folder}: not read: {other}, beside {train}." in opened().notes


def test_that_none_is_a_split_is_said_of_folders_alone(
    lay: Callable[..., Path], opened: Callable[..., ImageSet]
) -> None:
    lay({"train.csv": "image,label\na.png,x\nb.png,y\n", "a.png": 1, "b.png": 2})
    with pytest.raises(DataError, match=r"data\.splits: .*mine holds a table, and false is said of folders") as caught:
        opened(splits=False)
    assert "contiene una tabla, y false se dice de carpetas" in translate(str(caught.value), "es")


@pytest.mark.parametrize("names", [("bus", "car", "train"), ("invalid", "valid"), ("dev", "ops"), ("test", "quiz")])
def test_a_class_may_be_called_like_a_split(
    names: tuple[str, ...], lay: Callable[..., Path], opened: Callable[..., ImageSet], root: Path
) -> None:
    lay(classes(*names))
    found = opened()
    assert found.classes == sorted(names)
    [note] = found.notes
    assert "is taken for a class, since it holds pictures and no folders of classes" in note
    assert opened(splits=False).notes == ()
    assert explore("mine", data_root=root).images.notes == found.notes


@pytest.mark.parametrize(
    ("splits", "text"),
    [
        ({"train": "nowhere"}, "data.splits: train: expected a folder in {}, received 'nowhere'; known: a"),
        ({"train": "../other"}, "data.splits: train: expected a folder in {}, received '../other'; known: a"),
        ({"test": "a"}, "data.splits: expected a folder for train, received test alone."),
    ],
)
def test_splits_that_are_named_and_are_none(
    splits: dict[str, str], text: str, lay: Callable[..., Path], opened: Callable[..., ImageSet]
) -> None:
    folder = lay(classes("a/x", "a/y"))
    with pytest.raises(DataError, match=re.escape(text.format(folder))):
        opened(splits=splits)


@pytest.mark.parametrize("split", ["test", "Testing", "valid"])
def test_a_split_without_classes_is_left_out(
    split: str, lay: Callable[..., Path], opened: Callable[..., ImageSet]
) -> None:
    folder = lay(classes("train/a", "train/b") | {f"{split}/{n}.png": n for n in range(3)})
    found = opened()
    name = "validation" if split == "valid" else "test"
    assert rows(found) == {"train": 4}
    assert found.notes == (
        f"{folder}/{split}: left out, since its pictures are in no class; {name} is cut out of train. "
        "`escalera predict` answers for them.",
    )


@pytest.mark.parametrize("above", ["archive/PetImages", "dataset", "a/b/c"])
def test_one_folder_too_high(above: str, lay: Callable[..., Path], opened: Callable[..., ImageSet]) -> None:
    folder = lay(classes(f"{above}/Cat", f"{above}/Dog"))
    found = opened()
    assert found.classes == ["Cat", "Dog"]
    assert found.notes == (f"{folder}: read from {folder}/{above}, the only folder in it that holds anything to read.",)


def test_one_folder_above_splits(lay: Callable[..., Path], opened: Callable[..., ImageSet]) -> None:
    lay(classes("data/train/a", "data/train/b", "data/test/a", "data/test/b"))
    assert rows(opened()) == {"train": 4, "test": 4}


@pytest.mark.parametrize(
    "below", ["plain_text/train.parquet", "default/train/0000.parquet", "data/train-00000-of-1.parquet"]
)
def test_a_copy_of_a_repository_of_the_hub(
    below: str, lay: Callable[..., Path], opened: Callable[..., ImageSet], put: Callable[..., Path], root: Path
) -> None:
    source = put("made", "train", [0, 1])
    place = root / "mine" / below
    place.parent.mkdir(parents=True)
    source.rename(place)
    lay({"README.md": "about"})
    assert rows(opened()) == {"train": 2}


def test_tables_in_several_folders_are_named(lay: Callable[..., Path], opened: Callable[..., ImageSet]) -> None:
    lay({"one/t.csv": "image,label\n", "two/t.csv": "image,label\n"})
    with pytest.raises(DataError, match=r"There are tables or arrays in .*/mine/one, .*/mine/two: name one\."):
        opened()


TABLE = "image,label\n" + "".join(f"{name}/{n}.png,{name.upper()}\n" for name in ("cat", "dog") for n in range(2))


def test_a_table_with_images_beside_folders(lay: Callable[..., Path], opened: Callable[..., ImageSet]) -> None:
    folder = lay(classes("cat", "dog") | {"labels.csv": TABLE})
    found = opened()
    assert found.classes == ["CAT", "DOG"]
    assert found.notes == (
        f"{folder} holds a table, to be read, and folders of classes; data.form: folders reads the other.",
    )
    assert (opened(form="folders").classes, opened(form="folders").notes) == (["cat", "dog"], ())
    assert opened(form="table").notes == ()


@pytest.mark.parametrize("name", ["class_names.csv", "classes.csv", "prices.csv"])
def test_a_table_without_images_beside_folders(
    name: str, lay: Callable[..., Path], opened: Callable[..., ImageSet]
) -> None:
    lay(classes("cat", "dog") | {name: "id,name\n0,cat\n1,dog\n"})
    assert opened().classes == ["cat", "dog"]


def test_splits_in_folders_win(lay: Callable[..., Path], opened: Callable[..., ImageSet]) -> None:
    folder = lay(
        classes("train/cat", "train/dog", "test/cat", "test/dog") | {"birds.csv": "image,label\ntrain/cat/0.png,X\n"}
    )
    found = opened()
    assert (found.classes, rows(found)) == (["cat", "dog"], {"train": 4, "test": 4})
    assert found.notes == (
        f"{folder} holds folders of classes, to be read, and a table; data.form: table reads the other.",
    )


@pytest.mark.parametrize("form", ["table", "arrays"])
def test_a_form_that_is_not_there(form: str, lay: Callable[..., Path], opened: Callable[..., ImageSet]) -> None:
    folder = lay(classes("cat", "dog"))
    with pytest.raises(
        DataError, match=re.escape(f"{folder}: expected {'a table' if form == 'table' else 'arrays'} (d")
    ):
        opened(form=form)


def test_what_systems_leave_behind_is_not_mentioned(lay: Callable[..., Path], opened: Callable[..., ImageSet]) -> None:
    lay(classes("cat", "dog"))
    for name in ("__MACOSX/cat/._0.png", "cat/._0.png", ".ipynb_checkpoints/x.png", "cat/Thumbs.db", "dog/desktop.ini",
                 "@eaDir/x.png", "$RECYCLE.BIN/x.png", "System Volume Information/x.png", "cat/.DS_Store"):  # fmt: skip
        lay({name: "x"})
    found = opened()
    assert (found.classes, rows(found), found.notes) == (["cat", "dog"], {"train": 4}, ())


def test_folders_within_classes_are_said(lay: Callable[..., Path], opened: Callable[..., ImageSet]) -> None:
    folder = lay(classes("animals/x", "animals/y", "plants/z", "plants/other"))
    found = opened()
    assert found.classes == ["animals", "plants"]
    assert found.notes == (
        f"{folder}: 'animals' (and 1 more class) holds the folders x, y, whose pictures count as 'animals'; name "
        f"{folder}/animals as the source, or move them up, to make them classes.",
    )


def test_one_folder_within_each_class_is_no_class(lay: Callable[..., Path], opened: Callable[..., ImageSet]) -> None:
    folder = lay(classes("cat/images", "cow/images", "dog/images"))
    found = opened()
    assert found.classes == ["cat", "cow", "dog"]
    assert found.notes == (
        f"{folder}: 'cat' (and 2 more classes) holds the folder images, whose pictures count as 'cat'.",
    )


def test_accents_of_folders_are_composed(lay: Callable[..., Path], opened: Callable[..., ImageSet]) -> None:
    names = ["piñón", "árbol"]
    lay(classes(*(unicodedata.normalize("NFC", f"train/{name}") for name in names)))
    lay(classes(*(unicodedata.normalize("NFD", f"test/{name}") for name in names)))
    found = opened()
    assert found.classes == [unicodedata.normalize("NFC", name) for name in names]
    assert found.splits["test"].labels.tolist() == [0, 0, 1, 1]


# Names that say the class


@pytest.mark.parametrize(
    ("names", "pattern"),
    [
        (["cat.0.png", "cat.1.png", "dog.0.png", "dog.1.png"], "{label}.*"),
        (["cat_0.png", "cat_1.png", "dog_0.png", "dog_1.png"], "{label}_*"),
        (["cat-0.png", "cat-1.png", "dog-0.png", "dog-1.png"], "{label}-*"),
        (["big_cat_0.png", "big_cat_1.png", "big_dog_0.png", "big_dog_1.png"], None),
    ],
)
def test_one_folder_whose_names_say_the_class(
    names: list[str], pattern: str | None, lay: Callable[..., Path], opened: Callable[..., ImageSet]
) -> None:
    lay({name: n for n, name in enumerate(names)})
    with pytest.raises(DataError, match=r"Where the names say the class, write data\.label_pattern: ") as error:
        opened()
    suggested = str(error.value).rpartition("label_pattern: '")[2].rstrip("'.")
    assert pattern is None or suggested == pattern
    found = opened(label_pattern=suggested)
    assert len(found.classes) == 2
    assert found.splits["train"].labels.tolist() == [0, 0, 1, 1]


@pytest.mark.parametrize(
    ("pattern", "text"),
    [
        ("*.png", "expected {label} once, as in '{label}.*', or a regular expression with (?P<label>...), received"),
        ("{label}_{label}.*", "expected {label} once"),
        ("(?P<label>", "'(?P<label>' is no regular expression"),
        ("{label}_*", "4 of 4 names in"),
    ],
)
def test_patterns_that_do_not_fit(
    pattern: str, text: str, lay: Callable[..., Path], opened: Callable[..., ImageSet]
) -> None:
    lay({name: n for n, name in enumerate(["cat.0.png", "cat.1.png", "dog.0.png", "dog.1.png"])})
    with pytest.raises(DataError, match=re.escape(text)):
        opened(label_pattern=pattern)


def test_names_that_say_no_class_suggest_nothing(lay: Callable[..., Path], opened: Callable[..., ImageSet]) -> None:
    lay({f"{n}.png": n for n in range(6)})
    with pytest.raises(DataError) as error:
        opened()
    assert "label_pattern" not in str(error.value)


# The order of the classes


@pytest.mark.parametrize(
    "names",
    [
        ["0", "1", "2", "10", "11"], ["class 1", "class 2", "class 10"], ["-1", "0", "1.5", "2"],
        ["2", "02", "002", "10"], ["a", "b", "c"], ["5 km", "10 km", "a", "a1", "a2", "a10", "z"],
    ],
)  # fmt: skip
def test_numbers_in_names_count(names: list[str], lay: Callable[..., Path], opened: Callable[..., ImageSet]) -> None:
    assert sorted(set(names), key=natural) == names
    lay(classes(*names))
    assert opened().classes == names


def test_labels_of_a_table_and_of_arrays_come_in_the_same_order(
    lay: Callable[..., Path], opened: Callable[..., ImageSet]
) -> None:
    lay(
        classes("img")
        | {"t.csv": "image,label\n" + "".join(f"img/{n % 2}.png,{c}\n" for n, c in enumerate(["2", "10", "1"]))}
    )
    assert opened().classes == ["1", "2", "10"]
    lay({"t.csv": "image,label\n" + "".join(f"img/{n % 2}.png,class {c}\n" for n, c in enumerate(["2", "10", "1"]))})
    assert opened().classes == ["class 1", "class 2", "class 10"]


# A ladder and its data in one folder


def test_a_source_beside_its_ladder(
    lay: Callable[..., Path],
    root: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    from escalera.experiment.climb import climb, load_ladder

    lay(classes("photos/a", "photos/b") | {f"photos/{c}/x{n}.png": n for c in "ab" for n in range(8)}, "work")
    ladder = root / "work" / "mine.yaml"
    ladder.write_text(
        "name: mine\ndata: {source: ./photos}\nrungs:\n"
        "  - {name: base, model: {kind: mlp, dense: [4]}, train: {epochs: 1, batch_size: 4}}\n"
    )
    monkeypatch.chdir(tmp_path)
    runs = climb(load_ladder(ladder), out=tmp_path / "runs")
    assert runs["base"].state == "done"
    monkeypatch.chdir(root / "work")  # the same ladder from its own folder is the same run
    again = climb(load_ladder("mine.yaml"), out=tmp_path / "runs")
    assert again["base"].dir.state() == "done"
    monkeypatch.chdir(tmp_path)
    ladder.write_text(ladder.read_text().replace("photos", "photo"))
    with pytest.raises(DataError, match=rf"as a path: no {tmp_path}/photo\n  beside the ladder: no {root}/work/photo"):
        climb(load_ladder(ladder), out=tmp_path / "runs")
