"""The paragraph at the head of the report: the ladder in a few sentences."""

from __future__ import annotations

from markupsafe import Markup

from escalera.evaluate.baselines import MAJORITY
from escalera.evaluate.compare import verdict
from escalera.report.baselines import Baseline
from escalera.report.language import Language
from escalera.report.rung import Rung
from escalera.report.story import Story


def headline(story: Story, language: Language) -> Markup:
    """The verdict: one sentence that a person remembers."""
    best, first = story.best, story.first
    if best is None or first is None:
        return _sentence(language, "headline.nothing")
    accuracy = language.percent(best.score)
    blind = _majority(best)
    if blind is not None and all(map(_majority, story.contenders)):
        return _sentence(language, "headline.majority", answer=blind.answer, accuracy=language.percent(blind.score))
    overall = story.overall
    if overall is None:
        only = len(story.contenders) == 1
        return _sentence(language, "headline.only" if only else "headline.first", name=_link(best), accuracy=accuracy)
    values = {"name": _link(best), "first": first.name, "accuracy": accuracy}
    difference = language.points(overall.difference)
    # The best of many is in front by luck alone, too: each of them might have been it (Bonferroni). With several seeds
    # the seeds have to say so as well.
    rivals = len(story.contenders) - 1
    climbed = overall.low > 0 and verdict(overall, rivals * overall.evidence) == "better"
    key = "headline.climbed" if climbed else "headline.close"
    return _sentence(language, key, difference=difference, **values)


def _majority(rung: Rung) -> Baseline | None:
    """The most frequent class, where a rung is not shown to do better than always answering that."""
    return next((one.baseline for one in rung.beaten if one.baseline.name == MAJORITY), None)


def summarise(story: Story, language: Language) -> list[Markup]:
    """Sentences, escaped, the rungs' names linked to their sections."""
    sentences = []
    if story.best is not None:
        sentences += [*_sure(story, language), *_chosen(story, language)]
    if story.elsewhere:
        names = _listing(language, [_link(rung) for rung in story.elsewhere])
        sentences.append(_sentence(language, "summary.elsewhere", names=names))
    sentences += [*_beaten(story, language), *_verdicts(story, language)]
    failed = [_link(rung) for rung in story.rungs if rung.state == "failed"]
    if failed:
        sentences.append(_sentence(language, "summary.failed", names=_listing(language, failed)))
    done = sum(rung.state == "done" for rung in story.rungs)
    if done < len(story.rungs):
        sentences.append(_sentence(language, "summary.finished", done=done, all=len(story.rungs)))
    return sentences


def _beaten(story: Story, language: Language) -> list[Markup]:
    """Which rungs do no better than what needs no network, and which say the same to everything."""
    sentences = []
    for baseline in story.baselines:
        names = [_link(rung) for rung in story.contenders for one in rung.beaten if one.baseline.is_same(baseline)]
        if names:
            values = {"answer": baseline.answer, "accuracy": language.percent(baseline.score)}
            names_ = _listing(language, names)
            sentences.append(_sentence(language, f"summary.{baseline.name}", names=names_, **values))
    constant = [
        _sentence(language, "summary.one_each", name=_link(rung), answer=found.predicted[0])
        for rung in story.scored
        for _, found in rung.ranges[:1]
        if found.variety == "one"
    ]
    if constant:
        sentences.append(_sentence(language, "summary.one", names=_listing(language, constant)))
    return sentences


def _sure(story: Story, language: Language) -> list[Markup]:
    """How sure the headline is: the rows, the interval of the best and that of its lead over the first."""
    best, overall = story.best, story.overall
    if best is None or best.interval is None:
        return []
    low, high = map(language.points, best.interval)
    sentences = [_sentence(language, "summary.rows", rows=language.number(best.test_rows), low=low, high=high)]
    if overall is not None and story.first is not None:
        low, high = map(language.points, (overall.low, overall.high))
        sentences.append(_sentence(language, "summary.gain", first=_link(story.first), low=low, high=high))
        sentences += _seeds(best, story.first, language)
    return sentences


def _seeds(best: Rung, first: Rung, language: Language) -> list[Markup]:
    """What the intervals above leave out: they are over the test rows, and a lucky seed is not in them."""
    noisy = [
        _sentence(language, "summary.deviation", name=_link(rung), deviation=language.points(rung.deviation))
        for rung in (best, first)
        if rung.deviation is not None
    ]
    return [_sentence(language, "summary.seeds", deviations=_listing(language, noisy))] if noisy else []


def _chosen(story: Story, language: Language) -> list[Markup]:
    if story.chosen is None or len(story.contenders) < 2:
        return []
    if story.chosen is story.best:
        return [_sentence(language, "summary.chosen_same")]
    accuracy = language.percent(story.chosen.score)
    return [_sentence(language, "summary.chosen_other", name=_link(story.chosen), accuracy=accuracy)]


def _verdicts(story: Story, language: Language) -> list[Markup]:
    """One sentence for each verdict that was given."""
    sentences = []
    for word, key in (
        ("better", "summary.better"),
        ("worse", "summary.worse"),
        ("no evidence", "summary.no-evidence"),
    ):
        steps = [
            _sentence(
                language,
                "summary.step",
                name=_link(story.rung(step.rung)),
                difference=language.points(step.comparison.difference, sign=True),
            )
            for step in story.steps
            if step.comparison and step.verdict == word
        ]
        if steps:
            sentences.append(_sentence(language, key, steps=_listing(language, steps)))
    return sentences


def _sentence(language: Language, key: str, **values: object) -> Markup:
    return Markup(language.messages[key]).format(**values)


def _link(rung: Rung | None) -> Markup:
    return Markup('<a href="#rung-{}">{}</a>').format(rung.slug, rung.name) if rung else Markup()


def _listing(language: Language, words: list[Markup]) -> Markup:
    return Markup(language.listing(words))
