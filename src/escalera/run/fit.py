"""One network fitted with one seed, from its configuration to a trained run that has never seen a test row."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from escalera import builders
from escalera.core.energy import EnergyMeter
from escalera.core.files import write_json
from escalera.core.rundir import ASKED, LEARNED, RunDir
from escalera.core.runtime import choose_device, choose_precision, describe, now
from escalera.data.dataset import Dataset, Split
from escalera.evaluate.cost import PeakMemory, flops_per_image
from escalera.evaluate.predict import Predictions, scores
from escalera.evaluate.price import price
from escalera.evaluate.speed import rows_per_second
from escalera.evaluate.views import mean_logits
from escalera.ladder.epochs import unfrozen_from, worth
from escalera.ladder.schema import Rung, RungConfig
from escalera.models.late import answers_of
from escalera.models.summary import summarise
from escalera.run import gang, lineage
from escalera.run.ablation import of_branches
from escalera.run.announcer import Announcer
from escalera.run.artifacts import begun, file_data
from escalera.run.evaluate import Others
from escalera.run.events import Events
from escalera.run.fitting import Fitting, new_network
from escalera.run.gang import Place
from escalera.run.task import Task
from escalera.train.callbacks import (
    Deadline,
    EarlyStopping,
    History,
    Pause,
    StatisticsWarmUp,
    StopOnSignal,
    TensorBoard,
)
from escalera.train.checkpoint import (
    Checkpoint,
    LastCheckpoint,
    find_checkpoint,
    load_weights,
    save_weights,
    tidy,
)
from escalera.train.ema import averaged
from escalera.train.energy import Energy
from escalera.train.loop import Callback, Training, train
from escalera.train.plateau import Plateau


@dataclass(frozen=True)
class FittedNetwork:
    """A trained network with what it needs to be asked."""

    fitting: Fitting
    record: dict[str, Any]
    memory: PeakMemory
    events: Events

    def checked(self) -> dict[str, dict[str, float]]:
        """The scores of train, with the number of its rows that were asked about, and of validation."""
        train = self.fitting.predictions(self.fitting.recalled)
        return {"train": {**scores(train), "asked": len(train.labels)}, "validation": scores(self.validated)}

    @cached_property
    def validated(self) -> Predictions:
        """What it predicts for validation."""
        return self.fitting.predictions(self.fitting.data.validation)

    @cached_property
    def calibrated(self) -> Predictions | None:
        """What it predicts for the rows that were set aside; None where none were."""
        aside = self.fitting.data.calibration
        return None if aside is None else self.fitting.predictions(aside)

    def answer(self, part: Split) -> tuple[Predictions, Others]:
        """What it predicts; beside it what each branch of a fusion is worth on the same rows."""
        own = self.fitting
        found, others = own.predictions(part), dict[str, NDArray[np.int64]]()
        if len(own.config.model.parts) > 1:
            self.events.branches_evaluated()
            (network, train), (_, part) = own.for_split(own.data.train), own.for_split(part)
            others = of_branches(own.config, train, part, own.run, network, own.place.device)
        return found, others

    def cost(self) -> dict[str, Any]:
        """The memory that all took, and how many rows are answered in a second, as they are evaluated."""
        config, network = self.fitting.config, self.fitting.network
        views, inputs = builders.views(config), builders.inputs(config, self.fitting.data)
        rate = rows_per_second(network, lambda rows: mean_logits(network, rows, views), inputs.shape, inputs.attributes)
        tta = config.evaluate.tta
        return {"tta": tta, "peak_memory_bytes": self.memory.read(), "inference_images_per_second": rate}


def fit(
    rung: Rung,
    seed: int,
    data: Dataset,
    run: RunDir,
    *,
    device: str,
    events: Events,
    until: int | None = None,
    deadline: float | None = None,
) -> FittedNetwork | None:
    """Train, or go on training, a rung, and write its files but for those of the test rows, which it never sees.

    None where it pauses after `until` epochs; called again, it goes on as if it had not. No epoch begins that would end
    after `deadline`, in seconds since 1970.

    Raises KeyboardInterrupt when the user stopped it (the run can be resumed), EscaleraError when it cannot go on.
    """
    where = choose_device(device)
    memory = PeakMemory(where)
    config, model = rung.config, rung.config.model.net
    inputs = builders.inputs(config, data)
    record: dict[str, Any] = run.read_record() if run.record.exists() else {"started": now(), "test_looks": 0}
    trained = "stopped" in record and not run.faults(run.best.name)
    network = new_network(config, seed, data)
    start: dict[str, Path] = {}
    # A run that goes on has its weights already, and needs nobody else's: all of them, unless a part runs only once.
    if not trained and (
        builders.kept_parts(config, network, len(data.train.rows)) or find_checkpoint(run.last).state is None
    ):
        start = {**builders.imagenet_files(model), **lineage.weights_files(config, run)}
    place = Place(where, _precision(config, record, where))
    fitting = Fitting(config, seed, data, run, network, place)
    fitting.start(start)
    summary = summarise(network, inputs.shape, inputs.attributes)
    flops = flops_per_image(network, inputs.shape, inputs.attributes)
    record |= begun(rung, seed, data, summary, flops, precision=place.precision, device=where.type)
    if start:
        record["weights"] = {
            part: {"file": str(file), "sha256": lineage.fingerprint(file)} for part, file in start.items()
        }
    file_data(run, config, data)
    write_json(run.environment, describe(where))
    record = run.write_record(record, LEARNED if trained else ASKED)
    events.layers(summary, unfrozen_from(config.model))

    fitting = fitting.by(gang.begin(run, place, start, trained=trained))
    if trained:
        load_weights(network, run.best)
    else:
        learned = _train(fitting, events, until, deadline)
        record |= learned
        if "stopped" not in learned:
            run.write_record(record, ASKED)
            return None
        record = run.write_record(record, LEARNED)
        tidy(run.last)
    return FittedNetwork(fitting, record, memory, events)


def take_part(fitting: Fitting, task: Task, *, trained: bool) -> None:
    """Compute what another process fits and asks: the same in the same order, without a file and without a word."""
    data = fitting.data
    if trained:
        load_weights(fitting.network, fitting.run.best)
    elif "stopped" not in _train(fitting, Events(), task.until):
        return
    aside = [] if data.calibration is None else [data.calibration]
    for part in (fitting.recalled, data.validation, *aside, data.test) if task.on == "test" else (data.validation,):
        fitting.predictions(part)


def _precision(config: RungConfig, record: dict[str, Any], device: torch.device) -> str:
    """What the forward pass is computed in; a run that goes on stays with what this kind of device took before."""
    begun = record.get("precision") if record.get("device") == device.type else None
    wanted = config.train.precision
    return str(begun) if begun and wanted == "auto" else choose_precision(wanted, device)


def _train(fitting: Fitting, events: Events, until: int | None = None, deadline: float | None = None) -> dict[str, Any]:
    """Train or resume, and write the weights that the run stands by, which the network then has.

    What run.json says of the training comes back: why it stopped, the epochs, the best of them, and what it took; only
    the energy until then where it pauses.
    """
    config, run, place = fitting.config, fitting.run, fitting.place
    settings, leads = config.train, fitting.place.ranks.leads
    learner, batches, validate = fitting.feeds()
    steps = -(-len(batches) // settings.accumulate)
    training = Training(learner, builders.optimizer(settings.optimizer, learner), settings.epochs, steps)
    schedule = builders.schedule(settings)
    history, stop = History(run), StopOnSignal()
    energy = Energy(EnergyMeter(place.device, why="together" if place.ranks.count > 1 else ""))
    parts: dict[str, Any] = {"plateau": schedule} if isinstance(schedule, Plateau) else {}
    stopping = builders.early_stopping(settings, run.last if leads else None)
    if stopping is not None:
        parts["early_stopping"] = stopping
    if leads:
        parts |= {"history": history, "energy": energy}
    average = builders.moving_average(settings)
    if average is not None:
        training.average = averaged(learner)
    last = LastCheckpoint(run.last, parts)
    with fitting.in_turn():
        found = last.resume(training)
    _tell(found, history, training, events)
    callbacks: list[Callback] = [
        *parts.values(),
        *(extra for extra in (builders.lookahead(settings), average, builders.unfreezing(config.model, fitting.network),
                                  builders.whitening(fitting.network)) if extra),
        *([Deadline(deadline)] if deadline is not None and place.ranks.count == 1 else []), StatisticsWarmUp(),
        Pause(until), *([TensorBoard(run.path), last, Announcer(events, worth(config))] if leads else []), stop
    ]  # fmt: skip
    train(
        training,
        batches,
        schedule=schedule,
        validate=lambda: validate(training.evaluated),
        seed=fitting.seed,
        precision=place.precision,
        accumulate=settings.accumulate,
        clip_norm=settings.clip_norm,
        criterion=builders.criterion(settings, fitting.data, place.device),
        penalty=builders.penalty(config.model.net, fitting.network),
        shards=fitting.shards(),
        callbacks=callbacks,
    )
    took = {"energy": energy.meter.taken.to_json()}
    if training.paused:
        return took
    if training.interrupted:
        raise stop.reason
    best_epoch = _stand_by(fitting, training, learner, stopping)
    return {**_learned(training, best_epoch, config, place.ranks.count), **took, **_weighed(fitting)}


def _stand_by(fitting: Fitting, training: Training, learner: torch.nn.Module, stopping: EarlyStopping | None) -> int:
    """Have the network hold the weights that the run stands by, write them, and say of which epoch they are."""
    best = stopping.best if stopping is not None else None
    with fitting.in_turn():
        if not fitting.place.ranks.leads:
            load_weights(fitting.network, fitting.run.best)
            return 0
        if best is not None:
            load_weights(learner, best)
        elif training.average is not None:
            learner.load_state_dict(training.average.state_dict())
        save_weights(fitting.network, fitting.run.best)
    return stopping.best_epoch if stopping is not None and best is not None else training.epoch


def _learned(training: Training, best_epoch: int, config: RungConfig, processes: int) -> dict[str, Any]:
    """What run.json says of a training that is over."""
    return {
        "stopped": training.stop or "all epochs",
        "epochs": training.epoch,
        "best_epoch": best_epoch,
        "seconds": round(training.seconds, 3),
        "images_per_second": round(training.images_per_second, 1),
        "price": price(training.seconds, config.evaluate.price_per_hour, config.evaluate.currency),
        **({"processes": processes} if processes > 1 else {}),
    }


def _weighed(fitting: Fitting) -> dict[str, Any]:
    """What the answers of branches weigh that answer each for itself, by the name of the branch."""
    answers = answers_of(fitting.network)
    if answers is None:
        return {}
    shares = [round(share, 6) for share in answers.weights.tolist()]
    return {"branch_weights": dict(zip(fitting.config.model.parts, shares, strict=True))}


def _tell(found: Checkpoint, history: History, training: Training, events: Events) -> None:
    """Say from where a training goes on, and what was damaged."""
    for fault in found.faults:
        events.checkpoint_damaged(training.epoch, fault)
    if history.mended:
        events.history_mended(history.run.history)
    if found.state and not found.faults and training.epoch < training.epochs and not training.stop:
        events.resumes(training.epoch)
