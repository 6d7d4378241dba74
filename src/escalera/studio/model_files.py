"""Models in one file, as `escalera export` writes them: those that a person opened, and those among the runs."""

from __future__ import annotations

import hashlib
import re
from collections import OrderedDict
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, TypeAlias

from escalera.core.errors import EscaleraError, RunError
from escalera.core.names import is_name
from escalera.inference.files import opened
from escalera.studio.entries import Entry

if TYPE_CHECKING:
    from escalera.inference.bundle import Trained
    from escalera.inference.onnx_model import About

    Known: TypeAlias = Trained | About

ENDINGS = (".safetensors", ".onnx")
_OPENED = re.compile(r"file:[0-9a-f]{12}")
_KNOWN = 8
"""Files whose models stay in memory, as many as stay open; the one that was not asked for longest goes first."""
_DEEPEST = 3
"""Names from the folder of runs to a file that is meant: a run's own are deeper."""


class ModelFiles:
    """The models in files: below `out`, and those opened, which are kept in `folder`."""

    def __init__(self, out: Path, folder: Path) -> None:
        self._out = out
        self._folder = folder
        self._opened: dict[str, tuple[Entry, Path]] = {}
        self._known: OrderedDict[tuple[Path, int], Known] = OrderedDict()

    def entries(self) -> list[Entry]:
        """Those among the runs, then those that were opened."""
        lying = [Entry(key, "", key, 0, None, key) for key, _ in self._lying()]
        return [*lying, *(entry for entry, _ in self._opened.values())]

    def find(self, key: str) -> Path | None:
        """The file of a key; None for one that is not such a model's."""
        if _OPENED.fullmatch(key) and key in self._opened:
            return self._opened[key][1]
        parts, path = key.split("/"), self._out / key
        return path if len(parts) <= _DEEPEST and _is_model(path, parts) else None

    def trained(self, path: Path) -> Known:
        """What a file that was found says of its model, read once in a while; raises RunError where it is damaged."""
        version = path, path.stat().st_mtime_ns
        # Taken out and put in again as the newest: another thread that looks meanwhile reads the file itself.
        found = self._known.pop(version, None)
        if found is None:
            found = opened(path).trained
        self._known[version] = found
        while len(self._known) > _KNOWN:
            self._known.popitem(last=False)
        return found

    def open(self, content: bytes, name: str) -> Entry:
        """Open a model from the content of a file; raises RunError for one that is not as `escalera export` writes.

        The same content twice is the same model.
        """
        key = f"file:{hashlib.sha256(content).hexdigest()[:12]}"
        if key not in self._opened:
            ending = Path(name).suffix.lower()
            path = self._folder / f"{key.removeprefix('file:')}{ending if ending in ENDINGS else ENDINGS[0]}"
            path.write_bytes(content)
            try:
                found = self.trained(path)
            except EscaleraError as error:
                path.unlink()
                raise RunError(str(error).replace(path.name, name)) from error
            self._opened[key] = Entry(key, "", found.name, 0, None, Path(name).name), path
        return self._opened[key][0]

    def _lying(self) -> Iterator[tuple[str, Path]]:
        """Files among the runs by their keys, which say where."""
        for deep in range(1, _DEEPEST + 1):
            for path in sorted(self._out.glob("/".join("*" * deep))):
                parts = path.relative_to(self._out).parts
                if _is_model(path, parts):
                    yield "/".join(parts), path


def _is_model(path: Path, parts: Sequence[str]) -> bool:
    """Whether a file that lies at these names below the folder of runs is a model in one file."""
    return path.suffix.lower() in ENDINGS and all(map(is_name, parts)) and path.is_file()
