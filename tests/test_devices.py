"""One training computed by several processes: the same bits, what stops them, and what is refused."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import psutil
import pytest
import torch
import yaml
from safetensors.torch import load_file
from torch import nn

import escalera as esc
from escalera.core.errors import EscaleraError, TrainingError
from escalera.core.files import read_json, sha256
from escalera.core.ranks import ALONE, Ranks
from escalera.core.runtime import threads
from escalera.core.translation import translate
from escalera.evaluate.shared import collect, share
from escalera.experiment import climb as climbing
from escalera.experiment import devices
from escalera.experiment.executors import together
from escalera.ladder.read import Reading
from escalera.models.cnn import cnn
from escalera.models.freezing import freeze
from escalera.models.head import Head
from escalera.models.network import Network
from escalera.run.events import Events, Progress
from escalera.train import checkpoint
from escalera.train.synced import synchronise

LADDER = """
name: devices
data: {source: digits, validation: 0.2, test: 0.4}
train:
  epochs: 3
  batch_size: 128
  shards: 4
  precision: fp32
  optimizer: {name: adam, lr: 0.01}
  schedule: {name: plateau, patience: 1}
  early_stopping: {monitor: val_loss, patience: 9}
augment: {shift: 0.1}
rungs:
  - name: cnn
    model: {kind: cnn, blocks: [[4]], batch_norm: conv, head: {dense: [8], dropout: 0.2}}
  - name: bf16
    change: {train.precision: bf16, train.accumulate: 2, train.ema: 0.9, augment.mixup: 0.3, train.early_stopping: null}
  - name: head
    from: cnn
    change: {model: {kind: transfer, weights: {from: cnn}, trainable: none}, augment: {}, evaluate.coverage: 0.9}
  - name: votes
    from: cnn
    change: {model: {kind: votes, features: {from: cnn}, classifiers: [{name: linear_svm}]}}
