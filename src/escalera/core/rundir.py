"""The files of a run: where they are, writing them so that a crash or a full disk leaves the old ones whole, and
knowing them again: run.json has the SHA-256 of each, and carries its own."""

from __future__ import annotations

import hashlib
import json
import os
import re
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import IO, Any

from escalera.core.errors import RunError

BUSY = 0.1
"""Seconds between two attempts to replace a file that somebody else reads."""
DIGEST = "digest"
"""The key of a sealed file that holds the SHA-256 of all the others."""
DEEPEST = 50
"""Levels of a YAML file."""
DAMAGED = "is not what was written (its SHA-256 differs)"
GONE = "is gone"
ANOTHERS = "is another run's: it knows the files beside it by other SHA-256s"
CURE = "Climb its ladder again to make it anew."
SETTLED = 100_000_000
"""Nanoseconds after which a file that was written counts as such."""
ASKED = ("config.yaml", "environment.json", "splits.parquet", "table.json")
"""What is written before the training, as patterns."""
LEARNED = (*ASKED, "*.safetensors", "classifiers/*")
"""What is there once it is trained."""
RESULT = (*LEARNED, "history.jsonl", "predictions.parquet", "metrics.json", "last/*")
"""Everything that a finished run consists of; what a report adds beside it is made again when it is absent."""
BESIDE = "beside."
"""Columns of predictions.parquet that begin so hold what else was said of the same test rows: classes, in lists."""
_SHA256 = re.compile(r"[0-9a-f]{64}")
_NAME = re.compile(r"seed-(\d+)(?:\.(.+))?")


def write_aside(path: Path, write: Callable[[IO[bytes]], object]) -> None:
    """Write a file beside its place, sync it and rename it: `path` is either the old file or the new one, whole.

    Raises RunError, with the old file untouched, when the disk takes no more.
    """
    aside: Path | None = None
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.NamedTemporaryFile(dir=path.parent, prefix=f".{path.name}.", delete=False) as file:
            aside = Path(file.name)
            write(file)
            file.flush()
            os.fsync(file.fileno())
        aside.chmod(0o644)
        _put(aside, path)
    except OSError as error:
        raise RunError(
            f"could not write {path}: {error.strerror or error}. Free some space there or give another place with "
            "--out, then type the same command again: it goes on where it was."
        ) from error
    finally:
        if aside is not None:
            aside.unlink(missing_ok=True)


def _put(aside: Path, path: Path) -> None:
    """Rename over `path`; Windows refuses while somebody reads the old file, so that it is tried for two seconds."""
    for _ in range(20):
        try:
            aside.replace(path)
            return
        except PermissionError:
            time.sleep(BUSY)
    aside.replace(path)


def write_json(path: Path, value: Any) -> None:
    """Write a JSON file whole or not at all; the text is UTF-8 and indented."""
    text = json.dumps(value, indent=2, ensure_ascii=False) + "\n"
    write_aside(path, lambda file: file.write(text.encode()))


def read_json(path: Path) -> Any:
    """The value in a JSON file; raises RunError for one that is absent or not JSON."""
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError) as error:
        why = getattr(error, "strerror", None) or error
        raise RunError(f"could not read {path}: {why}. {CURE}") from error


def plain_yaml(text: str) -> Any:
    """The value in YAML of plain values, as config.yaml is.

    Raises ValueError for text that is none, refers to itself (a few bytes may then stand for gigabytes), or is nested
    more than DEEPEST deep.
    """
    import yaml

    depth = 0
    try:
        for event in yaml.parse(text, yaml.SafeLoader):
            depth += isinstance(event, yaml.CollectionStartEvent) - isinstance(event, yaml.CollectionEndEvent)
            if isinstance(event, yaml.AliasEvent):
                raise ValueError(f"the alias '*{event.anchor}' is not taken")
            if depth > DEEPEST:
                raise ValueError(f"nested more than {DEEPEST} deep")
        return yaml.safe_load(text)
    except yaml.YAMLError as error:
        raise ValueError(str(error)) from error


