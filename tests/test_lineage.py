"""Weights from an earlier run: of the same ladder, of another one, or in a file; and what does not fit."""

import io
import re
import shutil
import signal
from pathlib import Path
from typing import Any

import pytest
import torch
from rich.console import Console
from safetensors.torch import load_file

import escalera as esc
from escalera import builders
from escalera.cli.terminal import Narrator
from escalera.core.errors import LadderError
from escalera.core.files import read_json
from escalera.core.rundir import RunDir
from escalera.experiment import climb as climbing
from escalera.run import fit
from escalera.train.callbacks import History
from escalera.train.loop import Training

LADDER = """
name: lineage
data: {source: digits, validation: 0.2, test: 0.5}
train: {epochs: 2, batch_size: 128, optimizer: {name: adam, lr: 0.01}}
rungs:
  - name: first
    model: {kind: cnn, blocks: [[4], [8]], batch_norm: conv, head: {dense: [8]}}
  - name: frozen
    change:
      model: {kind: transfer, weights: {from: first}, trainable: none, head: {dense: [8], batch_norm: true}}
  - name: later
    change: {model.trainable: {from_epoch: 2}}
"""


@pytest.fixture
def ladder(tmp_path: Path) -> Path:
    path = tmp_path / "lineage.yaml"
    path.write_text(LADDER)
    return path


def climb(ladder: Path, out: Path, *sets: str, **more: Any) -> dict[str, esc.Run]:
    return climbing.climb(esc.load_ladder(ladder, sets), out=out, **more)


def body(run: esc.Run) -> dict[str, torch.Tensor]:
    return {key: value for key, value in load_file(run.dir.best).items() if key.startswith("body.")}


def alone(run: esc.Run) -> bool:
    """Whether the head learned without the body, which had run once."""
    return not any("body." in key for key in load_file(next(run.dir.last.glob("epoch-*.safetensors"))))


def same(one: dict[str, torch.Tensor], other: dict[str, torch.Tensor]) -> bool:
    return one.keys() == other.keys() and all(torch.equal(one[key], other[key]) for key in one)


def test_a_frozen_body_is_that_of_the_earlier_run_and_one_unfrozen_later_is_not(ladder: Path, tmp_path: Path) -> None:
    file = io.StringIO()
    runs = climb(ladder, tmp_path / "runs", events=Narrator(Console(file=file)))
    said = [line.rpartition("not")[2] for line in file.getvalue().splitlines() if " trainable, " in line]
    assert said == ["", "", "; the body is frozen until epoch 2 begins"]
    assert same(body(runs["first"]), body(runs["frozen"]))
    assert not same(body(runs["first"]), body(runs["later"]))
    weights = read_json(runs["frozen"].dir.record)["weights"]
    assert weights["body"]["file"] == str(runs["first"].dir.best)


