"""Pictures of a data set inside a page: as data URIs, and plain charts as SVG that takes the page's colours.

pixels  (H, W, C) uint8
"""

from __future__ import annotations

import base64
import io
import itertools
from collections.abc import Sequence

import numpy as np
from markupsafe import Markup
from numpy.typing import NDArray
from PIL import Image

_SHARP = 48
"""Pixels of a side up to which a picture is kept exactly; larger ones are compressed with small losses."""


def data_uri(pixels: NDArray[np.uint8], size: tuple[int, int] | None = None) -> str:
    """A picture as a data URI; with `size`, of which only the ratio counts, in its own height to width."""
    image = Image.fromarray(pixels[..., 0] if pixels.shape[2] == 1 else pixels)
    if size is not None and size[0] * image.width != size[1] * image.height:
        scale = max(image.size) / max(size)
        image = image.resize((max(1, round(size[1] * scale)), max(1, round(size[0] * scale))))
    file = io.BytesIO()
    if max(image.size) <= _SHARP:
        image.save(file, "PNG")
    else:
        image.save(file, "WEBP", quality=80)
    kind = "png" if max(image.size) <= _SHARP else "webp"
    return f"data:image/{kind};base64,{base64.b64encode(file.getvalue()).decode()}"


def levels_uri(values: NDArray[np.float64], shape: tuple[int, int, int], highest: float = 255.0) -> str:
    """Statistics (H * W * C,) as a picture, 0 black and `highest` white."""
    scaled = np.clip(values.reshape(shape) * (255 / (highest or 1.0)), 0, 255)
    return data_uri(np.rint(scaled).astype(np.uint8))


def histogram(counts: Sequence[float], label: str) -> Markup:
    """Bars side by side, as wide and as high as the page makes them."""
    tallest, bars = max([*counts, 1]), []
    for place, count in enumerate(counts):
        height = 40 * count / tallest
        if count:
            height = max(0.6, height)
            bars.append(f"M{place + 0.06:.2f} 40v-{height:.2f}h.88v{height:.2f}z")
    return Markup(
        '<svg class="histogram" viewBox="0 0 {} 40" preserveAspectRatio="none" role="img" aria-label="{}">'
        '<path d="{}"/></svg>'
    ).format(len(counts), label, Markup("".join(bars)))


def sizes_chart(sizes: Sequence[tuple[int, int, int]], label: str, across: str, down: str) -> Markup:
    """Circles at (width, height), as large as their pictures are many; `sizes` are (height, width, count)."""
    side, margin = 300, 46
    most = max(count for _, _, count in sizes)
    longest = max(max(height, width) for height, width, _ in sizes)
    step = next(s for n in itertools.count(1) for s in (10**n, 2 * 10**n, 5 * 10**n) if longest / s <= 5)
    end = step * -(-longest // step)
    marks = []
    for tick in range(0, end + 1, step):
        x = margin + side * tick / end
        y = 10 + side - side * tick / end
        marks.append(
            f'<path class="grid" d="M{margin} {y:.1f}h{side}M{x:.1f} 10v{side}"/>'
            f'<text x="{margin - 7}" y="{y + 4:.1f}" text-anchor="end">{tick}</text>'
            f'<text x="{x:.1f}" y="{side + 27}" text-anchor="middle">{tick}</text>'
        )
    for height, width, count in sorted(sizes, key=lambda size: -size[2]):
        radius = 2 + 14 * (count / most) ** 0.5
        x, y = margin + side * width / end, 10 + side - side * height / end
        marks.append(f'<circle cx="{x:.1f}" cy="{y:.1f}" r="{radius:.1f}"/>')
    return Markup(
        '<svg class="sizes" viewBox="0 0 {} {}" role="img" aria-label="{}">{}'
        '<text x="{}" y="{}" text-anchor="middle">{}</text>'
        '<text transform="translate(11 {}) rotate(-90)" text-anchor="middle">{}</text></svg>'
    ).format(
        side + margin + 20, side + 50, label, Markup("".join(marks)),
        margin + side // 2, side + 46, across, 10 + side // 2, down,
    )  # fmt: skip
