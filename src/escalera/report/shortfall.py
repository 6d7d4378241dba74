"""What a rung falls short of, in words: it answers but a few classes, or does no better than needs no network."""

from __future__ import annotations

from escalera.evaluate.baselines import MAJORITY
from escalera.report.baselines import Against, Baseline, Range
from escalera.report.language import Language
from escalera.report.rung import Rung
from escalera.report.runs import Run

_NAMED = 3
"""Classes or rungs that are named; more are counted."""


def shortfalls(rung: Rung, language: Language) -> list[str]:
    """A sentence for each that there is; those of several seeds say which seed."""
    sentences = []
    for run, found in rung.ranges:
        if found.variety != "all":
            words = narrow(run, found, language)
            if len(rung.done) > 1:
                words = language.say("narrow.seed", seed=run.seed, words=f"{words[0].lower()}{words[1:]}")
            sentences.append(words)
    return [*sentences, *(beaten(one, language) for one in rung.beaten if not _same(rung, one))]


def narrow(run: Run, found: Range, language: Language) -> str:
    """Which classes a run answers, where it answers few of them, or never does."""
    answers = run.answers
    assert answers is not None
    if found.variety == "one":
        share = float(answers.correct.mean())
        key = "narrow.one" if share else "narrow.one_wrong"
        images = language.count(len(answers.rows), "test_image")
        return language.say(key, name=found.predicted[0], images=images, share=language.percent(share))
    some = found.predicted if found.variety == "few" else found.never
    # A class that no test row has cannot be missed.
    classes = language.count(len(run.classes) if found.variety == "few" else len(set(answers.labels.tolist())), "class")
    return language.say(
        f"narrow.{found.variety}", names=_named(some, language), n=language.number(len(some)), classes=classes
    )


def beaten(one: Against, language: Language) -> str:
    """That a baseline is as good, or better, with the figures."""
    comparison = one.comparison
    worse = "worse" if one.verdict == "worse" else "none"
    key = f"beaten.majority_{worse}" if one.baseline.name == MAJORITY else f"beaten.{one.baseline.name}"
    return language.say(
        key,
        answer=one.baseline.answer,
        accuracy=language.percent(one.baseline.score),
        signed=language.points(comparison.difference, sign=True),
        low=language.points(comparison.low, sign=True),
        high=language.points(comparison.high, sign=True),
        p=language.p_text(one.p),
    )


def named(baseline: Baseline, language: Language) -> str:
    """A baseline's name."""
    return language.say(f"baseline.{baseline.name}", answer=baseline.answer)


def _same(rung: Rung, one: Against) -> bool:
    """Whether all seeds answer what the majority baseline does: that was said by its range."""
    if one.baseline.name != MAJORITY:
        return False
    return all(found.predicted == [one.baseline.answer] for _, found in rung.ranges)


def _named(names: list[str], language: Language) -> str:
    return first_of([language.say("narrow.name", name=name) for name in names], language)


def first_of(names: list[str], language: Language) -> str:
    """A few names, and how many more there are."""
    shown, more = names[:_NAMED], len(names[_NAMED:])
    return language.listing([*shown, *([language.say("words.more", n=language.number(more))] if more else [])])