"""


@pytest.fixture
def reading(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Reading:
    monkeypatch.setattr(together, "cores", lambda: 2)
    path = tmp_path / "devices.yaml"
    path.write_text(LADDER)
    return esc.load_ladder(path)


def made(folder: Path) -> dict[str, str]:
    """The SHA-256 of what every run of a ladder learned and answered."""
    names = ("predictions.parquet", "best.safetensors")
    return {str(path.relative_to(folder)): sha256(path) for name in names for path in folder.rglob(name)}


def followers() -> list[psutil.Process]:
    """The processes that follow this one."""
    return [child for child in psutil.Process().children() if "run.follow" in " ".join(child.cmdline())]


class PressAt(Events):
    """Has a process hear Ctrl-C after an epoch."""

    def __init__(self, epoch: int, *, at_follower: bool = False) -> None:
        self.epoch = epoch
        self.at_follower = at_follower

    def epoch_ends(self, progress: Progress) -> None:
        if progress.epoch == self.epoch:
            os.kill(followers()[0].pid if self.at_follower else os.getpid(), signal.SIGINT)


@pytest.mark.slow
def test_two_processes_give_the_bits_of_one(reading: Reading, tmp_path: Path) -> None:
    with threads(1):
        esc.climb(reading, out=tmp_path / "one", quiet=True)
        results = esc.climb(reading, out=tmp_path / "two", devices=2, quiet=True)
    assert not results.failed and not followers()
    assert made(tmp_path / "two") == made(tmp_path / "one")
    assert len(made(tmp_path / "one")) == 8
    record = read_json(tmp_path / "two" / "devices" / "cnn" / "seed-0" / "run.json")
    assert (record["processes"], record["threads"]) == (2, 1)
    one = read_json(tmp_path / "one" / "devices" / "cnn" / "seed-0" / "run.json")
    assert one["settings"] == record["settings"] and "processes" not in one
    history = [
        (tmp_path / name / "devices" / "cnn" / "seed-0" / "history.jsonl").read_text() for name in ("one", "two")
    ]
    told = [[line.split(', "images_per_second"')[0] for line in text.splitlines()] for text in history]
    assert told[0] == told[1]


@pytest.mark.slow
@pytest.mark.skipif(sys.platform == "win32", reason="signals of POSIX")
def test_ctrl_c_at_either_and_going_on_with_another_number(
    reading: Reading, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(checkpoint, "WRITE_EVERY", 0.0)  # every epoch is kept, as where they take longer than a second
    way: list[tuple[int, Events]] = [(2, PressAt(2, at_follower=True)), (1, PressAt(4)), (2, Events())]
    longer = esc.load_ladder(tmp_path / "devices.yaml", ["train.epochs=6"])
    with threads(1):
        esc.climb(longer, out=tmp_path / "one", rungs=["cnn"], quiet=True)
        for number, (count, events) in enumerate(way):
            if number < 2:
                with pytest.raises(KeyboardInterrupt):
                    climbing.climb(longer, out=tmp_path / "two", rungs=["cnn"], devices=count, events=events)
                last = read_json(tmp_path / "two" / "devices" / "cnn" / "seed-0" / "last" / "state.json")
                assert last["epoch"] in (2, 3) if number == 0 else last["epoch"] >= 4
            else:
                climbing.climb(longer, out=tmp_path / "two", rungs=["cnn"], devices=count, events=events)
            assert not followers()
    assert made(tmp_path / "two") == made(tmp_path / "one")


@pytest.mark.slow
@pytest.mark.skipif(sys.platform == "win32", reason="no SIGKILL")
def test_a_process_that_is_lost_is_told_and_replaced(reading: Reading, tmp_path: Path) -> None:
    class Kill(Events):
        done = False

        def epoch_ends(self, progress: Progress) -> None:
            if not self.done:
                Kill.done = True
                followers()[0].kill()

    with threads(1):
        results = climbing.climb(reading, out=tmp_path, rungs=["cnn", "bf16"], devices=2, events=Kill())
    assert [failed.rung for failed in results.failed] == ["cnn"]
    assert results.failed[0].error.startswith("expected 2 processes to compute this training, and lost another one: ")
    assert results.failed[0].error.endswith("Type the command again: it goes on from the last epoch.")


@pytest.mark.slow
def test_what_a_follower_cannot_open_is_told(reading: Reading, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from escalera.run import gang

    begin = gang.Leader.begin

    def elsewhere(self: gang.Leader, *args: Any, **kwargs: Any) -> Ranks:
        self.task = {**self.task, "source": {**self.task["source"], "data": '{"source": "nowhere"}'}}
        return begin(self, *args, **kwargs)

    monkeypatch.setattr(gang.Leader, "begin", elsewhere)
    results = climbing.climb(reading, out=tmp_path, rungs=["cnn"], devices=2)
    assert "nowhere" in results.failed[0].error


@pytest.mark.slow
@pytest.mark.network
def test_torchrun_gives_the_bits_of_one(reading: Reading, tmp_path: Path) -> None:
    with threads(1):
        esc.climb(reading, out=tmp_path / "one", rungs=["cnn"], quiet=True)
    words = ["--nproc-per-node", "2", "-m", "escalera", "climb", str(tmp_path / "devices.yaml"), "--rung", "cnn"]
    command = [sys.executable, "-m", "torch.distributed.run", *words, "--out", str(tmp_path / "two")]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stdout.count("processes compute each training together") == 1
    assert made(tmp_path / "two") == made(tmp_path / "one")


def test_nothing_of_it_is_imported_for_one_process() -> None:
    code = (
        "import sys, escalera.cli.app, escalera.experiment.climb; sys.exit('torch.distributed.elastic' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


@pytest.mark.slow
def test_without_exact_it_is_the_training_of_one_to_rounding(
    reading: Reading, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # On GPUs with batch norm: see below. The very processes of it, on a CPU and without.
    monkeypatch.setattr(devices, "_check", lambda *_, **__: None)
    changes = {"train.shards": 1, "train.exact": False, "augment": {}, "train.early_stopping": None}
    document = {
        **yaml.safe_load(LADDER),
        "rungs": [
            {"name": "cnn", "model": {"kind": "cnn", "blocks": [[4]], "head": {"dense": [8]}}},
            {"name": "fast", "change": changes},
        ],
    }
    for count in (1, 2):
        results = esc.climb(
            document, rungs=["fast"], out=tmp_path / str(count), devices=count, sets=["train.epochs=2"], quiet=True
        )
        assert not results.failed
    found = [load_file(tmp_path / count / "devices" / "fast" / "seed-0" / "best.safetensors") for count in "12"]
    assert any(not torch.equal(found[0][name], found[1][name]) for name in found[0])
    for name, weights in found[0].items():
        torch.testing.assert_close(found[1][name], weights, rtol=1e-2, atol=1e-3)


def test_batch_norm_of_a_network_sees_all_processes_and_what_rests_goes_on_resting() -> None:
    torch.manual_seed(0)
    body, shape = cnn((1, 8, 8), [[4], [4]], batch_norm="conv")
    network = Network(body, Head(shape, 2, widths=[8], batch_norm=True))
    freeze(network, last=1)
    inputs = torch.randn(4, 1, 8, 8)
    before, resting = network.eval()(inputs), len(network.resting)
    names = list(network.state_dict())
    synchronise(network.train())
    norms = [module for module in network.modules() if isinstance(module, nn.modules.batchnorm._BatchNorm)]
    assert len(norms) == 3 and all(isinstance(norm, nn.SyncBatchNorm) for norm in norms)
    assert list(network.state_dict()) == names and len(network.resting) == resting
    assert not any(module.training for module in network.resting)
    assert {id(module) for module in network.resting} <= {id(module) for module in network.modules()}
    assert torch.equal(network.eval()(inputs), before)


@pytest.mark.gpu
@pytest.mark.skipif(torch.cuda.device_count() < 2, reason="fewer than two CUDA devices")
@pytest.mark.parametrize("exact", [True, False])
def test_two_gpus_learn_what_one_does(exact: bool, tmp_path: Path) -> None:
    (tmp_path / "devices.yaml").write_text(LADDER)
    sets = [] if exact else ["train.shards=1", "train.exact=false"]
    for count in (1, 2):
        results = esc.climb(
            tmp_path / "devices.yaml", sets=sets, rungs=["cnn"], out=tmp_path / str(count), devices=count, quiet=True
        )
        assert not results.failed
    found = [load_file(tmp_path / count / "devices" / "cnn" / "seed-0" / "best.safetensors") for count in "12"]
    for name, weights in found[0].items():
        # Dropout and augmentation draw otherwise where a batch is not cut into the same shards.
        torch.testing.assert_close(found[1][name].float(), weights.float(), rtol=0.05, atol=0.05 if exact else 0.5)


TOO_MANY = (
    "--devices 4: expected a divisor of train.shards, by which a batch is shared, received shards: 2 in the rung "
    "'cnn'. Use --set train.shards=4, which is a training of its own, whatever the number of devices."
)
ON_CPU = (
    "train.exact: expected true on a CPU, since SyncBatchNorm computes on GPUs alone, received false in the rung "
    "'cnn'. Use --set train.exact=true --set train.shards=2, or one process."
)
BOTH = (
    "--jobs 2: expected either --jobs or several devices, received both. Use --devices, where several processes "
    "compute one training, or --jobs, where each computes one of its own."
)
UNEVEN = (
    "--devices 2: expected a divisor of train.batch_size, received batches of 33 in the rung 'cnn'. Use another number "
    "of devices, or another batch size."
)
FEW_GPUS = "--devices 4: expected at most 1, a GPU for each process, received 4. Use --devices 1, or --device cpu."


@pytest.mark.parametrize(
    ("sets", "asked", "jobs", "gpus", "message"),
    [
        (["train.shards=2"], 4, 1, 0, TOO_MANY),
        (["train.shards=1", "train.exact=false"], 2, 1, 0, ON_CPU),
        (["train.shards=1", "train.exact=false", "train.batch_size=33"], 2, 1, 2, UNEVEN),
        ([], 2, 2, 0, BOTH),
        ([], 4, 1, 1, FEW_GPUS),
    ],
)
def test_what_cannot_be_shared_is_refused_before_anything_is_trained(
    sets: list[str], asked: int, jobs: int, gpus: int, message: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "devices.yaml").write_text(LADDER)
    if gpus:
        monkeypatch.setattr(devices, "choose_device", lambda name: torch.device("cuda"))
        monkeypatch.setattr(devices, "gpus", lambda: gpus)
    reading = esc.load_ladder(tmp_path / "devices.yaml", sets)
    with pytest.raises(EscaleraError) as caught:
        climbing.climb(reading, out=tmp_path / "out", devices=asked, jobs=jobs)
    assert str(caught.value) == message
    assert not (tmp_path / "out").exists()
    assert "expected" not in translate(message, "es") and "Use " not in translate(message, "es")


@pytest.mark.parametrize(
    "error",
    [
        "expected 2 processes to compute this training, and lost another one: Read error. Type the command again: it "
        "goes on from the last epoch.",
        "expected 2 processes to compute this training, and the one numbered 1 ended with exit code -9: it said "
        "nothing. Free some memory, or use fewer --devices, and type the command again.",
        "train.shards: expected two rows to learn from for each of 4 shards, received 3. Use fewer shards, or more "
        "data.",
        "--devices 3: expected the number of processes that torchrun began, received 3 beside 2. Leave out --devices, "
        "or torchrun.",
    ],
)
def test_errors_are_said_in_spanish(error: str) -> None:
    assert "expected" not in translate(error, "es") and "the " not in translate(error, "es")


def test_processes_that_torchrun_began_need_no_number(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(devices, "launched", lambda: (0, 2))
    assert devices.choose_executor("", None, 1) == (together.Pool, 2, 2)
    with pytest.raises(
        EscaleraError, match="expected the number of processes that torchrun began, received 4 beside 2"
    ):
        devices.choose_executor("", None, 4)


def test_a_cluster_gives_each_run_one_device() -> None:
    expected = (
        "--cluster ray: expected either a cluster or several devices, received both. On a cluster each run has one."
    )
    with pytest.raises(EscaleraError) as caught:
        devices.choose_executor("ray", None, 2)
    assert str(caught.value) == expected
    assert translate(expected, "es").startswith("--cluster ray: se esperaba un clúster o varios dispositivos")


def test_too_few_rows_for_the_shards_are_told(tmp_path: Path) -> None:
    (tmp_path / "devices.yaml").write_text(LADDER)
    sets = ["train.batch_size=4096", "train.shards=1024"]
    results = esc.climb(tmp_path / "devices.yaml", sets=sets, rungs=["cnn"], out=tmp_path, quiet=True)
    assert results.failed[0].error.startswith("train.shards: expected two rows to learn from for each of 1024 shards")


class Several(Ranks):
    """One of several processes, of which all shares are known."""

    def __init__(self, rank: int, count: int, shares: torch.Tensor | None = None) -> None:
        self.rank = rank
        self.count = count
        self.shares = shares

    def gather(self, tensor: torch.Tensor) -> torch.Tensor:
        assert self.shares is not None and torch.equal(tensor.flatten(), self.shares[self.rank])
        return self.shares.view(self.count, *tensor.shape)


@pytest.mark.parametrize("rows", [1, 7, 8, 9, 24, 25, 31])
@pytest.mark.parametrize("count", [2, 4])
def test_rows_are_shared_in_whole_batches_and_come_back_in_order(rows: int, count: int) -> None:
    whole = np.arange(100, 100 + rows)
    assert share(whole, 8, ALONE) is whole
    owns = [share(whole, 8, Several(rank, count)) for rank in range(count)]
    assert sorted(np.concatenate(owns).tolist()) == whole.tolist()
    rounds = -(-rows // (8 * count))
    rooms = torch.zeros((count, rounds * 8), dtype=torch.int64)
    for room, own in zip(rooms, owns, strict=True):
        room[: len(own)] = torch.from_numpy(own)

    for rank, own in enumerate(owns):
        assert collect(torch.from_numpy(own), rows, 8, Several(rank, count, rooms)).tolist() == whole.tolist()


def test_losing_another_is_an_error_of_the_training() -> None:
    from escalera.core.ranks import Group

    group = Group.__new__(Group)
    group.rank, group.count = 0, 2
    why = "[/pytorch/gloo/tcp/pair.cc:561] Connection closed by peer [127.0.0.1]:3243. This is typically"
    found = group._lost(RuntimeError(why))
    assert isinstance(found, TrainingError) and "lost another one: Connection closed by peer. Type" in str(found)
