"""Arrays that a person gives as pictures, checked: nothing is scaled, turned or resized by a guess.

x     what was given: one picture (H, W, C), (H, W) of a grey one, or N of them
rows  (N, H, W, C) uint8
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from escalera.core.errors import DataError

Shape = tuple[int, int, int]


def checked(
    x: NDArray[Any], shape: Shape, *, many: bool, white: int | None = None, range_: Sequence[float] | None = None
) -> NDArray[np.uint8]:
    """An array as rows of `shape` (H, W, C), one alone unless `many`.

    Whole numbers from 0 to 255 of any type are taken, bytes alone where pictures have another `range_` of black and
    white. Raises DataError for anything else, with what was expected, what was received, and what to type; `x` stands
    there for the array. `white` is the level that pictures usually reach.
    """
    height, width, channels = shape
    if x.size and (why := _levels(x, white, range_)) is None and _fits(x.shape, shape, many):
        return np.ascontiguousarray(x.astype(np.uint8, copy=False)).reshape(-1, height, width, channels)
    expected = f"({'N, ' if many else ''}{height}, {width}, {channels})"
    span = f", values from {x.min():g} to {x.max():g}" if x.size and x.dtype.kind in "uif" else ""
    header = f"expected uint8 {expected}, values from 0 to 255; received {x.dtype} {x.shape}{span}."
    if not x.size:
        raise DataError(f"{header} There is no picture in it.")
    words, code = why or ("", "x")
    if code and x.dtype.kind in "uifb" and not _fits(x.shape, shape, many):
        more, code = _shaped(x.shape, shape, many, code)
        words = " ".join(filter(None, (words, more)))
    typed = f"Type {code}, where x is the array." if code else ""
    raise DataError(" ".join(filter(None, (header, words, typed))))


def as_array(given: Any) -> NDArray[Any]:
    """An array of numpy's, of what has one or becomes one; a tensor too that learns, is on a GPU, or holds bfloat16."""
    if hasattr(given, "detach"):
        given = given.detach().cpu()
        if str(given.dtype) == "torch.bfloat16":
            given = given.float()
    found: NDArray[Any] = np.asarray(given)
    return found


def strange_levels(largest: int, usual: Sequence[int]) -> str:
    """What is odd about the largest level of all pixels given, beside those of the pictures of train; "" for nothing.

    `usual` is what `data.input_spec.largest_levels` says of these.
    """
    low, high = usual
    if 2 * largest < low:
        return f"no pixel is above {largest}, where 99 of 100 pictures of train reach {low}"
    if largest > 2 * high:
        return f"pixels reach {largest}, where no picture of train is above {high}"
    return ""


def _levels(x: NDArray[Any], white: int | None, range_: Sequence[float] | None) -> tuple[str, str] | None:
    """Why the values are no levels of a picture, and what to type instead ("" for nothing); None where they are."""
    kind = x.dtype.kind
    if kind == "b":
        return "", "255 * x.astype('uint8')"
    if kind in "US":
        return "Names of files are given as a list.", "x.tolist()"
    if kind == "c":
        return "Complex numbers are no levels.", "x.real"
    if kind == "O" and all(isinstance(one, int | float | np.number) for one in x.flat):
        return "", "numpy.array(x.tolist())"
    if kind not in "uif":
        return "Pictures of different sizes, and names of files, are given as a list.", ""
    if kind == "f" and not np.isfinite(x).all():
        absent = int((~np.isfinite(x)).sum())
        return f"{absent:,} of {x.size:,} values are not finite (NaN or infinite).", ""
    if range_ is not None and x.dtype != np.uint8:
        low, high = range_
        shifted = f"(x - {low:g})" if low else "x"
        code = f"({shifted} * (255 / {high - low:g})).clip(0, 255).round().astype('uint8')"
        return f"The pictures of train have black at {low:g} and white at {high:g} (data.range).", code
    low, high = x.min(), x.max()
    if low < 0:
        return "Values below 0 are those of standardised pictures: give them as they were before.", ""
    if kind != "f" and high <= 255:
        return None
    if high <= 1:
        return "", scaled(1)
    if high <= 255:
        dim = white is not None and 2 * high < white
        return (f"{high:g} seems to stand for white.", scaled(high)) if dim else ("", "x.round().astype('uint8')")
    if high <= 65_535:
        return "Where 65535 stands for white:", "(x / 257).round().astype('uint8')"
    return "", ""


def scaled(white: float) -> str:
    """What to type to make levels of 0 to 255 of values whose white is another number."""
    return f"(255 {'' if white == 1 else f'/ {white:g} '}* x).round().astype('uint8')"


def _fits(own: tuple[int, ...], shape: Shape, many: bool) -> bool:
    fitting = [shape, shape[:2]] if shape[2] == 1 else [shape]
    return own in fitting or (many and own[1:] in fitting)


def _shaped(own: tuple[int, ...], shape: Shape, many: bool, code: str) -> tuple[str, str]:
    """How an array of another shape could be meant, and what to type then."""
    height, width, channels = shape
    if own[-1:] == (height * width * channels,) and len(own) <= (2 if many else 1):
        return "", f"{code}.reshape({'-1, ' if many else ''}{height}, {width}, {channels})"
    if own[-3:] == (channels, height, width) and len(own) in (3, 4):
        return "The channels come last.", f"{code}.transpose({'0, 2, 3, 1' if len(own) == 4 else '1, 2, 0'})"
    if len(own) not in (2, 3, 4):
        return "", ""
    why = "To have pictures converted and resized as in training, give them as PIL images (from PIL import Image)."
    several = len(own) == 4 or (len(own) == 3 and own[2] > 4)
    grey = "[..., 0]" if own[-1] == 1 else ""
    if several and not many:
        return "This is more than one picture.", ""
    picture = f"[Image.fromarray(one) for one in {code}{grey}]" if several else f"Image.fromarray({code}{grey})"
    return why, picture
