"""Every figure equals scikit-learn's, and mistakes are named."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest
from sklearn.metrics import (
    accuracy_score,
    brier_score_loss,
    confusion_matrix,
    f1_score,
    log_loss,
    precision_recall_fscore_support,
    recall_score,
    top_k_accuracy_score,
)

from escalera.core.errors import DataError
from escalera.evaluate.metrics import measure, softmax


def random_case(seed: int) -> tuple[np.ndarray, np.ndarray, int]:
    """Logits and labels; with ties, absent classes and, now and then, a single row or a single class."""
    rng = np.random.default_rng(seed)
    count, rows = int(rng.integers(2, 12)), int(rng.choice([1, 2, 7, 60, 300]))
    logits = rng.normal(0, 3, (rows, count))
    if seed % 3 == 0:
        logits = np.round(logits)  # ties
    labels = rng.integers(0, 1 if seed % 7 == 0 else count if seed % 2 else max(1, count // 2), rows)
    return logits.astype(np.float32 if seed % 2 else np.float64), labels, count


@pytest.mark.parametrize("seed", range(200))
def test_equals_scikit_learn(seed: int) -> None:
    logits, labels, count = random_case(seed)
    result = measure(logits, labels, [f"c{k}" for k in range(count)])
    said, known = logits.argmax(axis=1), list(range(count))
    exact: dict[str, Any] = {"rel": 0, "abs": 1e-12}
    assert result["accuracy"] == pytest.approx(accuracy_score(labels, said), **exact)
    assert result["confusion"] == confusion_matrix(labels, said, labels=known).tolist()
    expected = precision_recall_fscore_support(labels, said, labels=known, zero_division=0)
    for key, column in zip(("precision", "recall", "f1", "support"), expected, strict=True):
        found = [row[key] for row in result["per_class"]]
        if key == "recall":  # scikit-learn puts a 0 where no row could be recalled
            column = np.where(expected[3] > 0, column, np.nan)
            found = [np.nan if share is None else share for share in found]
        assert found == pytest.approx(column.tolist(), **exact, nan_ok=True), key
    macro = f1_score(labels, said, labels=known, average="macro", zero_division=0)
    assert result["macro_f1"] == pytest.approx(macro, **exact)
    loss = log_loss(labels, softmax(logits), labels=known)
    assert result["loss"] == pytest.approx(loss, rel=1e-12, abs=1e-12)
    # Of equal scores scikit-learn prefers the last class, we the first: turned round, the two rules are one.
    assert ("top5" in result) == (count >= 10)
    if count >= 10:
        top = top_k_accuracy_score(count - 1 - labels, logits[:, ::-1], k=5, labels=known)
        assert result["top5"] == pytest.approx(top, **exact)
    # Not balanced_accuracy_score, which warns of the classes that were said but are absent; it is this mean.
    present = sorted(set(labels.tolist()))
    balanced = recall_score(labels, said, labels=present, average="macro", zero_division=0)
    assert result["balanced_accuracy"] == pytest.approx(balanced, **exact)
    brier = brier_score_loss(labels, softmax(logits), labels=known, scale_by_half=False)
    assert result["brier"] == pytest.approx(brier, **exact)
    assert result["calibration_error"] == pytest.approx(calibration_error(softmax(logits), labels), **exact)


def calibration_error(probabilities: np.ndarray, labels: np.ndarray) -> float:
    """By its definition, bin after bin: scikit-learn has none."""
    confidence, right = probabilities.max(axis=1), probabilities.argmax(axis=1) == labels
    error = 0.0
    for b in range(15):
        inside = (confidence > b / 15) & (confidence <= (b + 1) / 15)
        if inside.any():
            error += inside.mean() * abs(confidence[inside].mean() - right[inside].mean())
    return error


def test_is_json_and_names_the_classes() -> None:
    result = measure([[2.0, 1.0], [0.0, 3.0], [1.0, 0.0]], [0, 1, 1], ["cat", "dog"])
    assert json.loads(json.dumps(result)) == result
    assert [row["name"] for row in result["per_class"]] == ["cat", "dog"]
    assert result["confusion"] == [[1, 0], [1, 1]]


def test_of_equal_logits_the_first_counts() -> None:
    assert measure([[1.0, 1.0]], [0], ["a", "b"])["accuracy"] == 1.0
    assert measure([[1.0, 1.0]], [1], ["a", "b"])["accuracy"] == 0.0


def test_stays_finite_for_huge_logits() -> None:
    result = measure([[1e30, -1e30], [1000.0, 0.0]], [0, 1], ["a", "b"])
    assert result["loss"] == 500.0
    assert softmax([1e4, 0.0]).tolist() == [1.0, 0.0]


def test_softmax_sums_to_one_along_the_last_axis() -> None:
    probabilities = softmax(np.random.default_rng(0).normal(0, 5, (3, 4, 6)))
    np.testing.assert_allclose(probabilities.sum(axis=-1), 1, rtol=1e-14)


@pytest.mark.parametrize(
    ("logits", "labels", "text"),
    [
        (
            np.zeros((3, 4)),
            np.zeros(3, int),
            r"expected logits \(N, 2\) and labels \(N,\), received \(3, 4\) and \(3,\)",
        ),
        (np.zeros((3, 2)), np.zeros(2, int), r"received \(3, 2\) and \(2,\)"),
        (np.zeros((0, 2)), np.zeros(0, int), "expected at least one row, received none"),
        (np.zeros((1, 2)), np.zeros(1), "expected whole numbers as labels, received float64"),
        (np.zeros((2, 2)), np.array([0, 2]), "expected labels from 0 to 1, received 2"),
        (np.zeros((2, 2)), np.array([-1, 0]), "expected labels from 0 to 1, received -1"),
        (np.array([[0, 0], [np.nan, 1]]), np.zeros(2, int), r"expected finite logits, received \[nan, 1.0\] in row 1"),
    ],
)
def test_mistakes_are_named(logits: np.ndarray, labels: np.ndarray, text: str) -> None:
    with pytest.raises(DataError, match=text):
        measure(logits, labels, ["a", "b"])
