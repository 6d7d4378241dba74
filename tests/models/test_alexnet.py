import pytest
import torch

from escalera.core.errors import EscaleraError
from escalera.models.alexnet import alexnet
from escalera.models.head import Head
from escalera.models.network import Network
from escalera.models.summary import summarise


def test_five_convolutions_and_two_wide_dense_layers_on_32_pixels() -> None:
    with torch.device("meta"):
        body, shape = alexnet((3, 32, 32))
        net = Network(body, Head(shape, 100, widths=[4096, 4096], dropout=[0.5, 0.5]))
        summary = summarise(net, (3, 32, 32))
    assert shape == (256, 3, 3)
    convolutions = [layer.parameters for layer in summary.layers if layer.kind == "Conv2d"]
    assert convolutions == [
        3 * 25 * 96 + 96, 96 * 25 * 256 + 256, 256 * 9 * 384 + 384, 384 * 9 * 384 + 384, 384 * 9 * 256 + 256
    ]  # fmt: skip
    dense = (2304 * 4096 + 4096) + (4096 * 4096 + 4096) + (4096 * 100 + 100)
    assert summary.total == summary.trainable == sum(convolutions) + dense
    assert [layer.kind for layer in summary.layers].count("Dropout") == 2


@pytest.mark.parametrize("side", [15, 28, 32, 47, 64])
def test_the_shape_is_the_one_that_comes_out(side: int) -> None:
    body, shape = alexnet((1, side, side + 1))
    assert tuple(body(torch.rand(2, 1, side, side + 1)).shape) == (2, *shape)


def test_too_small() -> None:
    with pytest.raises(EscaleraError) as caught:
        alexnet((3, 14, 32))
    assert str(caught.value) == (
        "the feature map of alexnet vanishes: expected pictures of at least 15x15, received 14x32. "
        "Take a larger data.image_size."
    )
