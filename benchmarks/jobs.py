"""Runs side by side: how much faster they are, what a task and a worker cost, how busy a cluster is, and whether the
results are those of one run after the other, also when workers are killed.

    python benchmarks/jobs.py speed [--seeds 5] [--rounds 3]
    python benchmarks/jobs.py workers
    unshare -rn python benchmarks/jobs.py kills [--count 60] [--seed 0]
    unshare -rn python benchmarks/jobs.py ray        (Ray listens on all interfaces: in a network of its own)
"""

from __future__ import annotations

import argparse
import fcntl
import json
import os
import random
import shutil
import socket
import struct
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Sequence
from concurrent.futures import Future
from dataclasses import asdict, replace
from pathlib import Path
from statistics import mean

import psutil
from machine import machine

from escalera.core import runtime
from escalera.core.files import sha256
from escalera.experiment import climb as climbing
from escalera.experiment.executors import ray as engine
from escalera.experiment.executors.processes import Pool
from escalera.experiment.stage import tasks_of
from escalera.run.events import Events
from escalera.run.outcome import Outcome
from escalera.run.perform import perform
from escalera.run.task import data_kept

RESULTS = ("predictions.parquet", "best.safetensors")
MIB = 1 << 20


def climb(out: Path, *options: str, **environment: str) -> float:
    """Seconds that the command takes."""
    shutil.rmtree(out, ignore_errors=True)
    command = [sys.executable, "-m", "escalera", "climb", "digits", "--out", str(out), *options]
    began = time.perf_counter()
    subprocess.run(command, check=True, capture_output=True, env={**os.environ, **environment})
    return time.perf_counter() - began


def made(out: Path) -> dict[str, str]:
    """The SHA-256 of every run's answers and weights."""
    return {str(path.relative_to(out)): sha256(path) for name in RESULTS for path in out.rglob(name)}


def speed(folder: Path, seeds: int, rounds: int) -> None:
    """`--jobs 2` against `--jobs 1`, in turns, and the bits against those of one thread."""
    ratios = []
    for number in range(1, rounds + 1):
        one = climb(folder / "one", "--seeds", str(seeds), "--jobs", "1")
        two = climb(folder / "two", "--seeds", str(seeds), "--jobs", "2")
        ratios.append(one / two)
        print(f"round {number}: --jobs 1 {one:.1f} s, --jobs 2 {two:.1f} s, ratio {one / two:.2f}", flush=True)
    climb(folder / "sequential", "--seeds", str(seeds), OMP_NUM_THREADS="1")
    expected, found = made(folder / "sequential"), made(folder / "two")
    equal = sum(found.get(name) == digest for name, digest in expected.items())
    print(f"mean ratio {mean(ratios):.2f}; {equal} of {len(expected)} files equal byte for byte to those of one thread")


class Begun(Events):
    """When the last run began."""

    at = 0.0

    def rung_begins(self, rung: object, seed: int, place: str) -> None:
        self.at = time.perf_counter()


def workers(folder: Path) -> None:
    """The first task, the overhead of one on a warm worker, and the memory of one worker and of two."""
    reading = climbing.load_ladder("digits", ["train.early_stopping=null", "train.epochs=3"])
    rung = reading.ladder["cnn"]
    pending = [(rung, seed) for seed in range(14)]
    with data_kept():
        tasks = tasks_of(reading, pending, folder / "digits", None, "cpu", fresh=False, skip_bad=False)
        tasks = [replace(task, threads=1) for task in tasks]
        perform(tasks[12], frozenset(), Events())  # what is imported and opened once
        alone = [seconds(lambda task=task: perform(task, frozenset(), Events())) for task in tasks[:5]]
        heard = Begun()
        with Pool(heard, tasks, 2, "cpu") as pool:
            began = time.perf_counter()
            pool.submit(tasks[5], frozenset()).result()
            first = heard.at - began
            one = memory(pool)
            pool_times = [seconds(lambda task=task: pool.submit(task, frozenset()).result()) for task in tasks[6:10]]
            together = [pool.submit(task, frozenset()) for task in tasks[10:12]]
            [future.result() for future in together]
            two = memory(pool)
    print(f"first task begins after {first:.2f} s (wanted 6)")
    print(f"a task in this process {median(alone):.2f} s, on a warm worker {median(pool_times):.2f} s: "
          f"{median(pool_times) - median(alone):+.2f} s (wanted 0.3)")  # fmt: skip
    print(f"memory (proportional set size) of all but this process: one worker {one // MIB} MiB, two {two // MIB} MiB: "
          f"the second is {100 * (two - one) / one:.0f} % of the first (wanted 70)")  # fmt: skip


