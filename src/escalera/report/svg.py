"""A small pen for SVG: what the report's figures need, and nothing else.

Ink is `currentColor`, so that a figure takes the page's light or dark; every other colour reads on both. Written by
hand because it takes a millisecond or three where matplotlib took 0.23 s a figure, and a report has a hundred.
"""

from __future__ import annotations

import base64
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from html import escape
from math import ceil, floor, log10
from typing import Any

from markupsafe import Markup

from escalera.report.language import Language

INK = "currentColor"
# After Okabe and Ito (2008), in the middle of the grey scale: told apart by all, and legible on white and on black.
BLUE, ORANGE, TEAL, GREY = "#2f7fc1", "#d9662b", "#159a80", "#858c96"
COLOURS = {"better": TEAL, "worse": ORANGE, "no evidence": GREY, "plain": BLUE, "failed": ORANGE}
SIGNS = {"better": "▲", "worse": "▼", "no evidence": "○", "failed": "✕", "elsewhere": "◇"}
_FONT = "system-ui, -apple-system, 'Segoe UI', 'Liberation Sans', Arial, sans-serif"

LEAST = 0.7
"""The share of its size to which a page may shrink a wide figure: below it, its words could not be read."""

Point = tuple[float, float]


@dataclass(frozen=True)
class Figure:
    """A picture with a name, its words for those who do not see it, and the numbers behind it, column by column."""

    name: str
    title: str
    svg: Markup
    data: Mapping[str, Sequence[Any]]


@dataclass
class Drawing:
    """A sheet of `width` by `height` pixels, x to the right and y down."""

    width: float
    height: float
    _parts: list[str] = field(default_factory=list)

    def line(self, points: Iterable[Point], colour: str = INK, width: float = 1, **style: Any) -> None:
        """A line through points."""
        path = "M" + "L".join(f"{_n(x)} {_n(y)}" for x, y in points)
        self._add("path", d=path, fill="none", stroke=colour, stroke_width=width, **style)

    def area(self, points: Iterable[Point], colour: str, opacity: float) -> None:
        """A filled shape."""
        path = "M" + "L".join(f"{_n(x)} {_n(y)}" for x, y in points) + "Z"
        self._add("path", d=path, fill=colour, fill_opacity=opacity)

    def rect(
        self, x: float, y: float, width: float, height: float, colour: str, opacity: float = 1, **more: Any
    ) -> None:
        """A filled rectangle; one of negative height stands on its head."""
        y, height = (y + height, -height) if height < 0 else (y, height)
        fade: dict[str, Any] = {} if opacity == 1 else {"fill_opacity": round(opacity, 3)}
        self._add("rect", x=x, y=y, width=width, height=height, fill=colour, **fade, **more)

    def dot(self, x: float, y: float, radius: float, colour: str, **style: Any) -> None:
        """A filled circle."""
        self._add("circle", cx=x, cy=y, r=radius, fill=colour, **style)

    def text(
        self, x: float, y: float, words: str, *, size: float = 11, anchor: str = "start", turn: float = 0, **style: Any
    ) -> None:
        """Words that begin, are centred (`middle`) or end at a point of their base line, turned by degrees."""
        if turn:
            style["transform"] = f"rotate({_n(turn)} {_n(x)} {_n(y)})"
        if anchor != "start":
            style["text_anchor"] = anchor
        self._add(
            "text",
            words,
            x=x,
            y=y,
            font_size=size,
            **({"fill": style.pop("colour")} if "colour" in style else {}),
            **style,
        )

    def png(self, x: float, y: float, width: float, height: float, data: bytes) -> None:
        """A picture whose pixels stay sharp."""
        href = f"data:image/png;base64,{base64.b64encode(data).decode()}"
        self._add(
            "image", x=x, y=y, width=width, height=height, href=href,
            preserveAspectRatio="none", style="image-rendering:pixelated",
        )  # fmt: skip

    def finish(self, name: str, title: str, data: Mapping[str, Sequence[Any]]) -> Figure:
        """The figure; `title` is its alternative text."""
        least = f'style="--least:{_n(LEAST * self.width)}px"'
        size = f'width="{_n(self.width)}" height="{_n(self.height)}" viewBox="0 0 {_n(self.width)} {_n(self.height)}"'
        svg = (
            f'<svg xmlns="http://www.w3.org/2000/svg" {size} {least} role="img" aria-labelledby="{name}-title" '
            f'font-family="{_FONT}" fill="{INK}" stroke-linejoin="round">'
            f'<title id="{name}-title">{escape(title)}</title>'
            f"{''.join(self._parts)}</svg>\n"
        )
        return Figure(name, title, Markup(svg), data)

    def _add(self, tag: str, words: str | None = None, **attributes: Any) -> None:
        parts = [
            f'{key if key == "preserveAspectRatio" else key.replace("_", "-")}="{_value(value)}"'
            for key, value in attributes.items()
        ]
        end = "/>" if words is None else f">{escape(words, quote=False)}</{tag}>"
        self._parts.append(f"<{tag} {' '.join(parts)}{end}")


