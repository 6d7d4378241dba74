"""What a person gives as pictures, as the rows that a model takes: the one way in, whoever asks.

picture  a path, the bytes of a file, a PIL image, or an array of pixels
row      one picture, or as many as the model sees together
rows     (N, H, W, C) uint8
"""

from __future__ import annotations

import os
import warnings
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageOps

from escalera.core.errors import DataError
from escalera.core.neighbours import near
from escalera.data.cache.bitmap import Way, to_array
from escalera.data.cache.decode import decode_all, most_pixels
from escalera.data.input_spec import Learned
from escalera.data.mosaic import mosaic
from escalera.data.query.arrays import as_array, checked, scaled, strange_levels
from escalera.data.readers.listing import Raw, shown

Picture = str | os.PathLike[str] | bytes | Image.Image | NDArray[Any]
Pictures = Picture | Sequence[Picture | Sequence[Picture]]
"""One picture, an array of N, or a list; of a model that sees several together also a list of lists, one a row."""

_LISTED = 20
_EXPECTED = "a path, the bytes of a file, a PIL image, an array of pixels, or a list of them"


@dataclass(frozen=True)
class Seen:
    """Rows (N, H, W, C) uint8 that are as a model sees them: out of its own source, or through the way in before."""

    pixels: NDArray[np.uint8]


@dataclass(frozen=True)
class Intake:
    """How pictures become what a model that learned so sees.

    Files, bytes and PIL images are decoded, converted to grey or colour and resized as the pictures of train were.
    Arrays are taken as they are and have to be of the model's own size: of another shape, type or scale they are
    refused.
    """

    learned: Learned

    def rows(self, given: Pictures | Seen) -> NDArray[np.uint8]:
        """All that was given (N, H, W, C). Raises DataError with everything in it that cannot be taken."""
        if isinstance(given, Seen):
            return given.pixels
        if isinstance(given, list | tuple):
            return self._listed(given)
        if not _is_array(given):
            return self._with_warning(self.row([given])[None])  # type: ignore[list-item]
        height, width, channels = self.learned.shape
        found = self._checked(given, (height, width, channels), many=True)
        self._refuse_strange(int(found.max()))
        return found

    def row(self, pictures: Sequence[Picture]) -> NDArray[np.uint8]:
        """The pictures of one row, side by side (H, W, C). Raises DataError for too few or many, and for bad ones."""
        expected = self.learned.together
        if len(pictures) != expected:
            which = f" ({', '.join(self.learned.several)})" if expected > 1 else ""
            raise DataError(
                f"this model looks at {expected} picture(s){which}: expected as many, received {len(pictures)}"
            )
        return mosaic([self._picture(one) for one in pictures])

    def decoded(self, raws: Sequence[Raw]) -> list[NDArray[np.uint8] | DataError]:
        """Rows of files that were read, each (H, W, C), or why it cannot be decoded."""
        learned = self.learned
        found = decode_all(
            raws,
            size=learned.part,
            channels=learned.channels,
            resize=learned.resize,
            levels=learned.range,
            max_pixels=most_pixels(learned.max_megapixels),
        )
        return [one if isinstance(one, DataError) else one.pixels for one in found]

    def enlarged(self, scale: int) -> Intake:
        """The same way in for rows so many times as large, to be shown."""
        height, width, channels = self.learned.shape
        return Intake(self.learned.model_copy(update={"shape": [height * scale, width * scale, channels]}))

    def _listed(self, given: Sequence[Any]) -> NDArray[np.uint8]:
        """A list of pictures, or of the lists of each row's."""
        whole, bad, largest = [], [], []
        rows = self._in_rows(given)
        for place, row in rows:
            try:
                whole.append(self.row(row))
                largest += [int(_array(one).max()) for one in row if _is_array(one)]
            except DataError as error:
                bad.append(f"images[{place}]: {error}")
        refuse_bad(bad, len(rows))
        if largest:
            self._refuse_strange(max(largest))
        return self._with_warning(np.stack(whole))

    def _in_rows(self, given: Sequence[Any]) -> list[tuple[int, Sequence[Any]]]:
        """The pictures of each row, and the place of the row in what was given."""
        first = given
        while isinstance(first, list | tuple) and first:
            first = first[0]
        if isinstance(first, list | tuple):
            raise DataError(f"expected {_EXPECTED}, received an empty list")
        if isinstance(first, int | float):
            raise DataError(f"expected {_EXPECTED}, received a list of numbers; type numpy.array(x, dtype='uint8')")
        nested = [isinstance(one, list | tuple) for one in given]
        if any(nested) and not all(nested):
            raise DataError(
                "expected either pictures, or a list of the pictures of each row; received both in one list"
            )
        if all(nested):
            return list(enumerate(given))
        each = self.learned.together
        return [(n * each, given[n * each : (n + 1) * each]) for n in range(self.learned.rows_of(len(given)))]

    def _picture(self, given: Any) -> NDArray[np.uint8]:
        """One picture (h, w, C) of a row."""
        size, channels = self.learned.part, self.learned.channels
        if isinstance(given, Image.Image):
            range_ = self.learned.range
            levels = None if range_ is None else (range_[0], range_[1])
            return pixels_of(given, Way(size, channels, self.learned.resize, levels))
        if isinstance(given, bytes | bytearray | memoryview):
            return self._file(bytes(given))
        if isinstance(given, str | os.PathLike):
            try:
                return self._file(read_picture(Path(given)))
            except DataError as error:
                raise DataError(f"{shown(os.fspath(given))}: {error}") from error
        if _is_array(given):
            pixels: NDArray[np.uint8] = self._checked(given, (*size, channels), many=False)[0]
            return pixels
        raise DataError(f"expected {_EXPECTED}, received {_kind(given)}")

    def _file(self, raw: bytes) -> NDArray[np.uint8]:
        [found] = self.decoded([raw])
        if isinstance(found, DataError):
            raise found
        return found

    def _checked(self, given: Any, shape: tuple[int, int, int], *, many: bool) -> NDArray[np.uint8]:
        white = self.learned.largest_levels[0] if self.learned.largest_levels else None
        return checked(_array(given), shape, many=many, white=white, range_=self.learned.range)

    def strange(self, largest: int) -> str:
        """What is odd about the largest level of all pixels, beside those of train; "" for nothing."""
        return strange_levels(largest, self.learned.largest_levels) if self.learned.largest_levels else ""

    def _refuse_strange(self, largest: int) -> None:
        strange = self.strange(largest)
        if strange:
            typed = f"If {largest} stands for white, type {scaled(largest)}, where x is the array. " if largest else ""
            raise DataError(f"{strange}. {typed}Pictures that are so indeed are given as files or as PIL images.")

    def _with_warning(self, rows: NDArray[np.uint8]) -> NDArray[np.uint8]:
        strange = self.strange(int(rows.max()))
        if strange:
            warnings.warn(f"{strange}: the answers may mean nothing", stacklevel=5)
        return rows


