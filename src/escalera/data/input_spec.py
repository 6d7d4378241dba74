"""What a network is given of a row; and what a model has to know of the data that it learned from, to be asked.

The latter is the section `data` of run.json: its shape is (H, W, C).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated, Self

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field, model_validator

from escalera.core.errors import DataError
from escalera.data.cache.bitmap import Channels, Resize
from escalera.data.mosaic import grid
from escalera.data.rows import Rows, spread

_PIXELS = 4096 * 4096
"""Pixels of a row: limits keep a stranger's file from filling the memory."""
_LOOKED_AT, _AT_ONCE = 10_000, 100
"""Rows of train that are looked at for their levels, and how many together."""
_RARE = 0.01

Level = Annotated[int, Field(ge=0, le=255)]


@dataclass(frozen=True)
class InputSpec:
    """What a network is given of a row, and what it tells apart.

    `shape` is (C, H, W) of the picture, `layout` the (rows, columns) of several in it; `attributes` is how many stand
    beside it. `mean` and `deviation` of each channel standardise the pixels, in [0, 1] until then; None: they stay.
    """

    shape: tuple[int, int, int]
    classes: tuple[str, ...]
    attributes: int = 0
    layout: tuple[int, int] = (1, 1)
    mean: Sequence[float] | None = None
    deviation: Sequence[float] | None = None


class Learned(BaseModel):
    """The data of a trained model. What else run.json says of them is for the report, and does not count here."""

    model_config = ConfigDict(extra="ignore", strict=True, allow_inf_nan=False, frozen=True)

    source: str
    shape: Annotated[list[Annotated[int, Field(ge=1)]], Field(min_length=3, max_length=3)]
    classes: Annotated[list[str], Field(min_length=2)]
    resize: Resize
    image_columns: str | list[str] | None = None
    mean: list[Annotated[float, Field(ge=0, le=1)]] | None = None
    deviation: list[Annotated[float, Field(gt=0, le=1)]] | None = None
    attributes: list[str] | None = None
    columns: list[str] | None = None
    range: Annotated[list[float], Field(min_length=2, max_length=2)] | None = None
    """Black and white of pictures with more than 8 bits, where the ladder said them."""
    max_megapixels: Annotated[int, Field(ge=1, le=10_000)] | None = None
    """The largest picture that is decoded, where the ladder said it."""
    largest_levels: Annotated[list[Level], Field(min_length=2, max_length=2)] | None = None
    """What the function below finds; None for a run that did not look."""

    @model_validator(mode="after")
    def _sound(self) -> Self:
        height, width, channels = self.shape
        if height * width > _PIXELS or channels not in (1, 3):
            raise ValueError(
                f"expected a shape of at most 4096 x 4096 pixels in 1 or 3 channels, received {self.shape}"
            )
        if (self.mean is None) != (self.deviation is None):
            raise ValueError("expected a mean and a deviation, or neither, received one of them")
        for name, values in (("mean", self.mean), ("deviation", self.deviation)):
            if values is not None and len(values) != channels:
                raise ValueError(f"expected a {name} for each of {channels} channels, received {len(values)}")
        if self.range is not None and self.range[0] >= self.range[1]:
            raise ValueError(f"expected a range from black up to white, received {self.range}")
        rows, columns = grid(len(self.several) or 1)
        if height % rows or width % columns:
            raise ValueError(f"expected {rows}x{columns} pictures of one size in {height}x{width} pixels")
        return self

    def inputs(self, *, attributes: int, layout: tuple[int, int]) -> InputSpec:
        """What its network is given of a row."""
        height, width, channels = self.shape
        return InputSpec((channels, height, width), tuple(self.classes), attributes, layout, self.mean, self.deviation)

    @property
    def several(self) -> list[str]:
        """The columns of the pictures that lie side by side in a row; none where a row is one picture."""
        return self.image_columns if isinstance(self.image_columns, list) else []

    @property
    def together(self) -> int:
        """How many pictures of each row are seen together."""
        return len(self.several) or 1

    def rows_of(self, pictures: int) -> int:
        """How many rows so many pictures are; raises DataError where some would be left over."""
        if pictures % self.together:
            raise DataError(
                f"this run sees {self.together} pictures of each row together ({', '.join(self.several)}): expected as "
                f"many, or a multiple, received {pictures}"
            )
        return pictures // self.together

    @property
    def channels(self) -> Channels:
        """1 grey, 3 colour."""
        return 3 if self.shape[2] == 3 else 1

    @property
    def part(self) -> tuple[int, int]:
        """(height, width) of each picture of a row."""
        rows, columns = grid(self.together)
        return self.shape[0] // rows, self.shape[1] // columns


def largest_levels(images: NDArray[np.uint8], rows: NDArray[np.int64]) -> list[int]:
    """The largest pixel of a picture: what 99 of 100 rows of train reach, and what none exceeds; of ten thousand rows.

    It tells apart what is on another scale: scikit-learn's digits, from 0 to 16, beside pictures that go to 255.
    """
    chosen = rows[spread(len(rows), _LOOKED_AT)]
    source = Rows(images)
    parts = np.array_split(chosen, -(-len(chosen) // _AT_ONCE))
    found = np.concatenate([source.take(part).max(axis=1) for part in parts])
    return [int(np.quantile(found, _RARE, method="lower")), int(found.max())]
