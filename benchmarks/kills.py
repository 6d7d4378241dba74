"""Trainings that are killed: climbs of tiny ladders are stopped by kill -9 at random instants, and at the renames by
which a run takes the place of another; the same command then goes on to the end. Weights, history, metrics and answers
are compared with those of a climb that nobody broke, at tolerance 0. One thread; --seed draws the instants.

    python benchmarks/kills.py [--count 40] [--seed 0] [--out DIR] [--rung folds]
"""

from __future__ import annotations

import argparse
import json
import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

from machine import machine

LADDER = """
name: kills
data: {source: digits, validation: 0.2, test: 0.4}
train: {epochs: 12, batch_size: 64, optimizer: {name: adam, lr: 0.01}, early_stopping: {monitor: val_loss, patience: 9}}
rungs:
  - name: cnn
    model: {kind: cnn, blocks: [[8], [8]], batch_norm: conv, dropout: 0.1, head: {dense: [16], dropout: 0.2}}
    augment: {rotation: 10, shift: 0.1}
  - name: mlp
    change: {model: {kind: mlp, dense: [32], dropout: 0.2}, train.schedule: {name: plateau}, train.ema: 0.9}
  - name: transfer
    from: cnn
    change: {model: {kind: transfer, weights: {from: cnn}, head: {dense: [16]}}}
  - name: frozen
    from: cnn
    change:
      augment: {rotation: 0, shift: 0}
      model: {kind: transfer, weights: {from: cnn}, trainable: none, head: {dense: [16], dropout: 0.2}}
      train.epochs: 60
  - name: fusion
    from: cnn
    change:
      model:
        kind: fusion
        branches: {picture: {kind: cnn, blocks: [[4]]}, vector: {kind: conv1d, widths: [4]}}
        head: {dense: [16], dropout: 0.2}
  - name: votes
    from: cnn
    change:
      model:
        kind: votes
        features: {from: cnn}
        classifiers: [{name: logistic_regression}, {name: gradient_boosting}, {name: random_forest}]
  - name: folds
    from: cnn
    change: {data.folds: 3, train.epochs: 5}
"""
KINDS = ("mlp", "cnn", "fusion", "transfer", "frozen", "votes", "folds")
FROM_CNN = ("transfer", "frozen", "votes")
OTHER = "train.batch_size=32"
"""Settings of another run, which takes the place of a finished one."""
CLIMB = "from escalera.cli import main; main()"
DIES = """
import os
from pathlib import Path
count, whole = 0, Path.rename
def rename(path, to):
    global count
    count += 1
    if count == {number} and not {after}:
        os.kill(os.getpid(), 9)
    found = whole(path, to)
    if count == {number}:
        os.kill(os.getpid(), 9)
    return found
Path.rename = rename
"""


@dataclass
class Outcome:
    """One kill: the rung, when it came, where the training stood, and what differs in the end."""

    rung: str
    when: str
    stood: str
    differs: list[str]


