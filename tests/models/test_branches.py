"""`conv1d`, `table` and `fusion`: parameters by hand, the contract of a network, and what cannot be built."""

from typing import Literal

import pytest
import torch
from torch import nn

from escalera.builders import network
from escalera.core.errors import EscaleraError, ModelError
from escalera.ladder import schema
from escalera.models.conv1d import conv1d
from escalera.models.fusion import Branch, Fusion
from escalera.models.network import Network
from escalera.models.summary import summarise

SHAPE = (3, 8, 8)
CNN = schema.Cnn(kind="cnn", blocks=[[4], [5]])
TABLE = schema.Table(kind="table", dense=[7])
VECTOR = schema.Conv1d(kind="conv1d", widths=[4, 6], kernel=3, pool=4, head=schema.Head(pool="average"))


def rows(count: int = 2, attributes: int = 3) -> tuple[torch.Tensor, torch.Tensor]:
    generator = torch.Generator().manual_seed(0)
    return torch.rand(count, *SHAPE, generator=generator), torch.rand(count, attributes, generator=generator)


def fusion(**more: schema.Branch) -> schema.Fusion:
    branches: dict[str, schema.Branch] = {"table": TABLE, "photo": CNN, "vector": VECTOR, **more}
    return schema.Fusion(kind="fusion", branches=branches, head=schema.Head(dense=[9]))


def branches_of(made: Network) -> dict[str, Branch]:
    assert isinstance(made.body, Fusion)
    return dict(zip(made.body.branches, made.body.parts(), strict=True))


def test_a_vector_is_convolved_and_pooled() -> None:
    made = network(VECTOR.model_copy(update={"head": schema.Head()}), SHAPE, 10)
    assert summarise(made, SHAPE).total == (3 * 3 * 4 + 4) + (4 * 3 * 6 + 6) + (6 * 4 * 10 + 10)
    assert made.feature_map(rows()[0]).shape == (2, 6, 1, 4)
    assert made.features(rows()[0]).shape == (2, 24)


def test_the_vector_is_the_picture_row_by_row_with_its_colours_as_channels() -> None:
    body, shape = conv1d(SHAPE, [2], kernel=3, pool=1)
    assert shape == (2, 1, 64)
    picture = rows()[0]
    assert isinstance(body, nn.Sequential)
    kernel, bias = body[1].get_parameter("weight"), body[1].get_parameter("bias")
    flat = picture.reshape(2, 3, 64)
    by_hand = (flat[:, :, 9:12] * kernel[0]).sum((1, 2)) + bias[0]  # across the end of the first row of 8
    assert torch.allclose(body(picture)[:, 0, 0, 10], by_hand.clamp(min=0), atol=1e-6)


def test_a_vanishing_vector_names_its_convolution() -> None:
    with pytest.raises(ModelError) as caught:
        conv1d(SHAPE, [4, 4, 4, 4], pool=8)
    assert str(caught.value) == (
        "the vector vanishes at the pooling of convolution 3: expected at least 8 pixels there, received 1 from "
        "pictures of 8x8. Take at most 2 convolutions, a smaller pool, or a larger data.image_size."
    )
    assert caught.value.key == "widths"


def test_a_table_reads_the_attributes_alone() -> None:
    made = network(TABLE, SHAPE, 2, 3).eval()
    assert summarise(made, SHAPE, 3).total == (3 * 7 + 7) + (7 * 2 + 2)
    pictures, attributes = rows()
    assert made.feature_map((pictures, attributes)).shape == (2, 7, 1, 1)
    assert torch.equal(made((pictures, attributes)), made((pictures * 0, attributes)))
    assert not torch.equal(made((pictures, attributes)), made((pictures, attributes + 1)))


def test_a_table_without_attributes() -> None:
    with pytest.raises(ModelError) as caught:
        network(fusion(), SHAPE, 2)
    assert str(caught.value) == (
        "branch 'table': a table learns from the attributes of a row, and the source has pictures alone"
    )
    assert caught.value.key == "branches.table.kind"


def test_the_features_of_a_fusion_are_those_of_its_branches_side_by_side() -> None:
    made = network(fusion(), SHAPE, 10, 3).eval()
    inputs = rows()
    expected = torch.cat([branch(inputs) for branch in branches_of(made).values()], dim=1)
    assert expected.shape == (2, 7 + 5 * 2 * 2 + 6)
    assert torch.equal(made.features(inputs), expected)
    assert made.feature_map(inputs).shape == (2, 33, 1, 1)
    assert torch.equal(made(inputs), made.head.layers(expected))


def test_the_layer_table_shows_every_branch() -> None:
    made = network(fusion(), SHAPE, 10, 3)
    summary = summarise(made, SHAPE, 3)
    names = [layer.name for layer in summary.layers]
    assert [name for name in ("table", "photo", "vector") if any(f".{name}." in other for other in names)] == [
        "table", "photo", "vector",
    ]  # fmt: skip
    body = (3 * 7 + 7) + (3 * 9 * 4 + 4) + (4 * 9 * 5 + 5) + (3 * 3 * 4 + 4) + (4 * 3 * 6 + 6)
    assert summary.total == body + (33 * 9 + 9) + (9 * 10 + 10)


def test_a_fusion_of_pictures_takes_them_alone() -> None:
    model = schema.Fusion(kind="fusion", branches={"photo": CNN, "vector": VECTOR})
    assert not model.reads_attributes
    made = network(model, SHAPE, 2)
    assert made(rows()[0]).shape == (2, 2)


def transfer(trainable: Literal["all", "none"] | schema.Trainable) -> schema.Transfer:
    weights = schema.Weights(**{"from": "before"})
    return schema.Transfer(kind="transfer", weights=weights, trainable=trainable, like=CNN)


def test_a_frozen_branch_rests_and_the_others_learn() -> None:
    made = network(fusion(photo=transfer("none"), vector=transfer(schema.Trainable(last=1))), SHAPE, 10, 3)
    learns = {name: all(p.requires_grad for p in part.parameters()) for name, part in branches_of(made).items()}
    assert learns == {"table": True, "photo": False, "vector": False}
    vector = [p.requires_grad for p in branches_of(made)["vector"].parameters()]
    assert vector == [False, False, True, True]
    made.train()
    assert not branches_of(made)["photo"].body.training
    assert branches_of(made)["table"].body.training


@pytest.mark.parametrize(
    ("branches", "expected"),
    [
        ({"photo": CNN}, "at least 2"),
        (
            {"photo": CNN.model_copy(update={"head": schema.Head(dense=[4])}), "table": TABLE},
            "branch 'photo': the branches share one head: of a branch's own expected pool alone; write the rest under "
            "model.head",
        ),
        (
            {"photo": transfer(schema.Trainable(from_epoch=3)), "table": TABLE},
            "branch 'photo': expected all, none or {last: n} as trainable, received {from_epoch: 3}; a branch learns "
            "from the beginning or not at all",
        ),
        ({"a b.c": CNN, "table": TABLE}, "expected names of letters, digits, - and _, received 'a b.c'"),
    ],
)
def test_branches_that_cannot_be(branches: dict[str, schema.Branch], expected: str) -> None:
    with pytest.raises(ValueError, match="Fusion") as caught:
        schema.Fusion(kind="fusion", branches=branches)
    assert expected in str(caught.value)


def test_last_counts_the_layers_of_its_branch() -> None:
    with pytest.raises(EscaleraError) as caught:
        network(fusion(photo=transfer(schema.Trainable(last=3))), SHAPE, 10, 3)
    assert "expected at most 2 layers" in str(caught.value)
