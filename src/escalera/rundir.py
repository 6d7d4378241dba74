"""The files of a run: where they are, and writing them so that a crash or a full disk leaves the old ones whole."""

from __future__ import annotations

import contextlib
import json
import os
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

from escalera.errors import RunError

BUSY = 0.1
"""Seconds between two attempts to replace a file that somebody else reads."""


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
        raise RunError(f"could not read {path}: {error}. Run the ladder again with --fresh to make it anew.") from error


@dataclass(frozen=True)
class RunDir:
    """`<out>/<ladder>/<rung>/seed-<n>`, and the names of what lies in it."""

    path: Path

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

    def state(self) -> str:
        """`absent`, `running`, `done` or `failed`."""
        return str(read_json(self.record).get("state", "absent")) if self.record.exists() else "absent"

    def append_history(self, line: dict[str, Any]) -> None:
        """Add one epoch to the history; raises RunError when the disk takes no more."""
        try:
            with self.history.open("a", encoding="utf-8") as file:
                file.write(json.dumps(line) + "\n")
        except OSError as error:
            raise RunError(
                f"could not write {self.history}: {error.strerror}. Free some space and type the command again."
            ) from error

    def read_history(self) -> list[dict[str, Any]]:
        """The epochs in order. An epoch that was run again after an interruption counts as its last line says."""
        if not self.history.exists():
            return []
        epochs: dict[int, dict[str, Any]] = {}
        for text in self.history.read_text(encoding="utf-8").splitlines():
            # A line cut short by a crash is the last one written; its epoch is run again.
            with contextlib.suppress(ValueError, KeyError):
                line = json.loads(text)
                epochs[line["epoch"]] = line
        return [epochs[number] for number in sorted(epochs)]
