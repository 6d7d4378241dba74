"""One ensemble fitted: the features of an earlier run's network, computed once, and classical classifiers that vote."""

from __future__ import annotations

import shutil
import time
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from escalera import builders
from escalera.builders.ensemble import PREPARATION, answers, classifier_file, features, pooled, together
from escalera.core.energy import EnergyMeter
from escalera.core.errors import EscaleraError
from escalera.core.files import write_json
from escalera.core.rundir import ASKED, RunDir
from escalera.core.runtime import choose_device, describe, free_memory, now
from escalera.data.cache import folders
from escalera.data.dataset import Dataset, Split
from escalera.data.features import FEATURES_AT_ONCE
from escalera.data.input_spec import InputSpec
from escalera.evaluate.cost import PeakMemory, flops_per_image
from escalera.evaluate.metrics import measure
from escalera.evaluate.predict import SCORES, Predictions
from escalera.evaluate.price import price
from escalera.evaluate.speed import rows_per_second
from escalera.ladder import schema
from escalera.models.ensemble import saved
from escalera.models.ensemble.classifiers import Features, Probabilities, fit, probabilities, temperature
from escalera.models.ensemble.preparation import STEP, Preparation
from escalera.models.ensemble.preparation import fit as fit_preparation
from escalera.models.ensemble.voting import agreement, logits
from escalera.models.inputs import Inputs, blank
from escalera.models.network import Network
from escalera.models.summary import summarise
from escalera.run import lineage
from escalera.run.ablation import predictions_of
from escalera.run.artifacts import begun, file_data
from escalera.run.evaluate import Others
from escalera.run.events import Events
from escalera.run.kept import features_of
from escalera.train.checkpoint import load_weights, read_tensors, write_tensors

COPIES = 5
"""How often the features of train are in memory at the most: as they are, and boosting takes them in double precision
and as bins. Measured by benchmarks/votes.py."""


@dataclass(frozen=True)
class Rows:
    """Features (N, D) float32, prepared, and labels (N,)."""

    features: Features
    labels: NDArray[np.int64]


@dataclass(frozen=True)
class FittedEnsemble:
    """Fitted classifiers, the network whose features they read, and what they need to be asked."""

    config: schema.RungConfig
    model: schema.Votes
    data: Dataset
    run: RunDir
    network: Network
    device: torch.device
    record: dict[str, Any]
    memory: PeakMemory
    prepare: Preparation
    classifiers: dict[str, Any]
    validation: Rows

    def checked(self) -> dict[str, dict[str, float]]:
        """The scores of validation; none of train, where the nearest neighbour of a row is the row itself."""
        found = measure(self.validated.logits, self.validated.labels, self.data.classes)
        return {"validation": {key: found[key] for key in SCORES}}

    @cached_property
    def validated(self) -> Predictions:
        """What they vote for validation."""
        return Predictions(logits(self._vote(self.validation.features)[0]), self.validation.labels)

    @cached_property
    def calibrated(self) -> Predictions | None:
        """What they vote for the rows that were set aside; None where none were."""
        aside = self.data.calibration
        return None if aside is None else self._predictions(aside)[0]

    def answer(self, part: Split) -> tuple[Predictions, Others]:
        """What they vote; beside it each classifier, and the head of the network that the features come from."""
        found, each = self._predictions(part)
        named = zip(self.classifiers, each, strict=True)
        others = {f"classifier:{name}": one.argmax(axis=1)[None] for name, one in named}
        head = predictions_of(lineage.origins(self.config, self.run)["features"], part)
        if head is not None:
            others["network:head"] = head
        everyone = {"vote": found.logits.argmax(axis=1), **{name: one[0] for name, one in others.items()}}
        self.record["agreement"] = {"names": list(everyone), "shares": agreement(list(everyone.values()))}
        return found, others

    def cost(self) -> dict[str, Any]:
        """The memory that all took, and how many rows are answered in a second, features included."""
        read, inputs = pooled(self.network, self.model.pool), builders.inputs(self.config, self.data)

        def answer(rows: Inputs) -> object:
            return self._vote(self.prepare(read(rows).float().cpu()))

        rate = rows_per_second(self.network, answer, inputs.shape, inputs.attributes)
        return {"tta": "none", "peak_memory_bytes": self.memory.read(), "inference_images_per_second": rate}

    def _predictions(self, part: Split) -> tuple[Predictions, list[Probabilities]]:
        """What the classifiers say of a split together, and each by itself."""
        read = _read(self.config, self.model, self.data, self.network, part, self.device)
        voted, each = self._vote(np.concatenate([self.prepare(rows) for rows in read]))
        return Predictions(logits(voted), part.labels[part.rows]), each

    def _vote(self, rows: Features) -> tuple[Probabilities, list[Probabilities]]:
        """What the classifiers say of prepared rows together, and each by itself."""
        kept = self.record["classifiers"]
        each = answers(self.classifiers, kept, rows, len(self.record["data"]["classes"]))
        return together(self.model, each, [kept[name]["weight"] for name in self.classifiers]), each


