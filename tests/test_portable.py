"""What only POSIX has is hidden, as on Windows: every module is imported all the same, and a ladder is climbed."""

import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import filelock
import numpy as np
import pytest

from escalera.core import files
from escalera.core.errors import DataError, RunError
from escalera.core.files import write_aside
from escalera.core.locking import lock
from escalera.data.cache import folders, inventory
from escalera.data.cache.mirrors import in_use
from escalera.evaluate import cost

HIDE = """
import builtins, importlib, os, pkgutil, sys, types, warnings

sys.modules["fcntl"] = None
gone = {"preadv", "pread", "pwrite", "getuid", "geteuid", "fork", "sched_getaffinity", "mkfifo", "killpg", "setsid",
        "O_DIRECTORY", "O_NOFOLLOW", "O_CLOEXEC", "fchmod", "chown", "statvfs", "getloadavg", "readv", "uname"}
bare = types.ModuleType("os")
bare.__dict__.update({name: value for name, value in vars(os).items() if name not in gone})
original = builtins.__import__

def without(name, globals=None, *rest, **more):
    # Hidden from our modules alone: other libraries ask for these by the name of the system.
    ours = str((globals or {}).get("__name__")).startswith("escalera")
    if ours and name in ("resource", "pwd", "grp", "termios", "posix"):
        raise ModuleNotFoundError(f"No module named '{name}'")
    return bare if ours and name == "os" else original(name, globals, *rest, **more)

builtins.__import__ = without
warnings.filterwarnings("ignore", "only soft file lock is available")
"""
IMPORT_ALL_AND_CLIMB_TWICE = """
import escalera
names = [module.name for module in pkgutil.walk_packages(escalera.__path__, "escalera.")]
for name in names:
    importlib.import_module(name)
print(len(names), "modules")
from escalera.cli import main
sys.modules["escalera.data.rows"].LARGE = 0
for _ in range(2):
    try:
        main()
    except SystemExit as end:
        assert not end.code, end.code
"""
LADDER = """
name: tiny
data: {source: dots.npz, validation: 0.2, test: 0.4}
rungs:
  - name: mlp
    model: {kind: mlp, dense: [8]}
    train: {epochs: 1, batch_size: 16}
  - name: voted
    change: {model: {kind: votes, features: {from: mlp}, classifiers: [{name: nearest_neighbours, k: 3}]}}
"""


@pytest.mark.slow
def test_every_module_is_imported_and_a_ladder_climbed_without_what_only_posix_has(tmp_path: Path) -> None:
    pixels = np.random.default_rng(0).integers(0, 256, (60, 8, 8), np.uint8)
    np.savez(tmp_path / "dots.npz", images=pixels, labels=np.arange(60) % 3)
    (tmp_path / "tiny.yaml").write_text(LADDER, encoding="utf-8")
    command = [sys.executable, "-c", HIDE + IMPORT_ALL_AND_CLIMB_TWICE, "climb", "tiny.yaml"]
    done = subprocess.run(command, capture_output=True, text=True, cwd=tmp_path)
    assert done.returncode == 0, done.stdout + done.stderr
    assert int(done.stdout.split(" modules")[0]) > 200
    assert "Every rung is finished" in done.stdout


HOLD = """
import sys, pathlib
from escalera.core.locking import lock
with lock(pathlib.Path(sys.argv[1])):
    print("held", flush=True)
    sys.stdin.read()
"""


