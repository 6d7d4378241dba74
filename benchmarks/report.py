"""How long a report takes, how large it is, and whether its statistics keep their promises.

python benchmarks/report.py        # about three minutes

Made-up runs are written as a climb leaves them: eleven of 10,000 test rows with 10 classes and with 100, and single
ones with more rows and with thousands of classes. Their report is made by a process of its own, so that its peak memory
is its own too. Processor time is printed beside the seconds, for a machine that has other things to do.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from machine import machine
from sklearn import metrics as known

from escalera.core.files import write_json
from escalera.core.rundir import RunDir
from escalera.evaluate.compare import compare, verdict
from escalera.evaluate.metrics import measure, softmax

SIZES = ((11, 10_000, 10), (11, 10_000, 100), (1, 10_000, 100), (1, 40_000, 100), (1, 5_000, 1_000), (1, 12_000, 3_000))
"""Rungs, test rows and classes."""
CHILD = """
import resource, sys, time
from pathlib import Path
start = time.perf_counter()
from escalera.report.page import write_report
page = write_report(Path(sys.argv[1]))
seconds = time.perf_counter() - start
usage = resource.getrusage(resource.RUSAGE_SELF)
# Not ru_maxrss: that begins with the memory of the process from which this one was started.
peak = next(line for line in open("/proc/self/status") if line.startswith("VmHWM:"))
print(seconds, usage.ru_utime + usage.ru_stime, int(peak.split()[1]) * 1024 / 1e9, page.stat().st_size / 1e6)
"""


def make(folder: Path, rungs: int, count: int, classes: int) -> None:
    """A ladder of rungs, each a little better than the one before, on the same rows."""
    random = np.random.default_rng(0)
    labels = random.integers(0, classes, count)
    base = random.normal(0, 1, (count, classes))
    names = [f"class {k}" for k in range(classes)]
    entries = []
    for number in range(rungs):
        logits = base + random.normal(0, 0.6, base.shape)
        logits[np.arange(count), labels] += 1.5 + 0.15 * number
        logits = (1.3 * logits).astype(np.float32)
        run = RunDir(folder / f"rung-{number}" / "seed-0")
        run.path.mkdir(parents=True)
        figures = measure(logits, labels, names)
        rows = {"train": 45_000, "validation": 5_000, "test": count}
        data = {"source": "made up", "shape": [32, 32, 3], "classes": names, "rows": rows}
        write_json(
            run.record, {"state": "done", "seconds": 60.0 * (number + 1), "epochs": 40, "best_epoch": 30, "data": data}
        )
        write_json(run.metrics, {"train": figures, "validation": figures, "test": figures})
        write_json(run.environment, {"python": "3.11"})
        run.config.write_text("model: {kind: cnn}\n")
        for epoch in range(1, 41):
            line = {"epoch": epoch, "loss": 2 / epoch, "accuracy": 1 - 0.5 / epoch, "lr": 0.001}
            run.append_history({**line, "val_loss": 2.2 / epoch, "val_accuracy": 1 - 0.6 / epoch})
        column = pa.FixedSizeListArray.from_arrays(pa.array(logits.ravel()), classes)
        seen = random.random(count) < 0.03
        pq.write_table(
            pa.table({"row": np.arange(count), "label": labels, "logits": column, "in_train": seen}), run.predictions
        )
        parent = f"rung-{number - 1}" if number else None
        entries.append({"name": f"rung-{number}", "parent": parent, "change": [], "seeds": [0]})
    write_json(folder / "ladder.json", {"name": "made-up", "command": "", "rungs": entries})


def report() -> None:
    for rungs, rows, classes in SIZES:
        with tempfile.TemporaryDirectory() as place:
            make(Path(place), rungs, rows, classes)
            kept = RunDir(Path(place) / "rung-0/seed-0").metrics.stat().st_size / 1e6
            result = subprocess.run(
                [sys.executable, "-c", CHILD, place],
                capture_output=True,
                text=True,
                check=True,
                env={**os.environ, "OMP_NUM_THREADS": "2"},
            )
        seconds, busy, memory, size = map(float, result.stdout.split())
        what = f"{rungs} rungs x {rows:,} rows, {classes:,} classes"
        print(
            f"{what}: {seconds:.1f} s ({busy:.1f} s of processor), {memory:.2f} GB, page {size:.2f} MB, "
            f"metrics.json {kept:.2f} MB"
        )


def equal_models(seeds: int, comparisons: int = 1000, rows: int = 2000) -> None:
    """Two models that are as good as one another in every row, and right by independent throws of the dice."""
    random = np.random.default_rng(1)
    false = 0
    for _ in range(comparisons):
        chance = random.beta(4, 1, rows)
        before, after = (random.random((seeds, rows)) < chance for _ in range(2))
        found = compare(before, after, draws=100)
        false += verdict(found, found.evidence) != "no evidence"
    share = 100 * false / comparisons
    print(f"A against A, {seeds} seed(s) each: {false} false verdicts in {comparisons} ({share:.1f} %)")


def equal_to_scikit_learn(cases: int = 200) -> None:
    worst = 0.0
    for seed in range(cases):
        random = np.random.default_rng(seed)
        count, rows = int(random.integers(2, 12)), int(random.choice([1, 2, 7, 60, 300]))
        logits = np.round(random.normal(0, 3, (rows, count)), int(random.choice([0, 8])))
        labels = random.integers(0, 1 if seed % 7 == 0 else count, rows)
        ours = measure(logits, labels, [str(k) for k in range(count)])
        said, names, shares = logits.argmax(axis=1), list(range(count)), softmax(logits)
        present = sorted(set(labels.tolist()))
        theirs = {
            "accuracy": known.accuracy_score(labels, said),
            "balanced_accuracy": known.recall_score(labels, said, labels=present, average="macro", zero_division=0),
            "loss": known.log_loss(labels, shares, labels=names),
            "macro_f1": known.f1_score(labels, said, labels=names, average="macro", zero_division=0),
            "brier": known.brier_score_loss(labels, shares, labels=names, scale_by_half=False),
        }
        if count >= 10:
            turned = count - 1 - labels
            theirs["top5"] = known.top_k_accuracy_score(turned, logits[:, ::-1], k=5, labels=names)
        worst = max(worst, *(abs(ours[name] - value) for name, value in theirs.items()))
    print(f"largest difference from scikit-learn over {cases} cases: {worst:.1e}")


if __name__ == "__main__":
    start = time.perf_counter()
    print(machine())
    report()
    for seeds in (1, 5):
        equal_models(seeds)
    equal_to_scikit_learn()
    print(json.dumps({"seconds": round(time.perf_counter() - start, 1)}))
