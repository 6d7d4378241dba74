"""The report's figures where no page is: the climb, and the curves of a run, as a notebook shows them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import count
from pathlib import Path

from escalera.core.errors import RunError
from escalera.core.names import there
from escalera.report.figures.curves import curves_figures
from escalera.report.language import load_language, of_metric
from escalera.report.runs import read_run
from escalera.report.sections.climb import section
from escalera.report.story import read_story
from escalera.report.svg import Figure
from escalera.report.view import LadderView

_NUMBERS: Iterator[int] = count(1)
"""A notebook may show one climb twice: its figures are then called otherwise, as identifiers have to be."""


@dataclass(frozen=True)
class Figures:
    """Figures that show themselves in a notebook; `html` holds their SVGs, in the page's light or dark."""

    html: str

    def _repr_html_(self) -> str:
        return self.html


def climb_picture(ladder_dir: Path, language: str = "en") -> Figures:
    """The picture of a climb from the files in its folder; empty while no rung has an accuracy.

    Raises RunError for a folder that holds no ladder.
    """
    story = read_story(ladder_dir)
    found = section(LadderView(story, of_metric(load_language(language), story.metric), {}))
    return _pictures([found["figure"]] if found else [])


def curves(run_dir: Path, language: str = "en") -> Figures:
    """Loss, accuracy and learning rate of a run over its epochs, as in the report; raises RunError without an epoch."""
    run = read_run(there(run_dir), 0)
    if not run.history:
        raise RunError(f"{run_dir}: expected a history with an epoch at least to draw, found none; train the run first")
    name = f"{run_dir.parent.name}/{run_dir.name}"
    return _pictures(curves_figures(run.history, run.record.best_epoch, load_language(language), "curve", name))


def _pictures(figures: Iterable[Figure]) -> Figures:
    frame = '<div style="display:inline-block;max-width:100%;overflow-x:auto">'
    return Figures("".join(f"{frame}{_own(one)}</div>" for one in figures))


def _own(figure: Figure) -> str:
    """The SVG of a figure, with an identifier that no other on the page has."""
    return str(figure.svg).replace(f'"{figure.name}-title"', f'"{figure.name}-{next(_NUMBERS)}-title"')
