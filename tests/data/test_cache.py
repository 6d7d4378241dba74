"""The cache is whole or absent, whoever else is at work and whatever the disk does."""

import errno
import os
import re
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch

from escalera.core.errors import DataError
from escalera.core.translation import translate
from escalera.data.cache import earlier, folders
from escalera.data.cache.store import InMemory, OnDisk, Store, map_array
from escalera.data.sources.open import open_source


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "cache"


def write(aside: Path) -> None:
    (aside / "file").write_text("whole")


def test_a_second_start_decodes_nothing(put: Callable[..., Path], root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    put("mine", "train", [0, 1, 1])
    first = open_source("mine", data_root=root, image_size=None, channels=None)
    monkeypatch.setattr(earlier, "decode_all", None)
    second = open_source("mine", data_root=root, image_size=None, channels=None)
    assert (second.classes, second.name) == (first.classes, first.name)
    assert (second.splits["train"].images == first.splits["train"].images).all()
    assert isinstance(second.splits["train"].images, np.memmap)


def test_torch_takes_the_map_without_a_warning_and_the_file_stays(put: Callable[..., Path], root: Path) -> None:
    put("mine", "train", [0, 1, 1])
    images = open_source("mine", data_root=root, image_size=None, channels=None).splits["train"].images
    torch.from_numpy(images).fill_(99)
    again = open_source("mine", data_root=root, image_size=None, channels=None).splits["train"].images
    assert again.max() == 2


@pytest.mark.parametrize("settings", [{"image_size": (6, 6)}, {"channels": 3}])
def test_other_settings_are_another_folder(
    settings: dict[str, Any], put: Callable[..., Path], root: Path, folder: Path
) -> None:
    put("mine", "train", [0, 1])
    plain: dict[str, Any] = {"image_size": None, "channels": None}
    assert open_source("mine", data_root=root, **plain).splits["train"].images.shape == (2, 4, 4, 1)
    other = open_source("mine", data_root=root, **(plain | settings)).splits["train"].images
    assert other.shape == (2, *settings.get("image_size", (4, 4)), settings.get("channels", 1))
    assert len(list(folder.iterdir())) == 2


def test_other_content_is_another_folder(
    put: Callable[..., Path], root: Path, folder: Path, png: Callable[..., bytes]
) -> None:
    plain: dict[str, Any] = {"image_size": None, "channels": None}
    path = put("mine", "train", [0, 1])
    open_source("mine", data_root=root, **plain)
    before = path.stat()
    put("mine", "train", [1, 0])
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))
    assert path.stat().st_size == before.st_size
    assert open_source("mine", data_root=root, **plain).splits["train"].labels.tolist() == [1, 0]
    put("mine", "test", [0, 1])
    assert "test" in open_source("mine", data_root=root, **plain).splits
    assert len(list(folder.iterdir())) == 3


