"""The confusion matrix: rows are the truth, columns what was said; it stays readable at a hundred classes.

Up to 30 classes have names and counts; more are a picture whose classes stand in an order in which those that are
confused with one another are neighbours.
"""

from __future__ import annotations

import io
from collections.abc import Sequence
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from escalera.report.language import Language
from escalera.report.svg import BLUE, GREY, INK, ORANGE, Drawing, Figure, breadth

MANY_CLASSES = 30
_NAMED = 150
"""Classes up to which a picture alone has names at its sides."""


def order_of_classes(confusion: NDArray[np.int64], groups: Sequence[str] | None = None) -> list[int]:
    """The places of the classes from the top: as they are up to 30, else by likeness.

    Alike are classes that are taken for one another (average linkage over the shares, Bar-Joseph's order of the
    leaves). With `groups`, one name per class, the members of a group stay together, and the groups are ordered so.
    """
    count = len(confusion)
    if count <= MANY_CLASSES:
        return list(range(count))
    if groups is None or len(groups) != count:
        return _by_likeness(confusion)
    names = sorted(set(groups))
    member = np.array([names.index(group) for group in groups])
    between = np.zeros((len(names), len(names)), np.int64)
    np.add.at(between, (member[:, None], member[None, :]), confusion)
    order = []
    for group in _by_likeness(between):
        own = np.flatnonzero(member == group)
        order += own[_by_likeness(confusion[np.ix_(own, own)])].tolist()
    return order


def _by_likeness(confusion: NDArray[np.int64]) -> list[int]:
    if len(confusion) < 3:
        return list(range(len(confusion)))
    from scipy.cluster.hierarchy import leaves_list, linkage
    from scipy.spatial.distance import squareform

    shares = confusion / np.maximum(1, confusion.sum(axis=1, keepdims=True))
    alike = shares + shares.T
    np.fill_diagonal(alike, 0)
    far = 1 / (0.01 + alike)
    np.fill_diagonal(far, 0)
    return [int(k) for k in leaves_list(linkage(squareform(far, checks=False), "average", optimal_ordering=True))]


def confusion_figure(
    confusion: Sequence[Sequence[int]],
    classes: Sequence[str],
    language: Language,
    name: str,
    rung: str,
    groups: Sequence[str] | None = None,
) -> Figure:
    """The right in blue by their share of the row, the wrong in orange by theirs over the largest such share."""
    matrix = np.array(confusion, np.int64)
    order = order_of_classes(matrix, groups)
    matrix = matrix[np.ix_(order, order)]
    names = [classes[k] for k in order]
    side = _side(len(names))
    margin = _margin(names, side)
    foot = 22 if _upright(names, side) else margin * 0.72 + 12
    beside = (
        max((breadth(group, 9.5) for group in groups), default=0) + 14 if groups and len(groups) == len(names) else 0
    )
    drawing = Drawing(
        margin + 24 + side * len(names) + beside * (len(names) > MANY_CLASSES), 26 + side * len(names) + foot + 18
    )
    left, top = margin + 24, 26.0
    if len(names) <= MANY_CLASSES:
        _cells(drawing, matrix, left, top, side, language)
    else:
        drawing.png(left, top, side * len(names), side * len(names), _picture(matrix))
        drawing.rect(left, top, side * len(names), side * len(names), "none", stroke=INK, stroke_opacity=0.3)
        if beside and groups:
            _separators(drawing, [groups[k] for k in order], left, top, side)
    if len(names) <= _NAMED:
        _names(drawing, names, left, top, side)
    drawing.text(left, 14, language.say("figure.predicted") + " →", size=11, opacity=0.75)
    drawing.text(12, top + side * len(names) / 2, "← " + language.say("figure.truth"), size=11, anchor="middle",
                 turn=-90, opacity=0.75)  # fmt: skip
    data = {language.say("figure.truth"): names} | {f"→ {n}": matrix[:, j].tolist() for j, n in enumerate(names)}
    return drawing.finish(name, language.say("rung.confusion_text", name=rung), data)


def _side(count: int) -> float:
    return 42 if count <= 12 else 26 if count <= MANY_CLASSES else 9.5 if count <= _NAMED else max(1.0, 900 / count)