def seconds(call: object) -> float:
    assert callable(call)
    began = time.perf_counter()
    call()
    return time.perf_counter() - began


def median(values: list[float]) -> float:
    return sorted(values)[len(values) // 2]


def memory(pool: Pool) -> int:
    """Bytes of the workers and of what they were forked from; what several share counts once."""
    return sum(process.memory_full_info().pss for process in psutil.Process().children(recursive=True))


def alone() -> None:
    """Put up the loopback of this network; there is no other interface in one of one's own."""
    names = {name for _, name in socket.if_nameindex()}
    if names != {"lo"}:
        sys.exit(f"expected a network that has the loopback alone (unshare -rn), found {', '.join(sorted(names))}")
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as control:
        fcntl.ioctl(control, 0x8914, struct.pack("16sh14x", b"lo", 0x41))  # SIOCSIFFLAGS: up, running


def slept(text: str) -> str:
    """In place of a training, as long as its seed says in tenths of a second."""
    given = json.loads(text)["task"]
    time.sleep(given["seed"] / 10)
    return json.dumps(asdict(Outcome(given["name"], given["seed"])))


def busy(folder: Path, count: int = 200, slots: int = 8) -> None:
    """The share of the time in which a cluster's slots work, from the first task's begin to the last one's end."""
    reading = climbing.load_ladder("digits")
    pending = [(reading.ladder["mlp"], 10 + number % 11) for number in range(count)]
    tasks = tasks_of(reading, pending, folder / "digits", None, "cpu", fresh=False, skip_bad=False)
    (folder / "digits").mkdir(parents=True)
    runtime.cores = lambda: slots
    with engine.Pool(Events(), tasks, "auto", "cpu") as pool:
        pool.perform = pool.ray.remote(slept).options(num_cpus=1, max_retries=1)
        warm: list[Future[Outcome]] = [pool.submit(task, frozenset()) for task in tasks[:slots]]
        [future.result() for future in warm]
        began = time.perf_counter()
        futures = [pool.submit(task, frozenset()) for task in tasks]
        worked = sum(future.result().seed / 10 for future in futures)
        took = time.perf_counter() - began
    print(f"{count} tasks of 1 to 2 s on {slots} slots: {100 * worked / (took * slots):.1f} % busy (wanted 90)")


class Killer(Events):
    """Kills a worker in the third epoch of the fourth run."""

    begun = 0
    lost = 0
    killed: int | None = None

    def rung_begins(self, rung: object, seed: int, place: str) -> None:
        self.begun += 1

    def epoch_ends(self, progress: object) -> None:
        if self.begun >= 4 and self.killed is None:
            for process in psutil.process_iter():
                if "perform_order" in " ".join(process.cmdline()):
                    self.killed = process.pid
                    process.kill()
                    return

    def worker_lost(self, rung: str, seed: int, reason: str, again: bool) -> None:
        self.lost += 1


def ray(folder: Path) -> None:
    """A cluster of eight slots, and eight runs of digits on two workers of which one is killed."""
    alone()
    busy(folder / "busy")
    climb(folder / "sequential", OMP_NUM_THREADS="1")
    heard = Killer()
    runtime.cores = lambda: 2
    results = climbing.climb(climbing.load_ladder("digits"), out=folder / "ray", executor="ray", jobs=2, events=heard)
    expected, found = made(folder / "sequential"), made(folder / "ray")
    weights = [name for name in expected if name.endswith("best.safetensors")]
    equal = sum(found.get(name) == expected[name] for name in weights)
    print(f"killed process {heard.killed}, {heard.lost} run lost and taken up again, {len(results.failed)} failed: "
          f"{equal} of {len(weights)} SHA-256 of weights equal to those of one after the other")  # fmt: skip


LADDER = """
name: kills
data: {source: digits, validation: 0.2, test: 0.4}
train: {epochs: 20, batch_size: 64, optimizer: {name: adam, lr: 0.01}}
rungs:
  - name: cnn
    model: {kind: cnn, blocks: [[8], [8]], batch_norm: conv, dropout: 0.1, head: {dense: [16], dropout: 0.2}}
  - name: votes
    change:
      model: {kind: votes, features: {from: cnn}, classifiers: [{name: logistic_regression}, {name: random_forest}]}
  - name: mlp
    from: cnn
    change: {model: {kind: mlp, dense: [32], dropout: 0.2}}
  - name: transfer
    from: cnn
    change: {model: {kind: transfer, weights: {from: cnn}, head: {dense: [16]}}}
"""
PART = {"worker": ("executors.nursery", "perform_order"), "driver": (), "node": ("raylet/raylet", "gcs_server")}
"""What is in the command line of the processes of which one is killed."""
KEPT = ("predictions.parquet", "best.safetensors", "metrics.json", "preparation.safetensors")


def kills(folder: Path, count: int, seed: int) -> None:
    """Workers, drivers and Ray nodes killed at random instants; the same command then goes on to the end."""
    alone()
    draw = random.Random(seed)
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "kills.yaml").write_text(LADDER)
    os.environ["OMP_NUM_THREADS"] = "1"
    expected = kept(_climbed(folder, "whole", ("--jobs", "1")))
    equal: Counter[str] = Counter()
    for number in range(count):
        part, engine_ = (
            ("worker", "processes"),
            ("driver", "processes"),
            ("worker", "ray"),
            ("driver", "ray"),
            ("node", "ray"),
        )[number % 5]
        options = ("--jobs", "2", *(("--cluster", "ray") if engine_ == "ray" else ()))
        began = time.monotonic()
        process, out = _begin(folder, "killed", options), folder / "killed"
        while not list(out.rglob("run.json")) and process.poll() is None:
            time.sleep(0.02)
        wait = draw.uniform(0, 5)
        time.sleep(wait)
        killed = _kill(process, PART[part], draw)
        process.communicate()
        found = kept(_climbed(folder, "killed", options))
        differ = sorted(name for name in expected if found.get(name) != expected[name])
        equal[f"{part} of {engine_}"] += not differ
        took = time.monotonic() - began
        print(f"{number + 1:3}  {part:6} of {engine_:9}  after {wait:.2f} s, {killed:40.40}  {took:4.0f} s in all  "
              f"{', '.join(differ) or 'equal'}", flush=True)  # fmt: skip
        shutil.rmtree(out)
    print(f"{equal.total()} of {count} equal to the unbroken climb: {dict(equal)}")


