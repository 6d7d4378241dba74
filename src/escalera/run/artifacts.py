"""What a run writes of its data and of its answers, whatever it is that answers."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

import numpy as np
import pyarrow.parquet as pq
import torch
from numpy.typing import NDArray

from escalera import builders
from escalera.core.files import write_aside, write_json
from escalera.core.predictions import write_predictions
from escalera.core.record import Data, Layer, Parameters, RunRecord
from escalera.core.rundir import RunDir
from escalera.data.dataset import Dataset, Split
from escalera.data.input_spec import largest_levels
from escalera.data.sources.superclasses import superclasses
from escalera.data.splits import rows_table
from escalera.evaluate.baselines import MAJORITY, baselines, majority
from escalera.evaluate.metrics import measure
from escalera.ladder.saved import write_config
from escalera.ladder.schema import Rung, RungConfig
from escalera.models.summary import Summary
from escalera.run.status import fingerprint


def file_data(run: RunDir, config: RungConfig, data: Dataset) -> None:
    """Keep the configuration, the rows of each split, and what was fitted on the table for `predict`."""
    write_config(run.config, config)
    write_aside(run.splits, lambda file: pq.write_table(rows_table(data), file, compression="zstd"))
    fitted = {"attributes": data.attributes, "bands": data.bands}
    if any(fitted.values()):
        write_json(run.table, {name: part and part.to_json() for name, part in fitted.items()})


def begun(
    rung: Rung, seed: int, data: Dataset, network: Summary, flops: int, *, precision: str, device: str
) -> dict[str, Any]:
    """What run.json says of a run that has its network and its data and begins to learn."""
    return RunRecord(
        state="running",
        error=None,
        rung=rung.name,
        parent=rung.parent,
        seed=seed,
        settings=fingerprint(rung.config),
        parameters=Parameters(**network.parameters()),
        layers=[Layer(**row) for row in network.rows()],
        flops_per_image=flops,
        precision=precision,
        device=device,
        threads=torch.get_num_threads(),
        data=Data(**describe_data(data, rung.config)),
    ).filed()


def describe_data(data: Dataset, config: RungConfig) -> dict[str, Any]:
    """The data as run.json has them."""
    inputs = builders.inputs(config, data)
    splits = {"train": data.train, "validation": data.validation, "test": data.test}
    aside = {} if data.calibration is None else {"calibration": len(data.calibration.rows)}
    return {
        "source": data.name,
        "shape": list(data.shape),
        "classes": data.classes,
        "groups": superclasses(data),
        "rows": {**{name: len(part.rows) for name, part in splits.items()}, **aside},
        "class_rows": {name: _class_rows(part, len(data.classes)) for name, part in splits.items()},
        "resize": config.data.resize,
        "range": config.data.range,
        "max_megapixels": config.data.max_megapixels,
        "image_columns": config.data.image_column,
        "skipped": len(data.skipped),
        "duplicates": data.overlap.counts() if data.overlap else None,
        **({"labels": asdict(data.relabelled)} if data.relabelled else {}),
        "mean": inputs.mean,
        "deviation": inputs.deviation,
        "largest_levels": largest_levels(data.train.images, data.train.rows),
        "attributes": data.attributes.names if data.attributes else None,
        "columns": data.attributes.columns if data.attributes else None,
    }


def listed(data: Dataset) -> int:
    """How many images the source holds, bad ones included."""
    arrays = {id(part.images): len(part.images) for part in (data.train, data.validation, data.test)}
    return sum(arrays.values()) + len(data.skipped)


def digest_of_rows(part: Split) -> str:
    """The SHA-256 of the pictures of a split and of their rows: what a report keeps them by."""
    return hashlib.sha256(part.digest.encode() + part.rows.tobytes()).hexdigest()


def file_answers(
    run: RunDir,
    config: RungConfig,
    data: Dataset,
    logits: NDArray[np.float32],
    labels: NDArray[np.int64],
    metrics: dict[str, Any],
    others: Mapping[str, NDArray[np.int64]],
) -> None:
    """Write predictions.parquet and metrics.json of the test rows; `metrics` are those of the other splits.

    `others` is what others predicted for the same rows, by who did: classes (R, N), of R draws. What needs no network
    predicts here, so that every run stands beside it.
    """
    simple = baselines(
        data.train,
        data.test,
        len(data.classes),
        images=config.model.reads_pictures,
        attributes=config.model.reads_attributes,
    )
    everyone = {**others, **{f"baseline:{name}": predicted for name, predicted in simple.items()}}
    in_train = data.overlap.test if data.overlap else None
    write_predictions(run.predictions, data.test.rows, labels, logits, in_train=in_train, others=everyone)
    found = {**metrics, "test": measure(logits, labels, data.classes)}
    found["baselines"] = {name: {"accuracy": float((predicted == labels).mean())} for name, predicted in simple.items()}
    found["baselines"][MAJORITY]["class"] = data.classes[majority(data.train, len(data.classes))]
    if others:  # by the word that BESIDE keeps
        found["beside"] = {name: float((predicted == labels).mean()) for name, predicted in others.items()}
    write_json(run.metrics, found)


def _class_rows(part: Split, classes: int) -> list[int]:
    counts: list[int] = np.bincount(part.labels[part.rows], minlength=classes).tolist()
    return counts
