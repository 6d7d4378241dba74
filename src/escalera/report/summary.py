"""The paragraph at the head of the report: the ladder in a few sentences."""

from __future__ import annotations

from markupsafe import Markup

from escalera.report.language import Language
from escalera.report.story import Rung, Story


def summarise(story: Story, language: Language) -> list[Markup]:
    """Sentences, escaped, the rungs' names linked to their sections."""
    sentences = [_finished(story, language)]
    if story.best is None or story.first is None:
        sentences.append(_sentence(language, "summary.nothing"))
    else:
        sentences += [_best(story.best, language), *_gain(story, language), *_chosen(story, language)]
    sentences += _verdicts(story, language)
    failed = [_link(rung.name) for rung in story.rungs if rung.state == "failed"]
    if failed:
        sentences.append(_sentence(language, "summary.failed", names=_listing(language, failed)))
    return sentences


def _finished(story: Story, language: Language) -> Markup:
    done = sum(rung.state == "done" for rung in story.rungs)
    return _sentence(language, "summary.finished", done=done, all=len(story.rungs))


def _best(best: Rung, language: Language) -> Markup:
    values = {"name": _link(best.name), "accuracy": language.percent(best.accuracy)}
    if best.interval is None:
        return _sentence(language, "summary.best_bare", **values)
    low, high = map(language.points, best.interval)
    return _sentence(language, "summary.best", **values, rows=language.number(best.test_rows), low=low, high=high)


def _gain(story: Story, language: Language) -> list[Markup]:
    if story.overall is None or story.first is None:
        return []
    difference, low, high = map(language.points, (story.overall.difference, story.overall.low, story.overall.high))
    return [
        _sentence(language, "summary.gain", difference=difference, first=_link(story.first.name), low=low, high=high)
    ]


def _chosen(story: Story, language: Language) -> list[Markup]:
    if story.chosen is None or len(story.scored) < 2:
        return []
    if story.chosen is story.best:
        return [_sentence(language, "summary.chosen_same")]
    accuracy = language.percent(story.chosen.accuracy)
    return [_sentence(language, "summary.chosen_other", name=_link(story.chosen.name), accuracy=accuracy)]


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
                name=_link(step.rung),
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


def _link(name: str) -> Markup:
    return Markup('<a href="#rung-{0}">{0}</a>').format(name)


def _listing(language: Language, words: list[Markup]) -> Markup:
    return Markup(language.listing(words))
