"""Files that are written so that a crash or a full disk leaves the old ones whole, and known again by their SHA-256."""

from __future__ import annotations

import errno
import hashlib
import json
import os
import re
import tempfile
import time
from collections.abc import Callable, Mapping
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
CURE = "Climb its ladder again to make it anew."
FULL = (errno.ENOSPC, errno.EDQUOT)
"""Why a disk takes no more: it is full, or what one may have of it is."""
SETTLED = 100_000_000
"""Nanoseconds after which a file that was written counts as such."""
_SHA256 = re.compile(r"[0-9a-f]{64}")


def write_aside(path: Path, write: Callable[[IO[bytes]], object], *, sync: bool = True, named: bool = False) -> None:
    """Write a file beside its place, sync it and rename it: `path` is either the old file or the new one, whole.

    Without `sync` that is so when the process dies, but perhaps not when the machine does; see `sync_file`.
    Raises RunError, with the old file untouched, when the disk takes no more. `named`: a person named this very file,
    and is told to name another one.
    """
    aside: Path | None = None
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.NamedTemporaryFile(dir=path.parent, prefix=f".{path.name}.", delete=False) as file:
            aside = Path(file.name)
            write(file)
            file.flush()
            if sync:
                os.fsync(file.fileno())
        aside.chmod(0o644)
        _put(aside, path)
    except OSError as error:
        free = "Free some space there or give" if error.errno in FULL else "Give"
        place = "place with --out, then type the same command again: it goes on where it was"
        raise RunError(
            f"could not write {path}: {error.strerror or error}. {free} another {'file' if named else place}."
        ) from error
    finally:
        if aside is not None:
            aside.unlink(missing_ok=True)


def sync_file(path: Path) -> None:
    """See that a file which was written is on the disk."""
    with path.open("rb+") as file:
        os.fsync(file.fileno())


def _put(aside: Path, path: Path) -> None:
    """Rename over `path`; Windows refuses while somebody reads the old file, so that it is tried for two seconds."""
    for _ in range(20):
        try:
            aside.replace(path)
            return
        except PermissionError:
            time.sleep(BUSY)
    aside.replace(path)


def write_text(path: Path, text: str) -> None:
    """Write a text file, in UTF-8 and with its line ends as they are, whole or not at all, as `write_aside` does."""
    write_aside(path, lambda file: file.write(text.encode()))


def write_json(path: Path, value: Any, *, sync: bool = True) -> None:
    """Write a JSON file whole or not at all; the text is UTF-8 and indented. `sync` as `write_aside` has it."""
    text = json.dumps(value, indent=2, ensure_ascii=False) + "\n"
    write_aside(path, lambda file: file.write(text.encode()), sync=sync)


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
        # libyaml, where PyYAML was built with it, reads ten times as fast.
        loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
        for event in yaml.parse(text, loader):
            depth += isinstance(event, yaml.CollectionStartEvent) - isinstance(event, yaml.CollectionEndEvent)
            if isinstance(event, yaml.AliasEvent):
                raise ValueError(f"the alias '*{event.anchor}' is not taken")
            if depth > DEEPEST:
                raise ValueError(f"nested more than {DEEPEST} deep")
        return yaml.load(text, loader)
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


def fault_of(path: Path, known_as: str) -> str:
    """What is wrong with a file; "" for one that is as it was written."""
    try:
        return "" if sha256(path) == known_as else DAMAGED
    except FileNotFoundError:
        return GONE
    except OSError as error:
        return f"cannot be read ({error.strerror})"
