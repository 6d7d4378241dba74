"""A folder that several machines see, as a place that takes whole files: what a `Store` is for a URL.

Others may write there too, so that nothing is read or written through a link. Names below it are texts as
`mine-0123/meta.json`.
"""

from __future__ import annotations

import contextlib
import shutil
from pathlib import Path
from typing import IO

from escalera.core.errors import RunError
from escalera.core.files import write_aside

_AT_ONCE = 1 << 20


class SharedFolder:
    """What lies below a folder. Raises RunError, with the place and what to do, where it cannot be read or written."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.url = str(root)

    def put(self, path: Path, name: str) -> None:
        """Put a file there, whole or not at all; what an attempt that was cut short has left of it goes."""
        at = self._at(name)
        with contextlib.suppress(OSError):
            for left in at.parent.glob(f".{at.name}.*"):
                left.unlink()

        def copy(file: IO[bytes]) -> None:
            with path.open("rb") as source:
                shutil.copyfileobj(source, file, _AT_ONCE)

        write_aside(at, copy)

    def write(self, name: str, content: bytes) -> None:
        """Put a few bytes there."""
        write_aside(self._at(name), lambda file: file.write(content))

    def read(self, name: str) -> bytes | None:
        """What was put there; None where nothing was."""
        try:
            return self._at(name).read_bytes()
        except FileNotFoundError:
            return None
        except OSError as error:
            raise self._unreadable(name, error) from error

    def fetch(self, name: str, to: Path) -> None:
        """Have a file here; raises OSError for writing alone."""
        try:
            source = self._at(name).open("rb")
        except OSError as error:
            raise self._unreadable(name, error) from error
        with source, to.open("wb") as file:
            shutil.copyfileobj(source, file, _AT_ONCE)

    def _at(self, name: str) -> Path:
        """Where a name is; raises RunError for one that leads out of the folder, or through a link."""
        path = self.root
        for part in (None, *name.split("/")):
            path = path if part is None else path / part
            if part in ("", ".", "..") or set(part or "") & set("\\:") or path.is_symlink():
                raise RunError(
                    f"{path}: expected a file or folder of {self.root} itself, found a link or a way out of it. Take "
                    "it away, and type the same command again."
                )
        return path

    def _unreadable(self, name: str, error: OSError) -> RunError:
        return RunError(
            f"could not read {self.root / name}: {error.strerror or error}. Look whether this machine sees the folder, "
            "and whether you may read there; then type the same command again."
        )
