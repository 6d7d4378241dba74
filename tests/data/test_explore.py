"""What explore finds in a source, above all where something is wrong with it."""

import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from escalera.core.errors import DataError
from escalera.data.cache import earlier
from escalera.data.cache.decode import decode_all
from escalera.data.explore.source import SIDE, Explored, explore
from escalera.data.options import ReadOptions
from escalera.data.sources.open import open_source


@pytest.fixture
def lay(root: Path, png: Callable[..., bytes]) -> Callable[..., Path]:
    """`lay({"robin/1.png": (7, (20, 30)), "robin/x.jpg": b"..."})`: the folder `birds`."""

    def write(files: dict[str, tuple[int, tuple[int, int]] | bytes]) -> Path:
        for below, content in files.items():
            path = root / "birds" / below
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content if isinstance(content, bytes) else png(*content))
        return root / "birds"

    return write


def look(root: Path, **settings: Any) -> Explored:
    bands = {"bands": settings.pop("bands")} if "bands" in settings else {}
    return explore("birds", ReadOptions(**settings), data_root=root, **bands)


TWO = {f"{name}/{i}.png": (10 * i + shade, (4, 4)) for name, shade in (("robin", 1), ("wren", 5)) for i in range(4)}


def test_counts_sizes_and_kinds(lay: Callable[..., Path], root: Path) -> None:
    lay({"train/robin/1.png": (1, (20, 30)), "train/wren/1.png": (2, (20, 30)), "test/wren/1.png": (3, (40, 10))})
    found = look(root)
    facts = found.facts()
    assert facts["splits"] == {
        "train": {"rows": 2, "classes": {"robin": 1, "wren": 1}},
        "test": {"rows": 1, "classes": {"robin": 0, "wren": 1}},
    }
    assert facts["pictures"] == {
        "shape": [SIDE, SIDE, 1],
        "sizes": [{"height": 20, "width": 30, "count": 2}, {"height": 40, "width": 10, "count": 1}],
        "different_sizes": 2,
        "kinds": [{"format": "PNG", "mode": "L", "count": 3}],
    }
    assert found.size("test", 0) == (40, 10)
    json.dumps(facts, allow_nan=False)


def test_pictures_of_one_small_size_share_the_cache_with_a_climb(
    lay: Callable[..., Path], root: Path, tmp_path: Path
) -> None:
    lay(TWO)
    assert look(root).facts()["pictures"]["shape"] == [4, 4, 1]
    made = list((tmp_path / "cache").iterdir())
    from escalera.data.sources.open import open_source

    open_source("birds", data_root=root, image_size=None, channels=None)
    assert list((tmp_path / "cache").iterdir()) == made


