"""Areas and curves as scikit-learn has them, with ties, absent classes and single-class rows."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.metrics import average_precision_score, roc_auc_score, roc_curve

from escalera.evaluate.metrics import softmax
from escalera.evaluate.ranking import POINTS, rank


@pytest.mark.parametrize("seed", range(60))
def test_equals_scikit_learn(seed: int) -> None:
    rng = np.random.default_rng(seed)
    count, rows = int(rng.integers(2, 12)), int(rng.choice([1, 2, 9, 150]))
    logits = rng.normal(0, 2, (rows, count))
    probabilities = softmax(np.round(logits) if seed % 3 == 0 else logits)
    labels = rng.integers(0, 1 if seed % 7 == 0 else count, rows)
    found = rank(probabilities, labels)
    for k in range(count):
        positive = labels == k
        if 0 < positive.sum() < rows:
            assert found.auc[k] == pytest.approx(roc_auc_score(positive, probabilities[:, k]), abs=1e-12)
            expected = average_precision_score(positive, probabilities[:, k])
            assert found.average_precision[k] == pytest.approx(expected, abs=1e-12)
            false, true, _ = roc_curve(positive, probabilities[:, k], drop_intermediate=False)
            assert found.tpr[k] == pytest.approx(np.interp(np.linspace(0, 1, POINTS), false, true), abs=1e-12)
        else:
            assert np.isnan([found.auc[k], found.average_precision[k], *found.tpr[k]]).all()
    truth = np.eye(count, dtype=int)[labels].ravel()
    assert found.micro_auc == pytest.approx(roc_auc_score(truth, probabilities.ravel()), abs=1e-12)
    expected = average_precision_score(truth, probabilities.ravel())
    assert found.micro_average_precision == pytest.approx(expected, abs=1e-12)
    known = ~np.isnan(found.auc)
    assert (found.macro_auc == pytest.approx(found.auc[known].mean())) if known.any() else np.isnan(found.macro_auc)


def test_a_perfect_ranking() -> None:
    found = rank(np.array([[0.9, 0.1], [0.8, 0.2], [0.3, 0.7]]), np.array([0, 0, 1]))
    assert found.auc.tolist() == found.average_precision.tolist() == [1, 1]
    assert found.precision.min() == found.tpr[:, 1:].min() == 1
