"""The ladder as a picture: each rung at the height of its accuracy, in its 95 % interval, and its time below.

What needs no network is a line across; where that lies far below several rungs, it runs along a cut at the bottom.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from escalera.report.language import Language
from escalera.report.svg import COLOURS, GREY, INK, SIGNS, Drawing, Figure, Panel, breadth

_LEFT, _TREAD = 44, 0.4
_LABEL, _LINE = 96, 14
"""The room at the right for what the lines across are, and how far its own lines are apart."""
_FAR = 1.0
"""How far a line may lie below the rungs, in heights of all of them, before it is cut off."""


@dataclass(frozen=True)
class ClimbStep:
    """A rung in the picture; `kind` is the rung's outcome, `parent` the parent's place in the list."""

    name: str
    kind: str
    parent: int | None = None
    accuracy: float | None = None
    low: float | None = None
    high: float | None = None
    seconds: float | None = None


@dataclass(frozen=True)
class Level:
    """A line across: what it is, and its accuracy."""

    name: str
    accuracy: float


def climb_figure(
    steps: Sequence[ClimbStep],
    language: Language,
    levels: Sequence[Level] = (),
    name: str = "climb",
    metric: str = "accuracy",
) -> Figure:
    """Accuracy above, cost below; the alternative text names every rung's accuracy."""
    room = _LABEL if levels else 0
    width = max(_LEFT + (72 if levels else 84) * len(steps), min(1020 - room, _LEFT + 240 * len(steps)))
    slot = (width - _LEFT) / len(steps)
    longest = max(breadth(step.name, 12) for step in steps)
    slant = longest > slot - 8
    foot = 24 + (0.5 * longest if slant else 0)
    drawing = Drawing(width + room, 452 + foot)
    above = Panel(drawing, _LEFT, 34, width - _LEFT, 292, (-0.5, len(steps) - 0.5), span(steps, levels))
    above.heading(language.say("figure.climb_accuracy"))
    above.y_axis(language)
    _draw_levels(above, levels, language)
    for place, step in enumerate(steps):
        _draw_rung(above, steps, place, step, language)
    below = Panel(drawing, _LEFT, 384, width - _LEFT, 60, above.x, (0, max(s.seconds or 0 for s in steps) or 1))
    below.heading(language.say("figure.climb_time"))
    _draw_times(below, steps, language)
    base = below.top + below.height
    drawing.line([(_LEFT, base), (width, base)], opacity=0.4)
    for place, step in enumerate(steps):
        x = below.across(place)
        drawing.text(
            x + (6 if slant else 0), base + 19, step.name, size=12, anchor="end" if slant else "middle",
            turn=-28 if slant else 0, font_weight=600,
        )  # fmt: skip
    rows = [*(ClimbStep(level.name, "baseline", accuracy=level.accuracy) for level in levels), *steps]
    columns = {metric: [row.accuracy for row in rows]}
    columns |= {key: [getattr(row, key) for row in rows] for key in ("low", "high", "seconds")}
    return drawing.finish(
        name,
        climb_text(steps, language, levels),
        {"rung": [row.name for row in rows], "outcome": [row.kind for row in rows], **columns},
    )


def climb_text(steps: Sequence[ClimbStep], language: Language, levels: Sequence[Level] = ()) -> str:
    """The alternative text: the accuracy of every line across and every rung."""
    scored = [(one.name, one.accuracy) for one in levels]
    scored += [(step.name, step.accuracy) for step in steps if step.accuracy is not None]
    words = "; ".join(f"{name} {language.percent(accuracy)}" for name, accuracy in scored)
    return language.say("figure.climb", rungs=words)


def span(steps: Sequence[ClimbStep], levels: Sequence[Level] = ()) -> tuple[float, float]:
    """The percentages that the picture spans, with room for the figures above and a little floor below.

    A level far below several rungs is left out: they would lie on top of one another.
    """
    ends = [100 * end for step in steps for end in (step.low, step.high, step.accuracy) if end is not None]
    if not ends:
        return 0, 100
    width = max(2.0, max(ends) - min(ends))
    floor = min(ends) - _FAR * width if len(steps) > 1 else 0.0
    near = [100 * level.accuracy for level in levels if 100 * level.accuracy > floor]
    low, high = min([*ends, *near]), max([*ends, *near])
    width = max(2.0, high - low)
    return max(0.0, low - 0.12 * width), high + 0.1 * width


