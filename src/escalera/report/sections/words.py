"""The rung in a few sentences: what it changes, whether that helped, and what it cost."""

from __future__ import annotations

from typing import Any

from markupsafe import Markup

from escalera.evaluate.compare import Comparison
from escalera.report.language import Language
from escalera.report.rung import Rung
from escalera.report.shortfall import named, shortfalls
from escalera.report.view import RungView

_NAMED = 3


def section(view: RungView) -> dict[str, Any] | None:
    """Sentences, escaped."""
    rung, language = view.rung, view.language
    if rung.accuracy is None:
        return None
    parent = view.ladder.story.rung(rung.parent)
    comparison = rung.step.comparison if rung.step else None
    if parent is None or comparison is None:
        return {
            "sentences": [
                _alone(rung, language),
                *_folds(rung, language),
                *_short(rung, language),
                *_below(rung, language),
            ]
        }
    return {
        "sentences": [
            *_change(rung, parent, language),
            *_folds(rung, language),
            *_verdict(rung, parent, comparison, language),
            *_short(rung, language),
            *_cost(rung, parent, comparison, language),
        ]
    }


def _say(language: Language, key: str, **values: object) -> Markup:
    return Markup(language.messages[key]).format(**values)


def _alone(rung: Rung, language: Language) -> Markup:
    accuracy, rows = language.percent(rung.score), language.number(rung.test_rows)
    return _say(language, "words.alone", accuracy=accuracy, rows=rows)


def _folds(rung: Rung, language: Language) -> list[Markup]:
    """That every row was answered by a network that had not seen it, and whether settings were chosen on some."""
    count = next((run.record.folds for run in rung.done if run.record.folds), None)
    if count is None:
        return []
    sentences = [_say(language, "words.folds", n=language.number(count))]
    if rung.search is not None and (rows := rung.search.record.rows):
        sentences.append(_say(language, "words.folds.search", rows=language.number(rows)))
    return sentences


def _short(rung: Rung, language: Language) -> list[Markup]:
    return [Markup.escape(sentence) for sentence in shortfalls(rung, language)]


def _below(rung: Rung, language: Language) -> list[Markup]:
    """What needs no network gets, where it was not said to show the rung up."""
    if not rung.against or rung.beaten:
        return []
    some = [
        language.say(
            "baseline.gets",
            name=named(one.baseline, language),
            accuracy=language.percent(one.baseline.score),
        )
        for one in rung.against
    ]
    return [_say(language, "baseline.alone", some=language.listing(some))]


def _change(rung: Rung, parent: Rung, language: Language) -> list[Markup]:
    if not rung.change:
        return []
    paths = [Markup("<code>{}</code>").format(change.path) for change in rung.change]
    if len(paths) > _NAMED + 1:
        more = language.say("words.more", n=language.number(len(paths) - _NAMED))
        paths = [*paths[:_NAMED], Markup.escape(more)]
    return [_say(language, "words.change", changes=Markup(language.listing(paths)), parent=parent.name)]


def _verdict(rung: Rung, parent: Rung, comparison: Comparison, language: Language) -> list[Markup]:
    assert rung.step is not None
    values = {
        "parent": parent.name,
        "accuracy": language.percent(rung.score),
        "difference": language.points(abs(comparison.difference)),
        "signed": language.points(comparison.difference, sign=True),
        "low": language.points(comparison.low, sign=True),
        "high": language.points(comparison.high, sign=True),
        "gained": language.count(comparison.gained, "image"),
        "lost": language.number(comparison.lost),
        "rows": language.number(rung.test_rows),
        "p": language.p_text(rung.step.p),
    }
    word = rung.step.verdict
    if word in ("better", "worse"):
        return [_say(language, f"words.{word}", **values)]
    if comparison.gained == comparison.lost == 0:
        return [_say(language, "words.same", **values)]
    if (comparison.seed_p or 0.0) >= 0.05 and rung.step.rows_tell and (comparison.low > 0 or comparison.high < 0):
        # The rows alone would tell: then it is the seeds that do not.
        deviations = (comparison.seed_std_before, comparison.seed_std_after)
        noise = {"before": language.points(deviations[0]), "after": language.points(deviations[1])}
        return [_say(language, "words.seeds", **values, **noise)]
    half = language.points((comparison.high - comparison.low) / 2)
    return [_say(language, "words.none", **values), _say(language, "words.blind", half=half, rows=values["rows"])]


def _cost(rung: Rung, parent: Rung, comparison: Comparison, language: Language) -> list[Markup]:
    if not rung.seconds or not parent.seconds:
        return []
    ratio = rung.seconds / parent.seconds
    key = "words.longer" if ratio >= 1.15 else "words.shorter" if ratio <= 1 / 1.15 else "words.as_long"
    times = language.number(max(ratio, 1 / ratio), 1)
    sentences = [_say(language, key, seconds=language.duration(rung.seconds), times=times, parent=parent.name)]
    if rung.search_seconds:
        sentences.append(_say(language, "words.search", seconds=language.duration(rung.search_seconds)))
    if rung.step and rung.step.verdict == "better":
        each = language.duration((rung.seconds + rung.search_seconds) / (100 * comparison.difference))
        sentences.append(_say(language, "words.per_point", each=each))
    return sentences
