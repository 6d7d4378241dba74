"""What the page says last: when, where, with what, at what price."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from escalera.report.language import Language
from escalera.report.runs import Run
from escalera.report.view import LadderView


def section(view: LadderView) -> dict[str, Any] | None:
    """Everything as text."""
    language = view.language
    runs = [run for rung in view.story.rungs for run in rung.runs]
    times = sorted(filter(None, [time for run in runs for time in (run.record.started, run.record.finished)]))
    prices: dict[str, float] = {}
    for run in runs:
        if run.record.price:
            prices[run.record.price.currency] = prices.get(run.record.price.currency, 0.0) + run.record.price.amount
    for price in filter(None, [rung.search_price for rung in view.story.rungs]):
        prices[price.currency] = prices.get(price.currency, 0.0) + price.amount
    return {
        "command": view.story.command,
        "dates": " – ".join(dict.fromkeys(_minute(time) for time in (times[0], times[-1]))) if times else "",
        "search_seconds": sum(rung.search_seconds for rung in view.story.rungs),
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
    cores = language.count(place.cores, "core") if place.cores else ""
    memory = language.say("end.memory", memory=language.short(place.memory_bytes, "B"))
    versions = {"Escalera": place.escalera, "PyTorch": place.torch, "Python": place.python}
    return (
        ", ".join(filter(None, [place.gpu, place.cpu, cores, memory])),
        ", ".join([*(f"{name} {version}" for name, version in versions.items() if version), place.platform or ""]),
    )