def refuse_bad(bad: Sequence[str], count: int, what: str = "pictures", cure: str = "") -> None:
    """Raise DataError where some of so many are bad, with the first of them, and what can be done; `what` in plural."""
    if not bad:
        return
    listed = "".join(f"\n  {line}" for line in bad[:_LISTED])
    more = f"\n  ... and {len(bad) - _LISTED:,} more" if len(bad) > _LISTED else ""
    those = f"the only {what[:-1]}" if count == 1 else f"{len(bad):,} of {count:,} {what}"
    raise DataError(f"{those} cannot be taken; nothing was predicted:{listed}{more}{cure}")


def read_picture(path: Path) -> bytes:
    """What is in a file; raises DataError for one that cannot be read, or is a folder."""
    if path.is_dir():
        raise DataError(f"it is a folder: give its pictures, as sorted(Path({str(path)!r}).glob('*.jpg'))")
    try:
        return path.read_bytes()
    except FileNotFoundError:
        raise DataError(no_such_file(path)) from None
    except (OSError, ValueError) as error:  # ValueError: a name with a null character
        raise DataError(f"{getattr(error, 'strerror', None) or error}") from error


def no_such_file(path: Path) -> str:
    """That there is none, and which one was perhaps meant."""
    guess = near(path, lambda found: found.is_file() or not path.suffix)
    return f"there is no such file; did you mean '{guess}'?" if guess else "there is no such file"


def pixels_of(image: Image.Image, way: Way) -> NDArray[np.uint8]:
    """The pixels (h, w, C) of a PIL image, turned as its camera says and converted as those of a file.

    Raises DataError for one without pixels, of numbers whose black and white nobody knows, or whose file is damaged.
    """
    if not image.width * image.height:
        raise DataError(f"there is no pixel in it: it is {image.width}x{image.height}")
    if image.mode in ("I", "F") and way.levels is None:
        raise DataError(
            f"its pixels are 32-bit ({image.mode}), whose black and white are not stated; type "
            "Image.fromarray(x), where x are its pixels from 0 to 255 as uint8"
        )
    try:
        image.load()
        upright = ImageOps.exif_transpose(image)
    except Exception as error:  # Pillow's parsers raise nearly anything on damaged bytes
        raise DataError(f"{error or type(error).__name__}") from error
    return to_array(upright, way)[0]


def _is_array(given: Any) -> bool:
    """Whether it is an array, or of a library whose arrays become one: torch, jax, pandas."""
    return hasattr(given, "__array__") and not isinstance(given, Image.Image | str | bytes)


def _array(given: Any) -> NDArray[Any]:
    try:
        return as_array(given)
    except Exception as error:  # of whichever library it is, as a sparse tensor
        raise DataError(f"expected an array that numpy reads, received {_kind(given)}: {error}") from error


def _kind(given: Any) -> str:
    if isinstance(given, Mapping):
        return "a mapping; the values of a row's columns are given as attributes=[{...}]"
    if hasattr(given, "read"):
        return f"{type(given).__name__}; type x.read(), where x is the open file"
    if isinstance(given, Iterable) and not hasattr(given, "__len__"):
        return f"{type(given).__name__}; make a list of it, so that you know which answer is whose: sorted(...)"
    return f"{type(given).__name__}"
