"""The first directory of a TIFF file, or of an EXIF block, which is written alike: its entries, as far as they go."""

from __future__ import annotations

import struct
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import NamedTuple

_BYTES = {1: 1, 2: 1, 3: 2, 4: 4, 5: 8, 6: 1, 7: 1, 8: 2, 9: 4, 10: 8, 11: 4, 12: 8, 13: 4, 16: 8, 17: 8, 18: 8}
"""Bytes of a value of each type."""
_WHOLE = {1: "B", 3: "H", 4: "I", 6: "b", 8: "h", 9: "i"}
"""Types of whole numbers, as `struct` writes them."""


class _Entry(NamedTuple):
    """A tag, where its entry stands, where its values lie and in how many bytes, and the first of whole numbers."""

    tag: int
    place: int
    values: int
    size: int
    number: int | None


@dataclass(frozen=True)
class Directory:
    """Where a directory begins in a block, and how many entries it announces; `big` has numbers of eight bytes."""

    block: bytes
    order: str
    big: bool
    start: int
    count: int

    @classmethod
    def of(cls, block: bytes) -> Directory | None:
        """None for what does not begin as a TIFF file does, or ends before its directory."""
        order = {b"II": "<", b"MM": ">"}.get(block[:2])
        if order is None:
            return None
        big = block[2:4] in (b"+\0", b"\0+")
        try:
            (start,) = struct.unpack_from(f"{order}{'Q' if big else 'I'}", block, 8 if big else 4)
            (count,) = struct.unpack_from(f"{order}{'Q' if big else 'H'}", block, min(start, len(block)))
        except struct.error:
            return None
        return cls(block, order, big, start, count)

    @property
    def is_cut(self) -> bool:
        """Whether the block ends before the directory does."""
        return self._end > len(self.block)

    @property
    def is_whole(self) -> bool:
        """Whether all entries are there, and their values too. The link to a next directory may be missing."""
        return self._first + self.count * self._step <= len(self.block) and self.fits(lambda tag: True)

    def fits(self, wanted: Callable[[int], bool]) -> bool:
        """Whether the values of those tags lie within the block."""
        return all(entry.values + entry.size <= len(self.block) for entry in self._entries() if wanted(entry.tag))

    def first(self, tag: int) -> int | None:
        """The whole number that a tag has, the first of several; None where there is none."""
        return next((entry.number for entry in self._entries() if entry.tag == tag), None)

    def only(self, wanted: Callable[[int], bool]) -> bytes:
        """The block with the entries of those tags alone, and without a next directory; all else stays in its place."""
        kept = [self.block[entry.place : entry.place + self._step] for entry in self._entries() if wanted(entry.tag)]
        table = struct.pack(f"{self.order}{'Q' if self.big else 'H'}", len(kept)) + b"".join(kept)
        room = self._end - self.start
        return self.block[: self.start] + table.ljust(room, b"\0") + self.block[self._end :]

    @property
    def _step(self) -> int:
        return 20 if self.big else 12

    @property
    def _first(self) -> int:
        return self.start + (8 if self.big else 2)

    @property
    def _end(self) -> int:
        return self._first + self.count * self._step + (8 if self.big else 4)

    def _entries(self) -> Iterator[_Entry]:
        """The entries, as far as the block goes."""
        last = min(self._first + self.count * self._step, len(self.block) - self._step + 1)
        for place in range(self._first, last, self._step):
            tag, kind = struct.unpack_from(f"{self.order}HH", self.block, place)
            long, inside = ("Q", place + 12) if self.big else ("I", place + 8)
            (count,) = struct.unpack_from(self.order + long, self.block, place + 4)
            size, values = count * _BYTES.get(kind, 1), inside
            if size > struct.calcsize(self.order + long):
                (values,) = struct.unpack_from(self.order + long, self.block, inside)
            whole = _WHOLE.get(kind) if values == inside and count else None
            number = struct.unpack_from(self.order + whole, self.block, inside)[0] if whole else None
            yield _Entry(tag, place, values, size, number)