def write_sealed(path: Path, value: Mapping[str, Any]) -> None:
    """Write a JSON mapping with its own SHA-256, so that what was changed in it later is noticed."""
    write_json(path, {**value, DIGEST: _digest(value)})


def read_sealed(path: Path) -> dict[str, Any]:
    """A mapping as `write_sealed` was given it; one of an earlier version, which wrote no digest, as it stands.

    Raises RunError, naming the file, for one that cannot be read or is not what was written.
    """
    found = read_json(path)
    if not isinstance(found, dict):
        raise RunError(f"{path} is not what was written: expected a mapping, received {shown(found)}. {CURE}")
    given = found.pop(DIGEST, None)
    # Where the digest's own key was hit, what it holds still tells that there was one.
    hashes = (one for one in found.values() if isinstance(one, str) and _SHA256.fullmatch(one))
    sealed = given is not None or "files" in found or any(hashes)
    if sealed and given != _digest(found):
        raise RunError(f"{path} {DAMAGED}. {CURE}")
    return found


def _digest(value: Mapping[str, Any]) -> str:
    text = json.dumps(value, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()


def shown(value: Any) -> str:
    """A value in at most 60 characters."""
    text = repr(value)
    return text if len(text) <= 60 else text[:57] + "..."


def sha256(path: Path) -> str:
    """The SHA-256 of a file, which is read once as long as nobody writes it; raises OSError."""
    found = path.stat()
    # Two writings within one tick of the file system's clock look alike: what is so new is not remembered.
    read = _sha256 if time.time_ns() - found.st_mtime_ns > SETTLED else _sha256.__wrapped__
    return read(path.absolute(), found.st_ino, found.st_size, found.st_mtime_ns, found.st_ctime_ns)


@lru_cache(maxsize=65_536)
def _sha256(path: Path, inode: int, size: int, modified: int, changed: int) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


@dataclass(frozen=True)
class RunDir:
    """`<out>/<ladder>/<rung>/seed-<n>`, and the names of what lies in it."""

    path: Path

    @property
    def seed(self) -> int:
        """The number in the folder's name; 0 where it has none."""
        found = _NAME.fullmatch(self.path.name)
        return int(found[1]) if found else 0

    @property
    def config(self) -> Path:
        """What was asked, resolved: config.yaml."""
        return self.path / "config.yaml"

    @property
    def environment(self) -> Path:
        """Where it ran: versions and hardware."""
        return self.path / "environment.json"

    @property
    def record(self) -> Path:
        """run.json: the state (running, done, failed) and the cost."""
        return self.path / "run.json"

    @property
    def history(self) -> Path:
        """history.jsonl: one line an epoch, append-only."""
        return self.path / "history.jsonl"

    @property
    def last(self) -> Path:
        """The folder of what an exact resume needs."""
        return self.path / "last"

    @property
    def best(self) -> Path:
        """The weights that the run stands by."""
        return self.path / "best.safetensors"

    @property
    def predictions(self) -> Path:
        """The test rows' logits and labels, a parquet file."""
        return self.path / "predictions.parquet"

    @property
    def splits(self) -> Path:
        """Which rows were in which split, a parquet file."""
        return self.path / "splits.parquet"

    @property
    def metrics(self) -> Path:
        """metrics.json: accuracy, loss and counts per class and split."""
        return self.path / "metrics.json"

    @property
    def table(self) -> Path:
        """table.json: how attributes become a vector, and the limits of the bands, as train's rows teach them."""
        return self.path / "table.json"

    def read_record(self) -> dict[str, Any]:
        """What run.json holds; raises RunError, naming it, where it cannot be read or is not what was written."""
        return read_sealed(self.record)

    def write_record(self, record: Mapping[str, Any], files: Sequence[str] | None = None) -> dict[str, Any]:
        """Write run.json, and give it back with the SHA-256 of those `files` (patterns) that are there.

        Without `files` it keeps those that it has.
        """
        known = record.get("files", {})
        if files is not None:
            there = (path for pattern in files for path in sorted(self.path.glob(pattern)) if path.is_file())
            known = {path.relative_to(self.path).as_posix(): sha256(path) for path in there if path.name[0] != "."}
        written = {**record, "files": known}
        write_sealed(self.record, written)
        return written

    def exists(self) -> bool:
        """Whether there is a run; one that has lost its run.json is one."""
        return os.path.lexists(self.record) or self.best.exists() or self.last.exists()

    def state(self) -> str:
        """`absent`, `running`, `done`, `failed`, or `damaged` where run.json is gone or cannot be read."""
        if not self.exists():
            return "absent"
        try:
            return str(self.read_record().get("state", "absent"))
        except RunError:
            return "damaged"

    def faults(self, *names: str) -> dict[str, str]:
        """What is wrong with the files that run.json knows, or with some of them; `a/` stands for all in a folder.

        Nothing is in a run of an earlier version. Raises RunError where run.json itself is damaged.
        """
        known = self.read_record().get("files", {})
        asked = [name for name in known if not names or name in names or f"{name.rpartition('/')[0]}/" in names]
        found = {name: fault for name in asked if (fault := _fault(self.path / name, known[name]))}
        if found:
            others = [name for name in known if _fault(self.path / name, known[name]) == DAMAGED]
            if len(others) > max(2, len(known) // 2):
                return {self.record.name: ANOTHERS}
        return found

    def check(self, *names: str) -> None:
        """Raise RunError, as `faults` finds them, for the first file that is not what was written."""
        for name, fault in self.faults(*names).items():
            raise RunError(f"{self.path / name} {fault}. {CURE}")

    def append_history(self, line: dict[str, Any]) -> None:
        """Add one epoch to the history; raises RunError when the disk takes no more."""
        try:
            with self.history.open("a", encoding="utf-8") as file:
                file.write(json.dumps(line) + "\n")
        except OSError as error:
            raise RunError(
                f"could not write {self.history}: {error.strerror}. Free some space and type the command again."
            ) from error

    def write_history(self, epochs: Sequence[dict[str, Any]]) -> None:
        """Have the history hold these epochs and no others."""
        text = "".join(json.dumps(epoch) + "\n" for epoch in epochs)
        if self.history.is_dir():
            self.history.rename(self.history.with_name("history.folder"))  # no file can be written in its place
        write_aside(self.history, lambda file: file.write(text.encode()))

    def read_history(self) -> list[dict[str, Any]]:
        """The epochs in order. An epoch that was run again after an interruption counts as its last line says.

        Raises RunError for a file that is not text.
        """
        if not self.history.exists():
            return []
        try:
            text = self.history.read_text(encoding="utf-8")
        except (OSError, ValueError) as error:
            raise RunError(f"could not read {self.history}: {error}. {CURE}") from error
        epochs: dict[int, dict[str, Any]] = {}
        for line in text.splitlines():
            # A line cut short by a crash is the last one written; its epoch is run again.
            try:
                epoch = json.loads(line)
            except (ValueError, RecursionError):
                continue
            if isinstance(epoch, dict) and isinstance(epoch.get("epoch"), int):
                epochs[epoch["epoch"]] = epoch
        return [epochs[number] for number in sorted(epochs)]


def standing(rung: Path) -> list[RunDir]:
    """The runs that a rung's folder stands by, one a seed, in the order of the seeds."""
    found = [RunDir(path) for path in rung.glob("seed-*") if re.fullmatch(r"seed-\d+", path.name)]
    return sorted((run for run in found if run.exists()), key=lambda run: run.seed)


def rungs(ladder: Path) -> list[str]:
    """The names of the folders in a ladder's that hold a run."""
    return sorted(path.name for path in ladder.glob("*") if path.is_dir() and standing(path))


def _fault(path: Path, known_as: str) -> str:
    """What is wrong with a file; "" for one that is as it was written."""
    try:
        return "" if sha256(path) == known_as else DAMAGED
    except FileNotFoundError:
        return GONE
    except OSError as error:
        return f"cannot be read ({error.strerror})"
