"""The confusion matrix: rows are the truth, columns what was said; it stays readable at a hundred classes.

Up to 30 classes have names and counts; more are a picture whose classes stand in an order in which those that are
confused with one another are neighbours, and beyond 200 in their own: what is drawn takes time with the rows.
"""

from __future__ import annotations

import io
from collections.abc import Sequence
from dataclasses import replace
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from escalera.evaluate.confusion import Confusion
from escalera.report.language import Language
from escalera.report.svg import BLUE, GREY, INK, ORANGE, Drawing, Figure, breadth

MANY_CLASSES = 30
ORDERED = 200
"""Classes up to which they are ordered by likeness, which takes time with their cube: seconds for 1,000."""
_NAMED = 150
"""Classes up to which a picture alone has names at its sides."""
_PIXELS = 1000
"""Pixels of a side at most; with more classes a pixel stands for several, and shows the deepest."""


def order_of_classes(confusion: Confusion, groups: Sequence[str] | None = None) -> list[int]:
    """The places of the classes from the top: as they are up to 30 and beyond 200, else by likeness.

    Alike are classes that are taken for one another (average linkage over the shares, Bar-Joseph's order of the
    leaves). With `groups`, one name per class, the members of a group stay together, and the groups are ordered so.
    """
    count = confusion.classes
    own = list(groups) if groups is not None and len(groups) == count else None
    if count <= MANY_CLASSES or (count > ORDERED and own is None):
        return list(range(count))
    if own is None:
        return _by_likeness(confusion.whole())
    if count > ORDERED:
        return [int(k) for k in np.argsort(own, kind="stable")]
    matrix = confusion.whole()
    names = sorted(set(own))
    member = np.array([names.index(group) for group in own])
    between = np.zeros((len(names), len(names)), np.int64)
    np.add.at(between, (member[:, None], member[None, :]), matrix)
    order = []
    for group in _by_likeness(between):
        inside = np.flatnonzero(member == group)
        order += inside[_by_likeness(matrix[np.ix_(inside, inside)])].tolist()
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
    confusion: Confusion,
    classes: Sequence[str],
    language: Language,
    name: str,
    rung: str,
    groups: Sequence[str] | None = None,
) -> Figure:
    """The right in blue by their share of the row, the wrong in orange by theirs over the largest such share."""
    order = order_of_classes(confusion, groups)
    place = np.argsort(order)
    confusion = replace(confusion, truth=place[confusion.truth], predicted=place[confusion.predicted])
    names = [classes[k] for k in order]
    side = _side(len(names))
    margin = _margin(names, side)
    foot = 22 if _upright(names, side) else margin * 0.72 + 12
    room = max((breadth(group, 9.5) for group in groups), default=0) + 14 if groups and len(groups) == len(names) else 0
    drawing = Drawing(
        margin + 24 + side * len(names) + room * (len(names) > MANY_CLASSES), 26 + side * len(names) + foot + 18
    )
    left, top = margin + 24, 26.0
    if len(names) <= MANY_CLASSES:
        _cells(drawing, confusion, left, top, side, language)
    else:
        drawing.png(left, top, side * len(names), side * len(names), _picture(confusion))
        drawing.rect(left, top, side * len(names), side * len(names), "none", stroke=INK, stroke_opacity=0.3)
        if room and groups:
            _separators(drawing, [groups[k] for k in order], left, top, side)
    if len(names) <= _NAMED:
        _names(drawing, names, left, top, side)
    drawing.text(left, 14, language.say("figure.predicted") + " →", size=11, opacity=0.75)
    drawing.text(12, top + side * len(names) / 2, "← " + language.say("figure.truth"), size=11, anchor="middle",
                 turn=-90, opacity=0.75)  # fmt: skip
    return drawing.finish(name, language.say("rung.confusion_text", name=rung), _numbers(confusion, names, language))


def _numbers(confusion: Confusion, names: Sequence[str], language: Language) -> dict[str, list[Any]]:
    """The matrix as columns; beyond 200 classes a line for each cell that is not zero."""
    truth = language.say("figure.truth")
    if len(names) <= ORDERED:
        matrix = confusion.whole()
        return {truth: list(names)} | {f"→ {name}": matrix[:, j].tolist() for j, name in enumerate(names)}
    cells = np.lexsort((confusion.predicted, confusion.truth))
    return {
        truth: [names[k] for k in confusion.truth[cells]],
        language.say("figure.predicted"): [names[k] for k in confusion.predicted[cells]],
        "n": confusion.rows[cells].tolist(),
    }


def _side(count: int) -> float:
    return 42 if count <= 12 else 26 if count <= MANY_CLASSES else 9.5 if count <= _NAMED else 900 / count


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


def _cells(drawing: Drawing, confusion: Confusion, left: float, top: float, side: float, language: Language) -> None:
    size, whole = 12 if side > 30 else 9, side * confusion.classes
    drawing.rect(left, top, whole, whole, GREY, 0.07, rx=3)
    cells = zip(*(each.tolist() for each in (confusion.truth, confusion.predicted, confusion.rows)), strict=True)
    for (i, j, rows), deep in zip(cells, confusion.depths().tolist(), strict=True):
        x, y = left + side * j, top + side * i
        drawing.rect(x + 1, y + 1, side - 2, side - 2, BLUE if i == j else ORANGE, max(0.06, deep), rx=2)
        white: dict[str, Any] = {"colour": "#fff"} if deep > 0.62 else {}
        words = language.number(rows)
        drawing.text(x + side / 2, y + side / 2 + 0.36 * size, words, size=size, anchor="middle", **white)


def _picture(confusion: Confusion) -> bytes:
    """A pixel a cell, or a square of cells: (K, K) red, green, blue and opacity."""
    from PIL import Image

    square = -(-confusion.classes // _PIXELS)
    size = -(-confusion.classes // square)
    depth = np.zeros((size, size))
    # The power lifts the few that are wrong out of the white.
    np.maximum.at(
        depth, (confusion.truth // square, confusion.predicted // square), np.maximum(0.07, confusion.depths() ** 0.7)
    )
    colours = np.empty((size, size, 4), np.uint8)
    colours[..., :3] = [int(ORANGE[at : at + 2], 16) for at in (1, 3, 5)]
    colours[np.diag_indices(size)] = [*(int(BLUE[at : at + 2], 16) for at in (1, 3, 5)), 0]
    colours[..., 3] = 17 * np.rint(15 * depth)
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
