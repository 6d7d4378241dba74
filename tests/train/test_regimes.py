"""Plateau, moving average and L2: what they do, and that a resumed run equals the whole one bit for bit."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

from escalera.core.files import read_json
from escalera.data.augment.erasing import Erase
from escalera.data.augment.geometric import Augment
from escalera.data.augment.mixup import Mix
from escalera.data.augment.randaugment import Policy
from escalera.data.batches import AS_THEY_ARE, Batches, Change, Treatment
from escalera.train.callbacks import EarlyStopping
from escalera.train.checkpoint import LastCheckpoint, read_tensors
from escalera.train.criterion import Criterion
from escalera.train.ema import MovingAverage, averaged
from escalera.train.loop import Callback, Training, train
from escalera.train.penalty import L2Penalty
from escalera.train.plateau import Plateau
from escalera.train.schedules import constant

Start = Callable[..., Training]
IMAGES = 120


def pictures(treatment: Treatment = AS_THEY_ARE) -> Batches:
    rng = np.random.default_rng(0)
    labels = rng.integers(0, 2, IMAGES)
    images = rng.integers(0, 128, (IMAGES, 4, 4, 1), dtype=np.uint8)
    images[labels == 1, :, 2:] += 100
    return Batches(
        images, labels, np.arange(IMAGES), batch_size=32, device="cpu", shuffle=True, seed=3, treatment=treatment
    )


class Press(Callback):
    def __init__(self, epoch: int, step: int) -> None:
        self.at = (epoch, step)

    def on_step_end(self, training: Training) -> None:
        training.interrupted = training.interrupted or (training.epoch, training.step) == self.at


def one_training(start: Start, folder: Path, *more: Callback, regime: str, resume: bool = False) -> Training:
    """Train six epochs under a regime, or go on with those in the folder."""
    training = start(epochs=6, seed=99 if resume else 1)
    every = regime == "all"
    changes: list[Change] = [Augment(rotation=10)] if every else []
    changes += [Policy(2, 0.5)] if every or regime == "policy" else []
    changes += [Erase(0.5)] if every or regime == "erasing" else []
    mixing = {"mixup": Mix(2, mixup=0.4), "cutmix": Mix(2, cutmix=1.0), "all": Mix(2, 0.4, 1.0)}.get(regime)
    plateau = Plateau("val_loss", factor=0.5, patience=1, floor=0.1)
    on_plateau = every or regime == "plateau"
    parts = {"plateau": plateau, "stop": EarlyStopping(["val_loss"], 9, None)} if on_plateau else {}
    average = [MovingAverage(0.9)] if every or regime == "ema" else []
    if average:
        training.average = averaged(training.network)
    last = LastCheckpoint(folder, parts)
    if resume:
        assert last.resume(training)

    def validate() -> dict[str, float]:
        # It goes up and down with the weights, and is that of the average where there is one.
        return {"val_loss": next(iter(training.evaluated.parameters())).sum().item()}

    train(
        training,
        pictures(Treatment(changes, mixing)),
        schedule=plateau if on_plateau else constant(6),
        validate=validate,
        seed=7,
        penalty=L2Penalty([(training.network, 1e-2)]) if every or regime == "l2" else None,
        callbacks=[*parts.values(), *average, last, *more],
    )
    return training


REGIMES = ["plateau", "ema", "l2", "mixup", "cutmix", "erasing", "policy", "all"]


@pytest.mark.parametrize("regime", REGIMES)
def test_a_resumed_run_equals_the_whole_one_bit_for_bit(start: Start, tmp_path: Path, regime: str) -> None:
    whole = one_training(start, tmp_path / "whole", regime=regime)
    one_training(start, tmp_path / "cut", Press(4, 2), regime=regime)
    resumed = one_training(start, tmp_path / "cut", regime=regime, resume=True)
    for key, value in whole.evaluated.state_dict().items():
        if value.is_floating_point():
            assert torch.equal(value, resumed.evaluated.state_dict()[key]), key
    for key, value in whole.network.state_dict().items():
        assert torch.equal(value, resumed.network.state_dict()[key]), key
    states = [read_json(tmp_path / which / "state.json") for which in ("whole", "cut")]
    assert states[0]["parts"] == states[1]["parts"]


@pytest.mark.parametrize("regime", [name for name in REGIMES if name not in ("ema", "plateau")])
def test_a_regime_changes_the_weights(start: Start, tmp_path: Path, regime: str) -> None:
    plain = one_training(start, tmp_path / "plain", regime="none")
    other = one_training(start, tmp_path / "other", regime=regime)
    key = next(iter(plain.network.state_dict()))
    assert not torch.equal(plain.network.state_dict()[key], other.network.state_dict()[key])


def test_an_average_that_is_not_restored_would_show(start: Start, tmp_path: Path) -> None:
    one_training(start, tmp_path, regime="ema")
    tensors = read_tensors(tmp_path / "epoch-6.safetensors")
    key = next(key for key in tensors if key.startswith("average.") and key.endswith("weight"))
    assert not torch.equal(tensors[key], tensors[key.replace("average.", "network.")])


def watch(plateau: Plateau, values: list[float], training: Training) -> list[float]:
    factors = []
    for value in values:
        training.log = {plateau.monitor: value}
        plateau.on_epoch_end(training)
        factors.append(plateau(0.0))
    return factors


def test_plateau_falls_waits_and_stops_at_its_floor(start: Start) -> None:
    plateau = Plateau("val_loss", factor=0.1, patience=2, floor=0.05)
    factors = watch(plateau, [1, 0.9, 0.95, 0.9, 0.9, 0.9, 0.9, 0.9, 0.5], start())
    assert factors == pytest.approx([1, 1, 1, 0.1, 0.1, 0.05, 0.05, 0.05, 0.05])


def test_plateau_knows_which_way_is_better_and_ignores_crumbs(start: Start) -> None:
    plateau = Plateau("val_accuracy", factor=0.5, patience=1, floor=0)
    assert watch(plateau, [0.5, 0.6, 0.60005, 0.7], start()) == [1, 1, 0.5, 0.5]


def test_the_average_is_that_of_its_definition(start: Start) -> None:
    training = start(epochs=2)
    training.average = averaged(training.network)
    key = next(key for key in training.network.state_dict() if key.endswith("weight"))
    expected = training.network.state_dict()[key].clone()
    seen: list[torch.Tensor] = []

    class Follow(Callback):
        def on_step_end(self, training: Training) -> None:
            seen.append(training.network.state_dict()[key].clone())

    # It comes to its own decay in the second epoch: steps are counted from the first of all.
    train(training, pictures(), schedule=constant(2), validate=dict, seed=0, callbacks=[MovingAverage(0.45), Follow()])
    for step, weights in enumerate(seen, start=1):
        decay = min(0.45, (1 + step) / (10 + step))
        expected = decay * expected + (1 - decay) * weights
    assert len(seen) == 8
    torch.testing.assert_close(training.average.state_dict()[key], expected)
    assert not any(parameter.requires_grad for parameter in training.average.parameters())
    running = next(key for key in training.network.state_dict() if key.endswith("running_mean"))
    assert not torch.equal(training.average.state_dict()[running], training.network.state_dict()[running])


def test_early_stopping_keeps_the_average(start: Start, tmp_path: Path) -> None:
    training = start(epochs=1)
    training.average = averaged(training.network)
    stopping = EarlyStopping(["loss"], 3, tmp_path)
    train(training, pictures(), schedule=constant(1), validate=dict, seed=0, callbacks=[MovingAverage(0.9), stopping])
    saved = read_tensors(tmp_path / "best-1.safetensors")
    assert all(torch.equal(value, training.average.state_dict()[key]) for key, value in saved.items())
    assert not all(torch.equal(value, training.network.state_dict()[key]) for key, value in saved.items())


def test_the_penalty_counts_kernels_alone() -> None:
    body = nn.Sequential(nn.Conv2d(1, 2, 3), nn.BatchNorm2d(2))
    head = nn.Linear(2, 3)
    penalty = L2Penalty([(body, 0.5), (head, 0.25)])
    kernel = body.get_parameter("0.weight")
    expected = 0.5 * kernel.square().sum() + 0.25 * head.weight.square().sum()
    torch.testing.assert_close(penalty(), expected)
    penalty().backward()  # type: ignore[no-untyped-call]
    torch.testing.assert_close(kernel.grad, 2 * 0.5 * kernel)  # Keras's gradient: 2 * l2 * w
    assert body[0].bias.grad is None
    assert body[1].weight.grad is None
    body.requires_grad_(False)
    torch.testing.assert_close(penalty(), 0.25 * head.weight.square().sum())
    head.requires_grad_(False)
    assert penalty().item() == 0


def test_the_history_has_the_penalty_apart(start: Start) -> None:
    logs: list[dict[str, Any]] = []

    class Keep(Callback):
        def on_epoch_end(self, training: Training) -> None:
            logs.append(dict(training.log))

    for strength in (0.0, 5.0):
        training = start(epochs=1)
        penalty = L2Penalty([(training.network, strength)]) if strength else None
        # At a rate of zero both see the same weights: a loss with the penalty in it would differ.
        train(training, pictures(), schedule=lambda _: 0.0, validate=dict, seed=0, penalty=penalty, callbacks=[Keep()])
    assert logs[0]["loss"] == logs[1]["loss"]
    assert "penalty" not in logs[0]
    kernels = [module.weight for module in training.network.modules() if isinstance(module, nn.Linear | nn.Conv2d)]
    assert logs[1]["penalty"] == pytest.approx(5 * sum(kernel.square().sum().item() for kernel in kernels), rel=1e-5)


def test_mixed_labels_count_the_larger_share(start: Start) -> None:
    logs: list[dict[str, Any]] = []

    class Keep(Callback):
        def on_epoch_end(self, training: Training) -> None:
            logs.append(dict(training.log))

    train(
        start(epochs=15), pictures(Treatment(mix=Mix(2, mixup=0.2))), schedule=constant(15), validate=dict, seed=0,
        criterion=Criterion(0.1), callbacks=[Keep()],
    )  # fmt: skip
    assert logs[-1]["accuracy"] > 0.85
    assert logs[-1]["loss"] < logs[0]["loss"]
