"""The learning-rate range test of a rung: on rows of train alone, and nothing of it is kept."""

from __future__ import annotations

import contextlib
from dataclasses import fields
from typing import Any

from escalera import builders
from escalera.core.errors import TrainingError
from escalera.core.memory import keep_memory
from escalera.core.rundir import RunDir
from escalera.core.runtime import choose_device, choose_precision
from escalera.data.dataset import Dataset
from escalera.ladder.schema import Rung
from escalera.run import lineage
from escalera.run.fitting import Fitting, new_network
from escalera.run.gang import Place
from escalera.train.criterion import Criterion
from escalera.train.loop import Training, train
from escalera.train.range_test import STEPS, Curve, Heard, RangeTest, rate_at


def range_test(rung: Rung, data: Dataset, run: RunDir, device: str) -> Curve:
    """The loss of a rung's first steps while its rate grows; `run` is where its run would stand.

    Raises RunError where it starts from weights that are not there yet.
    """
    config, settings = rung.config, rung.config.train
    keep_memory()
    lineage.check_ready(config, run)
    where = choose_device(device)
    place = Place(where, choose_precision(settings.precision, where))
    fitting = Fitting(config, 0, data, run, new_network(config, 0, data), place)
    fitting.start({**builders.imagenet_files(config.model.net), **lineage.weights_files(config, run)})
    learner, batches, _ = fitting.feeds()
    steps = -(-len(batches) // settings.accumulate)
    optimizer = builders.optimizer(settings.optimizer, learner)
    for group in optimizer.param_groups:
        group.pop("epochs", None)  # of a schedule of its own
    heard = _heard(builders.criterion(settings, data, where))
    test = RangeTest(heard)
    unfreezing = builders.unfreezing(config.model, fitting.network)
    # A loss that is no number any more ends the test, and is no mistake of anybody's.
    with contextlib.suppress(TrainingError):
        train(
            Training(learner, optimizer, -(-STEPS // steps), steps),
            batches,
            # The other rates grow in proportion.
            schedule=lambda position: rate_at(round(position * steps)) / settings.optimizer.lr,
            validate=dict,
            seed=0,
            precision=place.precision,
            clip_norm=settings.clip_norm,
            criterion=heard,
            penalty=builders.penalty(config.model.net, fitting.network),
            accumulate=settings.accumulate,
            shards=fitting.shards(),
            callbacks=[test, *([unfreezing] if unfreezing else [])],
        )
    return Curve(test.losses)


def _heard(criterion: Criterion) -> Heard:
    given: dict[str, Any] = {field.name: getattr(criterion, field.name) for field in fields(criterion)}
    return Heard(**given)