class Place:
    """A folder with the ladder and its runs."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "kills.yaml").write_text(LADDER)

    def begin(self, rung: str, *sets: str, code: str = "") -> subprocess.Popen[bytes]:
        command = [sys.executable, "-c", code + CLIMB, "climb", "kills.yaml", "--rung", rung, "--device", "cpu"]
        options = [f"--set={text}" for text in sets]
        return subprocess.Popen([*command, *options], cwd=self.folder, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)

    def climb(self, rung: str, *sets: str) -> None:
        process = self.begin(rung, *sets)
        said = process.communicate()[0].decode()
        assert process.returncode == 0, said

    def take(self, other: Place, rung: str) -> None:
        """Begin with a finished run of another place."""
        shutil.copytree(other.stands(rung), self.stands(rung))

    def runs(self, rung: str) -> list[Path]:
        found = self.folder.glob(f"runs/kills/{rung}/seed-0*/run.json")
        return sorted((path.parent for path in found), key=lambda path: path.stat().st_mtime)

    def stands(self, rung: str) -> Path:
        return self.folder / "runs/kills" / rung / "seed-0"


def begun(place: Place, rung: str, process: subprocess.Popen[bytes]) -> None:
    """Wait until the run has a run.json of its own, or the climb is over."""
    while not place.runs(rung) and process.poll() is None:
        time.sleep(0.01)


def stood(place: Place, rung: str) -> str:
    """What was there when it was killed."""
    runs = place.runs(rung)
    if not runs:
        return "nothing yet"
    run = runs[-1]
    record = json.loads((run / "run.json").read_text())
    if record.get("state") == "done":
        return "done"
    if "stopped" in record:
        return "evaluating"
    if record.get("classifiers"):
        return f"{len(record['classifiers'])} classifiers"
    if (run / "last/state.json").exists():
        return f"epoch {json.loads((run / 'last/state.json').read_text())['epoch']}"
    if folds := sorted(run.glob("fold-*/run.json")):
        done = sum(json.loads(each.read_text())["state"] == "done" for each in folds)
        return f"{done} folds done, {len(folds)} begun"
    return "begun"


def differences(one: Path, other: Path) -> list[str]:
    """In what two runs of the same settings differ."""
    names = ("best.safetensors", "metrics.json", "predictions.parquet", "splits.parquet", "config.yaml")
    found = [name for name in names if (one / name).read_bytes() != (other / name).read_bytes()]
    if history(one) != history(other):
        found.append("history.jsonl")
    if json.loads((one / "run.json").read_text())["state"] != "done":
        found.append("state")
    for fold in sorted(other.glob("fold-*")):
        found += [f"{fold.name} {name}" for name in differences(one / fold.name, fold)]
    return found


def history(run: Path) -> list[dict[str, object]]:
    """The epochs without what a clock said."""
    if not (run / "history.jsonl").exists():
        return []
    lines = [json.loads(line) for line in (run / "history.jsonl").read_text().splitlines()]
    return [{key: one for key, one in line.items() if key not in ("seconds", "images_per_second")} for line in lines]


def killed_at_random(whole: Place, place: Place, rung: str, span: float, draw: random.Random) -> Outcome:
    """Kill a climb somewhere between its first file and its end, and go on."""
    if rung in FROM_CNN:
        place.take(whole, "cnn")
    process = place.begin(rung)
    begun(place, rung, process)
    wait = draw.uniform(0, span)
    time.sleep(wait)
    process.send_signal(signal.SIGKILL)
    process.communicate()
    at = stood(place, rung)
    place.climb(rung)
    return Outcome(rung, f"after {wait:.2f} s", at, differences(place.stands(rung), whole.stands(rung)))


def killed_in_the_swap(whole: Place, others: Place, place: Place, rung: str, number: int, after: bool) -> Outcome:
    """Kill a climb at a rename by which a finished run takes another's place, and go on."""
    for origin in {rung, *(["cnn"] if rung in FROM_CNN else [])}:
        place.take(whole, origin)
    process = place.begin(rung, OTHER, code=DIES.format(number=number, after=after))
    process.communicate()
    assert process.returncode == -signal.SIGKILL
    at = ", ".join(sorted(path.name for path in place.runs(rung)))
    place.climb(rung, OTHER)
    [kept] = place.stands(rung).parent.glob("seed-0.kept-*")
    found = differences(place.stands(rung), others.stands(rung))
    found += [f"kept {name}" for name in differences(kept, whole.stands(rung))]
    # And back again, without any training.
    before = (kept / "best.safetensors").stat().st_mtime_ns
    place.climb(rung)
    if (place.stands(rung) / "best.safetensors").stat().st_mtime_ns != before:
        found.append("was not put back")
    return Outcome(rung, f"{'after' if after else 'before'} rename {number}", at, found)


def main() -> None:
    """Print a line for each kill, and the table of the counts."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--count", type=int, default=40)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--out", type=Path, default=None)
    parser.add_argument("--rung", choices=KINDS, help="kill climbs of this rung alone, at random instants")
    given = parser.parse_args()
    out = given.out or Path(tempfile.mkdtemp(prefix="kills-"))
    shutil.rmtree(out, ignore_errors=True)
    os.environ |= {"OMP_NUM_THREADS": "1", "ESCALERA_CACHE": str(out / "cache")}
    draw = random.Random(given.seed)
    whole, others, spans = Place(out / "whole"), Place(out / "others"), {}
    kinds = (given.rung,) if given.rung else KINDS
    for rung in dict.fromkeys(("cnn", *kinds)):
        process = whole.begin(rung)
        begun(whole, rung, process)
        started = time.monotonic()
        said = process.communicate()[0].decode()
        assert process.returncode == 0, said
        spans[rung] = time.monotonic() - started
    others.take(whole, "cnn")
    swapped = () if given.rung else ("mlp", "frozen")
    for rung in swapped:
        others.climb(rung, OTHER)
    swaps = [(rung, number, after) for rung in swapped for number in (1, 2) for after in (False, True)]
    found = []
    for number in range(given.count):
        place = Place(out / f"kill-{number}")
        if number < len(swaps):
            outcome = killed_in_the_swap(whole, others, place, *swaps[number])
        else:
            rung = kinds[number % len(kinds)]
            outcome = killed_at_random(whole, place, rung, spans[rung], draw)
        found.append(outcome)
        result = ", ".join(outcome.differs) or "equal"
        print(f"{number + 1:3}  {outcome.rung:8}  {outcome.when:16}  {outcome.stood:32}  {result}", flush=True)
        shutil.rmtree(place.folder)
    print(machine())
    print("| rung | kills | equal to the unbroken run |\n|---|---|---|")
    kills = Counter(one.rung for one in found)
    equal = Counter(one.rung for one in found if not one.differs)
    for rung in kinds:
        print(f"| {rung} | {kills[rung]} | {equal[rung]} |")
    print(f"| all | {kills.total()} | {equal.total()} |")


if __name__ == "__main__":
    main()
