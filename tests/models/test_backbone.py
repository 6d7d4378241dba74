"""Networks of timm as bodies: Keras's totals, stages, sizes, and what they expect of their pictures."""

from typing import Any

import pytest
import torch
from torch import nn

from escalera.core.errors import ModelError
from escalera.models.backbone import Backbone, Way, backbone
from escalera.models.freezing import freeze
from escalera.models.head import Head
from escalera.models.network import Network
from escalera.models.summary import summarise

HEAD: dict[str, Any] = {"widths": [256, 128], "batch_norm": True, "dropout": [0, 0.25]}
"""The head of the VGG16 rungs of REFERENCE."""


def total(body: nn.Module) -> int:
    return sum(tensor.numel() for tensor in body.state_dict().values() if tensor.is_floating_point())


def made(name: str, side: int, until: str | None = None, channels: int = 3) -> tuple[nn.Module, tuple[int, int, int]]:
    """On the meta device: totals need no weights."""
    with torch.device("meta"):
        return backbone((channels, side, side), name, until=until)


@pytest.mark.parametrize(
    ("name", "side", "map_shape", "keras"),
    [
        ("vgg16", 32, (512, 1, 1), 14_714_688),
        ("densenet121", 32, (1024, 1, 1), 7_037_504),
        ("mobilenetv1_100", 32, (1024, 1, 1), 3_228_864),
        # Keras gives ResNet50's convolutions biases that the batch norm after them makes idle: one each, 26,560 in all.
        ("resnet50", 32, (2048, 1, 1), 23_587_712 - 26_560),
        # Keras's InceptionV3 has batch norm without a scale: 17,216 of them in all.
        ("inception_v3", 75, (2048, 1, 1), 21_802_784 + 17_216),
    ],
)
def test_the_totals_of_the_networks_without_their_tops(
    name: str, side: int, map_shape: tuple[int, int, int], keras: int
) -> None:
    body, shape = made(name, side)
    assert (shape, total(body)) == (map_shape, keras)


def test_the_idle_parameters_that_keras_has_more_or_less() -> None:
    resnet, _ = made("resnet50", 32)
    assert sum(layer.out_channels for layer in resnet.modules() if isinstance(layer, nn.Conv2d)) == 26_560
    inception, _ = made("inception_v3", 75)
    assert sum(layer.num_features for layer in inception.modules() if isinstance(layer, nn.BatchNorm2d)) == 17_216


def test_densenet121_with_its_top() -> None:
    body, shape = made("densenet121", 32)
    with torch.device("meta"):
        assert total(Network(body, Head(shape, 1000, pool="average"))) == 8_062_504


@pytest.mark.parametrize(
    ("side", "until", "frozen", "counts"),
    [
        (32, None, False, (14_881_738, 14_880_970, 768)),
        (32, None, True, (14_881_738, 166_282, 14_715_456)),
        (32, "block3", False, (2_820_042, 2_819_274, 768)),
        (64, None, False, (15_274_954, 15_274_186, 768)),
    ],
)
def test_the_vgg16_rungs_of_the_reference(
    side: int, until: str | None, frozen: bool, counts: tuple[int, int, int]
) -> None:
    body, shape = made("vgg16", side, until)
    with torch.device("meta"):
        net = Network(body, Head(shape, 10, **HEAD))
        if frozen:
            freeze(net)
        summary = summarise(net, (3, side, side))
    assert (summary.total, summary.trainable, summary.non_trainable) == counts
    weighted = [layer.trainable for layer in summary.layers if layer.trainable is not None]
    body_layers = 13 if until is None else 7
    assert weighted == [not frozen] * body_layers + [True] * 5


@pytest.mark.parametrize(
    ("name", "side", "until", "map_shape"),
    [
        ("vgg16", 32, "block3", (256, 4, 4)),
        ("vgg16_bn", 8, "block3", (256, 1, 1)),
        ("resnet50", 32, "layer2", (512, 4, 4)),
        ("densenet121", 32, "denseblock2", (512, 4, 4)),
        ("test_convnext", 32, "stages.1", (32, 4, 4)),
        ("test_vit", 64, "blocks.1", (64, 4, 4)),
        ("test_vit", 64, None, (64, 4, 4)),
        ("test_efficientnet", 32, None, (256, 1, 1)),
    ],
)
def test_a_cut_network_keeps_only_what_it_runs(
    name: str, side: int, until: str | None, map_shape: tuple[int, int, int]
) -> None:
    torch.manual_seed(0)
    body, shape = backbone((3, side, side), name, until=until)
    images = torch.rand(2, 3, side, side)
    out = body(images)
    assert shape == map_shape == tuple(out.shape[1:])
    out.square().sum().backward()
    assert [key for key, parameter in body.named_parameters() if parameter.grad is None] == []


