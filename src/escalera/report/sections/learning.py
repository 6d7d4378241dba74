"""How it learned: the curves, the three splits side by side, and the gaps between them in words."""

from __future__ import annotations

from math import sqrt
from typing import Any

from escalera.evaluate.compare import accuracy_interval
from escalera.report.figures.curves import curves_figures
from escalera.report.language import Language
from escalera.report.runs import Run
from escalera.report.view import RungView

_HARDLY, _MUCH, _FULL = 0.02, 0.10, 0.98


def section(view: RungView) -> dict[str, Any] | None:
    """The figures, whether there were epochs, and a sentence for each gap that can be told."""
    run = view.run
    if run is None:
        return None
    figures = []
    if run.history:
        drawn = curves_figures(run.history, run.record.best_epoch, view.language, view.name, view.rung.name)
        figures = [view.keep(figure) for figure in drawn]
    # A vote has none: its classifiers are fitted in one go.
    epochs = bool(figures) or run.record.epochs is not None
    return {"figures": figures, "epochs": epochs, "gaps": gaps(run, view.language)}


def gaps(run: Run, language: Language) -> list[str]:
    """From train to validation, and from validation to test."""
    train, validation, test = run.metrics.train.accuracy, run.metrics.validation.accuracy, run.accuracy
    sentences = []
    if train is not None and validation is not None:
        gap = train - validation
        images = run.record.data.rows.validation
        key = "hardly" if gap < _HARDLY else "some" if gap < _MUCH else "much"
        if key == "hardly" and train > _FULL:
            key = "full"
        # The rows of train were learned from, so only those of validation are a sample.
        if key in ("some", "much") and images and accuracy_interval(validation, images)[1] >= train:
            key = "chance"
        values = {"train": language.percent(train), "validation": language.percent(validation)}
        values["images"] = language.count(images, "image")
        sentences.append(language.say(f"gap.{key}", gap=language.points(gap), **values))
    rows = run.record.data.rows
    if validation is not None and test is not None and rows.validation and rows.test:
        gap = test - validation
        # Newcombe's interval (1998) of the difference of two shares, from Wilson's of each.
        (low, high), (least, most) = (
            accuracy_interval(*one) for one in ((validation, rows.validation), (test, rows.test))
        )
        below = gap - sqrt((test - least) ** 2 + (high - validation) ** 2)
        above = gap + sqrt((most - test) ** 2 + (validation - low) ** 2)
        key = "below" if above < 0 else "above" if below > 0 else "agree"
        values = {"validation": language.percent(validation), "test": language.percent(test)}
        sentences.append(language.say(f"gap.{key}", gap=language.points(abs(gap)), **values))
    return sentences
