"""Pictures side by side are seen one by one: no convolution and no augmentation reaches over the seam."""

from __future__ import annotations

from math import prod
from pathlib import Path

import pytest
import torch
from torch import nn

from escalera import builders
from escalera.core.errors import EscaleraError, ModelError
from escalera.ladder import schema
from escalera.ladder.read import read_ladder
from escalera.models import pretrained
from escalera.models.fusion import Branch, Fusion
from escalera.models.summary import summarise
from escalera.models.tiles import ONE, apart, together

CNN = schema.Cnn(kind="cnn", blocks=[[4], [6]], batch_norm="conv", head=schema.Head(pool="average"))
TILES = torch.rand(8, 3, 8, 8, generator=torch.Generator().manual_seed(0))


@pytest.mark.parametrize(("layout", "count"), [((1, 2), 4), ((2, 2), 2), (ONE, 8)])
@pytest.mark.parametrize("memory", [torch.contiguous_format, torch.channels_last])
def test_taken_apart_and_laid_together_again(layout: tuple[int, int], count: int, memory: torch.memory_format) -> None:
    whole = together(TILES.contiguous(memory_format=memory), layout)
    assert whole.shape == (count, 3, 8 * layout[0], 8 * layout[1])
    assert whole.is_contiguous(memory_format=memory)
    assert torch.equal(apart(whole, layout), TILES)
    # Row by row, as `data/mosaic.py` lays them.
    assert torch.equal(whole[0, :, :8, 8 * (layout[1] - 1) :], TILES[layout[1] - 1])


def test_the_map_of_the_whole_is_those_of_the_pictures() -> None:
    torch.manual_seed(0)
    network = builders.network(CNN, (3, 16, 16), 5, layout=(2, 2)).eval()
    assert network.head.inputs == 6
    whole = together(TILES, (2, 2))
    found = network.feature_map(whole)
    assert found.shape == (2, 6, 4, 4)
    assert torch.equal(found, together(network.body(TILES), (2, 2)))
    # Another picture beside it changes nothing of what is found in this one.
    other = whole.clone()
    other[:, :, :, 8:] = 0
    assert torch.equal(network.feature_map(other)[..., :2], found[..., :2])


def test_the_head_is_as_wide_as_the_whole_map() -> None:
    flat = CNN.model_copy(update={"head": schema.Head()})
    network = builders.network(flat, (3, 16, 16), 5, layout=(2, 2))
    assert network.head.inputs == 6 * 4 * 4
    assert network(together(TILES, (2, 2))).shape == (2, 5)


@pytest.mark.parametrize("model", [schema.Mlp(kind="mlp", dense=[3]), schema.Conv1d(kind="conv1d", widths=[3])])
def test_a_vector_of_pixels_is_that_of_the_whole(model: schema.Net) -> None:
    network = builders.network(model, (3, 16, 16), 5, layout=(2, 2))
    assert network.layout == ONE
    assert network(together(TILES, (2, 2))).shape == (2, 5)


def test_the_branches_of_a_fusion_take_apart_what_they_look_at() -> None:
    branches: dict[str, schema.Branch] = {
        "row": schema.Table(kind="table", dense=[3]),
        "photos": CNN,
        "same": schema.Transfer(kind="transfer", weights=schema.Weights(**{"from": "x"}), like=CNN),
    }
    network = builders.network(schema.Fusion(kind="fusion", branches=branches), (3, 16, 16), 5, 2, (2, 2)).eval()
    assert isinstance(network.body, Fusion)
    assert [part.layout for part in network.body.parts()] == [ONE, (2, 2), (2, 2)]
    whole = together(TILES, (2, 2))
    photos = network.body.branches["photos"]
    assert isinstance(photos, Branch)
    assert torch.equal(photos.map((whole, torch.zeros(2, 2))), together(photos.body(TILES), (2, 2)))
    assert network((whole, torch.zeros(2, 2))).shape == (2, 5)


def test_each_picture_is_changed_by_itself() -> None:
    [plain] = builders.changes(schema.Augment(horizontal_flip=True, shift=0.2), None, None)
    [of_each] = builders.changes(schema.Augment(horizontal_flip=True, shift=0.2), None, None, (2, 2))
    whole = together(TILES, (2, 2))
    changed = of_each(whole, torch.Generator().manual_seed(1))
    assert torch.equal(changed, together(plain(TILES, torch.Generator().manual_seed(1)), (2, 2)))
    assert not torch.equal(changed, whole)


def test_each_picture_is_mirrored_by_itself() -> None:
    [rung] = [rung for rung in read_ladder("houses").rungs if rung.name == "four-photos"]
    config = rung.config.model_copy(update={"evaluate": schema.Evaluate(tta="flip")})
    whole = together(TILES, (2, 2))
    as_it_is, mirrored = builders.views(config)
    assert torch.equal(as_it_is(whole), whole)
    assert torch.equal(mirrored(whole), together(TILES.flip(3), (2, 2)))
    single = config.model_copy(update={"data": config.data.model_copy(update={"image_column": "frontal"})})
    assert torch.equal(builders.views(single)[1](whole), whole.flip(3))


def test_gradients_reach_the_weights_through_the_tiles() -> None:
    network = builders.network(CNN, (3, 16, 16), 5, layout=(2, 2))
    nn.functional.cross_entropy(network(together(TILES, (2, 2))), torch.tensor([0, 1])).backward()  # type: ignore[no-untyped-call]
    assert all(parameter.grad is not None for parameter in network.parameters())


def test_the_table_of_layers_counts_the_pictures_of_a_row() -> None:
    network = builders.network(CNN, (3, 16, 16), 5, layout=(2, 2))
    shapes = [layer.output_shape for layer in summarise(network, (3, 16, 16)).layers]
    assert shapes[0] == (4, 4, 8, 8)
    # From the pooling of the head on, there is one row again.
    assert shapes[-1] == (5,)
    whole = builders.network(CNN, (3, 16, 16), 5)
    assert sum(map(prod, shapes)) == sum(prod(layer.output_shape) for layer in summarise(whole, (3, 16, 16)).layers)


def test_pictures_that_do_not_fill_the_layout() -> None:
    with pytest.raises(ModelError) as caught:
        builders.network(CNN, (3, 16, 17), 5, layout=(2, 2))
    assert str(caught.value) == "expected 2x2 pictures of one size in each row, received 16x17 pixels"


@pytest.mark.parametrize("fused", [False, True])
def test_weights_of_imagenet_are_those_for_one_picture(monkeypatch: pytest.MonkeyPatch, fused: bool) -> None:
    body = schema.Backbone(kind="backbone", name="resnet18", weights="imagenet")
    branches: dict[str, schema.Branch] = {"photos": body, "other": CNN.model_copy(update={"head": schema.Head()})}
    model: schema.Net = schema.Fusion(kind="fusion", branches=branches) if fused else body
    made = builders.network(model, (3, 64, 128), 5, layout=(1, 2))
    asked: list[tuple[int, int]] = []

    def tensors(name: str, path: Path, size: tuple[int, int]) -> dict[str, torch.Tensor]:
        asked.append(size)
        return {}

    monkeypatch.setattr(pretrained, "imagenet_tensors", tensors)
    with pytest.raises(EscaleraError, match="holds the weights of another network"):
        builders.start_from({"photos" if fused else "body": Path("x")}, made, model, (3, 64, 128))
    assert asked == [(64, 64)]
