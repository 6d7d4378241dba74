"""What was decoded before, in the same way, is not decoded again, wherever it stands now."""

import io
import os
import shutil
from collections.abc import Callable, Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from PIL import Image
from typer.testing import CliRunner

from escalera.cli import app
from escalera.core.errors import DataError
from escalera.data.cache import earlier, folders, ingest, inventory
from escalera.data.cache.decode import decode_all
from escalera.data.cache.progress import Step, heard
from escalera.data.readers.listing import Raw
from escalera.data.sources.open import ImageSet, open_source


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    """Two classes of four noisy pictures of 6x5."""
    folder = tmp_path / "photos"
    for name in ("cat", "dog"):
        (folder / name).mkdir(parents=True)
        for number in range(4):
            _save(folder / name / f"{number}.png", seed=f"{name}{number}")
    return folder


@pytest.fixture
def decoded(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """How many pictures were decoded at once, each time."""
    counts: list[int] = []

    def counted(raws: Sequence[Raw], **way: Any) -> list[Any]:
        counts.append(len(raws))
        return decode_all(raws, **way)

    monkeypatch.setattr(earlier, "decode_all", counted)
    return counts


def _save(path: Path, *, seed: str, **how: Any) -> None:
    values = np.random.default_rng(list(seed.encode())).integers(0, 256, (6, 5, 3), np.uint8)
    Image.fromarray(values).save(path, **how)


def _open(folder: Path, size: tuple[int, int] | None = None, **how: Any) -> ImageSet:
    for note in folders.cache_root().glob("*/meta.json"):  # what is open was opened a second before, on any clock
        os.utime(note, ns=(note.stat().st_atime_ns, note.stat().st_mtime_ns - 10**9))
    return open_source(str(folder), data_root=None, image_size=size, channels=3, **how)


def _anew(folder: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> ImageSet:
    """The same opened in a cache that knows nothing."""
    monkeypatch.setenv("ESCALERA_CACHE", str(tmp_path / "another-cache"))
    return _open(folder)


def _same(one: ImageSet, other: ImageSet) -> bool:
    first, second = one.splits["train"], other.splits["train"]
    return bool((first.images == second.images).all()) and first.labels.tolist() == second.labels.tolist()


def test_only_what_is_new_is_decoded(
    photos: Path, decoded: list[int], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    _open(photos)
    assert sum(decoded) == 8
    decoded.clear()
    _save(photos / "cat" / "00.png", seed="new")
    (photos / "dog" / "2.png").unlink()
    found = _open(photos)
    assert sum(decoded) == 1 and len(found.splits["train"].labels) == 8
    assert _same(found, _anew(photos, monkeypatch, tmp_path))


def test_what_only_moved_is_not_decoded(
    photos: Path, decoded: list[int], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    _open(photos)
    decoded.clear()
    (photos / "dog" / "1.png").rename(photos / "cat" / "moved.png")
    shutil.copytree(photos, tmp_path / "elsewhere")
    found = _open(tmp_path / "elsewhere")
    assert sum(decoded) == 0 and found.splits["train"].labels.tolist() == [0, 0, 0, 0, 0, 1, 1, 1]
    assert _same(found, _anew(tmp_path / "elsewhere", monkeypatch, tmp_path))


def test_what_was_written_over_is_decoded(photos: Path, decoded: list[int]) -> None:
    before = _open(photos).splits["train"].images[0].copy()
    decoded.clear()
    _save(photos / "cat" / "0.png", seed="another")
    assert sum(decoded) == 0 and (_open(photos).splits["train"].images[0] != before).any()
    assert sum(decoded) == 1


@pytest.mark.parametrize("how", [{"size": (3, 3)}, {"size": (6, 5), "resize": "pad"}])
def test_another_way_is_decoded_anew(photos: Path, decoded: list[int], how: dict[str, Any]) -> None:
    _open(photos)
    decoded.clear()
    _open(photos, **how)
    assert sum(decoded) == 8


def test_leaving_bad_ones_out_decodes_them_alone(photos: Path, decoded: list[int]) -> None:
    _open(photos)
    (photos / "cat" / "9.png").write_bytes(b"no picture")
    decoded.clear()
    assert len(_open(photos, bad="skip").splits["train"].labels) == 8
    assert sum(decoded) == 1


def test_what_is_to_be_said_of_a_picture_is_said_again(photos: Path, decoded: list[int]) -> None:
    file = io.BytesIO()
    Image.new("RGB", (5, 6), "red").save(file, "JPEG", exif=b"Exif\0\0II*\0\xff\xff\xff\xff")
    (photos / "cat" / "0.png").write_bytes(file.getvalue())
    (photos / "dog" / "0.png").write_bytes(b"".join([(photos / "dog" / "1.png").read_bytes()]))
    first = [note for note in _open(photos).notes if "damaged metadata" in note]
    decoded.clear()
    (photos / "dog" / "3.png").unlink()
    again = _open(photos).notes
    assert first and sum(decoded) == 1
    assert [note for note in again if "damaged metadata" in note] == first
    assert any("1 file is of another format" in note for note in again)


@pytest.mark.parametrize("damage", ["digests", "short", "empty"])
def test_a_damaged_array_is_passed_over(photos: Path, decoded: list[int], damage: str) -> None:
    folder = _open(photos).folder
    assert folder is not None
    if damage == "digests":
        (folder / "train-digests.npy").write_bytes(b"damaged")
    elif damage == "short":
        np.save(folder / "train-digests.npy", np.zeros((3, earlier.SIZE), np.uint8))
    else:
        (folder / "train-digests.npy").write_bytes(b"")
    decoded.clear()
    _save(photos / "cat" / "new.png", seed="new")
    assert len(_open(photos).splits["train"].labels) == 9 and sum(decoded) == 9


def test_an_array_of_an_earlier_version_has_no_digests(photos: Path, decoded: list[int]) -> None:
    folder = _open(photos).folder
    assert folder is not None
    (folder / "train-digests.npy").unlink()
    assert len(_open(photos).splits["train"].labels) == 8 and sum(decoded) == 8
    _save(photos / "cat" / "new.png", seed="new")
    _open(photos)
    assert sum(decoded) == 17


def test_rows_of_several_pictures_are_known_too(
    put: Callable[..., Path], root: Path, png: Callable[..., bytes], decoded: list[int]
) -> None:
    from escalera.data.options import ReadOptions

    def opened(labels: list[int]) -> ImageSet:
        raws = [png(10 + value) for value in range(len(labels))]
        put("mine", "train", labels, raws, more={"back": [png(90 + value) for value in range(len(labels))]})
        options = ReadOptions(image_column=["image", "back"], label_column="label")
        return open_source("mine", options, data_root=root, image_size=(4, 4), channels=1)

    first = opened([0, 1, 1])
    decoded.clear()
    again = opened([0, 1, 1, 0])
    assert sum(decoded) == 1
    assert (again.splits["train"].images[:3] == first.splits["train"].images).all()


def test_what_was_stopped_goes_on(photos: Path, decoded: list[int], monkeypatch: pytest.MonkeyPatch) -> None:
    """Ctrl-C after the first chunk."""
    monkeypatch.setattr(folders, "WORTH_KEEPING", 0)
    monkeypatch.setattr(ingest, "_FEW", 3)
    monkeypatch.setattr(ingest, "_BYTES_AT_ONCE", 1)

    def stop(step: Step, done: int, of: int) -> None:
        if done == 6:
            raise KeyboardInterrupt

    with heard(stop), pytest.raises(KeyboardInterrupt):
        _open(photos)
    [kept] = inventory.entries(folders.cache_root())
    assert kept.kind == "decoded" and kept.source.endswith("-photos") and kept.name.endswith(".part")
    decoded.clear()
    found = _open(photos)
    assert sum(decoded) == 8 - 3 and found.splits["train"].labels.tolist() == [0] * 4 + [1] * 4
    assert [entry.name.endswith(".part") for entry in inventory.entries(folders.cache_root())] == [False]


def test_of_two_parts_the_larger_one_stays(photos: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(folders, "WORTH_KEEPING", 0)
    monkeypatch.setattr(ingest, "_FEW", 1)
    monkeypatch.setattr(ingest, "_BYTES_AT_ONCE", 1)
    for last, rows in ((5, 4), (3, 4), (7, 6)):

        def stop(step: Step, done: int, of: int, last: int = last) -> None:
            if done == last:
                raise KeyboardInterrupt

        with heard(stop), pytest.raises(KeyboardInterrupt):
            _open(photos)
        [part] = folders.cache_root().glob("*.part")
        assert len(np.load(part / "train-images.npy")) == rows


def test_what_was_refused_is_not_decoded_again(
    photos: Path, decoded: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(folders, "WORTH_KEEPING", 0)
    (photos / "cat" / "2.png").write_bytes(b"no picture")
    with pytest.raises(DataError, match=r"1 of 8 pictures cannot be decoded"):
        _open(photos)
    decoded.clear()
    assert len(_open(photos, bad="skip").splits["train"].labels) == 7
    assert sum(decoded) == 1


def test_few_are_not_kept_and_a_part_can_be_cleared(photos: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (photos / "cat" / "2.png").write_bytes(b"no picture")
    for worth, names in ((folders.WORTH_KEEPING, 0), (0, 1)):
        monkeypatch.setattr(folders, "WORTH_KEEPING", worth)
        with pytest.raises(DataError, match="cannot be decoded"):
            _open(photos)
        assert len(list(folders.cache_root().iterdir())) == names
    assert len(inventory.clear(folders.cache_root())) == 1
    assert not list(folders.cache_root().iterdir())


def test_on_a_full_disk_the_parts_make_room(photos: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(folders, "WORTH_KEEPING", 0)
    (photos / "cat" / "2.png").write_bytes(b"no picture")
    with pytest.raises(DataError, match="cannot be decoded"):
        _open(photos)

    def usage(folder: Path) -> Any:
        return SimpleNamespace(free=0 if list(folders.cache_root().glob("*.part")) else 10**9)

    monkeypatch.setattr("escalera.data.cache.store.shutil.disk_usage", usage)
    found = _open(photos, bad="skip")
    assert found.folder is not None and len(found.splits["train"].labels) == 7
    assert not list(folders.cache_root().glob("*.part"))


def test_what_was_decoded_before_a_source_changed_is_outdated(photos: Path, tmp_path: Path) -> None:
    root = folders.cache_root()

    def kinds() -> list[str]:
        made = {entry: (root / entry.name / "meta.json").stat().st_mtime_ns for entry in inventory.entries(root)}
        return [entry.kind for entry in sorted(made, key=lambda entry: made[entry])]

    _open(photos)
    _open(photos, (4, 4))  # other pixels of the same
    other = tmp_path / "elsewhere" / photos.name
    shutil.copytree(photos, other)
    (other / "cat" / "2.png").unlink()
    _open(other)  # another source that is called alike
    (photos / "cat" / "1.png").unlink()
    assert kinds() == ["decoded"] * 3
    _open(photos)
    assert kinds() == ["outdated", "decoded", "decoded", "decoded"]
    (photos / "cat" / "2.png").write_bytes(b"no picture")
    _open(photos, bad="skip")
    _open(photos, bad="note")  # neither makes the other outdated
    assert kinds()[1:] == ["decoded"] * 5
    (old,) = inventory.entries(root, outdated=True)
    assert old.source == str(photos)
    assert inventory.entries(root, [str(other)], outdated=True) == []
    assert inventory.clear(root, outdated=True) == [old]
    assert inventory.clear(root, outdated=True) == []
    assert kinds() == ["decoded"] * 5
    _open(photos, bad="skip")
    assert len(kinds()) == 5


def test_what_a_source_is_again_is_not_outdated(photos: Path) -> None:
    _open(photos)
    [first] = inventory.entries(folders.cache_root())
    _save(photos / "cat" / "9.png", seed="cat9")
    _open(photos)
    assert [entry.name for entry in inventory.entries(folders.cache_root(), outdated=True)] == [first.name]
    (photos / "cat" / "9.png").unlink()
    _open(photos)
    [other] = inventory.entries(folders.cache_root(), outdated=True)
    assert other.name != first.name


def test_of_two_opened_in_one_tick_of_the_clock_neither_is_outdated(photos: Path) -> None:
    for _ in range(2):
        _open(photos)
        (photos / "cat" / "1.png").unlink(missing_ok=True)
    for note in folders.cache_root().glob("*/meta.json"):
        os.utime(note, ns=(10**18, 10**18))
    assert [entry.kind for entry in inventory.entries(folders.cache_root())] == ["decoded"] * 2


def test_an_outdated_one_is_told_apart_in_the_list(photos: Path) -> None:
    for _ in range(2):
        _open(photos)
        (photos / "cat" / "1.png").unlink(missing_ok=True)
    listed = CliRunner().invoke(app, ["cache", "--lang", "es"]).output
    assert sorted(line.split()[4] for line in listed.splitlines()[:-1]) == ["anticuado", "decodificado"]
    told = CliRunner().invoke(app, ["cache", "--clear", "--outdated", "--lang", "en"]).output
    assert " outdated " in told and "1 entry" in told
    assert len(inventory.entries(folders.cache_root())) == 1


def test_a_damaged_note_of_what_was_decoded_makes_nothing_outdated(photos: Path) -> None:
    _open(photos)
    [folder] = folders.cache_root().iterdir()
    for text in ('{"origin": "a refuse"}', '{"origin": 7}', "[]", "{", ""):
        (folder / "meta.json").write_text(text)
        assert [entry.kind for entry in inventory.entries(folders.cache_root())] == ["decoded"], text