@dataclass
class Panel:
    """A plot on a drawing: where it lies, and which values its sides stand for."""

    on: Drawing
    left: float
    top: float
    width: float
    height: float
    x: tuple[float, float] = (0.0, 1.0)
    y: tuple[float, float] = (0.0, 1.0)

    def across(self, value: float) -> float:
        """The pixel of a value of x."""
        return self.left + self.width * (value - self.x[0]) / ((self.x[1] - self.x[0]) or 1)

    def up(self, value: float) -> float:
        """The pixel of a value of y."""
        return self.top + self.height * (1 - (value - self.y[0]) / ((self.y[1] - self.y[0]) or 1))

    def at(self, xs: Iterable[float], ys: Iterable[float]) -> list[Point]:
        """The points of two columns."""
        return [(self.across(x), self.up(y)) for x, y in zip(xs, ys, strict=True)]

    def heading(self, words: str) -> None:
        """What the panel shows, above it at the left."""
        self.on.text(0, self.top - 12, words, size=12, font_weight=600)

    def y_axis(self, language: Language) -> None:
        """Faint lines across, with their numbers at the left."""
        for value in ticks(*self.y):
            y = self.up(value)
            self.on.line([(self.left, y), (self.left + self.width, y)], opacity=0.13)
            words = language.number(value, _digits(value))
            self.on.text(self.left - 7, y + 3.5, words, size=10.5, anchor="end", opacity=0.75)

    def x_axis(self, language: Language, label: str = "", *, whole: bool = False) -> None:
        """The base line, with numbers below it and what they are."""
        base = self.top + self.height
        self.on.line([(self.left, base), (self.left + self.width, base)], opacity=0.4)
        for value in ticks(*self.x):
            if not whole or value == round(value):
                words = language.number(value, _digits(value))
                self.on.text(self.across(value), base + 15, words, size=10.5, anchor="middle", opacity=0.75)
        if label:
            self.on.text(self.left + self.width / 2, base + 31, label, size=10.5, anchor="middle", opacity=0.75)


def ticks(low: float, high: float, most: int = 5) -> list[float]:
    """At most so many round numbers between two others."""
    if not high > low:
        return [low]
    rough = (high - low) / most
    power = 10.0 ** floor(log10(rough))
    step = next(power * n for n in (1, 2, 5, 10) if power * n >= rough * (1 - 1e-9))
    return [round(step * n, 10) for n in range(ceil(low / step - 1e-9), floor(high / step + 1e-9) + 1)]


def breadth(words: str, size: float) -> float:
    """About how wide words are in a sans serif, in pixels: an SVG cannot measure them."""
    return sum(0.33 if letter in "iljtfrI.,:;' |-" else 0.87 if letter in "mwMW%" else 0.58 for letter in words) * size


def cut(words: str, width: float, size: float, *, left: bool = False) -> str:
    """Words that fit into a width, cut at their end or at the `left`."""
    if breadth(words, size) <= width:
        return words
    while words and breadth(f"{words}…", size) > width:
        words = words[1:] if left else words[:-1]
    return f"…{words}" if left else f"{words}…"


def _digits(value: float) -> int:
    return next((n for n in range(6) if abs(value - round(value, n)) < 1e-9), 6)


def _n(value: float) -> str:
    text = f"{value:.1f}".removesuffix(".0")
    return "0" if text == "-0" else text


def _value(value: Any) -> str:
    return escape(
        _n(value)
        if isinstance(value, float) and abs(value) >= 1
        else f"{value:g}"
        if isinstance(value, float)
        else str(value)
    )
