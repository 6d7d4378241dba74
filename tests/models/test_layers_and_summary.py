import pytest
import torch
from torch import nn

from escalera.core.errors import EscaleraError
from escalera.models.cnn import cnn
from escalera.models.head import Head
from escalera.models.layers import ACTIVATIONS, batch_norm_1d, batch_norm_2d, conv3x3, dense
from escalera.models.network import Network
from escalera.models.summary import summarise


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
