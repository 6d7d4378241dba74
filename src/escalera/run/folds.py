"""A rung trained once for each fold, and the answers of all folds as those of one run.

Each fold is a run of its own in `fold-1`, `fold-2`, ... of the folder. What stands beside them is the network of the
first fold, which `predict` asks, with the answers that every row got from a network that had not seen it.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable, Sequence
from dataclasses import asdict
from statistics import fmean
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from escalera.core.files import read_json, write_aside, write_json
from escalera.core.predictions import read_answers, read_logits
from escalera.core.rundir import ASKED, BESIDE, RESULT, RunDir
from escalera.core.runtime import now
from escalera.data.dataset import Dataset
from escalera.evaluate.baselines import MAJORITY
from escalera.evaluate.metrics import measure
from escalera.evaluate.predict import SCORES
from escalera.evaluate.price import price
from escalera.ladder.schema import Rung
from escalera.run.as_begun import as_begun
from escalera.run.evaluate import Fitted, Found, evaluate
from escalera.run.events import Events
from escalera.run.gang import turn_to
from escalera.run.status import ANSWERS, fingerprint
from escalera.run.task import Task, data_of

Fit = Callable[[Task, Rung, Dataset, RunDir, Events], Fitted | None]
_RATES = ("images_per_second", "inference_images_per_second")
"""What run.json has of each fold, and of all of them as their mean."""


def begin(task: Task, rung: Rung, home: RunDir) -> None:
    """Have run.json say that the folds are under way."""
    begun = {"rung": rung.name, "parent": rung.parent, "seed": task.seed, "settings": fingerprint(rung.config)}
    home.path.mkdir(parents=True, exist_ok=True)
    known = home.read_record() if home.record.exists() else {"started": now(), "test_looks": 0}
    home.write_record({**known, **begun, "state": "running", "error": None})


def by_folds(task: Task, rung: Rung, home: RunDir, events: Events, fit: Fit) -> Found:
    """Train and evaluate the folds of a task that are not done, and write what they answer together."""
    begin(task, rung, home)
    folds = folds_of(rung, home)
    for number in range(1, len(folds) + 1):
        one_fold(task.of_fold(number), rung, home, events, fit)
    record, metrics = _joined(rung, home, folds)
    return home.write_record({**record, "state": "done", "finished": now()}, RESULT), metrics


def one_fold(task: Task, rung: Rung, home: RunDir, events: Events, fit: Fit) -> None:
    """Train and evaluate the fold that a task is about, unless that is done."""
    assert task.source.fold is not None
    part = home.fold(task.source.fold)
    if _done(part):
        return
    events.fold_begins(task.source.fold, rung.config.data.folds or 0)
    turn_to(asdict(task))
    data = data_of(task, rung)
    with as_begun(part, rung.config, data, events):
        fitted = fit(task, rung, data, part, events)
        assert fitted is not None, "a run that is judged by test does not pause"
        evaluate(fitted, rung.config, data, part)


def folds_of(rung: Rung, home: RunDir) -> list[RunDir]:
    """The runs of the folds of a rung."""
    assert rung.config.data.folds is not None
    return [home.fold(number) for number in range(1, rung.config.data.folds + 1)]


def _done(part: RunDir) -> bool:
    return part.state() == "done" and not part.faults(*ANSWERS)


def _joined(rung: Rung, home: RunDir, folds: Sequence[RunDir]) -> tuple[dict[str, Any], dict[str, Any]]:
    """Write the files of the first fold and the answers of all; what run.json and metrics.json say."""
    for name in (*ASKED, "history.jsonl", "best.safetensors", "preparation.safetensors", "doubt.json"):
        if (folds[0].path / name).is_file():
            shutil.copyfile(folds[0].path / name, home.path / name)
    if (folds[0].path / "classifiers").is_dir():
        shutil.copytree(folds[0].path / "classifiers", home.path / "classifiers", dirs_exist_ok=True)
    records = [part.read_record() for part in folds]
    table = pa.concat_tables([pq.read_table(part.predictions) for part in folds]).combine_chunks()
    table = _one_majority(table.take(pa.array(np.argsort(table["row"].to_numpy(), kind="stable"))))
    write_aside(home.predictions, lambda file: pq.write_table(table, file))
    metrics = _metrics(home, folds, records[0]["data"]["classes"])
    write_json(home.metrics, metrics)
    return _record(rung, home, records), metrics


def _one_majority(table: pa.Table) -> pa.Table:
    """The most frequent class of train is one answer to all rows: where folds differ, that of most of them."""
    name = f"{BESIDE}baseline:{MAJORITY}"
    if name not in table.column_names:
        return table
    answers = table[name].combine_chunks()
    [most] = pc.mode(answers.flatten())
    same = pa.array([[most["mode"].as_py()]] * len(table), answers.type)
    return table.set_column(table.column_names.index(name), name, same)


def _metrics(home: RunDir, folds: Sequence[RunDir], classes: Sequence[str]) -> dict[str, Any]:
    """The figures of all rows out of fold; of train and validation the means over the folds."""
    each = [read_json(part.metrics) for part in folds]
    answers = read_answers(home.predictions)
    found: dict[str, Any] = {
        name: {key: fmean(one[name][key] for one in each) for key in SCORES}
        for name in ("train", "validation")
        if name in each[0]
    }
    found["test"] = measure(read_logits(home.predictions), answers.labels, classes)
    right = {name: float((predicted == answers.labels).mean()) for name, predicted in answers.others.items()}
    first = each[0]["baselines"]
    found["baselines"] = {name: {**first[name], "accuracy": right[f"baseline:{name}"]} for name in first}
    if MAJORITY in first:
        found["baselines"][MAJORITY]["class"] = classes[answers.others[f"baseline:{MAJORITY}"][0, 0]]
    beside = {name: share for name, share in right.items() if not name.startswith("baseline:")}
    return found | ({"beside": beside} if beside else {})


def _record(rung: Rung, home: RunDir, records: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """What run.json says: of the first fold, with the time of all and the rows that were answered."""
    first, data = records[0], records[0]["data"]
    rows = {**data["rows"], "test": sum(one["data"]["rows"]["test"] for one in records)}
    per_class = zip(*(one["data"]["class_rows"]["test"] for one in records), strict=True)
    seconds = round(sum(one["seconds"] for one in records), 3)
    twins = [one["data"]["duplicates"] for one in records]
    duplicates = None
    if all(twins):
        duplicates = {**twins[0], **{key: sum(one[key] for one in twins) for key in ("test", "test_exact")}}
    labels = {}
    if "labels" in data:
        labels = {"labels": {**data["labels"], "test": sum(one["data"]["labels"]["test"] for one in records)}}
    evaluation = rung.config.evaluate
    weighed = {name: fmean(one["branch_weights"][name] for one in records) for name in first.get("branch_weights", {})}
    return {
        **first,
        **({"branch_weights": weighed} if weighed else {}),
        **{name: _mean_rate(name, records) for name in _RATES},
        "started": home.read_record()["started"],
        "folds": len(records),
        "test_looks": max(one["test_looks"] for one in records),
        "seconds": seconds,
        "price": price(seconds, evaluation.price_per_hour, evaluation.currency),
        "energy": _all_energy(records),
        "peak_memory_bytes": max(filter(None, (one["peak_memory_bytes"] for one in records)), default=None),
        "data": {
            **data,
            "rows": rows,
            "class_rows": {**data["class_rows"], "test": [sum(counts) for counts in per_class]},
            "duplicates": duplicates,
            **labels,
        },
    }


def _mean_rate(name: str, records: Sequence[dict[str, Any]]) -> float | None:
    """The mean of the folds that have one: a busy machine gives no figure of how fast it answers."""
    rates = [rate for one in records if (rate := one.get(name)) is not None]
    return round(fmean(rates), 1) if rates else None


def _all_energy(records: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """What all folds took, with the share of the processor's time over all of it; no figure where one has none."""
    taken = [one.get("energy") or {"kwh": None, "why": "part"} for one in records]
    if (unknown := next((one for one in taken if one["kwh"] is None), None)) is not None:
        return unknown
    # A fold by the counters of a GPU and one by a processor's may stand side by side, where another machine went on.
    counted = sorted({part for one in taken for part in one["of"]})
    seconds = [one["seconds"] for one in records]
    whole = sum(seconds)
    shares = [one["share"] for one in taken]
    share = fmean(shares, weights=seconds if whole > 0 else None)
    return {"kwh": sum(one["kwh"] for one in taken), "of": counted, "share": round(share, 4), "why": ""}