def _size(side: float) -> float:
    return 11.5 if side > 20 else 8


def _margin(names: Sequence[str], side: float) -> float:
    if len(names) > _NAMED:
        return 10
    return min(150.0, 10 + max(breadth(name, _size(side)) for name in names))


def _upright(names: Sequence[str], side: float) -> bool:
    return len(names) > _NAMED or max(breadth(name, _size(side)) for name in names) < side - 4


def _names(drawing: Drawing, names: Sequence[str], left: float, top: float, side: float) -> None:
    size, base = _size(side), top + side * len(names)
    for place, name in enumerate(names):
        middle = side * (place + 0.5)
        short = name if breadth(name, size) <= 140 else f"{name[: int(230 / size)]}…"
        drawing.text(left - 6, top + middle + 0.36 * size, short, size=size, anchor="end")
        if _upright(names, side):
            drawing.text(left + middle, base + size + 5, short, size=size, anchor="middle")
        else:
            turn = -45 if side > 20 else -90
            x = left + middle + (4 if turn == -45 else 0.36 * size)
            drawing.text(x, base + (11 if turn == -45 else 5), short, size=size, anchor="end", turn=turn)


def _depths(confusion: NDArray[np.int64]) -> NDArray[np.float64]:
    """0 to 1 for each cell."""
    shares = confusion / np.maximum(1, confusion.sum(axis=1, keepdims=True))
    wrong = shares.copy()
    np.fill_diagonal(wrong, 0)
    depth: NDArray[np.float64] = 0.85 * wrong / (wrong.max() or 1.0)
    depth[np.diag_indices_from(depth)] = np.diag(shares)
    return depth


def _cells(
    drawing: Drawing, confusion: NDArray[np.int64], left: float, top: float, side: float, language: Language
) -> None:
    depth = _depths(confusion)
    size = 12 if side > 30 else 9
    drawing.rect(left, top, side * len(confusion), side * len(confusion), GREY, 0.07, rx=3)
    for i, j in zip(*np.nonzero(confusion), strict=True):
        x, y, deep = left + side * j, top + side * i, float(depth[i, j])
        drawing.rect(x + 1, y + 1, side - 2, side - 2, BLUE if i == j else ORANGE, max(0.06, deep), rx=2)
        white: dict[str, Any] = {"colour": "#fff"} if deep > 0.62 else {}
        words = language.number(int(confusion[i, j]))
        drawing.text(x + side / 2, y + side / 2 + 0.36 * size, words, size=size, anchor="middle", **white)


def _picture(confusion: NDArray[np.int64]) -> bytes:
    """A pixel a cell, (K, K) red, green, blue and opacity."""
    from PIL import Image

    depth = _depths(confusion)
    colours = np.empty((*depth.shape, 4), np.uint8)
    colours[..., :3] = [int(ORANGE[at : at + 2], 16) for at in (1, 3, 5)]
    colours[np.diag_indices_from(depth)] = [*(int(BLUE[at : at + 2], 16) for at in (1, 3, 5)), 0]
    # The power lifts the few that are wrong out of the white.
    colours[..., 3] = np.where(confusion > 0, 17 * np.rint(15 * np.maximum(0.07, depth**0.7)), 0)
    buffer = io.BytesIO()
    Image.fromarray(colours, "RGBA").save(buffer, "PNG", optimize=True)
    return buffer.getvalue()


def _separators(drawing: Drawing, groups: Sequence[str], left: float, top: float, side: float) -> None:
    """Lines between the groups, and their names at the right."""
    whole = side * len(groups)
    starts = [0, *(place for place in range(1, len(groups)) if groups[place] != groups[place - 1]), len(groups)]
    for place, end in pairwise(starts):
        middle = top + side * (place + end) / 2
        drawing.text(left + whole + 8, middle + 3.4, groups[place], size=9.5, opacity=0.85)
        if place:
            at = side * place
            drawing.line([(left, top + at), (left + whole, top + at)], INK, 0.7, opacity=0.35)
            drawing.line([(left + at, top), (left + at, top + whole)], INK, 0.7, opacity=0.35)
