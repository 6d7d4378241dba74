"""Pictures that were decoded before: of a source that changes by a few, only those few are decoded.

A picture is known by what its file holds and how it was decoded, whatever it is called and wherever it stands now.

digests  (N, 16) uint8, <split>-digests.npy beside the pixels, zeros for a picture that is not known by them
"""

from __future__ import annotations

import contextlib
import hashlib
import json
from collections.abc import Iterator, Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from escalera.core.errors import DataError
from escalera.data.cache import folders
from escalera.data.cache.decode import Decoded, decode_all
from escalera.data.cache.store import map_array
from escalera.data.readers.listing import Raw, Several

SIZE = 16
"""Bytes of a digest: two files out of billions have the same one by chance about never."""
_UNKNOWN = bytes(SIZE)


class Known(NamedTuple):
    """What became of a picture, and the digest by which it is known later."""

    result: Decoded | DataError
    digest: bytes


class Earlier:
    """The pixels in the cache at `root` that were decoded in one `way`: the settings of `decode_all`."""

    def __init__(self, root: Path, way: Mapping[str, Any]) -> None:
        self.root = root
        self.way = way
        described = json.dumps([folders.VERSION, way], sort_keys=True)
        self._person = hashlib.sha256(described.encode()).digest()[: hashlib.blake2b.PERSON_SIZE]

    def decode(self, raws: Sequence[Raw]) -> list[Known]:
        """The pixels of pictures, in order: those from before where there are any, and all others decoded now."""
        digests = [self._digest(raw) for raw in raws]
        before = [self._find(digest) for digest in digests]
        new = iter(decode_all([raw for raw, pixels in zip(raws, before, strict=True) if pixels is None], **self.way))
        results = [next(new) if pixels is None else Decoded(pixels) for pixels in before]
        # What is to be said of a picture beside its pixels is not kept: it is decoded again, and said again.
        return [
            Known(result, digest if isinstance(result, Decoded) and result.is_plain else _UNKNOWN)
            for result, digest in zip(results, digests, strict=True)
        ]

    def _digest(self, raw: Raw) -> bytes:
        """What a file holds and how it is decoded, or the files of a row; unknown for what is no file, or not there."""
        if isinstance(raw, bytes) and raw:
            return self._hash(raw)
        if isinstance(raw, Several):
            parts = [self._digest(part) for part in raw.parts.values()]
            return _UNKNOWN if _UNKNOWN in parts else self._hash(b"".join(parts))
        return _UNKNOWN

    def _hash(self, content: bytes) -> bytes:
        return hashlib.blake2b(content, digest_size=SIZE, person=self._person).digest()

    def _find(self, digest: bytes) -> NDArray[np.uint8] | None:
        """The pixels (H, W, C) of the picture with a digest; None where it was not decoded before."""
        known, places, arrays = self._index
        if digest == _UNKNOWN or not len(known):
            return None
        at = int(np.searchsorted(known, np.bytes_(digest)))
        if at == len(known) or known[at] != digest.rstrip(b"\0"):
            return None
        array, row = places[at]
        return np.array(arrays[array][row])

    @cached_property
    def _index(self) -> tuple[NDArray[np.bytes_], NDArray[np.int64], list[NDArray[np.uint8]]]:
        """The digests in order, the array and the row of each, and the arrays."""
        found = list(self._arrays())
        digests = [digests.view(f"S{SIZE}").ravel() for digests, _ in found]
        known = np.concatenate(digests) if digests else np.empty(0, f"S{SIZE}")
        rows = [np.stack([np.full(len(one), n), np.arange(len(one))], axis=1) for n, one in enumerate(digests)]
        places = np.concatenate(rows) if rows else np.empty((0, 2), np.int64)
        order = np.argsort(known, kind="stable")
        return known[order], places[order], [pixels for _, pixels in found]

    def _arrays(self) -> Iterator[tuple[NDArray[np.uint8], NDArray[np.uint8]]]:
        """The digests and the pixels of every split in the cache; nothing of what is damaged."""
        for path in sorted(self.root.glob("*/*-digests.npy")):
            with contextlib.suppress(OSError, ValueError, EOFError):
                pixels = map_array(path.with_name(path.name.replace("digests", "images")))
                # Whoever was stopped may have known more than it had written.
                digests = np.load(path)[: len(pixels)]
                if digests.dtype == np.uint8 and digests.shape == (len(pixels), SIZE) and pixels.dtype == np.uint8:
                    yield digests, pixels


def joined(digests: Sequence[bytes]) -> NDArray[np.uint8]:
    """Digests as they are kept, (N, 16)."""
    return np.frombuffer(b"".join(digests), np.uint8).reshape(-1, SIZE)
