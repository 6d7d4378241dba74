"""The parameter totals of REFERENCE, as Keras counts them: exact."""

from collections.abc import Callable

import pytest
import torch

from escalera import builders
from escalera.data.sources.registry import KNOWN
from escalera.experiment.climb import load_ladder
from escalera.models.cnn import cnn
from escalera.models.head import Head
from escalera.models.mlp import mlp
from escalera.models.network import Network
from escalera.models.summary import summarise

IMAGE = (3, 32, 32)
DEEP = [[32], [64], [128]]
DOUBLED = [[32, 32], [64, 64], [128, 128]]


def network(
    blocks: list[list[int]],
    dense: list[int],
    *,
    dropout: float | list[float] = 0.0,
    batch_norm: str = "none",
    head_dropout: float | list[float] = 0.0,
    head_norm: bool = False,
) -> Network:
    body, shape = cnn(IMAGE, blocks, dropout=dropout, batch_norm=batch_norm)
    return Network(body, Head(shape, 10, widths=dense, dropout=head_dropout, batch_norm=head_norm))


@pytest.mark.parametrize(
    ("name", "made", "total", "trainable"),
    [
        ("base", lambda: network([[32]], [32]), 263_402, 263_402),
        ("deeper", lambda: network(DEEP, [256, 128]), 651_978, 651_978),
        (
            "dropout",
            lambda: network(DEEP, [256, 128], dropout=[0, 0.25, 0.25], head_dropout=[0, 0.25]),
            651_978,
            651_978,
        ),
        ("doubled", lambda: network(DOUBLED, [512], dropout=0.25, head_dropout=0.25), 1_341_226, 1_341_226),
        (
            "batch-norm",
            lambda: network(
                DOUBLED, [256, 128], dropout=0.25, batch_norm="conv", head_norm=True, head_dropout=[0, 0.25]
            ),
            849_066,
            847_402,
        ),
    ],
)
def test_totals(name: str, made: Callable[[], Network], total: int, trainable: int) -> None:
    summary = summarise(made(), IMAGE)
    assert (summary.total, summary.trainable, summary.non_trainable) == (total, trainable, total - trainable), name


VGG16 = 14_881_738
REFERENCE = {
    "cifar10": {
        "base": (263_402, 263_402, 0),
        "deeper": (651_978, 651_978, 0),
        "dropout": (651_978, 651_978, 0),
        "doubled": (1_341_226, 1_341_226, 0),
        "batch-norm": (849_066, 847_402, 1_664),
        "augmentation": (849_066, 847_402, 1_664),
        "vgg16-scratch": (VGG16, 14_880_970, 768),
        "vgg16-frozen": (VGG16, 166_282, 14_715_456),
        "vgg16-tuned": (VGG16, 14_880_970, 768),
        "mini-vgg16": (2_820_042, 2_819_274, 768),
        "vgg16-64px": (15_274_954, 15_274_186, 768),
    },
    "cifar100": {"cnn": (1_316_356, 1_316_356, 0), "adam": (1_316_356, 1_316_356, 0)},
    "fashion-mnist": {"cnn": (1_813_050, 1_811_706, 1_344)},
}
"""Total, trainable and non-trainable parameters of REFERENCE's rungs, under the names that the ladders give them."""


@pytest.mark.parametrize("name", REFERENCE)
def test_the_shipped_rungs_have_the_totals_of_the_reference(name: str) -> None:
    ladder = load_ladder(name).ladder
    found = {}
    for rung in REFERENCE[name]:
        data, model = ladder[rung].config.data, ladder[rung].config.model
        shape = builders.image_shape(data)
        assert shape is not None and model.trains
        with torch.device("meta"):
            summary = summarise(builders.network(model.net, shape, len(KNOWN[data.source].classes)), shape)
        found[rung] = (summary.total, summary.trainable, summary.non_trainable)
    assert found == REFERENCE[name]


def test_the_contract_map_features_logits() -> None:
    net = network(DEEP, [16])
    images = torch.rand(5, *IMAGE)
    assert net.feature_map(images).shape == (5, 128, 4, 4)
    assert net.features(images).shape == (5, 2048)
    assert net(images).shape == (5, 10)


def test_an_mlp_has_a_map_of_one_pixel() -> None:
    body, shape = mlp((1, 8, 8), [32, 16], dropout=[0.5, 0.0], batch_norm=True)
    net = Network(body, Head(shape, 10))
    images = torch.rand(3, 1, 8, 8)
    assert net.feature_map(images).shape == (3, 16, 1, 1)
    assert net.features(images).shape == (3, 16)
    assert summarise(net, (1, 8, 8)).total == 64 * 32 + 32 + 4 * 32 + 32 * 16 + 16 + 4 * 16 + 16 * 10 + 10


def test_average_pooling_leaves_one_number_per_channel() -> None:
    body, shape = cnn(IMAGE, [[8]])
    net = Network(body, Head(shape, 10, pool="average"))
    assert net.features(torch.rand(2, *IMAGE)).shape == (2, 8)