@pytest.mark.parametrize("before", ["", HIDE], ids=["here", "without fcntl"])
def test_the_lock_of_another_process_is_named_and_goes_with_it(
    tmp_path: Path, before: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    if before:
        monkeypatch.setattr(filelock, "FileLock", filelock.SoftFileLock)
    command = [sys.executable, "-c", before + HOLD, str(tmp_path / "tiny")]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as other:
        assert other.stdout is not None
        assert other.stdout.readline() == "held\n"
        with (
            pytest.raises(RunError, match=rf"another climb \(process {other.pid}\) is at work in"),
            lock(tmp_path / "tiny"),
        ):
            pass
        other.kill()
    with lock(tmp_path / "tiny"):
        assert (tmp_path / "tiny" / ".lock-holder").read_text(encoding="ascii") == str(os.getpid())


def test_what_is_put_where_a_lock_was_belongs_to_whoever_puts_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    place = tmp_path / "tiny"
    release = filelock.FileLock.release

    def overtaken(self: filelock.FileLock, *given: Any, **named: Any) -> None:
        release(self, *given, **named)
        for name in (".lock", ".lock-holder"):
            (place / name).write_text("another's")

    with lock(place):
        monkeypatch.setattr(filelock.FileLock, "release", overtaken)
    assert {path.name: path.read_text() for path in place.iterdir()} == dict.fromkeys(
        (".lock", ".lock-holder"), "another's"
    )


def test_a_lock_that_could_not_be_taken_away_while_it_was_held_goes_afterwards(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    unlink, attempts = Path.unlink, []

    def busy(self: Path, missing_ok: bool = False) -> None:
        attempts.append(self.name)
        if attempts == [".lock-holder", ".lock"]:
            raise PermissionError(13, "The process cannot access the file")
        unlink(self, missing_ok=missing_ok)

    with lock(tmp_path / "tiny"):
        monkeypatch.setattr(Path, "unlink", busy)
    assert not (tmp_path / "tiny").exists()


def test_a_mirror_is_in_use_while_its_lock_is_held_whoever_has_its_holders_number(tmp_path: Path) -> None:
    ladder = tmp_path / "mirror-0" / "digits"
    command = [sys.executable, "-c", HOLD, str(ladder)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as other:
        assert other.stdout is not None
        assert other.stdout.readline() == "held\n"
        assert in_use(tmp_path / "mirror-0")
        other.kill()
    # As after a crash, and the number of the process that died is another's by now.
    (ladder / ".lock-holder").write_text(str(os.getpid()), encoding="ascii")
    assert not in_use(tmp_path / "mirror-0")
    with lock(ladder):
        (ladder / "x").touch()
    assert not in_use(tmp_path / "mirror-0")


def test_a_mirror_whose_lock_cannot_be_asked_counts_as_used(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise PermissionError(13, "Permission denied")

    (tmp_path / ".lock-holder").write_text("1")
    monkeypatch.setattr(filelock.FileLock, "acquire", refuse)
    assert in_use(tmp_path)


def test_a_lock_whose_holder_did_not_say_its_number(tmp_path: Path) -> None:
    with lock(tmp_path):
        (tmp_path / ".lock-holder").write_bytes(b"\xff")
        with pytest.raises(RunError, match=r"another climb \(process unknown\)"), lock(tmp_path):
            pass


def test_a_file_system_without_locks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise NotImplementedError("FileSystem does not appear to support flock")

    monkeypatch.setattr(filelock.FileLock, "acquire", refuse)
    with pytest.raises(RunError, match=r"could not write in .*: FileSystem .* flock. Give another place with --out."), (
        lock(tmp_path)
    ):  # fmt: skip
        pass


def test_a_file_that_somebody_reads_is_replaced_once_he_lets_go(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path, attempts, replace = tmp_path / "run.json", [], Path.replace

    def busy(self: Path, target: Path) -> Path:
        attempts.append(target)
        if len(attempts) < 3:
            raise PermissionError(13, "The process cannot access the file")
        return replace(self, target)

    monkeypatch.setattr(files, "BUSY", 0)
    monkeypatch.setattr(Path, "replace", busy)
    write_aside(path, lambda file: file.write(b"new"))
    assert (path.read_bytes(), len(attempts)) == (b"new", 3)
    attempts[:] = [path] * -100
    monkeypatch.setattr(Path, "replace", lambda *_: (_ for _ in ()).throw(PermissionError(13, "still in use")))
    with pytest.raises(RunError, match=r"could not write .*run.json: still in use"):
        write_aside(path, lambda file: file.write(b"newer"))
    assert [entry.name for entry in tmp_path.iterdir()] == ["run.json"]
    assert path.read_bytes() == b"new"


def test_an_entry_of_the_cache_that_is_in_use_is_not_said_to_be_removed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fill(aside: Path) -> None:
        (aside / "meta.json").write_bytes(b"{}")

    for name in ("a", "b"):
        folders.stored(tmp_path, f"{name}-{'0' * 20}", fill)
    rename = Path.rename

    def busy(self: Path, target: Path) -> Path:
        if self.name.startswith("a-"):
            raise PermissionError(13, "Access is denied")
        return rename(self, target)

    monkeypatch.setattr(Path, "rename", busy)
    with pytest.raises(DataError) as caught:
        inventory.clear(tmp_path)
    assert str(caught.value) == (
        f"of 2 entries these could not be removed from {tmp_path}: a-{'0' * 20} (Access is denied). "
        "End what reads them (a climb, the studio), or look at who may write there; then type the command again."
    )
    assert [entry.name for entry in tmp_path.iterdir()] == [f"a-{'0' * 20}"]


def test_the_peak_of_memory_without_proc(monkeypatch: pytest.MonkeyPatch) -> None:
    psutil = pytest.importorskip("psutil")
    here = cost._peak_elsewhere()
    monkeypatch.setitem(sys.modules, "resource", None)
    now = psutil.Process().memory_info().rss
    assert here >= 0.9 * now > 10_000_000
    assert cost._peak_elsewhere() > 10_000_000


def test_what_is_free_is_left_where_it_is_without_glibc(monkeypatch: pytest.MonkeyPatch) -> None:
    def none(_: object) -> None:
        raise TypeError("bad argument type for built-in operation")

    monkeypatch.setattr("ctypes.CDLL", none)
    cost._give_back_what_is_free()


@pytest.mark.parametrize("named", [None, "~nobody-of-this-name/cache"])
def test_a_user_without_a_home(named: str | None, monkeypatch: pytest.MonkeyPatch) -> None:
    def nobody(self: Path) -> Path:
        raise RuntimeError("Could not determine home directory.")

    monkeypatch.setattr(Path, "expanduser", nobody)
    if named:
        monkeypatch.setenv("ESCALERA_CACHE", named)
        message = "ESCALERA_CACHE: '~nobody-of-this-name' is nobody's home on this machine; write the whole path."
    else:
        monkeypatch.delenv("ESCALERA_CACHE", raising=False)
        message = "no ESCALERA_CACHE is set: '~' is nobody's home on this machine; write the whole path."
    with pytest.raises(DataError) as caught:
        folders.cache_root()
    assert str(caught.value) == message


@pytest.mark.skipif(not hasattr(signal, "SIGUSR1"), reason="Windows has its own")
def test_windows_has_another_signal(monkeypatch: pytest.MonkeyPatch) -> None:
    from escalera.train.callbacks import StopOnSignal
    from escalera.train.loop import Training

    monkeypatch.setattr(signal, "SIGBREAK", signal.SIGUSR1, raising=False)
    training = Training.__new__(Training)
    training.interrupted = False
    stop = StopOnSignal()
    stop.on_train_begin(training)
    signal.raise_signal(signal.SIGUSR1)
    stop.on_train_end(training)
    assert training.interrupted
