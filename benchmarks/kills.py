"""Whether a climb that was killed ends as one that was not: `python benchmarks/kills.py [COUNT]`, else 40 of them.

A ladder of five kinds of rung on scikit-learn's digits is climbed once undisturbed. Then each of COUNT climbs is killed
with SIGKILL at a random instant, typed again until it ends, and compared with the first: weights, history and
predictions at tolerance 0. One thread; the instants are drawn by the number of the climb.
"""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
from machine import machine
from safetensors.numpy import load_file

LADDER = """
name: killed
data: {source: digits, validation: 0.2, test: 0.5}
rungs:
  - {name: mlp, model: {kind: mlp, dense: [32], dropout: 0.2}, train: {epochs: 6}}
  - name: cnn
    change: {model: {kind: cnn, blocks: [[8], [8]], batch_norm: conv}, augment: {shift: 0.1}}
  - name: taken
    change:
      model: {kind: transfer, weights: {from: cnn}, trainable: none, head: {dense: [16]}}
      augment: {shift: 0}
  - name: fusion
    change:
      model: {kind: fusion, branches: {picture: {kind: cnn, blocks: [[4]]}, vector: {kind: conv1d, widths: [4]}}}
  - name: votes
    change:
      model: {kind: votes, features: {from: cnn}, classifiers: [{name: random_forest}, {name: logistic_regression}]}
"""
COMMAND = [sys.executable, "-c", "from escalera.cli import main; main()", "climb"]


def climb(ladder: Path, out: Path) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        [*COMMAND, str(ladder), "--out", str(out), "--device", "cpu"],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
    )


def result(out: Path) -> dict[str, object]:
    """All that a climb says: weights, losses and logits of each rung."""
    found: dict[str, object] = {}
    for run in sorted((out / "killed").glob("*/seed-0")):
        name = run.parent.name
        weights = load_file(run / "best.safetensors")
        found[f"{name}: weights"] = [(key, weights[key].tobytes()) for key in sorted(weights)]
        if (run / "history.jsonl").exists():
            lines = [json.loads(line) for line in (run / "history.jsonl").read_text().splitlines()]
            last = {line["epoch"]: (line.get("loss"), line.get("val_loss")) for line in lines}
            found[f"{name}: losses"] = sorted(last.items())
        table = pq.read_table(run / "predictions.parquet")
        found[f"{name}: logits"] = np.stack(table["logits"].to_pylist()).tobytes()
    return found


def main() -> None:
    count = int(sys.argv[1]) if len(sys.argv) > 1 else 40
    found: Counter[str] = Counter()
    with tempfile.TemporaryDirectory() as folder:
        ladder = Path(folder) / "killed.yaml"
        ladder.write_text(LADDER)
        start = time.perf_counter()
        assert climb(ladder, Path(folder) / "whole").wait() == 0
        seconds = time.perf_counter() - start
        whole = result(Path(folder) / "whole")
        for number in range(count):
            out = Path(folder) / f"killed-{number}"
            process = climb(ladder, out)
            time.sleep(random.Random(number).uniform(0.25, 1.0) * seconds)
            killed = process.poll() is None
            process.send_signal(signal.SIGKILL)
            process.wait()
            again = climb(ladder, out).wait()
            same = again == 0 and result(out) == whole
            found["equal" if same and killed else "had ended before" if same else f"OTHER (climb {number})"] += 1
    print(machine())
    print(f"{len(whole)} results of each climb are compared; the undisturbed one took {seconds:.1f} s")
    for what, times in found.most_common():
        print(f"{times:4} of {count}  {what}")


if __name__ == "__main__":
    main()
