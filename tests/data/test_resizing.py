"""Progressive resizing: which epochs see which size, what the pictures become, and which networks take them."""

import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

import escalera as esc
from escalera import builders
from escalera.core.errors import LadderError
from escalera.data.augment.resizing import Progressive
from escalera.data.batches import Batches, Treatment
from escalera.experiment import climb, estimate
from escalera.ladder import schema
from escalera.ladder.epochs import scales, worth

LADDER: dict[str, Any] = {
    "name": "grows",
    "data": {"source": "digits", "validation": 0.1},
    "rungs": [
        {
            "name": "cnn",
            "model": {"kind": "cnn", "blocks": [[4], [8]], "head": {"pool": "average"}},
            "train": {"epochs": 4, "precision": "fp32", "progressive": [{"share": 0.5, "scale": 0.5}]},
        }
    ],
}


def with_model(**model: Any) -> dict[str, Any]:
    (rung,) = LADDER["rungs"]
    return {**LADDER, "rungs": [{**rung, "model": model}]}


def train(epochs: int, *stages: tuple[float, float]) -> schema.Train:
    return schema.Train.model_validate(
        {"epochs": epochs, "progressive": [{"share": share, "scale": scale} for share, scale in stages]}
    )


def test_the_stages_follow_one_another_and_the_last_epoch_is_whole() -> None:
    assert scales(train(10, (0.1, 0.5), (0.2, 0.75))) == [0.5, 0.75, 0.75, 1, 1, 1, 1, 1, 1, 1]
    assert [scales(train(epochs, (0.9, 0.5)))[-1] for epochs in (1, 2, 10)] == [1, 1, 1]
    assert scales(train(2, (0.3, 0.5))) == [0.5, 1]
    assert scales(train(3)) == [1, 1, 1]


def test_an_epoch_of_small_pictures_or_of_a_frozen_body_is_worth_less() -> None:
    cnn = {"kind": "cnn", "blocks": [[4]], "head": {"pool": "average"}}
    small = {"epochs": 4, "progressive": [{"share": 0.5, "scale": 0.5}]}
    [rung] = esc.load_ladder({**LADDER, "rungs": [{"name": "a", "model": cnn, "train": small}]}).rungs
    assert worth(rung.config) == [0.25, 0.25, 1, 1]
    frozen = {"kind": "backbone", "name": "resnet18", "weights": "none", "trainable": {"from_epoch": 3}}
    [rung] = esc.load_ladder({**LADDER, "rungs": [{"name": "a", "model": frozen, "train": {"epochs": 4}}]}).rungs
    assert worth(rung.config) == [1 / 3, 1 / 3, 1, 1]


def test_pictures_shrink_once_they_are_changed_and_each_pixel_is_a_mean() -> None:
    images = np.random.default_rng(0).integers(0, 256, (6, 8, 6, 3), dtype=np.uint8)
    seen: list[tuple[int, ...]] = []

    def look(x: torch.Tensor, generator: torch.Generator) -> torch.Tensor:
        seen.append(tuple(x.shape[2:]))
        return x

    batches = Batches(
        images, np.arange(6), np.arange(6), batch_size=6,
        treatment=Treatment(augment=[look], resize=Progressive([0.5, 1.0])),
    )  # fmt: skip
    (small, _), (whole, _) = next(batches.epoch(1)), next(batches.epoch(2))
    assert isinstance(small, torch.Tensor) and isinstance(whole, torch.Tensor)
    assert (small.shape, whole.shape) == ((6, 3, 4, 3), (6, 3, 8, 6))
    assert seen == [(8, 6), (8, 6)]
    assert small.is_contiguous(memory_format=torch.channels_last)
    (more, _) = next(batches.epoch(3))  # a search for a learning rate may take more epochs than the training
    assert isinstance(more, torch.Tensor) and more.shape == whole.shape
    torch.testing.assert_close(small.mean((2, 3)), whole.mean((2, 3)), atol=0.03, rtol=0)