def _begin(folder: Path, name: str, options: Sequence[str]) -> subprocess.Popen[bytes]:
    command = [sys.executable, "-m", "escalera", "climb", "kills.yaml", "--device", "cpu", "--out", name, *options]
    return subprocess.Popen(command, cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)


def _climbed(folder: Path, name: str, options: Sequence[str]) -> Path:
    process = _begin(folder, name, options)
    said = process.communicate()[0].decode()
    assert process.returncode == 0, said
    return folder / name


def _kill(driver: subprocess.Popen[bytes], words: Sequence[str], draw: random.Random) -> str:
    """Kill the driver, or one of the processes below it that have one of the words in their command line."""
    if driver.poll() is not None:
        return "over already"
    below = psutil.Process(driver.pid).children(recursive=True)
    those = [child for child in below if any(word in " ".join(child.cmdline()) for word in words)] if words else []
    if words and not those:
        return "nobody there"
    victim = draw.choice(those) if those else psutil.Process(driver.pid)
    name = " ".join(victim.cmdline())[-40:] if those else "the driver"
    victim.kill()
    return name


def kept(out: Path) -> dict[str, str]:
    """The SHA-256 of all that a run is."""
    return {str(path.relative_to(out)): sha256(path) for name in KEPT for path in out.rglob(name)}


def main() -> None:
    """Print what was measured, and the machine."""
    parser = argparse.ArgumentParser()
    parser.add_argument("what", choices=("speed", "workers", "ray", "kills"))
    parser.add_argument("--count", type=int, default=60)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--rounds", type=int, default=3)
    given = parser.parse_args()
    folder = Path(tempfile.mkdtemp(prefix="jobs-"))
    os.environ["ESCALERA_CACHE"] = str(folder / "cache")
    print(machine(), flush=True)
    try:
        if given.what == "speed":
            speed(folder, given.seeds, given.rounds)
        elif given.what == "kills":
            kills(folder / "kills", given.count, given.seed)
        else:
            {"workers": workers, "ray": ray}[given.what](folder)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


if __name__ == "__main__":
    main()
