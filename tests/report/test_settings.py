"""What a rung changes, as the page shows it: values as a person reads them, sections taken apart."""

from __future__ import annotations

from typing import Any

import pytest

from escalera.core.record import Change
from escalera.report.settings import settings


def shown(path: str, before: Any, after: Any) -> list[tuple[str, str, str]]:
    return [(one.path, one.before, one.after) for one in settings([Change(path=path, before=before, after=after)])]


@pytest.mark.parametrize(
    ("before", "after", "expected"),
    [
        ([8], [256, 128], ("8", "256, 128")),
        ([[32]], [[32], [64]], ("[32]", "[32], [64]")),
        (0.0, 0.3, ("0", "0.3")),
        (None, 1.0, ("–", "1")),
        ("none", "conv", ("none", "conv")),
        (False, True, ("false", "true")),
        ([], ["flip", None], ("[]", "flip, –")),
        (1e-4, 1e300, ("0.0001", "1e+300")),
    ],
)
def test_a_value(before: Any, after: Any, expected: tuple[str, str]) -> None:
    assert shown("model.dense", before, after) == [("model.dense", *expected)]


def test_a_section_that_was_replaced_is_taken_apart() -> None:
    before = {"kind": "mlp", "dense": [256, 128], "dropout": 0.3, "head": {"dense": [8], "pool": "flatten"}}
    after = {"kind": "cnn", "blocks": [[16]], "dropout": 0.3, "head": {"dense": [64], "pool": "flatten"}}
    assert shown("model", before, after) == [
        ("model.kind", "mlp", "cnn"),
        ("model.blocks", "–", "[16]"),
        ("model.head.dense", "8", "64"),
        ("model.dense", "256, 128", "–"),
    ]


def test_a_section_where_there_was_none() -> None:
    assert shown("train.schedule", None, {"name": "cosine", "warmup": 2.0}) == [
        ("train.schedule.name", "–", "cosine"), ("train.schedule.warmup", "–", "2"),
    ]  # fmt: skip
    assert shown("train.early_stopping", {"patience": 5}, None) == [("train.early_stopping.patience", "5", "–")]
    assert shown("augment", {}, None) == [("augment", "{}", "–")]
    # What was not set before is no change.
    labels = {"corrections": "labels.csv", "drop": None}
    assert shown("data.labels", labels, None) == [("data.labels.corrections", "labels.csv", "–")]