def fit_ensemble(
    rung: schema.Rung, seed: int, data: Dataset, run: RunDir, *, device: str, events: Events
) -> FittedEnsemble:
    """Fit, or go on fitting, the classifiers of a votes rung, and write its files but for those of the test rows.

    A classifier that was fitted before an interruption is not fitted again. Raises KeyboardInterrupt when the user
    stopped it, EscaleraError when it cannot go on: first of all where the features do not fit in memory.
    """
    where, config, model = choose_device(device), rung.config, rung.config.model
    assert isinstance(model, schema.Votes)
    memory = PeakMemory(where)
    before = lineage.origins(config, run)["features"]
    inputs = builders.inputs(config, data)
    network = _network(model, inputs, before, where)
    shape, attributes = inputs.shape, inputs.attributes
    width = pooled(network.eval(), model.pool)(blank(shape, attributes, where)).shape[1]
    _check_memory(model, len(data.train.rows) + len(data.validation.rows), width)
    run.path.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(before.best, run.best)
    summary = summarise(network, shape, attributes)
    flops = flops_per_image(network, shape, attributes)
    record: dict[str, Any] = {
        "started": now(),
        "test_looks": 0,
        "classifiers": {},  # one that failed before it began has none of these
        **(run.read_record() if run.record.exists() else {}),
        **begun(rung, seed, data, summary, flops, precision="fp32", device=where.type),
        "features": width,
        "weights": {"features": {"file": str(before.best), "sha256": lineage.fingerprint(before.best)}},
    }
    file_data(run, config, data)
    write_json(run.environment, describe(where))
    record = run.write_record(record, ASKED)

    meter, started = EnergyMeter(where, why="part" if record["classifiers"] else ""), time.perf_counter()
    meter.start()
    prepare, train, validation = _features(config, model, data, network, run, where)
    record["feature_seconds"] = round(time.perf_counter() - started, 3)
    events.features_ready(train.features.shape[1], len(train.features), record["feature_seconds"])
    write_tensors(run.path / PREPARATION, prepare.tensors())
    record["preparation"] = lineage.fingerprint(run.path / PREPARATION)
    known = record.get("energy") if len(record["classifiers"]) == len(model.classifiers) else None
    found = _fit_all(model, seed, train, validation, len(data.classes), run, record, events)
    took = meter.stop().to_json()
    seconds = record["feature_seconds"] + sum(entry["seconds"] for entry in record["classifiers"].values())
    record |= {
        "seconds": round(seconds, 3),
        "images_per_second": round(len(train.labels) / seconds, 1),
        "energy": known or took,
        "price": price(seconds, config.evaluate.price_per_hour, config.evaluate.currency),
    }
    return FittedEnsemble(config, model, data, run, network, where, record, memory, prepare, found, validation)


def _network(model: schema.Votes, inputs: InputSpec, before: RunDir, device: torch.device) -> Network:
    """The network of the earlier run with its weights, at rest."""
    network = builders.network_for(inputs, model)
    load_weights(network, before.best)
    network.requires_grad_(False)
    return network.to(device).to(memory_format=torch.channels_last).eval()


def _check_memory(model: schema.Votes, rows: int, width: int) -> None:
    """Raise EscaleraError where the features take more memory than there is, before any is computed."""
    needed, free = _needed(rows, width, model.pca), free_memory()
    if needed <= free:
        return
    columns = min(model.pca or width, width)
    fewer = next((n for n in (256, 128, 64, 32, 16) if n < columns and _needed(rows, width, n) <= free), None)
    ways = [
        *([] if model.pool == "average" else ["model.pool: average"]),
        *([f"model.pca: {fewer}"] if fewer else []),
    ]
    way = "Take a network with fewer features, or fewer rows"
    if ways:
        way = f"Write {' or '.join(ways)}, or take a network with fewer features"
    raise EscaleraError(
        f"{rows:,} rows of {columns:,} features do not fit in memory: with what the classifiers need they take about "
        f"{needed / 1e9:.1f} GB, and {free / 1e9:.1f} GB are free. Nothing was computed. {way}."
    )


