"""The report: one self-contained page, and each run's figures, made from the files of a ladder alone."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup, escape

from escalera.report.figures import MANY_CLASSES, SIGNS, ClimbStep, climb_figure, confusion_figure, curves_figure
from escalera.report.language import NOTHING, Language, load_language
from escalera.report.records import Data
from escalera.report.runs import Run
from escalera.report.story import Rung, Story, read_story
from escalera.report.summary import summarise
from escalera.rundir import write_aside

_TEMPLATES = Path(__file__).parent / "templates"
_FOREST_WIDTH, _FOREST_MARGIN = 136, 6


@dataclass(frozen=True)
class RunFigures:
    """The pictures of one run, "" where its files do not give them, and its most frequent mistakes."""

    curves: Markup
    confusion: Markup
    confused: list[tuple[str, str, int]]


def write_report(ladder_dir: Path, language: str = "en") -> Path:
    """Write `report.html` in a ladder's folder and `figures/*.svg` in its runs'; gives the page's path.

    Raises EscaleraError for a language there is none of, RunError for a folder that holds no ladder or takes no file.
    """
    words = load_language(language)
    story = read_story(ladder_dir)
    figures = {rung.name: [_draw(rung.name, run, words) for run in rung.done] for rung in story.rungs}
    for rung in story.rungs:
        for run, drawn in zip(rung.done, figures[rung.name], strict=True):
            for name, svg in (("curves", drawn.curves), ("confusion", drawn.confusion)):
                if svg:
                    _write_text(run.path / "figures" / f"{name}.svg", svg)
    page = ladder_dir / "report.html"
    _write_text(page, render(story, {name: drawn[0] for name, drawn in figures.items() if drawn}, words))
    return page


def render(story: Story, figures: dict[str, RunFigures], language: Language) -> str:
    """The page as HTML; `figures` are those of each rung's first finished run."""
    environment = Environment(
        loader=FileSystemLoader(_TEMPLATES),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    scale = _forest_scale(story)
    environment.globals.update(
        language=language,
        say=language.say,
        count=language.count,
        listing=language.listing,
        number=language.number,
        points=language.points,
        p_value=language.p_value,
        duration=language.duration,
        nothing=NOTHING,
        signs=SIGNS,
        many=MANY_CLASSES,
        place=lambda share: round(_place(share, *scale), 1),
        breakable=lambda path: Markup(re.sub(r"([._])", r"\1<wbr>", str(escape(path)))),
        as_typed=lambda value: json.dumps(value, ensure_ascii=False),
        channels=lambda n: _channels(n, language),
        stopped=lambda reason: language.messages.get(f"stopped.{reason}", reason or NOTHING),
    )
    several = any(len(rung.runs) > 1 for rung in story.rungs)
    return environment.get_template("report.html.j2").render(
        story=story,
        title=story.title[language.code] if story.title else story.name,
        style=Markup((_TEMPLATES / "report.css").read_text(encoding="utf-8")),
        summary=summarise(story, language),
        climb=Markup(climb_figure(_climb(story.rungs), language)) if story.scored else "",
        figures=figures,
        how=["paired", "interval", "holm", "none", *(["seeds"] if several else []), "sealed"],
        data=_data_sets(story.rungs),
        **_end(story, language),
    )


def _write_text(path: Path, text: str) -> None:
    write_aside(path, lambda file: file.write(text.encode()))


def _draw(rung: str, run: Run, language: Language) -> RunFigures:
    """A run's figures; identifiers carry the rung and the seed."""
    name = f"{rung}-{run.seed}"
    curves = confusion = ""
    if run.history:
        title = language.say("rung.curves_text", name=rung, epochs=language.count(len(run.history), "epoch"))
        curves = curves_figure(run.history, run.record.best_epoch, language, f"curves-{name}", title)
    matrix, classes = run.metrics.test.confusion, [row.name for row in run.metrics.test.per_class]
    square = bool(matrix) and all(len(row) == len(matrix) for row in matrix) and len(classes) == len(matrix)
    if square:
        title = language.say("rung.confusion_text", name=rung)
        confusion = confusion_figure(matrix, classes, language, f"confusion-{name}", title)
    return RunFigures(Markup(curves), Markup(confusion), _confused(matrix, classes) if square else [])


def _confused(matrix: Sequence[Sequence[int]], classes: Sequence[str], most: int = 3) -> list[tuple[str, str, int]]:
    """(true class, class it was taken for, rows), the most frequent mistakes first."""
    wrong = [(classes[i], classes[j], n) for i, row in enumerate(matrix) for j, n in enumerate(row) if i != j and n > 0]
    return sorted(wrong, key=lambda mistake: -mistake[2])[:most]


def _climb(rungs: Sequence[Rung]) -> list[ClimbStep]:
    places = {rung.name: place for place, rung in enumerate(rungs)}
    steps = []
    for rung in rungs:
        low, high = rung.interval or (None, None)
        steps.append(
            ClimbStep(
                name=rung.name,
                kind=rung.outcome,
                parent=places.get(rung.parent or ""),
                accuracy=rung.accuracy,
                low=low,
                high=high,
                seconds=rung.seconds,
            )
        )
    return steps


def _forest_scale(story: Story) -> tuple[float, float]:
    """The least and the largest share that the small intervals of the table have to show, zero among them."""
    ends = [end for step in story.steps if step.comparison for end in (step.comparison.low, step.comparison.high)]
    return min([0.0, *ends]), max([0.0, *ends])


def _place(share: float, low: float, high: float) -> float:
    """Where a share stands in the small picture of an interval, in its pixels."""
    inner = _FOREST_WIDTH - 2 * _FOREST_MARGIN
    return _FOREST_MARGIN + inner * (share - low) / ((high - low) or 1.0)


def _channels(count: int, language: Language) -> str:
    named = {1: "data.grey", 3: "data.colour"}
    return language.say(named[count]) if count in named else language.say("data.channels", n=count)


def _data_sets(rungs: Sequence[Rung]) -> list[tuple[Data, list[str]]]:
    """The different data of a ladder, each with the rungs that learned from it."""
    sets: list[tuple[Data, list[str]]] = []
    for rung in rungs:
        known = next((names for data, names in sets if data == rung.data), None)
        if known is not None:
            known.append(rung.name)
        elif rung.data is not None:
            sets.append((rung.data, [rung.name]))
    return sets


def _end(story: Story, language: Language) -> dict[str, Any]:
    """What the page says last: when, where, with what, at what price."""
    runs = [run for rung in story.rungs for run in rung.runs]
    times = sorted(filter(None, [time for run in runs for time in (run.record.started, run.record.finished)]))
    prices: dict[str, float] = {}
    for run in runs:
        if run.record.price:
            prices[run.record.price.currency] = prices.get(run.record.price.currency, 0.0) + run.record.price.amount
    return {
        "dates": " – ".join(dict.fromkeys(_minute(time) for time in (times[0], times[-1]))) if times else "",
        "total_seconds": sum(run.record.seconds or 0.0 for run in runs),
        "prices": [language.money(amount, currency) for currency, amount in prices.items()],
        "machines": list(dict.fromkeys(_machine(run, language) for run in runs if run.environment.python)),
    }


def _minute(time: str) -> str:
    """An ISO time to the minute, as it is where it is none."""
    try:
        return datetime.fromisoformat(time).strftime("%Y-%m-%d %H:%M %Z").strip()
    except ValueError:
        return time


def _machine(run: Run, language: Language) -> tuple[str, str]:
    """The hardware and the versions of a run, each in one line."""
    place = run.environment
    cores = language.say("end.cores", cores=language.number(place.cores), threads=language.number(place.threads))
    memory = language.say("end.memory", memory=language.short(place.memory_bytes, "B"))
    versions = {"Escalera": place.escalera, "PyTorch": place.torch, "Python": place.python}
    return (
        ", ".join(filter(None, [place.gpu, place.cpu, cores, memory])),
        ", ".join([*(f"{name} {version}" for name, version in versions.items() if version), place.platform or ""]),
    )