def test_features_that_are_kept_train_the_same_head_as_a_body_that_runs_every_time(
    ladder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # In bf16 a body that runs every time rounds what it gives; features are computed once, in fp32.
    once = climb(ladder, tmp_path / "once", "train.precision=fp32", rungs=["first", "frozen"])["frozen"]
    monkeypatch.setattr(builders, "kept_parts", lambda *_: [])
    always = climb(ladder, tmp_path / "always", "train.precision=fp32", rungs=["first", "frozen"])["frozen"]
    assert alone(once) and not alone(always)
    one, other = load_file(once.dir.best), load_file(always.dir.best)
    assert one.keys() == other.keys()
    for key in one:
        torch.testing.assert_close(one[key], other[key], rtol=1e-4, atol=1e-6)
    assert once.metrics["test"]["accuracy"] == always.metrics["test"]["accuracy"]


def test_a_head_that_learns_without_its_body_goes_on_after_an_interruption(
    ladder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pressed: list[int] = []

    class HistoryThenPress(History):
        def on_step_end(self, training: Training) -> None:
            if (
                not pressed
                and training.epoch == 2
                and not any("body" in name for name in training.network.state_dict())
            ):
                pressed.append(training.step)
                signal.raise_signal(signal.SIGINT)

    whole = climb(ladder, tmp_path / "whole", rungs=["first", "frozen"])["frozen"]
    climb(ladder, tmp_path / "cut", rungs=["first"])
    monkeypatch.setattr(fit, "History", HistoryThenPress)
    with pytest.raises(KeyboardInterrupt):
        climb(ladder, tmp_path / "cut", rungs=["frozen"])
    cut = climb(ladder, tmp_path / "cut", rungs=["frozen"])["frozen"]
    assert pressed and alone(cut)
    assert cut.dir.best.read_bytes() == whole.dir.best.read_bytes()
    assert [line["loss"] for line in cut.dir.read_history()] == [line["loss"] for line in whole.dir.read_history()]


def test_augmentation_makes_the_body_run_every_time(ladder: Path, tmp_path: Path) -> None:
    run = climb(ladder, tmp_path / "runs", "augment.shift=0.1", rungs=["first", "frozen"])["frozen"]
    assert not alone(run)


def test_a_run_that_starts_from_another_waits_for_it(ladder: Path, tmp_path: Path) -> None:
    run = climb(ladder, tmp_path / "runs", rungs=["frozen"])["frozen"]
    assert run.state == "failed"
    first = tmp_path / "runs" / "lineage" / "first" / "seed-0"
    assert read_json(run.dir.record)["error"] == (
        f"it starts from the weights of the rung 'first', which was never trained ({first}). "
        "Climb 'first' first (--rung first)."
    )


def test_a_run_is_trained_again_when_the_weights_it_started_from_are_others(ladder: Path, tmp_path: Path) -> None:
    out = tmp_path / "runs"
    before = climb(ladder, out)
    finished = {name: read_json(run.dir.record)["finished"] for name, run in before.items()}
    again = climb(ladder, out)
    assert {name: read_json(run.dir.record)["finished"] for name, run in again.items()} == finished
    old = body(before["frozen"])
    ladder.write_text(LADDER.replace("blocks: [[4], [8]]", "blocks: [[4], [8]], activation: tanh"))
    runs = climb(ladder, out)
    assert same(body(runs["first"]), body(runs["frozen"]))
    assert not same(old, body(runs["frozen"]))


OTHER = """
name: other
data: {source: digits, validation: 0.2, test: 0.5}
rungs:
  - name: taken
    model: {kind: transfer, weights: WEIGHTS, trainable: none}
    train: {epochs: 1, batch_size: 128, optimizer: {name: adam, lr: 0.01}}
"""


def other(tmp_path: Path, weights: str) -> Path:
    path = tmp_path / "other.yaml"
    path.write_text(OTHER.replace("WEIGHTS", weights))
    return path


def test_weights_from_the_run_of_another_ladder(ladder: Path, tmp_path: Path) -> None:
    first = climb(ladder, tmp_path / "runs", rungs=["first"])["first"]
    taken = climb(other(tmp_path, f"{{run: {first.dir.path}}}"), tmp_path / "runs")["taken"]
    assert same(body(first), body(taken))


def refusal(ladder: Path) -> str:
    with pytest.raises(LadderError) as error:
        esc.load_ladder(ladder)
    return str(error.value)


def test_a_run_elsewhere_that_cannot_be_taken(ladder: Path, tmp_path: Path) -> None:
    first = climb(ladder, tmp_path / "runs", rungs=["first"])["first"].dir.path
    where = f"{first.parent}"
    assert f"expected a run directory, with a config.yaml, received {where}; did you mean {first}?" in refusal(
        other(tmp_path, f"{{run: {where}}}")
    )
    assert f"received {tmp_path}/none, such as runs/cifar10/base/seed-0" in refusal(
        other(tmp_path, f"{{run: {tmp_path}/none}}")
    )
    half = tmp_path / "half"
    shutil.copytree(first, half)
    RunDir(half).write_record({**RunDir(half).read_record(), "state": "failed"})
    assert f"expected a finished run, but the one in {half} is failed; let it finish first" in refusal(
        other(tmp_path, f"{{run: {half}}}")
    )


@pytest.mark.parametrize(
    ("weights", "message"),
    [
        ("{from: frist}", "unknown rung 'frist'; did you mean 'first'?"),
        ("{from: later}", "expected a rung that stands above this one, received 'later'"),
    ],
)
def test_a_rung_whose_weights_cannot_be_taken(ladder: Path, weights: str, message: str) -> None:
    ladder.write_text(LADDER.replace("{from: first}", weights))
    assert message in refusal(ladder)


def test_weights_of_a_network_with_several_bodies(ladder: Path) -> None:
    fusion = "{kind: fusion, branches: {a: {kind: cnn, blocks: [[4]]}, b: {kind: mlp, dense: [8]}}}"
    ladder.write_text(LADDER.replace("{kind: cnn, blocks: [[4], [8]], batch_norm: conv, head: {dense: [8]}}", fusion))
    assert "expected a run with a single body, received one of kind fusion" in refusal(ladder)


def test_weights_that_were_lost(ladder: Path, tmp_path: Path) -> None:
    out = tmp_path / "runs"
    first = climb(ladder, out, rungs=["first"])["first"]
    first.dir.best.unlink()
    run = climb(ladder, out, rungs=["frozen"])["frozen"]
    assert re.match(
        r"it starts from the weights of the rung 'first', which has lost its weights \(.*\)\. Climb 'first' first",
        read_json(run.dir.record)["error"],
    )


def test_a_bare_file_of_weights_needs_the_model_that_it_belongs_to(ladder: Path) -> None:
    ladder.write_text(LADDER.replace("{from: first}", "some.safetensors"))
    assert "expected like: {kind: cnn, ...}, the model that the file belongs to, beside a path" in refusal(ladder)


def test_a_backbone_continues_a_backbone_of_its_own_name_only(ladder: Path) -> None:
    model = "{kind: backbone, name: mobilenetv3_small_050, weights: {from: first}}"
    ladder.write_text(
        LADDER.replace("data: {source: digits,", "data: {source: digits, image_size: 32,").replace(
            "{kind: transfer, weights: {from: first}, trainable: none, head: {dense: [8], batch_norm: true}}", model
        )
    )
    assert "expected the run of a backbone mobilenetv3_small_050, received one of kind cnn" in refusal(ladder)


HUB = """
name: hub
data: {source: digits, validation: 0.2, test: 0.5, image_size: 32}
train: {epochs: 1, batch_size: 128}
rungs:
  - name: frozen
    model: {kind: backbone, name: test_resnet, weights: imagenet, trainable: none, head: {pool: average}}
  - name: tuned
    change: {model.trainable: all}
  - name: continued
    change: {model.weights: {from: tuned}}
  - name: scratch
    change: {model.weights: none}
"""


def test_weights_that_cannot_be_had_are_told_once_before_anything_is_trained(tmp_path: Path) -> None:
    (tmp_path / "hub.yaml").write_text(HUB)
    file = io.StringIO()
    narrator = Narrator(Console(file=file, width=80))
    runs = climb(tmp_path / "hub.yaml", tmp_path / "runs", events=narrator)
    assert [run.state for run in runs.values()] == ["failed", "failed", "failed", "done"]
    lines = file.getvalue().splitlines()
    told = next(number for number, line in enumerate(lines) if line.startswith("✗ frozen, tuned: the ImageNet weights"))
    assert told < next(number for number, line in enumerate(lines) if line.startswith("1/4  frozen"))
    assert "  ✗ tuned failed for the reason above" in lines
    assert sum("the ImageNet weights of" in line for line in lines) == 2  # before all, and in the last lines
    assert lines[-4].startswith("✗ frozen, tuned: the ImageNet weights of 'test_resnet' are not on this machine")
    assert "resolve/main/model.safetensors on another machine" in lines[-4]
    assert lines[-3].startswith("✗ continued: it starts from the weights of the rung 'tuned', which failed")
    assert "the ImageNet weights" in read_json(runs["tuned"].dir.record)["error"]


def test_a_file_of_weights_that_is_absent_or_of_another_network_is_told_before_anything_is_trained(
    ladder: Path, tmp_path: Path
) -> None:
    first = climb(ladder, tmp_path / "runs", rungs=["first"])["first"]
    other = tmp_path / "other.yaml"
    text = HUB.replace("hub", "other").replace("weights: none", "weights: absent.safetensors")
    other.write_text(text.replace("weights: imagenet", f"weights: {first.dir.best}"))
    with pytest.raises(LadderError) as caught:
        climb(other, tmp_path / "runs")
    lines = str(caught.value).splitlines()
    assert lines[0].startswith(
        f"{other}:7: rungs[0] (frozen).model.weights: {first.dir.best} holds the weights of another network: "
    )
    assert "is absent; " in lines[0]
    assert lines[1] == (
        f"{other}:13: rungs[3] (scratch).change.model.weights: expected a file of weights, but there is none at "
        "absent.safetensors. Look at model.weights."
    )
    assert len(lines) == 3
    assert not (tmp_path / "runs" / "other" / "frozen").exists()