def _draw_levels(panel: Panel, levels: Sequence[Level], language: Language) -> None:
    """The lines across, each with its name at the right; those cut off share the bottom, under a mark of the cut."""
    right, floor = panel.left + panel.width, panel.top + panel.height
    heights = [min(floor + 14.0, panel.up(100 * level.accuracy)) for level in levels]
    if any(height > floor for height in heights):
        for shift in (0, 5):
            panel.on.line([(panel.left - 5, floor + 8 - shift), (panel.left + 5, floor + 4 - shift)], INK, 1.2)
    free = float(panel.top + panel.height + 60)
    for level, height in sorted(zip(levels, heights, strict=True), key=lambda both: both[0].accuracy):
        panel.on.line([(panel.left, height), (right, height)], INK, 1.3, opacity=0.6, stroke_dasharray="7 4")
        lines = [*wrapped(level.name, _LABEL - 8, 10.5), language.points(level.accuracy)]
        # From the lowest up: a name that has no room beside its line stands above the one below it.
        last = min(height + 4 + _LINE * (len(lines) - 1) / 2, free)
        for place, words in enumerate(reversed(lines)):
            value = place == 0
            panel.on.text(
                right + 8, last - _LINE * place, words, size=12 if value else 10.5, font_weight=700 if value else 400
            )
        free = last - _LINE * len(lines) - 3


def wrapped(words: str, room: float, size: float) -> list[str]:
    """Words in lines of at most so many pixels, as far as single words allow."""
    lines = [""]
    for word in words.split():
        longer = f"{lines[-1]} {word}".strip()
        if lines[-1] and breadth(longer, size) > room:
            lines.append(word)
        else:
            lines[-1] = longer
    return lines


def _draw_rung(panel: Panel, steps: Sequence[ClimbStep], place: int, step: ClimbStep, language: Language) -> None:
    colour, sign = COLOURS.get(step.kind, GREY), SIGNS.get(step.kind, "")
    left, right, middle = (panel.across(place + side) for side in (-_TREAD, _TREAD, 0))
    draw = panel.on
    if step.accuracy is None:
        draw.rect(left, panel.top, right - left, panel.height, GREY, 0.09, rx=4)
        words = f"{sign} {language.say('state.' + step.kind)}".strip()
        draw.text(middle + 4, panel.top + panel.height / 2, words, size=12, anchor="middle", turn=-90, colour=colour)
        return
    height = panel.up(100 * step.accuracy)
    low, high = (panel.up(100 * (end if end is not None else step.accuracy)) for end in (step.low, step.high))
    draw.rect(left, high, right - left, low - high, colour, 0.24, rx=2)
    if step.parent is not None and (before := steps[step.parent].accuracy) is not None:
        start = (panel.across(step.parent + _TREAD), panel.up(100 * before))
        draw.line([start, (left, height)], INK, 1.2, opacity=0.5, stroke_dasharray="1.5 3.5", stroke_linecap="round")
    draw.line([(left, height), (right, height)], colour, 5, stroke_linecap="round")
    draw.text(
        middle, min(high, height) - 8, f"{sign} {language.points(step.accuracy)}".strip(), size=13.5, anchor="middle",
        font_weight=700,
    )  # fmt: skip


def _draw_times(panel: Panel, steps: Sequence[ClimbStep], language: Language) -> None:
    base = panel.top + panel.height
    for place, step in enumerate(steps):
        if step.seconds is not None:
            x, top = panel.across(place), panel.up(0.72 * step.seconds)
            panel.on.rect(panel.across(place - 0.28), top, panel.width * 0.56 / len(steps), base - top, INK, 0.22, rx=2)
            panel.on.text(x, top - 5, language.duration(step.seconds), size=10.5, anchor="middle", opacity=0.8)
