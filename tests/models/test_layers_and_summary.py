import pytest
import torch
from torch import nn

from escalera import builders
from escalera.core.errors import EscaleraError
from escalera.ladder import schema
from escalera.models.cnn import cnn
from escalera.models.head import Head
from escalera.models.layers import ACTIVATIONS, batch_norm_1d, batch_norm_2d, conv3x3, dense
from escalera.models.network import Network
from escalera.models.summary import Layer, stages, summarise


def test_a_vanishing_feature_map_names_its_block() -> None:
    with pytest.raises(EscaleraError) as caught:
        cnn((1, 8, 8), [[4], [4], [4], [4]])
    assert str(caught.value) == (
        "the feature map vanishes at the pooling of block 4: expected at least 2x2 pixels there, received 1x1 from "
        "pictures of 8x8. Take at most 3 blocks, or a larger data.image_size."
    )


def test_keras_defaults() -> None:
    torch.manual_seed(0)
    layer = dense(300, 200)
    limit = (6 / 500) ** 0.5
    assert layer.weight.abs().max() <= limit
    assert layer.weight.abs().max() > 0.99 * limit
    assert not layer.bias.any()
    kernel = conv3x3(16, 32)
    limit = (6 / (9 * 16 + 9 * 32)) ** 0.5
    assert 0.99 * limit < kernel.weight.abs().max() <= limit
    assert kernel.bias is not None and not kernel.bias.any()
    for norm in (batch_norm_1d(4), batch_norm_2d(4)):
        assert (norm.eps, norm.momentum) == (1e-3, 0.01)
    assert ACTIVATIONS["leaky_relu"]().negative_slope == 0.3


def test_order_in_a_block_activation_before_batch_norm_dropout_after_pooling() -> None:
    body, _ = cnn((3, 8, 8), [[4, 4], [8]], batch_norm="conv", dropout=[0.1, 0.0], activation=["relu", "leaky_relu"])
    kinds = [type(layer).__name__ for layer in body.children()]
    block = ["Conv2d", "ReLU", "BatchNorm2d"]
    assert kinds == [*block, *block, "MaxPool2d", "Dropout", "Conv2d", "LeakyReLU", "BatchNorm2d", "MaxPool2d"]
    body, _ = cnn((3, 8, 8), [[4, 4]], batch_norm="block")
    assert [type(layer).__name__ for layer in body.children()] == [
        "Conv2d",
        "ReLU",
        "Conv2d",
        "ReLU",
        "BatchNorm2d",
        "MaxPool2d",
    ]


def test_head_dropout_once_or_per_layer() -> None:
    once = Head((4, 1, 1), 2, widths=[8, 8], dropout=0.5)
    assert [type(layer).__name__ for layer in once.layers] == ["Linear", "ReLU", "Linear", "ReLU", "Dropout", "Linear"]
    each = Head((4, 1, 1), 2, widths=[8, 8], dropout=[0.5, 0], batch_norm=True)
    kinds = [type(layer).__name__ for layer in each.layers]
    assert kinds == ["Linear", "ReLU", "BatchNorm1d", "Dropout", "Linear", "ReLU", "BatchNorm1d", "Linear"]


def test_summary_rows_freezing_and_state_left_alone() -> None:
    body, shape = cnn((1, 4, 4), [[2]], batch_norm="conv")
    net = Network(body, Head(shape, 3)).train()
    for parameter in net.body.parameters():
        parameter.requires_grad = False
    before = net.body.get_buffer("2.running_mean").clone()
    summary = summarise(net, (1, 4, 4))
    assert [(row["kind"], row["output_shape"], row["parameters"], row["trainable"]) for row in summary.rows()] == [
        ("Conv2d", (2, 4, 4), 20, False),
        ("ReLU", (2, 4, 4), 0, None),
        ("BatchNorm2d", (2, 4, 4), 8, False),
        ("MaxPool2d", (2, 2, 2), 0, None),
        ("Flatten", (8,), 0, None),
        ("Linear", (3,), 27, True),
    ]
    assert summary.parameters() == {"total": 55, "trainable": 27, "non_trainable": 28}
    assert net.training
    assert torch.equal(net.body.get_buffer("2.running_mean"), before)
    assert not any(module._forward_hooks for module in net.modules())
    assert isinstance(net.body, nn.Sequential)


def test_a_long_list_of_layers_is_joined_by_stage_and_nothing_is_lost() -> None:
    model = schema.Backbone(kind="backbone", name="tf_efficientnet_lite0", weights="none")
    made = builders.network(model, (3, 64, 64), 10)
    layers = summarise(made, (3, 64, 64)).layers
    assert not [layer for layer in layers if layer.kind == "Identity"]
    assert sum(layer.kind == "BatchNormAct2d" for layer in layers) == 49
    assert sum(layer.parameters for layer in layers) == summarise(made, (3, 64, 64)).total
    joined = stages(layers)
    assert 8 <= len(joined) <= 30
    assert [layer for stage in joined for layer in stage.layers] == layers
    assert sum(stage.parameters for stage in joined) == sum(layer.parameters for layer in layers)
    assert [len(stage.layers) for stage in stages(layers[:7])] == [1] * 7


@pytest.mark.parametrize("name", ["convnext_atto", "vit_tiny_patch16_224", "swin_tiny_patch4_window7_224", "resnet18"])
def test_each_weight_is_counted_in_one_row(name: str) -> None:
    """Blocks that scale their branches have weights beside those of their parts, a transformer has its positions."""
    model = schema.Backbone(kind="backbone", name=name, weights="none")
    summary = summarise(builders.network(model, (3, 224, 224), 10), (3, 224, 224))
    assert sum(layer.parameters for layer in summary.layers) == summary.total
    assert all(layer.trainable is (True if layer.parameters else None) for layer in summary.layers)


def test_a_stage_is_frozen_where_none_of_its_layers_learns() -> None:
    layers = [Layer(f"body.{n}.x", "Linear", (3,), 4, trained) for n, trained in enumerate([False, None, True, False])]
    assert [stage.frozen for stage in stages(layers)] == [True, False, False, True]
    assert not stages(layers, most=1)[0].frozen
