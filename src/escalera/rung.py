"""One run: a rung trained with one seed, from its configuration to the files it leaves behind."""

from __future__ import annotations

from typing import Any

import torch

from escalera import build, lineage
from escalera.beside import of_branches
from escalera.data.batches import Batches
from escalera.data.features import FeatureBatches
from escalera.data.splits import Dataset, Split
from escalera.evaluate.cost import PeakMemory, flops_per_image
from escalera.evaluate.features import features
from escalera.evaluate.predict import Predictions, accuracy_and_loss, predict
from escalera.evaluate.price import price
from escalera.filing import describe_data, file_answers, file_data
from escalera.ladder import schema
from escalera.ladder.schema import Rung, RungConfig
from escalera.models.network import Network
from escalera.models.summary import summarise
from escalera.rundir import ASKED, RESULT, RunDir, read_json, write_json
from escalera.runtime import choose_device, choose_precision, describe, now
from escalera.terminal import Narrator
from escalera.train.callbacks import History, StatisticsWarmUp, StopOnSignal, TensorBoard
from escalera.train.checkpoint import LastCheckpoint, load_weights, save_weights
from escalera.train.ema import averaged
from escalera.train.loop import Callback, Training, train
from escalera.train.plateau import Plateau


def train_rung(rung: Rung, seed: int, data: Dataset, run: RunDir, *, device: str, narrator: Narrator) -> None:
    """Train, or go on training, a rung; evaluate it and write its files.

    Raises KeyboardInterrupt when the user stopped it (the run can be resumed), EscaleraError when it cannot go on.
    """
    where = choose_device(device)
    memory = PeakMemory(where)
    config, model = rung.config, schema.net(rung.config.model)
    image_shape = (data.shape[2], data.shape[0], data.shape[1])
    # A run that goes on has its weights already, and needs nobody else's.
    begins = not (run.last / "state.json").exists()
    start = {**build.imagenet_files(model), **lineage.weights_files(config, run)} if begins else {}
    attributes = len(data.attributes.names) if data.attributes and schema.reads_attributes(config.model) else 0
    torch.manual_seed(seed)
    network = build.network(model, image_shape, len(data.classes), attributes, build.layout(config.data))
    build.start_from(start, network, model, image_shape)
    network.to(where).to(memory_format=torch.channels_last)
    summary = summarise(network, image_shape, attributes)
    precision = choose_precision(config.train.precision, where)
    record = {
        **(run.read_record() if run.record.exists() else {"started": now(), "test_looks": 0}),
        "state": "running",
        "error": None,
        "rung": rung.name,
        "parent": rung.parent,
        "seed": seed,
        "parameters": summary.parameters(),
        "layers": summary.rows(),
        "flops_per_image": flops_per_image(network, image_shape, attributes),
        "precision": precision,
        "device": where.type,
        "data": describe_data(data, config),
    }
    if start:
        record["weights"] = {
            part: {"file": str(file), "sha256": lineage.fingerprint(file)} for part, file in start.items()
        }
    file_data(run, config, data)
    write_json(run.environment, describe(where))
    record = run.write_record(record, ASKED)
    narrator.layers(summary, build.unfrozen_from(config.model))

    training, best_epoch = _train(config, seed, data, run, network, where, precision, narrator)
    record |= {
        "stopped": training.stop or "all epochs",
        "epochs": training.epoch,
        "best_epoch": best_epoch,
        "seconds": round(training.seconds, 3),
        "images_per_second": round(training.images_per_second, 1),
        "price": price(training.seconds, config.evaluate.price_per_hour, config.evaluate.currency),
    }
    test = _evaluate(config, data, run, network, where, record, narrator)
    record |= {
        "tta": config.evaluate.tta,
        "inference_images_per_second": round(test.images_per_second, 1),
        "peak_memory_bytes": memory.read(),
        "state": "done",
        "finished": now(),
    }
    run.write_record(record, RESULT)
    narrator.rung_ends(record, read_json(run.metrics))


