"""Branches that answer each for itself: what each learns, and what its answer weighs."""

import pytest
import torch
from torch.nn.functional import cross_entropy

from escalera.models.head import Head
from escalera.models.late import Answers, LateHead, answers_of, in_one
from escalera.train.criterion import Criterion

ROWS, CLASSES = 200, 3


def answers() -> Answers:
    torch.manual_seed(0)
    return Answers([Head((2, 1, 1), CLASSES), Head((4, 1, 1), CLASSES)])


def said(*sureness: float) -> tuple[torch.Tensor, torch.Tensor]:
    """Logits (P, N, K) of branches that see the label, so surely, through noise; and the labels."""
    draw = torch.Generator().manual_seed(1)
    labels = torch.randint(CLASSES, (ROWS,), generator=draw)
    truth = torch.nn.functional.one_hot(labels, CLASSES).float()
    return torch.stack([sure * truth + torch.randn(ROWS, CLASSES, generator=draw) for sure in sureness]), labels


def right(logits: torch.Tensor, labels: torch.Tensor) -> int:
    return int((logits.argmax(-1) == labels).sum())


def test_in_training_each_branch_learns_as_if_it_were_alone() -> None:
    both = answers()
    rows, labels = torch.randn(8, 6), torch.arange(8) % CLASSES
    Criterion(0.1)(both.train()(rows), labels).backward()  # type: ignore[no-untyped-call]
    for number, own in enumerate(torch.split(rows, [2, 4], dim=1)):
        layer = both[number]
        found = [parameter.grad for parameter in layer.parameters()]
        lone = cross_entropy(layer(own), labels, label_smoothing=0.1) / 2
        for one, other in zip(found, torch.autograd.grad(lone, list(layer.parameters())), strict=True):
            assert one is not None
            torch.testing.assert_close(one, other)


def test_asked_it_gives_the_weighted_mean_of_the_probabilities() -> None:
    both = answers().eval()
    rows = torch.randn(5, 6)
    both.weights.copy_(torch.tensor([0.25, 0.75]))
    first, second = both.apart(rows).softmax(-1)
    torch.testing.assert_close(both(rows).exp(), 0.25 * first + 0.75 * second)
    torch.testing.assert_close(in_one(both.apart(rows)).exp(), (first + second) / 2)


@pytest.mark.parametrize("sureness", [(2.0, 0.0), (0.0, 2.0), (1.5, 1.5), (0.5, 3.0), (0.0, 0.0), (-2.0, 1.0)])
def test_no_branch_is_right_more_often_on_the_rows_that_the_weights_are_learned_from(
    sureness: tuple[float, float],
) -> None:
    both, (logits, labels) = answers(), said(*sureness)
    both.weigh(logits, labels)
    assert both.weights.sum().item() == pytest.approx(1)
    assert right(both.together(logits), labels) >= max(right(one, labels) for one in logits)


def test_a_branch_that_knows_nothing_weighs_next_to_nothing() -> None:
    both = answers()
    both.weigh(*said(3.0, 0.0))
    assert both.weights[0] > 0.9


def test_where_together_they_are_right_less_often_the_best_alone_has_all() -> None:
    # Sure and wrong on few rows, the second pulls them over; its likelihood elsewhere gives it a weight.
    labels = torch.zeros(10, dtype=torch.int64)
    first = torch.tensor([[0.1, 0.0, 0.0]]).repeat(10, 1)
    second = torch.tensor([[9.0, 0.0, 0.0]] * 8 + [[0.0, 3.0, 0.0]] * 2)
    both = answers()
    both.weigh(torch.stack([first, second]), labels)
    assert both.weights.tolist() == [1.0, 0.0]


def test_two_equal_branches_gain_from_one_another() -> None:
    both, (logits, labels) = answers(), said(1.5, 1.5)
    both.weigh(logits, labels)
    assert right(both.together(logits), labels) > max(right(one, labels) for one in logits)


def test_it_is_found_in_a_head_and_in_nothing_else() -> None:
    late = LateHead([Head((2, 1, 1), CLASSES), Head((4, 1, 1), CLASSES)])
    assert late.inputs == 6
    assert answers_of(late) is late.layers
    assert answers_of(Head((2, 1, 1), CLASSES)) is None
