"""How it learned: the curves, the three splits side by side, and the gaps between them in words."""

from __future__ import annotations

from typing import Any

from escalera.evaluate.compare import accuracy_interval, difference_interval
from escalera.evaluate.shares import shifted
from escalera.report.baselines import answered
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
    """From train to validation, and from validation to test; before either, whether their classes are as frequent."""
    found = answered(run)
    if found is not None and found.variety == "one":
        return [language.say("gap.constant")]
    return [*_carried(run, language), *_tested(run, language)]


def _carried(run: Run, language: Language) -> list[str]:
    train, validation = run.metrics.train.accuracy, run.metrics.validation.accuracy
    if train is None or validation is None:
        return []
    learned = run.record.data.rows.train
    drawn = run.metrics.train.asked or learned
    part = bool(drawn and learned and drawn < learned)
    sentences = _shares(run, "validation", "train", language)
    gap = train - validation
    images = _answers(run)
    key = "hardly" if gap < _HARDLY else "some" if gap < _MUCH else "much"
    # All rows of train were learned from, so that they are a sample only where a part of them was asked about.
    least, most = accuracy_interval(train, drawn) if part and drawn else (train, train)
    low, high = accuracy_interval(validation, images) if images else (validation, validation)
    if gap < -_HARDLY and low > most:
        key = "above_train"
    elif key == "hardly" and train > _FULL:
        key = "full"
    elif key in ("some", "much") and images and high >= least:
        key = "chance"
    answer, share = _largest(run)
    if _no_more(train, drawn, share):
        key = "nothing"
    elif key in ("hardly", "full") and share is not None and validation <= share:
        key = "unshown"
    values = {"train": language.percent(train), "validation": language.percent(validation)}
    if part:
        values["train"] = language.say("gap.drawn", share=values["train"], images=language.count(drawn, "image"))
    values |= {"images": language.count(images, "image"), "answer": answer, "share": language.percent(share)}
    return [*sentences, language.say(f"gap.{key}", gap=language.points(abs(gap)), **values)]


def _answers(run: Run) -> int | None:
    """How many answers to rows of validation its accuracy is of: in folds those of all, which may share rows."""
    rows, folds = run.record.data.rows, run.record.folds
    if not folds or not rows.validation:
        return rows.validation
    return min(folds * rows.validation, rows.test or rows.validation)


def _tested(run: Run, language: Language) -> list[str]:
    validation, test, rows = run.metrics.validation.accuracy, run.accuracy, run.record.data.rows
    if run.record.folds:
        # The rows of validation in one fold are those of test in another: nothing tells the two apart.
        return []
    if validation is None or test is None or not rows.validation or not rows.test:
        return []
    gap = test - validation
    below, above = difference_interval((validation, rows.validation), (test, rows.test))
    key = "below" if above < 0 else "above" if below > 0 else "agree"
    sentences = _shares(run, "test", "train", language)
    if key != "agree" and (sentences or _shares(run, "test", "validation", language)):
        key = "apart"
    values = {"validation": language.percent(validation), "test": language.percent(test)}
    return [*sentences, language.say(f"gap.{key}", gap=language.points(abs(gap)), **values)]


def _shares(run: Run, one: str, other: str, language: Language) -> list[str]:
    """That two splits differ in how frequent the classes are, where they do, by the class that tells it best."""
    counts = run.record.data.class_rows
    here, there = getattr(counts, one), getattr(counts, other)
    if not len(here) == len(there) == len(run.classes):
        return []
    k = shifted(here, there)
    if k is None:
        return []
    shares = {"here": language.percent(here[k] / sum(here)), "there": language.percent(there[k] / sum(there))}
    splits = {"one": language.say(f"split.{one}"), "other": language.say(f"split.{other}")}
    return [language.say("gap.shares", name=run.classes[k], **shares, **splits)]


def _largest(run: Run) -> tuple[str, float | None]:
    """The most frequent class of train and its share; for a run that does not say, of the test rows."""
    counts = run.record.data.class_rows.train or [row.support or 0 for row in run.metrics.test.per_class]
    if len(counts) != len(run.classes) or not sum(counts):
        return "", None
    return run.classes[counts.index(max(counts))], max(counts) / sum(counts)


def _no_more(accuracy: float, rows: int | None, share: float | None) -> bool:
    """Whether an accuracy is not above the share of the largest class by more than chance."""
    least = accuracy_interval(accuracy, rows)[0] if rows else accuracy
    return share is not None and least <= share