def test_of_several_pictures_in_one_each_is_scaled_by_itself() -> None:
    assert builders.smaller((3, 10, 20), 0.5, (1, 2)) == (3, 5, 10)
    assert builders.smaller((3, 5, 10), 0.5, (1, 2)) == (3, 2, 4)


def test_a_plan_counts_what_smaller_pictures_take(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(estimate, "images_per_second", lambda *_: 100.0)
    monkeypatch.setattr(estimate, "rows_per_second", lambda *_: 300.0)
    (small,) = climb.plan(esc.load_ladder(LADDER))
    (whole,) = climb.plan(esc.load_ladder(LADDER, ["train.progressive=[]"]))
    assert small["flops_per_image"] == whole["flops_per_image"]
    train = round(1437 * 0.9)
    # Both convolutions do a quarter of the work, the head the same, in two epochs of four.
    head = 2 * 8 * 10
    less = 2 * train * (1 - ((whole["flops_per_image"] - head) / 4 + head) / whole["flops_per_image"])
    assert (whole["seconds"] - small["seconds"]) * 100 == pytest.approx(less, rel=0.01)


def test_a_plan_counts_what_a_frozen_body_does_not_do(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(estimate, "images_per_second", lambda *_: 100.0)
    monkeypatch.setattr(estimate, "rows_per_second", lambda *_: 300.0)
    body = {"kind": "backbone", "name": "test_resnet", "weights": "none"}
    ladder = {**with_model(**body), "data": {"source": "digits", "validation": 0.1, "image_size": 32}}
    off = ["train.progressive=[]"]
    (late,) = climb.plan(esc.load_ladder(ladder, [*off, "model.trainable={from_epoch: 3}"]))
    (whole,) = climb.plan(esc.load_ladder(ladder, off))
    assert (whole["seconds"] - late["seconds"]) * 100 == pytest.approx(2 * round(1437 * 0.9) * 2 / 3, rel=0.01)


def test_features_of_frozen_bodies_are_not_kept_where_sizes_change() -> None:
    config = esc.load_ladder(LADDER).ladder["cnn"].config
    transfer = {"kind": "backbone", "name": "test_resnet", "weights": "none", "trainable": "none"}
    frozen = config.model_copy(update={"model": schema.Backbone.model_validate(transfer)})
    made = builders.network(frozen.model.net, (3, 32, 32), 10)
    assert builders.kept_parts(frozen, made, 10) == []
    plain = frozen.model_copy(update={"train": frozen.train.model_copy(update={"progressive": []})})
    assert builders.kept_parts(plain, made, 10) == ["body"]


def test_networks_that_take_one_size_alone_are_told_before() -> None:
    wanted = (
        "expected a network that takes pictures of any size, received one with other weights for 4x4 (scale 0.5 of "
        "8x8). Take a cnn or a backbone with head.pool average or max."
    )
    for model in ({"kind": "mlp", "dense": [8]}, {"kind": "cnn", "blocks": [[4]]}):
        with pytest.raises(LadderError, match=re.escape(f"train.progressive: {wanted}")):
            climb.plan(esc.load_ladder(with_model(**model)))


def test_pictures_that_become_too_small_are_told_before() -> None:
    blocks = [[4], [4], [4]]
    with pytest.raises(
        LadderError, match=r"train.progressive: pictures of 4x4 \(scale 0.5 of 8x8\) are too small for the network: the"
    ):
        climb.plan(esc.load_ladder(with_model(kind="cnn", blocks=blocks, head={"pool": "max"})))


def test_stages_leave_epochs_to_whole_pictures() -> None:
    sets = ["train.progressive=[{share: 0.5, scale: 0.5}, {share: 0.5, scale: 0.75}]"]
    wanted = "expected shares that leave some epochs to whole pictures, together less than 1, received 1"
    with pytest.raises(LadderError, match=wanted):
        esc.load_ladder(LADDER, sets)


def test_it_climbs(tmp_path: Path) -> None:
    runs = esc.climb(LADDER, out=tmp_path, sets=["data.test=0.5"], quiet=True)
    assert not runs.failed
