"""What decoding met that a person should know before training: unused bits, damaged metadata, names that mislead."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field

from escalera.core.errors import DataError
from escalera.data.cache.decode import Decoded
from escalera.data.readers.formats import HEAD, format_of, promised
from escalera.data.readers.listing import Listing, Raw, shown

_IN_NOTE = 3
_DARK, _DARK_WIDE = 64, 32_768
"""Of 255 and of 65,535: below it three quarters of the grey levels are lost, or half of them."""
_USUAL_WHITES = (255, 4_095, 16_383, 32_767)
"""Of 8, 12, 14 and 15 bits; those of 10 bits are mostly stored in 12."""


@dataclass
class _Seen:
    """How many images there were, the largest of their values, and how many went beyond what was said."""

    count: int = 0
    largest: float = -math.inf
    outside: int = 0

    def add(self, largest: float, *, outside: bool = False) -> None:
        self.count += 1
        self.largest = max(self.largest, largest)
        self.outside += outside


@dataclass
class Remarks:
    """What the pictures of a source have in common, as they are decoded; `levels` are those of `data.range`."""

    levels: Sequence[float] | None
    wide: dict[float, _Seen] = field(default_factory=dict)
    colours: _Seen = field(default_factory=_Seen)
    damaged: list[str] = field(default_factory=list)
    renamed: list[str] = field(default_factory=list)

    def add(self, listing: Listing, row: int, raw: Raw, found: Decoded) -> None:
        """Take note of an image."""
        if found.reach is not None:
            largest, white, outside = found.reach
            self.wide.setdefault(white, _Seen()).add(largest, outside=outside)
        if found.colours_cut:
            self.colours.add(int(found.pixels.max()))
        name = listing.file_name(row)
        if found.damaged:
            self.damaged.append(f"{shown(name) if name else listing.where(row)} ({found.damaged})")
        if name is not None and isinstance(raw, bytes) and promised(name) != format_of(raw[:HEAD]):
            self.renamed.append(f"{shown(name)} is {format_of(raw[:HEAD])}")

    def notes(self) -> list[str]:
        """A line for each kind."""
        files = "1 file is" if len(self.renamed) == 1 else f"{len(self.renamed):,} files are"
        images = "1 image has" if len(self.damaged) == 1 else f"{len(self.damaged):,} images have"
        return [
            *(self._outside() if self.levels else self._dark()),
            *self._dark_colours(),
            *_some(self.damaged, f"{images} damaged metadata beside whole pixels, which are read"),
            *_some(self.renamed, f"{files} of another format than the name says, and read by content"),
        ]

    def check(self) -> None:
        """Raise DataError for a range of which no image has need."""
        if self.levels is not None and not self.wide:
            raise DataError(
                f"data.range: {list(self.levels)} is for images with more than 8 bits, and there is none. Take it out."
            )

    def _dark(self) -> list[str]:
        notes = []
        for white, seen in self.wide.items():
            levels = int(seen.largest * 255 / white + 0.5) + 1
            wide = white > 255
            if seen.largest >= (_DARK_WIDE if wide else _DARK):
                continue
            instead = next(usual for usual in _USUAL_WHITES if seen.largest <= usual) if wide else int(seen.largest)
            notes.append(
                f"the brightest of {_images(seen.count)}{' with 16 bits' if wide else ''} is {seen.largest:,.0f} of "
                f"{white:,.0f}: only {levels} of 256 grey levels are used"
                + (f"; data.range: [0, {instead}] makes {instead:,} white." if instead else ".")
            )
        return notes

    def _outside(self) -> list[str]:
        return [
            f"{seen.outside:,} of {_images(seen.count)} have values outside of data.range (the largest is "
            f"{seen.largest:g}), which become black or white."
            for seen in self.wide.values()
            if seen.outside
        ]

    def _dark_colours(self) -> list[str]:
        if not self.colours.count or self.colours.largest >= 128:
            return []
        return [
            f"{_images(self.colours.count)} with 16 bits a colour, of which the upper eight are read, use only "
            f"{self.colours.largest + 1:.0f} of 256 levels; save them with 8 bits."
        ]


def _images(count: int) -> str:
    return f"{count:,} image{'' if count == 1 else 's'}"


def _some(found: Sequence[str], what: str) -> list[str]:
    if not found:
        return []
    return [f"{what}: {', '.join(found[:_IN_NOTE])}" + (", ..." if len(found) > _IN_NOTE else "")]
