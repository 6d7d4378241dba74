"""The loss that is minimised: weights of classes, focal loss, smoothed and mixed labels."""

from typing import Any

import numpy as np
import pytest
import torch
from torch.nn.functional import cross_entropy, one_hot

from escalera.train.criterion import PLAIN, Criterion, class_weights

LOGITS = torch.tensor([[2.0, 0.5, -1.0], [0.1, 0.2, 0.3], [-1.0, 3.0, 0.0], [0.0, 0.0, 4.0]])
LABELS = torch.tensor([0, 2, 1, 0])


def test_as_it_is_it_is_cross_entropy_to_the_last_bit() -> None:
    assert torch.equal(PLAIN(LOGITS, LABELS), cross_entropy(LOGITS, LABELS))
    assert torch.equal(Criterion(0.1)(LOGITS, LABELS), cross_entropy(LOGITS, LABELS, label_smoothing=0.1))


def test_rows_weigh_what_their_class_does() -> None:
    weights = torch.tensor([0.5, 1.0, 3.0])
    each = cross_entropy(LOGITS, LABELS, reduction="none")
    torch.testing.assert_close(Criterion(weights=weights)(LOGITS, LABELS), (each * weights[LABELS]).mean())


def test_parts_of_a_batch_add_up_to_the_whole() -> None:
    loss = Criterion(weights=torch.tensor([0.5, 1.0, 3.0]), gamma=2.0)
    parts = loss(LOGITS[:1], LABELS[:1]) + 3 * loss(LOGITS[1:], LABELS[1:])
    torch.testing.assert_close(4 * loss(LOGITS, LABELS), parts)


@pytest.mark.parametrize("settings", [{"gamma": 2.0}, {"weights": torch.tensor([0.5, 1.0, 3.0])}, {"smoothing": 0.1}])
def test_labels_as_shares_are_the_same_labels(settings: dict[str, Any]) -> None:
    shares = one_hot(LABELS, 3).float()
    torch.testing.assert_close(Criterion(**settings)(LOGITS, shares), Criterion(**settings)(LOGITS, LABELS))


def test_focal_loss_is_that_of_the_paper() -> None:
    known = LOGITS.softmax(1)[torch.arange(4), LABELS]
    torch.testing.assert_close(Criterion(gamma=2.0)(LOGITS, LABELS), (-((1 - known) ** 2) * known.log()).mean())


def test_focal_loss_with_next_to_no_gamma_is_cross_entropy() -> None:
    torch.testing.assert_close(
        Criterion(0.1, gamma=1e-9)(LOGITS, LABELS), cross_entropy(LOGITS, LABELS, label_smoothing=0.1)
    )


def test_the_slope_of_focal_loss_is_finite_where_a_row_is_certain() -> None:
    certain = torch.tensor([[200.0, -200.0]], requires_grad=True)
    Criterion(gamma=0.5)(certain, torch.tensor([0])).backward()  # type: ignore[no-untyped-call]
    assert certain.grad is not None
    assert certain.grad.isfinite().all()


def test_branches_learn_each_for_itself() -> None:
    loss = Criterion(gamma=1.0)
    both = loss(torch.stack([LOGITS, -LOGITS]), LABELS)
    torch.testing.assert_close(both, (loss(LOGITS, LABELS) + loss(-LOGITS, LABELS)) / 2)


class TestClassWeights:
    def test_balanced_is_as_in_scikit_learn(self) -> None:
        from sklearn.utils.class_weight import compute_class_weight

        labels = [0] * 50 + [1] * 8 + [2] * 2
        ours = class_weights(torch.bincount(torch.tensor(labels)))
        theirs = compute_class_weight("balanced", classes=np.arange(3), y=labels)
        torch.testing.assert_close(ours, torch.tensor(theirs, dtype=torch.float32))

    def test_given_ones_keep_their_ratio_and_the_mean_row_weighs_one(self) -> None:
        counts = torch.tensor([90, 10])
        weights = class_weights(counts, {1: 5.0})
        assert float(weights[1] / weights[0]) == pytest.approx(5)
        assert float((weights * counts).sum() / 100) == pytest.approx(1)

    def test_a_class_without_rows_has_a_finite_weight(self) -> None:
        assert class_weights(torch.tensor([5, 0])).isfinite().all()
