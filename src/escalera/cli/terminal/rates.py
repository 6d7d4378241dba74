"""The curve of a learning-rate range test in a terminal, what it suggests, and why."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from rich.console import Console
from rich.markup import escape

from escalera.core.language import Language
from escalera.core.translation import translate

BARS = "▁▂▃▄▅▆▇█"
WIDTH = 50
"""Columns of the curve."""


def print_rates(console: Console, rows: Sequence[Mapping[str, Any]], words: Language) -> None:
    """Print for each rung the curve, the rate that is suggested, the reason, and the line for the ladder."""
    from escalera.experiment.rates import short_rate

    for row in rows:
        if "error" in row:
            text = words.say("rates.failed", rung=row["name"], error=translate(row["error"], words.code))
            console.print(text, style="yellow", markup=False, highlight=False)
            continue
        now = words.say("rates.now", rate=short_rate(row["rate"]))
        console.print(f"[bold]{escape(row['name'])}[/]  {now}", highlight=False)
        if len(row["rates"]) > 1:
            for line in curve(row["rates"], row["smoothed"], row["suggested"]):
                console.print(f"  {line}", markup=False, highlight=False)
        if row["suggested"] is None:
            console.print(f"  {words.say('rates.none')}\n", markup=False, highlight=False)
            continue
        reason = words.say("rates.burst" if row["burst"] else "rates.whole", least=short_rate(row["least"]))
        console.print(f"  {words.say('rates.suggested', rate=short_rate(row['suggested']))} {reason}", highlight=False)
        console.print(f"  {words.say('rates.line')}  {row['line']}\n", markup=False, highlight=False)
    console.print(words.say("rates.what"), style="dim", highlight=False)


def curve(rates: Sequence[float], losses: Sequence[float], suggested: float | None) -> list[str]:
    """The loss over the rate, each column the mean of its steps, and below it the first, the suggested and the last.

    What is above the first loss is as high as that.
    """
    from escalera.experiment.rates import short_rate

    width = min(WIDTH, len(losses))
    columns = [losses[len(losses) * at // width : len(losses) * (at + 1) // width] for at in range(width)]
    means = [sum(column) / len(column) for column in columns]
    low, high = min(means), max(means[0], min(means) * 1.001)
    bars = "".join(BARS[round((len(BARS) - 1) * (min(mean, high) - low) / (high - low))] for mean in means)
    first, last = short_rate(rates[0]), short_rate(rates[-1])
    axis = f"{first}{last:>{max(1, width - len(first))}}"
    if suggested is None or suggested < rates[0]:
        return [bars, axis]
    at = min(range(len(rates)), key=lambda step: abs(rates[step] - suggested)) * width // len(rates)
    return [bars, f"{' ' * at}↑", axis]
