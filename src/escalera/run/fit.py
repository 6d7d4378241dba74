"""One network fitted with one seed, from its configuration to a trained run that has never seen a test row."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from escalera import builders
from escalera.core.errors import TrainingError
from escalera.core.files import write_json
from escalera.core.rundir import ASKED, LEARNED, RunDir
from escalera.core.runtime import choose_device, choose_precision, describe, now
from escalera.data.batches import Batches
from escalera.data.dataset import Dataset, Split
from escalera.data.features import FeatureBatches
from escalera.evaluate.cost import PeakMemory, flops_per_image
from escalera.evaluate.features import features
from escalera.evaluate.predict import Predictions, accuracy_and_loss, predict
from escalera.evaluate.price import price
from escalera.evaluate.speed import rows_per_second
from escalera.evaluate.views import mean_logits
from escalera.ladder.schema import Rung, RungConfig
from escalera.models.network import Network
from escalera.models.summary import summarise
from escalera.run import lineage
from escalera.run.ablation import of_branches
from escalera.run.announcer import Announcer
from escalera.run.artifacts import begun, file_data
from escalera.run.evaluate import Others
from escalera.run.events import Events
from escalera.train.callbacks import History, StatisticsWarmUp, StopOnSignal, TensorBoard
from escalera.train.checkpoint import (
    Checkpoint,
    LastCheckpoint,
    find_checkpoint,
    load_weights,
    save_weights,
    tidy,
)
from escalera.train.ema import averaged
from escalera.train.loop import Callback, Training, train
from escalera.train.plateau import Plateau
from escalera.train.shards import WHOLE, Shards


@dataclass(frozen=True)
class FittedNetwork:
    """A trained network with what it needs to be asked."""

    config: RungConfig
    data: Dataset
    run: RunDir
    network: Network
    device: torch.device
    record: dict[str, Any]
    memory: PeakMemory
    events: Events

    def checked(self) -> dict[str, dict[str, float]]:
        """Accuracy and loss of train and validation."""
        parts = {"train": self.data.train, "validation": self.data.validation}
        return {name: accuracy_and_loss(self._predictions(part)) for name, part in parts.items()}

    def answer(self, part: Split) -> tuple[Predictions, Others]:
        """What it predicts; beside it what each branch of a fusion is worth on the same rows."""
        found, others = self._predictions(part), dict[str, NDArray[np.int64]]()
        if len(self.config.model.parts) > 1:
            self.events.branches_asked()
            others = of_branches(self.config, self.data.train, part, self.run, self.network, self.device)
        return found, others

    def cost(self) -> dict[str, Any]:
        """The memory that all took, and how many rows are answered in a second, as they are evaluated."""
        views, inputs = builders.views(self.config), builders.inputs(self.config, self.data)
        rate = rows_per_second(
            self.network, lambda rows: mean_logits(self.network, rows, views), inputs.shape, inputs.attributes
        )
        tta = self.config.evaluate.tta
        return {"tta": tta, "peak_memory_bytes": self.memory.read(), "inference_images_per_second": rate}

    def _predictions(self, part: Split) -> Predictions:
        feed = builders.batches(self.config, part, self.data.train, seed=0, device=self.device, training=False)
        return predict(self.network, feed.epoch(0), builders.views(self.config))


def fit(rung: Rung, seed: int, data: Dataset, run: RunDir, *, device: str, events: Events) -> FittedNetwork:
    """Train, or go on training, a rung, and write its files but for those of the test rows, which it never sees.

    Raises KeyboardInterrupt when the user stopped it (the run can be resumed), EscaleraError when it cannot go on.
    """
    where = choose_device(device)
    memory = PeakMemory(where)
    config, model = rung.config, rung.config.model.net
    inputs = builders.inputs(config, data)
    record: dict[str, Any] = run.read_record() if run.record.exists() else {"started": now(), "test_looks": 0}
    trained = "stopped" in record and not run.faults(run.best.name)
    torch.manual_seed(seed)
    network = builders.network_for(inputs, model)
    start: dict[str, Path] = {}
    # A run that goes on has its weights already, and needs nobody else's: all of them, unless its body runs only once.
    if not trained and (
        builders.runs_once(config, network, len(data.train.rows)) or find_checkpoint(run.last).state is None
    ):
        start = {**builders.imagenet_files(model), **lineage.weights_files(config, run)}
    builders.start_from(start, network, model, inputs.shape)
    network.to(where).to(memory_format=torch.channels_last)
    summary = summarise(network, inputs.shape, inputs.attributes)
    flops = flops_per_image(network, inputs.shape, inputs.attributes)
    precision = _precision(config, record, where)
    record |= begun(rung, seed, data, summary, flops, precision=precision, device=where.type)
    if start:
        record["weights"] = {
            part: {"file": str(file), "sha256": lineage.fingerprint(file)} for part, file in start.items()
        }
    file_data(run, config, data)
    write_json(run.environment, describe(where))
    record = run.write_record(record, LEARNED if trained else ASKED)
    events.layers(summary, builders.unfrozen_from(config.model))

    if trained:
        load_weights(network, run.best)
    else:
        record |= _train(config, seed, data, run, network, where, record["precision"], events)
        record = run.write_record(record, LEARNED)
        tidy(run.last)
    return FittedNetwork(config, data, run, network, where, record, memory, events)


def _precision(config: RungConfig, record: dict[str, Any], device: torch.device) -> str:
    """What the forward pass is computed in; a run that goes on stays with what this kind of device took before."""
    begun = record.get("precision") if record.get("device") == device.type else None
    wanted = config.train.precision
    return str(begun) if begun and wanted == "auto" else choose_precision(wanted, device)


def _train(
    config: RungConfig,
    seed: int,
    data: Dataset,
    run: RunDir,
    network: Network,
    device: torch.device,
    precision: str,
    events: Events,
) -> dict[str, Any]:
    """Train or resume, and write the weights that the run stands by, which the network then has.

    What run.json says of the training comes back: why it stopped, the epochs, the best of them, and what it took.
    """
    settings = config.train
    learner, batches, validation = _feeds(config, seed, data, network, device)
    steps = -(-len(batches) // settings.accumulate)
    training = Training(learner, builders.optimizer(settings.optimizer, learner), settings.epochs, steps)
    schedule = builders.schedule(settings)
    history, stop = History(run), StopOnSignal()
    parts: dict[str, Any] = {"plateau": schedule} if isinstance(schedule, Plateau) else {}
    stopping = builders.early_stopping(settings, run.last)
    if stopping is not None:
        parts["early_stopping"] = stopping
    parts["history"] = history
    average = builders.moving_average(settings)
    if average is not None:
        training.average = averaged(learner)
    last = LastCheckpoint(run.last, parts)
    _tell(last.resume(training), history, training, events)
    callbacks: list[Callback] = [
        *parts.values(),
        *(extra for extra in (average, builders.unfreezing(config.model, network)) if extra),
        StatisticsWarmUp(), TensorBoard(run.path), last, Announcer(events), stop
    ]  # fmt: skip
    train(
        training,
        batches,
        schedule=schedule,
        validate=lambda: _validate(training.judged, validation),
        seed=seed,
        precision=precision,
        accumulate=settings.accumulate,
        shards=Shards(learner, settings.shards, seed) if settings.shards > 1 else WHOLE,
        clip_norm=settings.clip_norm,
        label_smoothing=settings.label_smoothing,
        penalty=builders.penalty(config.model.net, network),
        callbacks=callbacks,
    )
    if training.interrupted:
        raise stop.reason
    best = stopping.best if stopping is not None else None
    if best is not None:
        load_weights(learner, best)
    elif training.average is not None:
        learner.load_state_dict(training.average.state_dict())
    save_weights(network, run.best)
    best_epoch = stopping.best_epoch if stopping is not None and best is not None else training.epoch
    return _learned(training, best_epoch, config)


def _feeds(
    config: RungConfig, seed: int, data: Dataset, network: Network, device: torch.device
) -> tuple[torch.nn.Module, Batches | FeatureBatches, Batches | FeatureBatches]:
    """What learns, its batches, and those of validation."""
    if len(data.train.rows) < 2 * config.train.shards:
        raise TrainingError(
            f"train.shards: expected two rows to learn from for each of {config.train.shards} shards, received "
            f"{len(data.train.rows)}. Use fewer shards, or more data."
        )
    if builders.runs_once(config, network, len(data.train.rows)):
        # What comes out of the body is always the same: from here on it stands for the pictures, and the head for all.
        return network.head.layers, *_run_once(config, data, network, seed, device)
    mixing = builders.mix(config.augment, len(data.classes))
    batches = builders.batches(config, data.train, data.train, seed=seed, device=device, training=True, mix=mixing)
    validation = builders.batches(config, data.validation, data.train, seed=seed, device=device, training=False)
    return network, batches, validation


def _learned(training: Training, best_epoch: int, config: RungConfig) -> dict[str, Any]:
    """What run.json says of a training that is over."""
    return {
        "stopped": training.stop or "all epochs",
        "epochs": training.epoch,
        "best_epoch": best_epoch,
        "seconds": round(training.seconds, 3),
        "images_per_second": round(training.images_per_second, 1),
        "price": price(training.seconds, config.evaluate.price_per_hour, config.evaluate.currency),
    }


def _tell(found: Checkpoint, history: History, training: Training, events: Events) -> None:
    """Say from where a training goes on, and what was damaged."""
    for fault in found.faults:
        events.checkpoint_damaged(training.epoch, fault)
    if history.mended:
        events.history_mended(history.run.history)
    if found.state and not found.faults and training.epoch < training.epochs and not training.stop:
        events.resumes(training.epoch)


def _run_once(
    config: RungConfig, data: Dataset, network: Network, seed: int, device: torch.device
) -> tuple[FeatureBatches, FeatureBatches]:
    """The features of train and validation in place of their pictures."""

    def of(part: Split) -> tuple[torch.Tensor, torch.Tensor]:
        feed = builders.batches(config, part, data.train, seed=seed, device=device, training=False)
        return features(network, feed.epoch(0))

    settings = config.train
    train = FeatureBatches(
        *of(data.train), batch_size=settings.batch_size, shuffle=True, seed=seed, shards=settings.shards
    )
    return train, FeatureBatches(*of(data.validation), batch_size=builders.EVALUATION_BATCH)


def _validate(network: torch.nn.Module, batches: Batches | FeatureBatches) -> dict[str, float]:
    return {f"val_{key}": value for key, value in accuracy_and_loss(predict(network, batches.epoch(0))).items()}
