from pathlib import Path

import pytest
import timm
import torch
from safetensors.torch import save_file
from torch import nn

from escalera.core.errors import EscaleraError
from escalera.models.alexnet import alexnet
from escalera.models.backbone import backbone
from escalera.models.cnn import cnn
from escalera.models.head import Head
from escalera.models.network import Network
from escalera.models.transfer import load_body, read_body


def body(channels: int, widths: tuple[int, ...] = (4, 8), seed: int = 0) -> nn.Module:
    torch.manual_seed(seed)
    return cnn((channels, 8, 8), [list(widths)], batch_norm="conv")[0]


def same(one: nn.Module, other: nn.Module) -> bool:
    ours, theirs = one.state_dict(), other.state_dict()
    return ours.keys() == theirs.keys() and all(torch.equal(ours[key], theirs[key]) for key in ours)


def test_the_body_of_a_run_comes_without_its_head(tmp_path: Path) -> None:
    network = Network(body(3), Head((8, 4, 4), 100))
    save_file(network.state_dict(), tmp_path / "best.safetensors")
    other = body(3, seed=1)
    assert not same(other, network.body)
    load_body(other, read_body(tmp_path / "best.safetensors"), "it")
    assert same(other, network.body)


def test_grey_to_colour_keeps_the_scale_and_colour_to_grey_sums() -> None:
    grey, colour, again = body(1).eval(), body(3, seed=1).eval(), body(1, seed=2).eval()
    images = torch.rand(2, 1, 8, 8)
    load_body(colour, grey.state_dict(), "it")
    first, of_grey = colour.get_parameter("0.weight"), grey.get_parameter("0.weight")
    assert torch.equal(first, of_grey.expand(-1, 3, -1, -1) / 3)
    # Of a grey picture in colour, the same features as before.
    torch.testing.assert_close(colour(images.expand(-1, 3, -1, -1)), grey(images))
    load_body(again, colour.state_dict(), "it")
    torch.testing.assert_close(again(images), grey(images))


def test_the_weights_of_another_network_say_what_differs() -> None:
    with pytest.raises(EscaleraError) as caught:
        load_body(body(3), body(3, (4, 6)).state_dict(), "runs/a")
    assert str(caught.value) == (
        "runs/a holds the weights of another network: 3.weight is [6, 4, 3, 3] where [8, 4, 3, 3] was expected; "
        "3.bias is [6] where [8] was expected; 5.weight is [6] where [8] was expected; and 3 more. "
        "Take weights of the same network, or describe the network that they belong to."
    )
    with pytest.raises(EscaleraError, match=r"another network: 3.weight \[8, 4, 3, 3\] is absent; "):
        load_body(body(3), body(3, (4,)).state_dict(), "it")
    with pytest.raises(EscaleraError, match=r"another network: 3.weight \[8, 4, 3, 3\] has no place; "):
        load_body(body(3, (4,)), body(3).state_dict(), "it")


def test_channels_that_are_neither_grey_nor_colour_are_not_adapted() -> None:
    with pytest.raises(EscaleraError, match=r"0.weight is \[4, 2, 3, 3\] where \[4, 3, 3, 3\] was expected"):
        load_body(body(3), body(2).state_dict(), "it")


def test_files_that_cannot_be_read(tmp_path: Path) -> None:
    path = tmp_path / "x.safetensors"
    with pytest.raises(EscaleraError) as caught:
        read_body(path)
    assert str(caught.value) == f"expected a file of weights, but there is none at {path}. Look at model.weights."
    path.write_bytes(b"not a file of weights")
    with pytest.raises(EscaleraError, match=r"x.safetensors cannot be read: expected a whole .safetensors file \("):
        read_body(path)


def test_a_file_as_timm_names_its_tensors_fits_the_whole_and_the_cut_network(tmp_path: Path) -> None:
    torch.manual_seed(0)
    full: nn.Module = timm.create_model("test_resnet")
    save_file(full.state_dict(), tmp_path / "model.safetensors")
    for until in (None, "layer2"):
        made, _ = backbone((3, 32, 32), "test_resnet", until=until)
        load_body(made, read_body(tmp_path / "model.safetensors"), "it")
        assert torch.equal(made.get_parameter("net.conv1.0.weight"), full.get_parameter("conv1.0.weight"))
        assert torch.equal(made.get_parameter("net.layer2.0.conv1.weight"), full.get_parameter("layer2.0.conv1.weight"))


def test_a_larger_network_of_the_family_is_another_one() -> None:
    made, _ = backbone((3, 32, 32), "resnet18", until="layer1")
    tensors = timm.create_model("resnet34").state_dict()
    with pytest.raises(EscaleraError, match=r"net.layer1.2.conv1.weight \[64, 64, 3, 3\] has no place"):
        load_body(made, tensors, "it")


def test_the_convolutions_of_another_kind() -> None:
    with pytest.raises(EscaleraError, match=r"another network: 6.weight \[384, 256, 3, 3\] is absent"):
        load_body(alexnet((3, 32, 32))[0], body(3).state_dict(), "it")
