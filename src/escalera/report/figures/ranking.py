"""ROC and precision-recall: every class against the rest, the mean of the classes, the best and the worst."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from escalera.evaluate.ranking import POINTS, Curves
from escalera.report.language import Language
from escalera.report.svg import BLUE, GREY, INK, ORANGE, TEAL, Drawing, Figure, Panel, breadth

FEW_CLASSES = 12
_WEAK = 0.75
"""Precision beyond a quarter of the recall that no class reaches where the key belongs above the curves."""
_GRID = np.linspace(0, 1, POINTS)


def ranking_figures(curves: Curves, classes: Sequence[str], language: Language, name: str, rung: str) -> list[Figure]:
    """The ROC curves and the precision-recall curves; none where no class has them."""
    if np.isnan(curves.auc).all():
        return []
    macro = language.number(curves.macro_auc, 3)
    average = language.number(curves.macro_average_precision, 3)
    return [
        _curves("roc", curves.tpr, curves.auc, macro, classes, language, name, rung),
        _curves("pr", curves.precision, curves.average_precision, average, classes, language, name, rung),
    ]


def _curves(
    kind: str,
    lines: NDArray[np.float64],
    areas: NDArray[np.float64],
    mean: str,
    classes: Sequence[str],
    language: Language,
    name: str,
    rung: str,
) -> Figure:
    drawing = Drawing(340, 290)
    panel = Panel(drawing, 46, 34, 280, 206, (0, 100), (0, 100))
    panel.heading(language.say(f"figure.{kind}"))
    panel.y_axis(language)
    panel.x_axis(language, language.say(f"figure.{kind}_x"))
    if kind == "roc":
        drawing.line(panel.at((0, 100), (0, 100)), INK, 1, opacity=0.5, stroke_dasharray="2 3")
    known = np.flatnonzero(~np.isnan(areas))
    order = known[np.argsort(areas[known], kind="stable")]
    if len(known) > FEW_CLASSES:
        low, high = np.quantile(lines[known], [0.1, 0.9], axis=0)
        band = panel.at(100 * _GRID, 100 * high) + panel.at(100 * _GRID[::-1], 100 * low[::-1])
        drawing.area(band, GREY, 0.22)
    else:
        for k in known:
            _line(panel, lines[k], GREY, 1, 0.55)
    worst, best = int(order[0]), int(order[-1])
    if len(known) > 1:
        _line(panel, lines[best], TEAL, 1.8)
        _line(panel, lines[worst], ORANGE, 1.8)
    middle = lines[known].mean(axis=0)
    _line(panel, middle, BLUE, 2.8)
    key = [(BLUE, language.say("figure.mean_class", area=mean))]
    if len(known) > 1:
        for colour, place in ((TEAL, best), (ORANGE, worst)):
            area = language.number(areas[place], 3)
            key.append((colour, language.say("figure.one_class", name=classes[place], area=area)))
    # Precision falls to the right: a good network leaves the lower left free, a weak one the upper right.
    weak = kind == "pr" and lines[known][:, POINTS // 4 :].max() < _WEAK
    _key(drawing, panel, key, right=kind == "roc" or weak, above=weak)
    data = {"rate" if kind == "roc" else "recall": _GRID.round(4).tolist(), "mean": middle.round(6).tolist()}
    data |= {str(classes[k]): lines[k].round(6).tolist() for k in known.tolist()}
    words = language.say(f"figure.{kind}_text", name=rung, mean=mean, best=classes[best], worst=classes[worst])
    return drawing.finish(f"{kind}-{name}", words, data)


def _line(panel: Panel, values: NDArray[np.float64], colour: str, width: float, opacity: float = 1.0) -> None:
    # Where a curve runs straight on, its points say nothing.
    bends = np.r_[True, np.abs(np.diff(values, 2)) > 2e-4, True]
    points = panel.at(100 * _GRID[bends], 100 * values[bends])
    panel.on.line(points, colour, width, **({} if opacity == 1 else {"opacity": opacity}))


def _key(drawing: Drawing, panel: Panel, entries: Sequence[tuple[str, str]], *, right: bool, above: bool) -> None:
    """The names of the lines, in the corner that the curves leave free."""
    cut = [(colour, words if len(words) <= 30 else f"{words[:20]}…{words[-6:]}") for colour, words in entries]
    widest = max(breadth(words, 10.5) for _, words in cut)
    left = panel.left + panel.width - widest - 8 if right else panel.left + 24
    for place, (colour, words) in enumerate(cut):
        y = panel.top + (14 + 16 * place if above else panel.height - 14 - 16 * (len(cut) - 1 - place))
        drawing.rect(left - 17, y - 5, 12, 3, colour, rx=1.5)
        drawing.text(left, y, words, size=10.5)
