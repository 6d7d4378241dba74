"""A place at a URL that takes whole files: an object store, or anything else that fsspec opens.

Of a URL nothing becomes a `Path`, which would make one slash of two. Names below it are texts such as
`digits/cnn/seed-0/run.json`; those with a part that begins with a dot are notes of ours, and in no list.
"""

from __future__ import annotations

import contextlib
import difflib
import re
import time
import uuid
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any, TypeVar

from escalera.core.errors import EscaleraError, RunError
from escalera.core.files import FULL

PAUSES = (1.0, 2.0, 4.0, 8.0)
"""Seconds between attempts at what a network did not let through."""
SCHEMES = (
    "s3",
    "gs",
    "gcs",
    "file",
    "memory",
    "az",
    "abfs",
    "adl",
    "hdfs",
    "sftp",
    "ssh",
    "smb",
    "webdav",
    "oci",
    "oss",
)
"""What fsspec knows and can write to; others that it knows are taken too."""
_EXTRAS = {"s3": ("s3fs", "s3"), "s3a": ("s3fs", "s3"), "gs": ("gcsfs", "gcs"), "gcs": ("gcsfs", "gcs")}
"""The library that opens a scheme, and the extra of ours that brings it."""
_MOVES = {"file", "local", "hdfs", "sftp", "ssh", "smb", "webdav"}
"""Those with folders, where a file that is written in its place is half there for a while; objects come whole."""
_STAMPS = ("ETag", "etag", "md5Hash", "content_hash", "mtime", "created", "LastModified", "last_modified", "updated")
"""What tells one content of a file from another, by what a store says of it; the first that it knows."""
_URL = re.compile(r"([A-Za-z][A-Za-z0-9+.-]*)://+")
_SLIP = re.compile(r"\s*([A-Za-z][A-Za-z0-9+.-]+):")
"""What begins as a URL does; a single letter is a drive of Windows."""
_FINAL = (
    FileNotFoundError,
    PermissionError,
    IsADirectoryError,
    NotADirectoryError,
    NotImplementedError,
    TypeError,
    ValueError,
)
"""What another attempt does not make better."""
_Found = TypeVar("_Found")


def is_url(given: str | Path) -> bool:
    """Whether runs are to go to a URL.

    Raises EscaleraError for one that is written otherwise, which would be a folder of that name, and for a `Path` that
    was one before it became a path.
    """
    if isinstance(given, Path):
        if was_url(given):
            raise EscaleraError(f"out: expected a URL as text, received Path('{given}'), which has lost a slash")
        return False
    if not given.strip():
        raise EscaleraError("--out: expected a folder, or a URL as s3://bucket/runs, received an empty text")
    if _URL.match(given):
        return True
    slip = _SLIP.match(given)
    if slip and slip[1].lower() in SCHEMES:
        raise EscaleraError(
            f"--out {given}: expected a URL as s3://bucket/runs, with two slashes and nothing before its first letter"
        )
    return False


def was_url(path: Path) -> bool:
    """Whether a path was a URL before it became one; a single letter before the colon is a drive of Windows."""
    return re.match(r"[A-Za-z][A-Za-z0-9+.-]+:[/\\]", str(path)) is not None


@cache
def open_store(url: str) -> Store:
    """The store at a URL, one in each process; raises EscaleraError where nothing here opens such a one."""
    return Store(url)


