"""How many threads a run takes: as many as its steps keep busy."""

import math
from typing import Any

import pytest

from escalera.core.runtime import threads
from escalera.experiment import estimate
from escalera.experiment.climb import load_ladder
from escalera.ladder.schema import RungConfig
from escalera.run import as_begun
from escalera.run.as_begun import THREAD_FLOPS, busy

BODY = {"kind": "backbone", "name": "resnet18", "weights": "none"}


def rung(model: dict[str, Any], **more: Any) -> RungConfig:
    rungs = [{"name": "base", "model": model, **more}]
    return load_ladder({"name": "made", "data": {"source": "digits"}, "rungs": rungs}).ladder.rungs[-1].config


@pytest.mark.parametrize(("flops", "taken"), [(0.01, 1), (1.99, 1), (2, 2), (3.5, 3), (80, 8)])
def test_a_thread_for_so_many_operations_of_a_step_and_no_more_than_there_are(flops: float, taken: int) -> None:
    config = rung({"kind": "mlp", "dense": [8]}, train={"batch_size": 50})
    with threads(8):
        assert busy(config, math.ceil(flops * THREAD_FLOPS / 150)) == taken


def test_larger_batches_keep_more_of_them_busy() -> None:
    few, many = (rung({"kind": "mlp", "dense": [8]}, train={"batch_size": size}) for size in (8, 64))
    with threads(8):
        assert (busy(few, THREAD_FLOPS // 20), busy(many, THREAD_FLOPS // 20)) == (1, 8)


@pytest.mark.parametrize(
    ("model", "taken"),
    [
        ({**BODY, "trainable": "none"}, 4),
        ({**BODY, "trainable": "all"}, 1),
        (
            {
                "kind": "fusion",
                "branches": {"frozen": {**BODY, "trainable": "none"}, "dense": {"kind": "mlp", "dense": [8]}},
            },
            4,
        ),
        ({"kind": "fusion", "branches": {"learns": BODY, "dense": {"kind": "mlp", "dense": [8]}}}, 1),
    ],
)
def test_all_of_them_where_a_body_stays_as_it_is(model: dict[str, Any], taken: int) -> None:
    """Its features are kept for other rungs, and known by the number of threads that found them."""
    with threads(4):
        assert busy(rung(model, train={"batch_size": 8}), 100) == taken


def test_all_of_them_for_classifiers() -> None:
    written = {
        "name": "made",
        "data": {"source": "digits"},
        "rungs": [
            {"name": "base", "model": {"kind": "mlp", "dense": [8]}},
            {"name": "votes", "change": {"model": {"kind": "votes", "features": {"from": "base"}, "pool": "flatten"}}},
        ],
    }
    with threads(4):
        assert busy(load_ladder(written).ladder.rungs[-1].config, 100) == 4


def test_the_plan_measures_with_as_many_as_the_climb_takes(monkeypatch: pytest.MonkeyPatch) -> None:
    import torch

    measured = []

    def watched(*_: Any) -> float:
        measured.append(torch.get_num_threads())
        return 1000.0

    monkeypatch.setattr(estimate, "images_per_second", watched)
    ladder = load_ladder("digits").ladder
    with threads(2):
        estimate.plan(ladder.rungs[:1], seed=0, data_root=None, device="cpu")
        monkeypatch.setattr(as_begun, "THREAD_FLOPS", 1)
        estimate.plan(ladder.rungs[:1], seed=0, data_root=None, device="cpu")
        assert torch.get_num_threads() == 2
    assert measured == [1, 2]
