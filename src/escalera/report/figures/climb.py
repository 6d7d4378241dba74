"""The ladder as a picture: each rung at the height of its accuracy, in its 95 % interval, and its time below."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from escalera.report.language import Language
from escalera.report.svg import COLOURS, GREY, INK, SIGNS, Drawing, Figure, Panel, breadth

_LEFT, _TREAD = 44, 0.4


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


def climb_figure(steps: Sequence[ClimbStep], language: Language, name: str = "climb") -> Figure:
    """Accuracy above, cost below; the alternative text names every rung's accuracy."""
    width = max(_LEFT + 84 * len(steps), min(1020, _LEFT + 240 * len(steps)))
    slot = (width - _LEFT) / len(steps)
    longest = max(breadth(step.name, 12) for step in steps)
    slant = longest > slot - 8
    foot = 24 + (0.5 * longest if slant else 0)
    drawing = Drawing(width, 452 + foot)
    above = Panel(drawing, _LEFT, 34, width - _LEFT, 292, (-0.5, len(steps) - 0.5), span(steps))
    above.heading(language.say("figure.climb_accuracy"))
    above.y_axis(language)
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
    columns = {key: [getattr(step, key) for step in steps] for key in ("accuracy", "low", "high", "seconds")}
    return drawing.finish(
        name,
        climb_text(steps, language),
        {"rung": [step.name for step in steps], "outcome": [step.kind for step in steps], **columns},
    )


def climb_text(steps: Sequence[ClimbStep], language: Language) -> str:
    """The alternative text: every rung's accuracy."""
    scored = [step for step in steps if step.accuracy is not None]
    words = "; ".join(f"{step.name} {language.percent(step.accuracy)}" for step in scored)
    return language.say("figure.climb", rungs=words)


def span(steps: Sequence[ClimbStep]) -> tuple[float, float]:
    """The percentages that the picture spans, with room for the figures above and a little floor below."""
    ends = [100 * end for step in steps for end in (step.low, step.high, step.accuracy) if end is not None]
    if not ends:
        return 0, 100
    width = max(2.0, max(ends) - min(ends))
    return max(0.0, min(ends) - 0.12 * width), max(ends) + 0.1 * width


def _draw_rung(panel: Panel, steps: Sequence[ClimbStep], place: int, step: ClimbStep, language: Language) -> None:
    colour, sign = COLOURS.get(step.kind, GREY), SIGNS.get(step.kind, "")
    left, right, middle = (panel.across(place + side) for side in (-_TREAD, _TREAD, 0))
    floor = panel.top + panel.height
    draw = panel.on
    if step.accuracy is None:
        draw.rect(left, panel.top, right - left, panel.height, GREY, 0.09, rx=4)
        words = f"{sign} {language.say('state.' + step.kind)}".strip()
        draw.text(middle + 4, panel.top + panel.height / 2, words, size=12, anchor="middle", turn=-90, colour=colour)
        return
    height = panel.up(100 * step.accuracy)
    low, high = (panel.up(100 * (end if end is not None else step.accuracy)) for end in (step.low, step.high))
    draw.rect(left, height, right - left, floor - height, colour, 0.07)
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