class Store:
    """What lies below a URL: it is listed, fetched, put and removed, and tried again where the network is away.

    Raises EscaleraError, with the URL and what to do, where it stays away.
    """

    def __init__(self, url: str) -> None:
        match = _URL.match(url)
        scheme = match[1].lower() if match else ""
        self.url = url.rstrip("/") if match is None or match.end() < len(url) else url
        self.moves = scheme in _MOVES
        self.files, self.root = _filesystem(self.url, scheme)

    def listed(self, below: str) -> dict[str, str]:
        """The files below a name, and a stamp that changes when a file does; empty where nothing is there."""

        def find() -> dict[str, Any]:
            self.files.invalidate_cache()
            with contextlib.suppress(FileNotFoundError):
                return dict(self.files.find(self._at(below), detail=True))
            return {}

        found = {path[len(self._at("")) :].lstrip("/"): info for path, info in self._tried("list", below, find).items()}
        return {name: _stamp(info) for name, info in found.items() if _is_ours(name)}

    def fetch(self, name: str, to: Path) -> None:
        """Have a file here, whole or not at all."""
        aside = to.with_name(f".{to.name}.{uuid.uuid4().hex[:8]}")
        try:
            to.parent.mkdir(parents=True, exist_ok=True)
            self._tried("read", name, lambda: self.files.get_file(self._at(name), str(aside)))
            aside.replace(to)
        except OSError as error:
            mend = "Free some space there" if error.errno in FULL else "Make sure that it can be written"
            raise RunError(
                f"could not write {to}: {error.strerror}. {mend}, and type the same command again."
            ) from error
        finally:
            aside.unlink(missing_ok=True)

    def put(self, path: Path, name: str) -> None:
        """Put a file there, whole or not at all."""
        self._whole(name, lambda at: self.files.put_file(str(path), at))

    def write(self, name: str, content: bytes) -> None:
        """Put a few bytes there."""
        self._whole(name, lambda at: self.files.pipe_file(at, content))

    def read(self, name: str) -> bytes | None:
        """What was put there; None where nothing was."""

        def read() -> bytes | None:
            self.files.invalidate_cache()
            with contextlib.suppress(FileNotFoundError):
                return bytes(self.files.cat_file(self._at(name)))
            return None

        return self._tried("read", name, read)

    def remove(self, name: str) -> None:
        """Take a file away, if it is there."""

        def remove() -> None:
            with contextlib.suppress(FileNotFoundError):
                self.files.rm_file(self._at(name))

        self._tried("write", name, remove)

    def _at(self, name: str) -> str:
        return f"{self.root}/{name}".rstrip("/") if name else self.root

    def _whole(self, name: str, write: Callable[[str], object]) -> None:
        at = self._at(name)
        if not self.moves:
            self._tried("write", name, lambda: write(at))
            return
        folder, _, last = at.rpartition("/")
        aside = f"{folder}/.{last}.{uuid.uuid4().hex[:8]}"

        def put() -> None:
            self.files.makedirs(folder, exist_ok=True)
            write(aside)
            self.files.mv(aside, at)

        self._tried("write", name, put)

    def _tried(self, verb: str, name: str, call: Callable[[], _Found]) -> _Found:
        """What comes of a call, after some attempts."""
        for pause in (*PAUSES, None):
            try:
                return call()
            except Exception as error:
                final = isinstance(error, _FINAL) or "Credentials" in type(error).__name__
                if final or pause is None:
                    raise self._away(verb, name, error) from error
                time.sleep(pause)
        raise AssertionError

    def _away(self, verb: str, name: str, error: Exception) -> EscaleraError:
        reason = " ".join(str(getattr(error, "strerror", None) or error).split())[:300] or type(error).__name__
        return EscaleraError(
            f"could not {verb} {self.url}/{name}: {reason}. Look at the network, and whether you may read and write "
            "there; what was trained lies on this machine, and the same command goes on from it."
        )


def _filesystem(url: str, scheme: str) -> tuple[Any, str]:
    """What opens a URL, and what the URL is called there."""
    import fsspec

    known = fsspec.available_protocols()
    if scheme not in known:
        near = difflib.get_close_matches(scheme, SCHEMES, n=1, cutoff=0.5)
        hint = f"did you mean '{near[0]}'?" if near else f"known: {', '.join(SCHEMES)}"
        raise EscaleraError(f"--out {url}: unknown scheme '{scheme}'; {hint}")
    try:
        files, root = fsspec.core.url_to_fs(f"{scheme}{url[len(scheme) :]}")
    except ImportError as error:
        if scheme not in _EXTRAS:
            raise EscaleraError(f"--out {url}: nothing here opens {scheme}://: {error}") from error
        library, extra = _EXTRAS[scheme]
        raise EscaleraError(
            f"--out {url}: expected {library}, found none. Install it: pip install 'escalera[{extra}]'"
        ) from error
    except (OSError, ValueError, TypeError) as error:
        raise EscaleraError(f"--out {url}: expected a URL as s3://bucket/runs: {error}") from error
    if not root.strip("/"):
        raise EscaleraError(f"--out {url}: expected a URL as s3://bucket/runs, received one that names no place")
    return files, root.rstrip("/")


def _stamp(info: dict[str, Any]) -> str:
    known = next((str(info[key]) for key in _STAMPS if info.get(key) is not None), "")
    return f"{info.get('size')} {known}"


def _is_ours(name: str) -> bool:
    """Whether it is a file of a run, and may lie in a folder of that name on every system."""
    return all(part and part[0] != "." and not set(part) & set("\\:") for part in name.split("/"))