@pytest.mark.parametrize(
    ("name", "side", "map_shape", "way"),
    [
        ("coat_lite_tiny", 224, (320, 7, 7), Way(3)),  # does not do without its own pooling
        ("efficientvit_b0", 224, (128, 7, 7), Way()),  # nor this one
        ("efficientvim_m1", 224, (320, 4, 4), Way(2)),  # answers with a list
        ("hiera_tiny_224", 224, (768, 7, 7), Way(3, norm=False)),  # has no norm to lay over a map
        ("vit_small_patch16_dinov3", 64, (384, 4, 4), Way(11)),  # asks its rotary embedding for more than a forward
    ],
)
def test_networks_that_answer_otherwise_than_most(
    name: str, side: int, map_shape: tuple[int, int, int], way: Way
) -> None:
    body, shape = made(name, side)
    assert isinstance(body, Backbone)
    assert (shape, body.way) == (map_shape, way)
    assert body(torch.zeros(2, 3, side, side, device="meta")).shape[1:] == map_shape


def test_a_network_that_gives_no_map_is_asked_for_what_it_pools(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("timm.models.ResNet.forward_features", lambda self, images: [images])
    monkeypatch.setattr("timm.models.ResNet.forward", lambda self, images: self.bn1(self.conv1(images)).mean((2, 3)))
    monkeypatch.delattr("timm.models.ResNet.forward_intermediates")
    body, shape = backbone((3, 32, 32), "test_resnet")
    assert (shape, body.way) == ((32, 1, 1), Way(pooled=True))
    assert {name.split(".")[1] for name, _ in body.named_parameters()} == {"conv1", "bn1"}


def test_the_part_of_a_cut_network_is_that_of_the_whole() -> None:
    torch.manual_seed(0)
    whole, _ = backbone((3, 32, 32), "test_resnet")
    cut, _ = backbone((3, 32, 32), "test_resnet", until="layer2")
    cut.load_state_dict({key: value for key, value in whole.state_dict().items() if key in cut.state_dict()})
    images = torch.rand(2, 3, 32, 32)
    net, stem = whole.eval().net, cut.eval()
    x = net.maxpool(net.act1(net.bn1(net.conv1((images - whole.mean) / whole.deviation))))
    torch.testing.assert_close(stem(images), net.layer2(net.layer1(x)))


def test_pictures_are_normalised_within_and_grey_becomes_three_channels() -> None:
    torch.manual_seed(0)
    body, _ = backbone((1, 32, 32), "test_resnet")
    body.eval()
    grey = torch.rand(2, 1, 32, 32)
    seen = []
    body.net.conv1.register_forward_pre_hook(lambda _, inputs: seen.append(inputs[0]))
    body(grey)
    mean, std = body.net.pretrained_cfg["mean"], body.net.pretrained_cfg["std"]
    for channel in range(3):
        torch.testing.assert_close(seen[0][:, channel], (grey[:, 0] - mean[channel]) / std[channel])
    assert torch.equal(body(grey), body(grey.repeat(1, 3, 1, 1)))
    assert not {"mean", "deviation"} & set(body.state_dict())


def refused(*arguments: Any) -> ModelError:
    with pytest.raises(ModelError) as caught:
        made(*arguments)
    return caught.value


def test_an_unknown_network_names_the_nearest() -> None:
    error = refused("resnt50", 32)
    assert str(error).startswith("unknown network 'resnt50' of timm; did you mean 'resnet50' or ")
    assert error.key == "name"
    assert str(refused("zzzzqq", 32)) == "unknown network 'zzzzqq' of timm; timm.list_models() lists those it has"
    assert str(refused("resnet50.tv2_in1", 32)) == (
        "unknown weights 'resnet50.tv2_in1' of timm; did you mean 'resnet50.tv2_in1k'?"
    )


def test_an_unknown_stage_lists_those_that_exist() -> None:
    error = refused("vgg16", 32, "blok3")
    assert str(error) == (
        "the network 'vgg16' has no stage 'blok3'; it can be cut after block1, block2, block3, block4, block5"
    )
    assert error.key == "until"
    assert str(refused("resnet50", 32, "layer5")) == (
        "the network 'resnet50' has no stage 'layer5'; it can be cut after act1, layer1, layer2, layer3, layer4"
    )


@pytest.mark.parametrize(
    ("name", "side", "until", "message"),
    [
        ("inception_v3", 74, None, "the network 'inception_v3' needs pictures of at least 75x75, received 74x74. "
                                   "Write data.image_size: 75 or more."),
        ("mobilenetv1_100", 28, None, "the network 'mobilenetv1_100' needs pictures of at least 32x32, received 28x28. "
                                      "Write data.image_size: 32 or more."),
        ("vgg16", 7, "block3", "the network 'vgg16' until block3 needs pictures of at least 8x8, received 7x7. "
                               "Write data.image_size: 8 or more."),
        ("resnet50", 7, "layer2", "the network 'resnet50' until layer2 needs pictures of at least 8x8, received 7x7. "
                                  "Write data.image_size: 8 or more."),
    ],
)  # fmt: skip
def test_pictures_below_the_minimum(name: str, side: int, until: str | None, message: str) -> None:
    assert str(refused(name, side, until)) == message


def test_a_size_that_the_network_itself_refuses() -> None:
    message = str(refused("test_vit", 40))
    assert message.startswith("the network 'test_vit' ")
    assert message.endswith("Change data.image_size.")
