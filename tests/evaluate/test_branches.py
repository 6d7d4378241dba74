"""What a branch is worth: a fusion that hears one branch alone loses everything without it."""

from collections.abc import Iterator

import numpy as np
import pytest
import torch
from torch import nn

from escalera.builders import network
from escalera.evaluate.branches import DRAWS, alone, shuffled
from escalera.evaluate.views import VIEWS
from escalera.ladder import schema
from escalera.models.fusion import Fusion
from escalera.models.network import Network

SHAPE, ROWS = (1, 4, 4), 60
LABELS = torch.arange(ROWS) % 3


@pytest.fixture
def made() -> Network:
    """The attributes say the class, the pictures are noise; the head hears the attributes alone."""
    torch.manual_seed(0)
    branches: dict[str, schema.Branch] = {
        "row": schema.Table(kind="table", dense=[3]),
        "photo": schema.Mlp(kind="mlp", dense=[2]),
    }
    found = network(schema.Fusion(kind="fusion", branches=branches), SHAPE, 3, 3)
    with torch.no_grad():
        assert isinstance(found.body, Fusion)
        row, last = found.body.branches["row"].get_submodule("body.layers.0"), found.head.layers[0]
        assert isinstance(row, nn.Linear) and isinstance(last, nn.Linear)
        row.weight.copy_(torch.eye(3))
        last.weight.copy_(torch.cat([torch.eye(3), torch.zeros(3, 2)], dim=1))
    return found


def feed() -> Iterator[tuple[tuple[torch.Tensor, torch.Tensor], torch.Tensor]]:
    pictures = torch.rand(ROWS, *SHAPE, generator=torch.Generator().manual_seed(1))
    attributes = torch.eye(3)[LABELS]
    for start in range(0, ROWS, 25):
        some = slice(start, start + 25)
        yield (pictures[some], attributes[some]), LABELS[some]


@pytest.mark.parametrize("views", VIEWS)
def test_shuffling_hurts_where_the_network_listens(made: Network, views: str) -> None:
    said = shuffled(made, feed, VIEWS[views])
    truth = LABELS.numpy()
    assert {name: rows.shape for name, rows in said.items()} == {"row": (DRAWS, ROWS), "photo": (DRAWS, ROWS)}
    assert (said["photo"] == truth).all()
    assert abs((said["row"] == truth).mean() - 1 / 3) < 0.1
    assert len(np.unique(said["row"], axis=0)) == DRAWS
    assert np.array_equal(said["row"], shuffled(made, feed, VIEWS[views])["row"])


def test_a_branch_alone_is_a_linear_model_on_its_features(made: Network) -> None:
    said = alone(made, feed, feed, ["row", "photo"])
    assert said["row"].shape == (1, ROWS)
    assert (said["row"] == LABELS.numpy()).all()
    assert (said["photo"] == LABELS.numpy()).mean() < 0.7
