"""Confident learning: the flags of cleanlab, and what is known of noise that was planted."""

import json
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from escalera.evaluate.noise import confident_joint, find_noise, thresholds

GOLDEN = Path(__file__).parents[1] / "fixtures" / "cleanlab.json"


def planted(rows: int = 3000, classes: int = 4, share: float = 0.1) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    """Probabilities that are sure of what a row shows, and labels of which a share is another class."""
    random = np.random.RandomState(0)
    shows = random.randint(0, classes, rows)
    logits = random.normal(size=(rows, classes))
    logits[np.arange(rows), shows] += 6
    labels = np.where(random.rand(rows) < share, (shows + random.randint(1, classes, rows)) % classes, shows)
    return np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True), labels


def test_flags_are_those_of_cleanlab() -> None:
    golden = json.loads(GOLDEN.read_text(encoding="utf-8"))
    probabilities, labels = np.array(golden["probabilities"]), np.array(golden["labels"])
    found = find_noise(probabilities, labels)
    assert np.flatnonzero(found.flagged).tolist() == golden["flagged"]
    joint = np.array(golden["joint"], float)
    scaled = joint / joint.sum(axis=1, keepdims=True) * np.bincount(labels, minlength=10)[:, None] / len(labels)
    assert found.joint == pytest.approx(scaled)


def test_planted_errors_are_found() -> None:
    probabilities, labels = planted()
    shows = probabilities.argmax(axis=1)
    found = find_noise(probabilities, labels)
    wrong = np.flatnonzero(shows != labels)
    assert len(np.intersect1d(np.flatnonzero(found.flagged), wrong)) > 0.8 * len(wrong)
    assert np.array_equal(found.suggested[found.flagged], shows[found.flagged])


def test_the_least_likely_label_comes_first() -> None:
    probabilities, labels = planted(300)
    found = find_noise(probabilities, labels)
    assert np.all(np.diff(found.of_given[found.ranked]) >= 0)
    assert set(found.ranked) == set(np.flatnonzero(found.flagged))


def test_clean_labels_are_left_alone() -> None:
    probabilities, _ = planted(share=0.0)
    shows = probabilities.argmax(axis=1)
    assert not find_noise(probabilities, shows).flagged.any()


def test_a_class_of_no_row_asks_for_certainty_and_takes_nothing() -> None:
    probabilities, labels = planted(classes=3)
    wider = np.concatenate([probabilities, np.zeros((len(labels), 1))], axis=1)
    least = thresholds(wider, labels)
    assert least[3] == 1.0
    assert confident_joint(wider, labels, least)[3].sum() == 0.0
