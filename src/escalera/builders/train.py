"""What a training of a configuration is made of: the optimiser, the schedule, the penalty and the callbacks."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import torch
from torch import nn

from escalera.builders.model import bodies
from escalera.core.errors import Problem, nearest
from escalera.data.dataset import Dataset
from escalera.ladder import schema
from escalera.ladder.epochs import unfrozen_from
from escalera.ladder.read import Place, Reading
from escalera.models.fusion import Branch
from escalera.models.network import Network
from escalera.models.whitening import whitenings
from escalera.train.callbacks import EarlyStopping
from escalera.train.criterion import Criterion, class_weights
from escalera.train.ema import MovingAverage
from escalera.train.lookahead import Lookahead
from escalera.train.optimizers import OPTIMIZERS
from escalera.train.penalty import L2Penalty
from escalera.train.plateau import Plateau
from escalera.train.schedules import SCHEDULES, Schedule
from escalera.train.unfreeze import UnfreezeAt, WhiteningBias

FEATURES_AT_MOST = 2 * 1024**3
"""Bytes of features kept in memory. Not a share of what is free, since a resumed run has to decide as it did before."""


def optimizer(settings: schema.Optimizer, over: nn.Module) -> torch.optim.Optimizer:
    """The optimiser over a network's trainable parameters."""
    return OPTIMIZERS[settings.name](over, **settings.model_dump(exclude={"name"}))


def schedule(train: schema.Train) -> Schedule:
    """The learning-rate schedule over the epochs of a training; a Plateau is a callback too."""
    settings = train.schedule
    if isinstance(settings, schema.Plateau):
        floor = min(1.0, settings.min_lr / train.optimizer.lr)
        return Plateau(settings.monitor, factor=settings.factor, patience=settings.patience, floor=floor)
    return SCHEDULES[settings.name](train.epochs, **settings.model_dump(exclude={"name"}))


def penalty(model: schema.Net, network: Network) -> L2Penalty | None:
    """The L2 penalty of a network, where the configuration asks for one."""
    found = [(body, float(getattr(part, "l2", 0.0))) for part, body in bodies(model, network)]
    found.append((network.head, model.head.l2))
    return L2Penalty(found) if any(strength for _, strength in found) else None


def criterion(train: schema.Train, data: Dataset, device: torch.device) -> Criterion:
    """The loss that is minimised over the rows of train; names of classes that there are none of are left out."""
    weights = None
    if train.class_weights is not None:
        counts = torch.bincount(torch.from_numpy(data.train.labels[data.train.rows]), minlength=len(data.classes))
        given: dict[int, float] | None = None
        if isinstance(train.class_weights, dict):
            given = {data.classes.index(name): of for name, of in train.class_weights.items() if name in data.classes}
        weights = class_weights(counts, given).to(device)
    gamma = train.loss.gamma if isinstance(train.loss, schema.Focal) else 0.0
    return Criterion(train.label_smoothing, gamma, weights)


def class_problems(reading: Reading, rungs: Sequence[schema.Rung], opened: Mapping[str, Dataset]) -> list[Problem]:
    """Weights of classes that the data have not, `opened` by their section as JSON."""
    problems: dict[tuple[Place, str], Problem] = {}
    for rung in rungs:
        data, given = opened.get(rung.config.data.model_dump_json()), rung.config.train.class_weights
        if data is None or not isinstance(given, dict):
            continue
        for name in given:
            if name not in data.classes:
                place = reading.locate(rung.name, f"train.class_weights.{name}")
                why = f"expected a class of '{data.name}', received '{name}'; {nearest(name, data.classes)}"
                path = place.path if place.path.endswith(f".{name}") else f"{place.path}.{name}"
                problems.setdefault((place, name), Problem(why, path, place.file, place.line))
    return list(problems.values())


def moving_average(train: schema.Train) -> MovingAverage | None:
    """The callback that averages the weights, where the configuration has one."""
    return MovingAverage(train.ema) if train.ema is not None else None


def lookahead(train: schema.Train) -> Lookahead | None:
    """The callback of slow weights, where the configuration has them."""
    return Lookahead(**train.lookahead.model_dump()) if train.lookahead is not None else None


def early_stopping(train: schema.Train, folder: Path | None) -> EarlyStopping | None:
    """The callback that stops early, where the configuration has one; if asked, the best weights go into a `folder`."""
    settings = train.early_stopping
    if settings is None:
        return None
    monitors = [settings.monitor] if isinstance(settings.monitor, str) else settings.monitor
    return EarlyStopping(monitors, settings.patience, folder if settings.restore_best else None)


def whitening(network: Network) -> WhiteningBias | None:
    """The callback by which the bias of a whitening convolution rests after its epochs, where there is one."""
    found = whitenings(network)
    return WhiteningBias(found) if found else None


def unfreezing(model: schema.Model, network: Network) -> UnfreezeAt | None:
    """The callback that lets the body learn from an epoch on, where the configuration has one."""
    epoch = unfrozen_from(model)
    return None if epoch is None else UnfreezeAt(network, epoch)


def runs_once(config: schema.RungConfig, over: Network, rows: int) -> bool:
    """Whether all of the body gives the same features for a row in every epoch, so that it need run only once."""
    return len(kept_parts(config, over, rows)) == len(over.parts)


def kept_parts(config: schema.RungConfig, over: Network, rows: int) -> list[str]:
    """The parts of a network that give the same features for a row in every epoch, so that they need run only once.

    None where pictures are augmented or of other sizes in some epochs, or where the features would take more than
    FEATURES_AT_MOST.
    """
    if config.augment != schema.Augment() or config.train.progressive:
        return []
    widths = [part.width if isinstance(part, Branch) else over.head.inputs for part in over.parts]
    parts = zip(config.model.net.parts.items(), widths, strict=True)
    frozen = {name: width for (name, part), width in parts if part.learns == "none"}
    return list(frozen) if 4 * rows * sum(frozen.values()) <= FEATURES_AT_MOST else []