def test_a_cache_folder_may_be_given(
    put: Callable[..., Path], root: Path, tmp_path: Path, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    put("mine", "train", [0, 1])
    monkeypatch.setenv("ESCALERA_CACHE", str(tmp_path / "here"))
    open_source("mine", data_root=root, image_size=None, channels=None)
    assert [path.name[:5] for path in (tmp_path / "here").iterdir()] == ["mine-"]
    assert not folder.exists()


def test_where_the_cache_is(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ESCALERA_CACHE", "/fast/disk")
    assert folders.cache_root() == Path("/fast/disk")
    monkeypatch.delenv("ESCALERA_CACHE")
    monkeypatch.setenv("HOME", "/home/ada")
    assert folders.cache_root() == Path("/home/ada/.cache/escalera")


def test_a_damaged_folder_is_made_anew(put: Callable[..., Path], root: Path, folder: Path) -> None:
    put("mine", "train", [0, 1, 1])
    plain: dict[str, Any] = {"data_root": root, "image_size": None, "channels": None}
    open_source("mine", **plain)
    (made,) = folder.iterdir()
    for name in ("train-images.npy", "train-labels.npy", "meta.json"):
        (made / name).write_bytes((made / name).read_bytes()[:-2])
        assert open_source("mine", **plain).splits["train"].images.shape == (3, 4, 4, 1)
        (made / name).unlink()
        assert open_source("mine", **plain).splits["train"].labels.tolist() == [0, 1, 1]


def test_a_damaged_folder_is_taken_away_whole(
    put: Callable[..., Path], root: Path, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Another process takes what has its name for whole: the name goes first, and what is in it afterwards."""
    put("mine", "train", [0, 1, 1])
    plain: dict[str, Any] = {"data_root": root, "image_size": None, "channels": None}
    open_source("mine", **plain)
    (made,) = folder.iterdir()
    (made / "meta.json").write_text("{")
    remove, seen = shutil.rmtree, []

    def watched(path: Path, **named: Any) -> None:
        if (path / "meta.json").exists():
            seen.append((path.name.split("~")[0], made.exists()))
        remove(path, **named)

    monkeypatch.setattr("shutil.rmtree", watched)
    assert open_source("mine", **plain).splits["train"].labels.tolist() == [0, 1, 1]
    assert seen == [(".cleared", False)]
    assert list(folder.iterdir()) == [made]


def test_a_folder_that_stays_damaged(folder: Path) -> None:
    text = re.escape(
        f"could not read {folder}/key: [Errno 2] No such file or directory: '{folder}/key/meta.json'. Remove it"
    )

    def spoil(store: Store) -> None:
        assert isinstance(store, OnDisk)
        write(store.folder)

    with pytest.raises(DataError, match=text):
        folders.image_set(folder, "key", "mine", spoil)


def test_the_first_of_two_processes_stays(folder: Path) -> None:
    def late(aside: Path) -> None:
        write(aside)
        (folder / "key").mkdir()
        (folder / "key" / "file").write_text("theirs")

    assert (folders.stored(folder, "key", late) / "file").read_text() == "theirs"
    assert [path.name for path in folder.iterdir()] == ["key"]


def test_an_error_leaves_nothing(folder: Path) -> None:
    def bad(aside: Path) -> None:
        write(aside)
        raise DataError("a bad picture")

    with pytest.raises(DataError, match="a bad picture"):
        folders.stored(folder, "key", bad)
    assert list(folder.iterdir()) == []


def test_a_full_disk(folder: Path) -> None:
    def full(aside: Path) -> None:
        write(aside)
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    with pytest.raises(DataError) as error:
        folders.stored(folder, "key", full)
    assert str(error.value) == (
        f"could not write the cache in {folder}: No space left on device. "
        "Free some space there, or name another folder with ESCALERA_CACHE."
    )
    assert list(folder.iterdir()) == []


def test_a_cache_that_cannot_be_written_is_no_full_disk(tmp_path: Path) -> None:
    (tmp_path / "cache").write_text("a file")
    with pytest.raises(DataError) as error:
        folders.stored(tmp_path / "cache", "key", write)
    assert str(error.value) == (
        f"could not write the cache in {tmp_path / 'cache'}: File exists. Name another folder with ESCALERA_CACHE."
    )
    assert translate(str(error.value), "es").endswith(". Indica otra carpeta con ESCALERA_CACHE.")


def test_a_write_that_the_system_refuses(folder: Path) -> None:
    resource = pytest.importorskip("resource")
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, before[1]))
    try:
        with pytest.raises(DataError, match=re.escape(f"could not write the cache in {folder}: File too large.")):
            chunks = (np.zeros((10, 1000), np.uint8) for _ in range(20))
            folders.stored(folder, "key", lambda aside: OnDisk(aside).array("x", 200, chunks))
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert list(folder.iterdir()) == []


def test_an_array_that_will_not_fit_is_refused_before_the_rest_is_decoded(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(shutil, "disk_usage", lambda path: SimpleNamespace(free=199_999))
    made = []

    def chunks() -> Iterator[np.ndarray]:
        for number in range(20):
            made.append(number)
            yield np.zeros((10, 1000), np.uint8)

    with pytest.raises(DataError, match="No space left on device"):
        folders.stored(folder, "key", lambda aside: OnDisk(aside).array("x", 200, chunks()))
    assert made == [0]
    OnDisk(folder).array("x", 199, chunks())


def test_a_place_that_is_no_folder(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(
        DataError, match=re.escape(f"could not write the cache in {tmp_path}/file/cache: Not a directory.")
    ):
        folders.stored(tmp_path / "file" / "cache", "key", write)


def test_arrays_are_written_in_parts(tmp_path: Path) -> None:
    array = np.arange(24, dtype=np.int64).reshape(6, 2, 2)
    OnDisk(tmp_path).array("x", 6, [array[:4], array[4:]])
    assert (np.load(tmp_path / "x.npy") == array).all()


def test_an_array_may_end_before_its_rows(tmp_path: Path) -> None:
    array = np.arange(24, dtype=np.uint8).reshape(6, 2, 2)
    for store in (OnDisk(tmp_path), memory := InMemory("why")):
        store.array("x", 10**6, [array[:4], array[4:]]) if store is not memory else store.array("x", 60, [array])
    assert (np.load(tmp_path / "x.npy") == array).all()
    assert (np.load(tmp_path / "x.npy", mmap_mode="c") == array).all()
    assert (memory.arrays["x"] == array).all()


def test_what_killed_processes_left_is_removed(folder: Path) -> None:
    host = socket.gethostname()
    dead = subprocess.Popen([sys.executable, "-c", ""])
    dead.wait()
    ages = {
        f".a~{host}~{dead.pid}~x": 1000,  # killed
        f".b~{host}~{os.getpid()}~x": 1000,  # at work
        f".e~{host}~{dead.pid}~x": 1,  # of another container with this host name, perhaps: it wrote a moment ago
        f".c~another~{dead.pid}~x": 3600,  # another machine, which may be at work
        ".d~another~1~x": 100_000,  # another machine, more than a day ago
        "kept-by~somebody~1~x": 100_000,
    }
    for name, age in ages.items():
        (folder / name).mkdir(parents=True)
        write(folder / name)
        for path in (folder / name / "file", folder / name):
            os.utime(path, (time.time() - age,) * 2)
    folders.stored(folder, "key", write)
    left = {path.name.split("~")[0] for path in folder.iterdir()}
    assert left == {".b", ".c", ".e", "kept-by", "key"}


def test_what_is_written_in_a_folder_within_is_not_abandoned(folder: Path) -> None:
    dead = subprocess.Popen([sys.executable, "-c", ""])
    dead.wait()
    fetched = folder / f".a~{socket.gethostname()}~{dead.pid}~x" / ".cache" / "part"
    fetched.mkdir(parents=True)
    write(fetched)
    for path in (fetched, *fetched.parents[:2]):
        os.utime(path, (time.time() - 1000,) * 2)
    folders.stored(folder, "key", write)
    assert (fetched / "file").exists()
    os.utime(fetched / "file", (time.time() - 1000,) * 2)
    folders.stored(folder, "another", write)
    assert {path.name for path in folder.iterdir()} == {"key", "another"}


def test_a_set_larger_than_the_memory_is_mapped(tmp_path: Path) -> None:
    """Where copy-on-write is refused, read-only is taken: 8 TB, of which the file takes none."""
    path = tmp_path / "x.npy"
    with path.open("wb") as file:
        header = {"descr": "|u1", "fortran_order": False, "shape": (8_000_000_000, 10, 10, 10)}
        np.lib.format.write_array_header_1_0(file, header)
        try:
            file.truncate(file.tell() + 8_000_000_000_000)
        except OSError:
            pytest.skip("the file system has no sparse files of 8 TB")
    assert map_array(path)[7_999_999_999, 9, 9, 9] == 0


def test_on_a_full_disk_the_run_goes_on_from_memory(
    put: Callable[..., Path], root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    put("mine", "train", [0, 1, 0])
    monkeypatch.setattr(OnDisk, "array", full)
    mine = open_source("mine", data_root=root, image_size=None, channels=None)
    assert mine.splits["train"].images[:, 0, 0, 0].tolist() == [0, 1, 2]
    assert mine.splits["train"].labels.tolist() == [0, 1, 0]
    assert mine.notes == (
        f"could not write the cache in {tmp_path}/cache: No space left on device. Free some space there, or name "
        "another folder with ESCALERA_CACHE. The pictures are kept in memory for now, and decoded again next time.",
    )
    assert translate(mine.notes[0], "es") == (
        f"no se pudo escribir la caché en «{tmp_path}/cache»: no queda espacio en el disco. Libera espacio, o indica "
        "otra carpeta con ESCALERA_CACHE. Por ahora las imágenes se quedan en la memoria, y la próxima vez se "
        "decodifican de nuevo."
    )
    assert list((tmp_path / "cache").iterdir()) == []


def test_on_a_full_disk_and_with_too_little_memory_it_says_why_not(
    put: Callable[..., Path], root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    put("mine", "train", [0, 1, 0])
    monkeypatch.setattr(OnDisk, "array", full)
    monkeypatch.setattr("psutil.virtual_memory", lambda: SimpleNamespace(available=10))
    with pytest.raises(
        DataError, match=r"No space left on device\. .* The pictures would take 0\.0 GB, and 0\.0 GB of mem"
    ) as error:
        open_source("mine", data_root=root, image_size=None, channels=None)
    assert str(error.value).endswith(" A smaller data.image_size needs less.")
    assert translate(str(error.value), "es").endswith(" Con un data.image_size menor hace falta menos.")
