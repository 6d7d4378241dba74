"""Dropout from random bits: what it keeps, on the way there and back."""

from typing import Any

import pytest
import torch
from pydantic import TypeAdapter
from torch import Tensor, nn

from escalera import builders
from escalera.ladder import schema
from escalera.models.dropout import Dropout

SHAPE = (64, 8, 32, 32)


def _drop(share: float, values: Tensor, seed: int = 0) -> Tensor:
    torch.manual_seed(seed)
    dropped: Tensor = Dropout(share).train()(values)
    return dropped


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
@pytest.mark.parametrize("share", [0.25, 0.5, 1 / 256, 0.1, 0.3, 0.999])
def test_the_share_that_is_dropped_and_the_mean_are_those_asked_for(share: float, dtype: torch.dtype) -> None:
    found = _drop(share, torch.ones(SHAPE, dtype=dtype))
    values, counts = torch.unique(found, return_counts=True)
    assert values.tolist() == pytest.approx([0, 1 / (1 - share)], rel=0.01)
    # Five standard deviations of a share of half a million draws.
    assert counts[0] / found.numel() == pytest.approx(share, abs=5 * (share * (1 - share) / found.numel()) ** 0.5)
    assert found.double().mean().item() == pytest.approx(1, abs=0.1 if share > 0.9 else 0.01)


def test_pixels_channels_and_rows_are_dropped_independently() -> None:
    kept = (_drop(0.5, torch.ones(256, 16, 8, 8)) > 0).double()
    for axis in range(4):
        moved = kept.roll(1, axis)
        both = (kept * moved).mean().item()
        assert both == pytest.approx(0.25, abs=0.006), f"axis {axis}"
    assert (kept != (_drop(0.5, torch.ones(256, 16, 8, 8), seed=1) > 0)).double().mean().item() == pytest.approx(
        0.5, abs=0.01
    )


@pytest.mark.parametrize("share", [0.25, 0.3])
@pytest.mark.parametrize("form", [torch.contiguous_format, torch.channels_last])
def test_what_passes_backward_is_what_passed_forward(share: float, form: torch.memory_format) -> None:
    values = torch.ones(SHAPE).contiguous(memory_format=form).requires_grad_()
    found = _drop(share, values)
    found.sum().backward()  # type: ignore[no-untyped-call]
    assert values.grad is not None
    assert torch.equal(values.grad, found.detach())
    assert found.is_contiguous(memory_format=form)


def test_strides_with_gaps_and_no_rows_at_all() -> None:
    apart = torch.ones(64, 64)[:, ::2]
    assert (_drop(0.5, apart) > 0).double().mean().item() == pytest.approx(0.5, abs=0.08)
    assert torch.unique(_drop(0.5, torch.ones(4, 1).expand(4, 999))).tolist() == [0, 2]
    assert _drop(0.5, torch.ones(0, 3)).shape == (0, 3)


def test_the_same_seed_draws_the_same_and_evaluation_draws_nothing() -> None:
    values = torch.rand(SHAPE)
    assert torch.equal(_drop(0.25, values), _drop(0.25, values))
    before = torch.random.get_rng_state()
    assert torch.equal(Dropout(0.25).eval()(values), values)
    assert torch.equal(torch.random.get_rng_state(), before)


@pytest.mark.parametrize(("share", "mean"), [(0.0, 1), (1.0, 0), (1e-9, 1)])
def test_ends(share: float, mean: int) -> None:
    assert _drop(share, torch.ones(1000)).mean().item() == pytest.approx(mean)


@pytest.mark.parametrize(
    "model",
    [
        {"kind": "mlp", "dense": [4], "dropout": 0.2},
        {"kind": "cnn", "blocks": [[2]], "dropout": 0.2},
        {"kind": "conv1d", "widths": [2], "dropout": 0.2},
        {"kind": "alexnet", "head": {"dense": [4], "dropout": 0.2}},
        {"kind": "cnn", "blocks": [[2]], "head": {"dense": [4], "dropout": [0.2]}},
    ],
)
def test_no_network_is_built_with_the_slow_one(model: dict[str, Any]) -> None:
    network = builders.network(TypeAdapter(schema.Net).validate_python(model), (3, 32, 32), 10)
    drops = [layer for layer in network.modules() if isinstance(layer, nn.Dropout)]
    assert drops and all(type(layer) is Dropout for layer in drops)
