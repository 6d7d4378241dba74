"""A source on its way to another machine: the arrays that this one has decoded, by way of a place that both see.

<key>/train-images.npy, ...  the files of its folder in the cache, as `folders` has them
<key>/sent.json              their bytes and SHA-256s; put last, so that what has none is not there

The key is a hash of that list: another content has another key, and whoever fetches has what was sent, or nothing.
Files and not the originals: they are what a training reads, and nobody has to decode them again.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import re
import shutil
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from escalera.core import store
from escalera.core.errors import DataError
from escalera.core.files import sha256
from escalera.core.locking import in_turn
from escalera.core.shared_folder import SharedFolder
from escalera.data.cache import folders
from escalera.data.cache.store import read_folder
from escalera.data.images import ImageSet

Shelf = SharedFolder | store.Store
"""Where sources are put, and fetched from."""
SENT = "sent-"
"""How a key begins."""
LIST, META = "sent.json", "meta.json"
_FILE = re.compile(r"(train|validation|test)-(images|labels|listed)\.npy|(train|validation|test)-table\.parquet")
_KEY = re.compile(rf"{SENT}[A-Za-z0-9._-]+-[0-9a-f]{{20}}")


@dataclass(frozen=True)
class Parcel:
    """A source as it is sent: its key, its list, what is known of it as meta.json, its files, and all their bytes."""

    key: str
    listed: bytes
    meta: bytes
    files: dict[str, Path]
    size: int


def pack(images: ImageSet) -> Parcel:
    """What is to be sent of a source that the cache holds; raises DataError where the cache could not be written."""
    folder = images.folder
    if folder is None:
        raise DataError(
            f"the source {images.name} cannot be sent to another machine, since it could not be written to the cache "
            "of this one. Name a folder that has room for it and can be written with ESCALERA_CACHE."
        )
    try:
        about = json.loads((folder / META).read_text(encoding="utf-8"))
        # When it was decoded, and from where, makes no other content of it.
        told = {key: value for key, value in about.items() if key not in ("made", "origin")}
        meta = json.dumps(told, ensure_ascii=False).encode()
        files = {path.name: path for path in sorted(folder.iterdir()) if _FILE.fullmatch(path.name)}
        known = {name: (path.stat().st_size, sha256(path)) for name, path in files.items()}
    except OSError as error:
        raise DataError(f"could not read {folder}: {error.strerror}. Type the same command again.") from error
    known[META] = len(meta), hashlib.sha256(meta).hexdigest()
    listed = json.dumps({"source": images.name, "files": known}, sort_keys=True).encode()
    return Parcel(_key(images.name, listed), listed, meta, files, sum(size for size, _ in known.values()))


def is_there(parcel: Parcel, shelf: Shelf) -> bool:
    """Whether a source was sent already, whole."""
    return shelf.read(f"{parcel.key}/{LIST}") == parcel.listed


def send(parcel: Parcel, shelf: Shelf) -> None:
    """Put a source there, its list last; raises EscaleraError where it does not come there."""
    for name, path in parcel.files.items():
        shelf.put(path, f"{parcel.key}/{name}")
    shelf.write(f"{parcel.key}/{META}", parcel.meta)
    shelf.write(f"{parcel.key}/{LIST}", parcel.listed)


def fetch(key: str, shelf: Shelf, root: Path) -> ImageSet:
    """A source that was sent, out of the cache at `root`; fetched once, and again where it is damaged there.

    Raises EscaleraError where it is not there, or is not what was sent.
    """
    if not _KEY.fullmatch(key):
        raise DataError(f"expected the key of a source, as sent-mine-0123456789abcdef0123, received {key!r}")
    with in_turn(root / f".{key}.lock"):
        with contextlib.suppress(OSError, ValueError, KeyError, TypeError):
            return read_sent(key, root)
        shutil.rmtree(root / key, ignore_errors=True)
        folders.stored(root, key, lambda aside: _fetch(key, shelf, aside))
        return read_sent(key, root)


def read_sent(key: str, root: Path) -> ImageSet:
    """The same, where it was fetched; raises what numpy raises for a damaged file, and KeyError for none."""
    folder = root / key
    name = json.loads((folder / META).read_text(encoding="utf-8"))["source"]
    return read_folder(folder, name)


def check_room(name: str, size: int, folder: Path) -> None:
    """Raise DataError where a source of so many bytes does not fit into a folder."""
    free = shutil.disk_usage(folder).free
    if size > free:
        raise DataError(
            f"the source {name}: expected {size / 1e6:,.1f} MB free in {folder}, found {free / 1e6:,.1f} MB. Free some "
            "space there, or put the source where all machines see it."
        )


def _fetch(key: str, shelf: Shelf, aside: Path) -> None:
    listed = _patiently(lambda: shelf.read(f"{key}/{LIST}"))
    if listed is None:
        raise DataError(
            f"expected the source {key} in {shelf.url}, where the climb has put it, found none. Look whether this "
            "machine sees what is put there, and type the same command again."
        )
    with _as_sent(f"{shelf.url}/{key}/{LIST}"):
        found = json.loads(listed)
        files = {str(name): (int(size), str(digest)) for name, (size, digest) in found["files"].items()}
        if _key(found["source"], listed) != key or not all(_FILE.fullmatch(name) or name == META for name in files):
            raise ValueError
    check_room(found["source"], sum(size for size, _ in files.values()), aside)
    for name, (size, digest) in files.items():
        shelf.fetch(f"{key}/{name}", aside / name)
        with _as_sent(f"{shelf.url}/{key}/{name}"):
            if (aside / name).stat().st_size != size or sha256(aside / name) != digest:
                raise ValueError


def _key(name: str, listed: bytes) -> str:
    return f"{SENT}{folders.key(Path(name).name, [listed.decode()])}"


def _patiently(read: Callable[[], bytes | None]) -> bytes | None:
    """What is read, after some attempts: a network disk shows others what was put there some seconds later."""
    for pause in store.PAUSES:
        if (found := read()) is not None:
            return found
        time.sleep(pause)
    return read()


@contextlib.contextmanager
def _as_sent(place: str) -> Iterator[None]:
    try:
        yield
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise DataError(
            f"{place} is not what was sent (its SHA-256 differs). Take its folder away, and type the same command "
            "again."
        ) from error