@pytest.fixture
def decoded(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """How many pictures were decoded each time."""
    counts: list[int] = []

    def counted(raws: Sequence[Any], **how: Any) -> Any:
        counts.append(len(raws))
        return decode_all(raws, **how)

    monkeypatch.setattr(earlier, "decode_all", counted)
    return counts


@pytest.mark.parametrize("bad", [{}, {"wren/cut.png": b"\x89PNG\r\n\x1a\n"}])
def test_every_picture_is_decoded_once(
    bad: dict[str, bytes], lay: Callable[..., Path], root: Path, decoded: list[int]
) -> None:
    """A bad one among them, which a climb would refuse, too."""
    lay(TWO | {"robin/large.png": (3, (40, 200))} | bad)
    assert len(look(root).facts()["bad"]) == len(bad)
    assert sum(decoded) == 9 + len(bad)


def test_a_climb_that_skips_bad_pictures_shares_the_cache_where_there_are_none(
    lay: Callable[..., Path], root: Path, decoded: list[int]
) -> None:
    lay(TWO)
    for bad in ("skip", "refuse", "note"):
        open_source("birds", data_root=root, image_size=None, channels=None, bad=bad)
    assert sum(decoded) == 8


def test_bad_pictures_are_listed_and_the_others_keep_their_places(lay: Callable[..., Path], root: Path) -> None:
    folder = lay(TWO | {"robin/0.png": b"", "wren/0.png": TWO["robin/3.png"]})
    for found in (look(root), look(root)):  # decoded, and from the cache
        facts = found.facts()
        assert facts["bad"] == [f"{folder}/robin/0.png: an empty file (0 bytes)"]
        assert facts["faults"] == []
        assert facts["splits"]["train"] == {"rows": 7, "classes": {"robin": 3, "wren": 4}}
        [pair] = facts["duplicates"]["pairs"]
        assert [pair[end]["place"] for end in ("first", "second")] == [f"{folder}/robin/3.png", f"{folder}/wren/0.png"]
        assert [pair[end]["class"] for end in ("first", "second")] == ["robin", "wren"]
        # The rows of the source, by which labels are corrected or dropped, although one before them was left out.
        assert [pair[end]["row"] for end in ("first", "second")] == [3, 4] == list(found.twins[0].rows)
        assert facts["duplicates"]["conflicts"] == 1


def test_a_folder_with_lists_beside_it_is_told_once(lay: Callable[..., Path], root: Path) -> None:
    folder = lay({f"images/{i}.png": (10 * i, (4, 4)) for i in range(4)} | {"train.txt": b"images/1.png 0\n"})
    [fault] = look(root).facts()["faults"]
    assert fault.startswith(f"{folder}: all pictures are in the folder 'images', which would be a single class. The ")


def test_what_a_training_would_refuse_is_said(lay: Callable[..., Path], root: Path) -> None:
    folder = lay({f"train/{name}": content for name, content in TWO.items()} | {"test/tit/1.png": (9, (4, 4))})
    (folder / "train" / "crow").mkdir()
    for _ in range(2):
        facts = look(root).facts()
        assert facts["faults"] == [
            f"{folder}/train: no picture in the folder of 'crow'. Put pictures of it there, or remove the folder.",
            f"{folder}/test: class 'tit' is in test (1 row) but not in train. Add pictures of it to train, or take it "
            "out of test.",
        ]
        assert facts["splits"]["test"]["classes"] == {"robin": 0, "wren": 0, "tit": 1}


def test_one_class(lay: Callable[..., Path], root: Path) -> None:
    folder = lay({"robin/1.png": (1, (4, 4)), "robin/2.png": (2, (4, 4))})
    facts = look(root).facts()
    assert facts["faults"] == [
        f"{folder} has a single class, 'robin'. A classifier needs two or more.",
        "birds: 1 class has too few pictures in train to be in every split with data.validation 0.1 and data.test 0.2: "
        "'robin' (2). Each needs 3 at least. Add pictures.",
    ]
    assert facts["splits"]["train"]["classes"] == {"robin": 2}


def test_small_classes_that_stay_in_train_are_no_fault_where_there_are_others(
    lay: Callable[..., Path], root: Path
) -> None:
    lay({**TWO, "tit/1.png": (99, (4, 4))})
    assert "'tit' (1)" in look(root).images.faults[0]
    assert explore("birds", data_root=root, rare_classes="train").images.faults == ()
    for few in ("robin", "wren"):
        for number in range(2, 4):
            (root / "birds" / few / f"{number}.png").unlink()
    [fault] = explore("birds", data_root=root, rare_classes="train").images.faults
    assert "3 classes have too few" in fault and fault.endswith("Each needs 3 at least. Add pictures.")


def test_groups_that_a_training_refuses_are_a_fault(lay: Callable[..., Path], root: Path) -> None:
    folder = lay(TWO)
    rows = [f"{'train' if n < 6 else 'test'},{name},{name.split('/')[0]},p{n % 5}" for n, name in enumerate(TWO)]
    (folder.parent / "birds.csv").write_text("split,image,label,patient\n" + "".join(f"{row}\n" for row in rows))
    (folder.parent / "birds.csv").rename(folder / "birds.csv")
    [fault] = look(root, group="patient", image_column="image", label_column="label").images.faults
    assert "groups of data.group 'patient' are in train and in test, as 'p" in fault


def test_nothing_to_look_at(lay: Callable[..., Path], root: Path) -> None:
    lay({"robin/1.png": b"x", "wren/1.png": b""})
    with pytest.raises(DataError, match=r"2 of 2 pictures cannot be decoded .*:\n  .*robin/1.png: not a picture"):
        look(root)
    with pytest.raises(DataError, match="unknown source 'bird'"):
        explore("bird", data_root=root)


def table(root: Path, png: Callable[..., bytes], text: str) -> Path:
    folder = root / "birds"
    folder.mkdir(parents=True, exist_ok=True)
    for value, letter in enumerate("abcdefgh", start=1):
        (folder / f"{letter}.png").write_bytes(png(20 * value))
    (root / "secret.png").write_bytes(png(9))
    (folder / "birds.csv").write_text(text)
    return folder / "birds.csv"


def test_a_table_with_several_columns_of_pictures_and_no_label(root: Path, png: Callable[..., bytes]) -> None:
    path = table(root, png, "front,back,weight,age\na.png,b.png,1,5\nc.png,d.png,2,\ne.png,f.png,4,6\n")
    found = look(root)
    facts = found.facts()
    assert [fault.partition(";")[0] for fault in facts["faults"]] == [
        f"{path}: expected one column of images (binary, bytes and path as the hub writes them, or paths to files), "
        "found 2 (front, back)",
        f"{path}: expected one column of labels (integers or text), found 2 (weight, age)",
    ]
    assert found.images.splits["train"].images[:, 0, 0, 0].tolist() == [20, 60, 100]
    assert (facts["classes"], facts["table"]["ranking"]) == ([], [])
    columns = {entry["column"]: entry for entry in facts["table"]["columns"]}
    assert (columns["weight"]["mean"], columns["age"]["missing"]) == (pytest.approx(7 / 3), 1)
    assert facts["table"]["missing"] == {"train": {"weight": 0, "age": 1}}


def test_a_target_is_cut_and_ranks_the_other_columns(root: Path, png: Callable[..., bytes]) -> None:
    rows = "".join(f"{letter}.png,{i},{i % 2}\n" for i, letter in enumerate("abcdefgh"))
    table(root, png, "front,price,garden\n" + rows)
    facts = look(root, target="price", bands=2).facts()
    assert facts["classes"] == ["≤ 3", "> 3"]
    assert facts["faults"] == []
    assert [entry["column"] for entry in facts["table"]["ranking"]] == ["garden"]
    assert facts["settings"] == {"target": "price", "bands": 2}


@pytest.mark.parametrize(
    "rows", ["x/a.png,x\nx/b.png,y\n", "C:\\x\\a.jpg,x\nC:\\x\\b.jpg,y\n" * 500], ids=["absent", "absolute"]
)
def test_where_nothing_can_be_read_the_reason_is_that_of_a_climb(
    rows: str, root: Path, png: Callable[..., bytes]
) -> None:
    table(root, png, f"image,label\n{rows}")
    with pytest.raises(DataError) as shown:
        look(root)
    with pytest.raises(DataError) as raised:
        open_source("birds", data_root=root, image_size=None, channels=None)
    assert str(shown.value) == str(raised.value)
    assert "row 0" in str(shown.value) and len(str(shown.value).splitlines()) < 15


def test_paths_outside_the_folder_are_never_opened(root: Path, png: Callable[..., bytes]) -> None:
    path = table(root, png, "image,label\na.png,x\n../secret.png,y\nb.png,y\n")
    found = look(root)
    assert found.facts()["bad"] == [f"{path}: row 1 (../secret.png): it leaves the folder"]
    assert "row 1: ../secret.png: it leaves the folder" in found.facts()["faults"][0]
    assert found.images.splits["train"].images[:, 0, 0, 0].tolist() == [20, 40]


def test_labels_that_cannot_be_had(root: Path, png: Callable[..., bytes]) -> None:
    path = table(root, png, "image,label\na.png,x\nb.png,\n")
    found = look(root, label_column="label")
    assert found.facts()["faults"][0].startswith(f"{path}: column 'label' has no label (null) at 1 of 2 rows")
    assert found.facts()["classes"] == []


def test_labels_beyond_the_stated_names(put: Callable[..., Path], root: Path) -> None:
    path = put("birds", "train", [0, 1, 2], names=["robin", "wren"])
    found = look(root)
    assert found.facts()["faults"][0].startswith(f"{path}: row 2: label 2 is not one of the 2 classes")
    assert found.facts()["splits"]["train"]["classes"] == {"robin": 1, "wren": 1, "2": 1}


def test_ten_thousand_labels(put: Callable[..., Path], root: Path, png: Callable[..., bytes]) -> None:
    path = put("birds", "train", [str(i) for i in range(10_000)], [png()] * 10_000)
    facts = look(root).facts()
    assert facts["faults"][0].startswith(f"{path}: column 'label' has 10,000 different values in 10,000 rows")
    assert (facts["classes"], len(facts["duplicates"]["pairs"])) == ([], 9_999)


def test_digits_have_no_files() -> None:
    facts = explore("digits").facts()
    assert facts["pictures"]["kinds"] == [{"format": "array", "mode": "L", "count": 1797}]
    assert not facts["duplicates"]["near_searched"]
    assert np.sum(list(facts["splits"]["train"]["classes"].values())) == 1797
