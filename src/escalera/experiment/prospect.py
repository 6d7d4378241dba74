"""What a search would add to a climb, before it: how many trials, how long, at what price, and how flattered."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from escalera.evaluate.price import price
from escalera.experiment.answers import flattery
from escalera.experiment.search import pauses
from escalera.experiment.study import LESS
from escalera.ladder.schema import Rung
from escalera.ladder.space import size

BESIDE = 0.3
"""Seconds that a trial takes beside its training: it is prepared, judged and written down."""


def search_plan(rung: Rung, row: Mapping[str, Any]) -> dict[str, Any]:
    """What the search of a rung would take, by the `row` of its training as `estimate.plan` gives it.

    `trials` are those there will be, as far as `minutes` let them; `size` are the combinations of a grid; `share` is
    that of the trials' epochs which successive halving lets them train; `flattery` is a share of the rows.
    """
    search, config = rung.search, rung.config
    assert search is not None
    epochs = search.epochs or config.train.epochs if config.model.trains else 0
    combinations = size(search.over) if search.method == "grid" else None
    trials = combinations or search.limit
    halves = search.prune and epochs > 0
    each = row["training_seconds"] * (epochs / config.train.epochs if epochs else 1)
    share = halved(trials or 20, epochs) if halves else 1.0
    if search.minutes is not None:
        fitting = max(1, int(60 * search.minutes / (each * share + BESIDE)))
        trials = min(fitting, trials or fitting)
        share = halved(trials, epochs) if halves else 1.0
    assert trials is not None, "a search without a limit of time has one of trials"
    seconds = round(min(trials * (each * share + BESIDE), 60 * (search.minutes or float("inf"))), 3)
    return {
        "method": search.method,
        "trials": trials,
        "size": combinations,
        "epochs": epochs,
        "minutes": search.minutes,
        "share": round(share, 3),
        "seconds": seconds,
        "price": price(seconds, config.evaluate.price_per_hour, config.evaluate.currency),
        "validation_rows": row["validation_rows"],
        "flattery": round(flattery(row["validation_rows"], trials), 4) if row["validation_rows"] else None,
    }


def halved(trials: int, epochs: int) -> float:
    """Which share of the epochs of so many trials successive halving trains, about.

    Trials come one after the other, each compared with those before it: of a few more than a third go on, as the first
    ones have nothing to be worse than.
    """
    going, spent, before = float(trials), 0.0, 0
    for stop in pauses(epochs):
        spent += going * (stop - before)
        before, going = stop, sum(max(1, number // LESS) / number for number in range(1, round(going) + 1))
    return (spent + going * (epochs - before)) / (trials * epochs)
