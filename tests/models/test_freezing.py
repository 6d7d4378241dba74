import copy

import pytest
import torch
from torch import nn

from escalera.core.errors import ModelError
from escalera.models.backbone import backbone
from escalera.models.cnn import cnn
from escalera.models.freezing import freeze, unfreeze
from escalera.models.head import Head
from escalera.models.network import Network
from escalera.models.whitening import Whitening


@pytest.fixture
def net() -> Network:
    torch.manual_seed(0)
    body, shape = cnn((3, 8, 8), [[4, 4], [8]], batch_norm="conv", dropout=0.5)
    return Network(body, Head(shape, 2, widths=[5], batch_norm=True, dropout=0.5))


def learning(net: Network) -> list[bool]:
    return [layer.get_parameter("weight").requires_grad for layer in net.body.children() if hasattr(layer, "weight")]


def test_a_frozen_body_gives_the_same_in_training(net: Network) -> None:
    freeze(net)
    net.train()
    assert not any(parameter.requires_grad for parameter in net.body.parameters())
    assert all(parameter.requires_grad for parameter in net.head.parameters())
    assert not any(module.training for module in net.body.modules())
    assert net.head.layers.training
    before = copy.deepcopy(net.body.state_dict())
    images = torch.rand(6, 3, 8, 8)
    assert torch.equal(net.feature_map(images), net.feature_map(images))
    net(images).sum().backward()
    assert all(torch.equal(value, before[key]) for key, value in net.body.state_dict().items())
    net.eval()
    assert not net.head.layers.training


def test_all_but_the_last_layers_with_weights(net: Network) -> None:
    freeze(net, last=3)
    net.train()
    assert learning(net) == [False, False, False, True, True, True]
    # The convolution, norm and dropout of the first block rest; from its second norm on, everything trains.
    norms = [layer for layer in net.body.children() if isinstance(layer, nn.BatchNorm2d)]
    drops = [layer for layer in net.body.children() if isinstance(layer, nn.Dropout)]
    assert [norm.training for norm in norms] == [False, True, True]
    assert [drop.training for drop in drops] == [True, True]
    freeze(net, last=2)
    assert [drop.training for drop in drops] == [False, True]


@pytest.mark.parametrize(
    ("name", "last"),
    [("tf_efficientnet_lite0", "bn2"), ("mobilenetv3_small_050", "blocks.5.0.bn1"), ("densenet121", "features.norm5")],
)
def test_a_batch_norm_of_timm_that_holds_its_activation_is_a_layer_like_any_other(name: str, last: str) -> None:
    """It has parts, the activation, and was left in training though all before the last layers was to rest."""
    body, shape = backbone((3, 64, 64), name)
    net = Network(body, Head(shape, 2, pool="average"))
    freeze(net, last=1)
    net.train()
    assert [name for name, of in body.net.named_parameters() if of.requires_grad] == [f"{last}.weight", f"{last}.bias"]
    norms = {name: of for name, of in body.net.named_modules() if isinstance(of, nn.BatchNorm2d)}
    assert [name for name, norm in norms.items() if norm.training] == [last]
    before = copy.deepcopy(body.state_dict())
    net(torch.rand(4, 3, 64, 64)).sum().backward()
    changed = {key.removeprefix("net.") for key, of in body.state_dict().items() if not torch.equal(of, before[key])}
    assert changed == {f"{last}.running_mean", f"{last}.running_var", f"{last}.num_batches_tracked"}


def test_unfrozen_it_trains_whole(net: Network) -> None:
    freeze(net)
    unfreeze(net)
    assert all(learning(net))
    assert all(module.training for module in net.train().modules())
    assert not any(module.training for module in net.eval().modules())


def test_freezing_and_unfreezing_keep_the_mode(net: Network) -> None:
    net.eval()
    freeze(net)
    unfreeze(net)
    assert not any(module.training for module in net.modules())


def test_more_layers_than_there_are(net: Network) -> None:
    with pytest.raises(ModelError) as caught:
        freeze(net, last=7)
    assert str(caught.value) == (
        "expected at most 6 layers, as many as the body has with weights, received last: 7. "
        "Take trainable: all for the whole body."
    )
    assert caught.value.key == "trainable"


def test_what_is_fixed_never_learns_whatever_is_frozen() -> None:
    """The filters of a whitening convolution, and scales of batch norm that stay at 1."""
    whitening = Whitening(3, 2)
    norm = nn.BatchNorm2d(4)
    norm.weight.requires_grad_(False)
    net = Network(nn.Sequential(whitening, nn.Conv2d(24, 4, 3), norm), Head((4, 5, 5), 2))
    fixed = {whitening.weight, norm.weight}
    assert set(net.fixed) == fixed
    for last in (1, 2, 3):
        freeze(net, last=last)
        assert not any(parameter.requires_grad for parameter in fixed)
    assert norm.bias.requires_grad
    unfreeze(net)
    learning = {parameter for parameter in net.body.parameters() if parameter.requires_grad}
    assert learning == set(net.body.parameters()) - fixed
    copied = copy.deepcopy(net)
    freeze(copied, last=3)
    assert len(copied.fixed) == 2 and not any(parameter.requires_grad for parameter in copied.fixed)