def _needed(rows: int, width: int, pca: int | None) -> int:
    """Bytes for so many features of so many rows, and for their covariance, twice in double precision."""
    return 4 * COPIES * rows * min(pca or width, width) + (16 * width**2 if pca else 0)


def _features(
    config: schema.RungConfig, model: schema.Votes, data: Dataset, network: Network, run: RunDir, device: torch.device
) -> tuple[Preparation, Rows, Rows]:
    """The prepared features of train and validation; kept in the cache, since other classifiers may want the same."""

    def read(part: Split) -> Iterator[Tensor]:
        return _read(config, model, data, network, part, device)

    def write(folder: Path) -> None:
        prepare = fit_preparation(read(data.train), model.pca)
        write_tensors(folder / PREPARATION, prepare.tensors())
        for name, part in (("train", data.train), ("validation", data.validation)):
            np.save(folder / f"{name}.npy", np.concatenate([prepare(found) for found in read(part)]))
        write_json(folder / "meta.json", {"source": f"features of {data.name}"})

    folder = folders.stored(folders.cache_root(), _key(config, model, data, run), write)
    prepare = Preparation.from_tensors(read_tensors(folder / PREPARATION))
    rows = [
        Rows(np.load(folder / f"{name}.npy"), part.labels[part.rows])
        for name, part in (("train", data.train), ("validation", data.validation))
    ]
    return prepare, rows[0], rows[1]


def _read(
    config: schema.RungConfig, model: schema.Votes, data: Dataset, network: Network, part: Split, device: torch.device
) -> Iterator[Tensor]:
    """The features (B, D) of a split, batch by batch; those that a rung has kept of the same body are not made anew."""
    if model.pool == "as_trained" and len(network.parts) == 1 and model.net.parts["body"].learns == "none":
        found = features_of(config, data, network, "body", part, "fp32").cpu()
        yield from torch.split(found, FEATURES_AT_ONCE)
        return
    feed = builders.batches(config, part, data.train, seed=0, device=device, training=False)
    yield from (found for found, _ in features(network, model.pool, feed.epoch(0)))


def _key(config: schema.RungConfig, model: schema.Votes, data: Dataset, run: RunDir) -> str:
    """What the features depend on: the weights, the pixels and attributes of the rows, and how they are read."""
    settings = {
        "pool": model.pool,
        "pca": model.pca,
        "step": STEP,
        "shape": list(data.shape),
        "data": config.data.model_dump_json(),
    }
    states = [lineage.fingerprint(run.best), data.train.digest, data.validation.digest]
    return folders.key(f"features-{data.name}", states, **settings)


def _fit_all(
    model: schema.Votes,
    seed: int,
    train: Rows,
    validation: Rows,
    classes: int,
    run: RunDir,
    record: dict[str, Any],
    events: Events,
) -> dict[str, Any]:
    """The fitted classifiers by name, each saved as soon as it is fitted; run.json says what each took."""
    found: dict[str, Any] = {}
    for settings in model.classifiers:
        name, entry = settings.name, record["classifiers"].get(settings.name)
        if entry is not None:
            found[name] = saved.load(classifier_file(run, name), entry["sha256"])
            continue
        started = time.perf_counter()
        found[name] = fit(name, settings.model_dump(exclude={"name"}), seed, train.features, train.labels)
        seconds = time.perf_counter() - started
        degree = temperature(found[name], validation.features, validation.labels)
        shares = probabilities(found[name], validation.features, classes, degree)
        accuracy = float((shares.argmax(axis=1) == validation.labels).mean())
        record["classifiers"][name] = {
            "sha256": saved.save(found[name], classifier_file(run, name)),
            "seconds": round(seconds, 3),
            "validation_accuracy": accuracy,
            "weight": accuracy if model.weighting == "validation" else 1.0,
            "temperature": degree,
        }
        run.write_record(record)
        events.classifier_fitted(name, accuracy, seconds)
    return found