def _train(
    config: RungConfig,
    seed: int,
    data: Dataset,
    run: RunDir,
    network: Network,
    device: torch.device,
    precision: str,
    narrator: Narrator,
) -> tuple[Training, int]:
    """Train or resume; the network comes back with the weights that the run stands by, and their epoch."""
    settings = config.train
    mixing = build.mix(config.augment, len(data.classes))
    batches: Batches | FeatureBatches
    batches = build.batches(config, data.train, data.train, seed=seed, device=device, training=True, mix=mixing)
    validation: Batches | FeatureBatches
    validation = build.batches(config, data.validation, data.train, seed=seed, device=device, training=False)
    learner: torch.nn.Module = network
    best = run.best
    if build.runs_once(config, network, len(data.train.rows)):
        # What comes out of the body is always the same: from here on it stands for the pictures, and the head for all.
        learner, best = network.head.layers, run.last / "head.safetensors"
        batches, validation = _run_once(config, data, network, seed, device)
    training = Training(learner, build.optimizer(settings.optimizer, learner), settings.epochs, len(batches))
    schedule = build.schedule(settings)
    parts: dict[str, Any] = {"plateau": schedule} if isinstance(schedule, Plateau) else {}
    stopping = build.early_stopping(settings, best)
    if stopping is not None:
        parts["early_stopping"] = stopping
    average = build.moving_average(settings)
    if average is not None:
        training.average = averaged(learner)
    last = LastCheckpoint(run.last, parts)
    resumed = last.resume(training)
    if resumed and training.epoch < training.epochs and not training.stop:
        narrator.resumes(training.epoch)
    callbacks: list[Callback] = [
        *parts.values(),
        *(extra for extra in (average, build.unfreezing(config.model, network)) if extra),
        StatisticsWarmUp(), History(run), TensorBoard(run.path), last, narrator.progress(), StopOnSignal()
    ]  # fmt: skip
    train(
        training,
        batches,
        schedule=schedule,
        validate=lambda: _validate(training.judged, validation),
        seed=seed,
        precision=precision,
        clip_norm=settings.clip_norm,
        label_smoothing=settings.label_smoothing,
        penalty=build.penalty(schema.net(config.model), network),
        callbacks=callbacks,
    )
    if training.interrupted:
        raise KeyboardInterrupt
    chosen = stopping is not None and stopping.best is not None
    if not chosen:
        save_weights(training.judged, best)
    load_weights(learner, best)
    if learner is not network:
        save_weights(network, run.best)
    return training, stopping.best_epoch if stopping is not None and chosen else training.epoch


def _run_once(
    config: RungConfig, data: Dataset, network: Network, seed: int, device: torch.device
) -> tuple[FeatureBatches, FeatureBatches]:
    """The features of train and validation in place of their pictures."""

    def of(part: Split) -> tuple[torch.Tensor, torch.Tensor]:
        feed = build.batches(config, part, data.train, seed=seed, device=device, training=False)
        return features(network, feed.epoch(0))

    size = config.train.batch_size
    train = FeatureBatches(*of(data.train), batch_size=size, shuffle=True, seed=seed)
    return train, FeatureBatches(*of(data.validation), batch_size=build.EVALUATION_BATCH)


def _validate(network: torch.nn.Module, batches: Batches | FeatureBatches) -> dict[str, float]:
    return {f"val_{key}": value for key, value in accuracy_and_loss(predict(network, batches.epoch(0))).items()}


def _evaluate(
    config: RungConfig,
    data: Dataset,
    run: RunDir,
    network: Network,
    device: torch.device,
    record: dict[str, Any],
    narrator: Narrator,
) -> Predictions:
    """Predict all three splits; only here are the test rows read, and run.json says how often."""

    def over(part: Split) -> Predictions:
        feed = build.batches(config, part, data.train, seed=0, device=device, training=False)
        return predict(network, feed.epoch(0), build.views(config))

    metrics = {"train": accuracy_and_loss(over(data.train)), "validation": accuracy_and_loss(over(data.validation))}
    record["test_looks"] += 1
    run.write_record(record)
    test = over(data.test)
    beside = {}
    if isinstance(config.model, schema.Fusion):
        narrator.branches_asked()
        beside = of_branches(config, data, run, network, device)
    file_answers(run, data, test.logits, test.labels, metrics, beside)
    return test
