"""The page of `escalera explore`: what is in a source, and what is wrong with it, in pictures."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from markupsafe import Markup

from escalera.data.explore.source import Explored, Twin
from escalera.report.language import NOTHING, Language
from escalera.report.pictures import data_uri, histogram, levels_uri, sizes_chart
from escalera.report.suspects import suspects_section
from escalera.report.templating import environment, style

_STRIPS = 20
"""Classes up to which each has a row of samples of its own."""
_PER_CLASS, _WITHOUT_CLASSES = 10, 60
_PAIRS = 12
_BINS = 64


@dataclass(frozen=True)
class Shown:
    """A picture of the page: its data URI and what stands below it."""

    uri: str
    caption: str


def render_exploration(
    found: Explored,
    language: Language,
    about: dict[str, Any],
    facts: dict[str, Any] | None = None,
    suspects: Sequence[Mapping[str, Any]] = (),
) -> str:
    """The page as HTML; `about` says what the source says nothing of: command, date, seconds, versions, files.

    `facts` are those of explore.json where there is more than `found` itself has: the labels that were looked at, of
    which `suspects` are likely wrong.
    """
    templates = environment(
        language,
        levels=lambda value: language.number(value, 0 if value == round(value) else 1),
        figures=lambda value: _figures(value, language),
        histogram=histogram,
    )
    facts = facts or found.facts()
    shape = found.pixels.shape
    return templates.get_template("explore.html.j2").render(
        facts=facts,
        about=about,
        style=style("report.css", "explore.css"),
        summary=_summary(found, facts, language),
        small=max(shape[:2]) <= 48,
        strips=_strips(found),
        mixed=_mixed(found) if len(found.images.classes) > _STRIPS or not found.images.classes else [],
        statistics=_statistics(found, language),
        means=_means(found),
        channels=[_levels(channel["levels"]) for channel in facts["pixels"]["channels"]],
        sizes=_sizes(facts, language),
        pairs=_pairs(found),
        labels=suspects_section(found, facts, suspects, language) if "labels" in facts else None,
        largest=max((n for part in facts["splits"].values() for n in part["classes"].values()), default=1),
    )


def _summary(found: Explored, facts: dict[str, Any], language: Language) -> list[str]:
    """A few sentences for those who read no further."""
    say, count = language.say, language.count
    splits = [f"{count(part['rows'], 'image')} ({say('split.' + name)})" for name, part in facts["splits"].items()]
    lines = [say("explore.holds", splits=language.listing(splits))]
    sizes = [n for n in facts["splits"]["train"]["classes"].values() if n]
    if sizes:
        key = "explore.balanced" if max(sizes) <= 1.1 * min(sizes) else "explore.unbalanced"
        lines.append(
            say(
                key,
                classes=count(len(found.images.classes), "class"),
                ratio=language.number(max(sizes) / min(sizes), 1),
            )
        )
    if found.images.skipped:
        lines.append(say("explore.some_bad", images=count(len(found.images.skipped), "image")))
    for split, rows in facts["duplicates"]["in_train"].items():
        both = rows["exact"] + rows["near"]
        if both:
            share = language.percent(both / facts["splits"][split]["rows"])
            images = count(both, "image")
            lines.append(say("explore.leak", images=images, split=say("split." + split), share=share))
    if conflicts := facts["duplicates"]["conflicts"]:
        lines.append(say("found.conflicts", v0=language.number(conflicts)))
    lines.append(say("explore.faulty") if found.images.faults or found.images.skipped else say("explore.ready"))
    return lines


def _strips(found: Explored) -> list[tuple[str, list[Shown]]]:
    """Some pictures of each class, drawn at random from train, the same for the same data."""
    classes = found.images.classes
    if len(classes) > _STRIPS:
        return []
    random, labels = np.random.RandomState(0), found.images.splits["train"].labels
    drawn = [random.permutation(np.flatnonzero(labels == label))[:_PER_CLASS] for label in range(len(classes))]
    return [
        (name, [_shown(found, "train", row, "") for row in rows.tolist()])
        for name, rows in zip(classes, drawn, strict=True)
    ]


def _mixed(found: Explored) -> list[Shown]:
    classes, labels = found.images.classes, found.images.splits["train"].labels
    rows = np.random.RandomState(0).permutation(len(labels))[:_WITHOUT_CLASSES].tolist()
    return [_shown(found, "train", row, classes[labels[row]] if classes else "") for row in rows]


def _shown(found: Explored, split: str, row: int, caption: str) -> Shown:
    return Shown(data_uri(np.asarray(found.images.splits[split].images[row]), found.size(split, row)), caption)


def _statistics(found: Explored, language: Language) -> list[Shown]:
    """Every statistic of the pixel columns as a picture of its own."""
    pixels = found.pixels
    spread = float(pixels.std.max())
    low, median, high = pixels.quartiles
    return [
        Shown(levels_uri(pixels.mean, pixels.shape), language.say("explore.mean")),
        Shown(
            levels_uri(pixels.std, pixels.shape, spread),
            language.say("explore.deviation", highest=language.number(spread, 1)),
        ),
        Shown(levels_uri(pixels.min, pixels.shape), language.say("explore.min")),
        Shown(levels_uri(low, pixels.shape), language.say("explore.first_quartile")),
        Shown(levels_uri(median, pixels.shape), language.say("explore.median")),
        Shown(levels_uri(high, pixels.shape), language.say("explore.third_quartile")),
        Shown(levels_uri(pixels.max, pixels.shape), language.say("explore.max")),
    ]


def _means(found: Explored) -> list[Shown]:
    present = np.bincount(found.images.splits["train"].labels, minlength=len(found.images.classes))
    return [
        Shown(levels_uri(mean, found.pixels.shape), name)
        for name, mean, rows in zip(found.images.classes, found.means, present, strict=False)
        if rows
    ]


def _levels(counts: Sequence[int]) -> list[int]:
    return np.array(counts).reshape(_BINS, -1).sum(axis=1).tolist()  # type: ignore[no-any-return]


def _sizes(facts: dict[str, Any], language: Language) -> Markup | None:
    pictures = facts["pictures"]
    if pictures["different_sizes"] < 2:
        return None
    return sizes_chart(
        [(size["height"], size["width"], size["count"]) for size in pictures["sizes"]],
        language.say("explore.sizes_chart"),
        language.say("explore.width"),
        language.say("explore.height"),
    )


def _pairs(found: Explored) -> list[tuple[str, list[tuple[Twin, Shown, Shown]]]]:
    """The pairs that are shown, by what is wrong with them."""
    groups: dict[str, list[Twin]] = {"across": [], "conflict": [], "within": []}
    for twin in found.twins:
        groups["across" if twin.splits[0] != twin.splits[1] else "conflict" if twin.conflict else "within"].append(twin)

    def both(twin: Twin) -> tuple[Twin, Shown, Shown]:
        one, two = (
            _shown(found, *place, label or "")
            for place, label in zip((twin.pair.first, twin.pair.second), twin.classes, strict=True)
        )
        return twin, one, two

    return [(name, [both(twin) for twin in _some(twins)]) for name, twins in groups.items() if twins]


def _some(twins: Sequence[Twin]) -> list[Twin]:
    """Exact and near ones, half of each where there are enough, the surest first."""
    exact = [twin for twin in twins if twin.pair.kind == "exact"]
    near = [twin for twin in twins if twin.pair.kind == "near"]
    taken = exact[: max(_PAIRS // 2, _PAIRS - len(near))]
    # The closest near ones are no surprise and the farthest are the doubtful ones: both are shown.
    left = _PAIRS - len(taken)
    return [*taken, *(near if len(near) <= left else [*near[: left // 2], *near[len(near) - left + left // 2 :]])]


def _figures(value: float | None, language: Language) -> str:
    """A number of any size to four figures or so."""
    if value is None:
        return NOTHING
    digits = (
        0 if value == round(value) or abs(value) >= 1000 else 1 if abs(value) >= 100 else 2 if abs(value) >= 1 else 4
    )
    return language.number(value, digits)
