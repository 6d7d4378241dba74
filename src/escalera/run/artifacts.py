"""What a run writes of its data and of its answers, whatever it is that answers."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from escalera import builders
from escalera.core.rundir import BESIDE, RunDir, write_aside, write_json
from escalera.data.dataset import Dataset, Split
from escalera.data.input_spec import largest_levels
from escalera.data.sources.superclasses import superclasses
from escalera.data.splits import rows_table
from escalera.evaluate.baselines import MAJORITY, baselines, majority
from escalera.evaluate.metrics import measure
from escalera.ladder.saved import write_config
from escalera.ladder.schema import RungConfig, reads_attributes, reads_pictures


def file_data(run: RunDir, config: RungConfig, data: Dataset) -> None:
    """Keep the configuration, the rows of each split, and what was fitted on the table for `predict`."""
    write_config(run.config, config)
    write_aside(run.splits, lambda file: pq.write_table(rows_table(data), file, compression="zstd"))
    fitted = {"attributes": data.attributes, "bands": data.bands}
    if any(fitted.values()):
        write_json(run.table, {name: part and part.to_json() for name, part in fitted.items()})


def describe_data(data: Dataset, config: RungConfig) -> dict[str, Any]:
    """The data as run.json has them."""
    mean, deviation = builders.statistics(config.data, data.train)
    splits = {"train": data.train, "validation": data.validation, "test": data.test}
    return {
        "source": data.name,
        "shape": list(data.shape),
        "classes": data.classes,
        "groups": superclasses(data),
        "rows": {name: len(part.rows) for name, part in splits.items()},
        "class_rows": {name: _class_rows(part, len(data.classes)) for name, part in splits.items()},
        "resize": config.data.resize,
        "range": config.data.range,
        "max_megapixels": config.data.max_megapixels,
        "image_columns": config.data.image_column,
        "skipped": len(data.skipped),
        "duplicates": data.overlap.counts() if data.overlap else None,
        "mean": mean,
        "deviation": deviation,
        "largest_levels": largest_levels(data.train.images, data.train.rows),
        "attributes": data.attributes.names if data.attributes else None,
        "columns": data.attributes.columns if data.attributes else None,
    }


def file_answers(
    run: RunDir,
    config: RungConfig,
    data: Dataset,
    logits: NDArray[np.float32],
    labels: NDArray[np.int64],
    metrics: dict[str, Any],
    beside: Mapping[str, NDArray[np.int64]],
) -> None:
    """Write predictions.parquet and metrics.json of the test rows; `metrics` are those of the other splits.

    `beside` is what else was said of the same rows, by what is said of it: classes (R, N), of R draws. What needs no
    network is asked here, so that every run stands beside it.
    """
    simple = baselines(
        data.train,
        data.test,
        len(data.classes),
        images=reads_pictures(config.model),
        attributes=reads_attributes(config.model),
    )
    everyone = {**beside, **{f"baseline:{name}": said for name, said in simple.items()}}
    columns: dict[str, Any] = {"row": data.test.rows, "label": labels, "logits": _lists(logits)}
    if data.overlap:
        columns["in_train"] = data.overlap.test
    for name, said in everyone.items():
        columns[BESIDE + name] = _lists(said.T.astype(np.int16 if len(data.classes) < 2**15 else np.int32))
    table = pa.table(columns)
    write_aside(run.predictions, lambda file: pq.write_table(table, file))
    found = {**metrics, "test": measure(logits, labels, data.classes)}
    found["baselines"] = {name: {"accuracy": float((said == labels).mean())} for name, said in simple.items()}
    found["baselines"][MAJORITY]["class"] = data.classes[majority(data.train, len(data.classes))]
    if beside:
        found["beside"] = {name: float((said == labels).mean()) for name, said in beside.items()}
    write_json(run.metrics, found)


def _class_rows(part: Split, classes: int) -> list[int]:
    counts: list[int] = np.bincount(part.labels[part.rows], minlength=classes).tolist()
    return counts


def _lists(rows: NDArray[Any]) -> pa.Array:
    """(N, R) as a column of lists."""
    return pa.FixedSizeListArray.from_arrays(pa.array(np.ascontiguousarray(rows).ravel()), rows.shape[1])
