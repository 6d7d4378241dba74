"""What the search of a rung tried and found, what that cost, and by how much validation flatters the winner."""

from __future__ import annotations

from dataclasses import replace
from typing import Any
from urllib.parse import quote

from escalera.core.search_record import TrialRecord
from escalera.evaluate.compare import difference_interval
from escalera.report.axis import Axis, axes, plain
from escalera.report.figures.search_best import best_figure
from escalera.report.figures.search_importance import importance_figure
from escalera.report.figures.search_parallel import parallel_figure
from escalera.report.figures.search_setting import setting_figure
from escalera.report.language import NOTHING, Language
from escalera.report.rung import Rung
from escalera.report.search import Search, result
from escalera.report.svg import Figure
from escalera.report.view import RungView

_DRAWN = 1_000
"""Trials that the figures show, from the best on."""
_LISTED = 200
"""Trials in the page's table; trials.csv has them all."""


def section(view: RungView) -> dict[str, Any] | None:
    """Everything as text and figures; of a search that is damaged, its faults alone."""
    search, rung, language = view.rung.search, view.rung, view.language
    if search is None:
        return None
    found: dict[str, Any] = {"faults": search.faults, "known": search.known, "search": search}
    if not search.known:
        return found
    tried = [trial for trial in search.ranked if trial.state != "running"]
    lines = axes(search.record.search.over, [trial.settings for trial in search.record.trials])
    price = rung.search_price
    return {
        **found,
        "summary": _summary(search, language),
        "flattery": flattery(rung, search, language),
        "price": language.money(price.amount, price.currency) if price else "",
        "energy": "" if search.kwh is None else language.energy(search.kwh),
        "value": value(search, search.best, language),
        "paths": [(axis.name, axis.words(language), _taken(search.best, axis)) for axis in lines],
        **_figures(view, search, tried, lines),
        "rows": [_row(search, trial, language) for trial in search.ranked[:_LISTED]],
        "more": max(0, len(search.ranked) - _LISTED),
        "drawn": _DRAWN if len(tried) > _DRAWN else 0,
        "csv": quote(search.table.relative_to(view.ladder.story.path).as_posix()) if search.table else "",
    }


def value(search: Search, trial: TrialRecord | None, language: Language) -> str:
    """The figure of a trial, as it is chosen by."""
    found = None if trial is None else result(trial)
    return language.loss(found) if search.lowest else language.percent(found)


def flattery(rung: Rung, search: Search, language: Language) -> list[str]:
    """The winner on validation against the trained rung on test: in how far being the best of many was luck."""
    best, rows, tested = search.best, search.record.rows, rung.test_rows
    if best is None or search.accuracy is None or not rows or not tested or rung.accuracy is None:
        return []
    if not (search.done and rung.as_asked and 0 <= search.accuracy <= 1):
        return []
    if any(run.record.folds for run in rung.done):
        # The rows that judged the trials are among those that are answered: nothing tells the two figures apart.
        return []
    gap = search.accuracy - rung.accuracy
    low, high = difference_interval((rung.accuracy, tested), (search.accuracy, rows))
    key = "flatters" if low > 0 else "humble" if high < 0 else "fair"
    values = {
        "validation": language.percent(search.accuracy),
        "rows": language.number(rows),
        "test": language.percent(rung.accuracy),
        "tested": language.number(tested),
        "gap": language.points(abs(gap)),
        "signed": language.points(gap, sign=True),
        "low": language.points(-high if key == "humble" else low, sign=True),
        "high": language.points(-low if key == "humble" else high, sign=True),
    }
    sentences = [language.say(f"search.{key}", **values)]
    if len(rung.accuracies) > 1:
        sentences.append(language.say("search.mean", seeds=language.count(len(rung.accuracies), "seed")))
    epochs = rung.done[0].record.epochs
    if search.record.search.epochs and epochs and epochs > best.epochs:
        values = {"trial": language.count(best.epochs, "epoch"), "rung": language.number(epochs)}
        sentences.append(language.say("search.longer", **values))
    return sentences


def _summary(search: Search, language: Language) -> list[str]:
    """How much was tried, in which way, and what came of it."""
    counts, best = search.counts, search.best
    ended = sum(counts[state] for state in ("done", "pruned", "failed"))
    trials = language.count(ended, "trial")
    size, method = search.record.size, search.record.search.method
    if method == "grid" and size is not None:
        trials = language.say("search.of", trials=trials, size=language.number(size))
    key = f"search.method.{method}"
    words = language.messages.get(key, method)
    sentences = [language.say("search.tried", trials=trials, method=words)]
    parts = [
        language.say(f"search.count.{state}", n=language.number(counts[state]))
        for state in ("done", "pruned", "failed")
        if counts[state]
    ]
    if len(parts) > 1:
        sentences.append(language.say("search.counts", parts=language.listing(parts)))
    if best is not None:
        values = {"number": language.number(best.number + 1), "rows": language.number(search.record.rows)}
        values |= {"value": value(search, best, language), "metric": language.named(f"by.{search.metric}")}
        key = {"loss": "search.winner_loss", "accuracy": "search.winner"}.get(search.metric, "search.winner_figure")
        sentences.append(language.say(key, **values))
    elif ended:
        sentences.append(language.say("search.nothing"))
    return sentences


def _figures(view: RungView, search: Search, tried: list[TrialRecord], lines: list[Axis]) -> dict[str, Any]:
    """Those that there is something to draw in."""
    if not tried:
        return {"figures": [], "parallel": None, "importance": None}
    language, name, rung = view.language, view.name, view.rung.name
    shown = replace(search, record=search.record.model_copy(update={"trials": tried[:_DRAWN]}))
    drawn: list[Figure] = [best_figure(search if len(tried) <= _DRAWN else shown, language, f"search-{name}", rung)]
    for k, axis in enumerate(lines, 1):
        drawn.append(setting_figure(shown, axis, language, f"search-setting-{k}-{name}", rung))
    parallel = parallel_figure(shown, lines, language, f"search-parallel-{name}", rung) if len(lines) > 1 else None
    weighed = importance_figure(search, language, f"search-importance-{name}", rung) if len(lines) > 1 else None
    weighed = weighed if search.record.importance else None
    for figure in (*drawn, parallel, weighed):
        if figure is not None:
            view.keep(figure)
    return {"figures": [*drawn, *([weighed] if weighed else [])], "parallel": parallel, "importance": weighed,
            "unweighed": len(lines) > 1 and search.done and not weighed}  # fmt: skip


def _taken(best: TrialRecord | None, axis: Axis) -> str:
    found = None if best is None else axis.value(best.settings)
    return NOTHING if found is None else plain(found)


def _row(search: Search, trial: TrialRecord, language: Language) -> dict[str, Any]:
    """A line of the table of trials."""
    states = ("done", "pruned", "failed", "running")
    return {
        "number": trial.number + 1,
        "best": trial is search.best,
        "state": language.say(f"search.state.{trial.state}") if trial.state in states else trial.state,
        "failed": trial.state == "failed",
        "value": value(search, trial, language),
        "epochs": language.number(trial.epochs),
        "seconds": language.duration(trial.seconds),
        "settings": [plain(trial.settings[path]) if path in trial.settings else NOTHING for path in search.paths],
        "same": None if trial.same is None else language.number(trial.same + 1),
        "error": trial.error,
    }
