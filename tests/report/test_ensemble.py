"""The section of the report on what else was said of the same test rows."""

from __future__ import annotations

from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from escalera.core.predictions import Answers
from escalera.core.record import RunRecord
from escalera.evaluate.compare import accuracy_interval
from escalera.report.language import load_language
from escalera.report.sections.ensemble import section

LABELS = np.arange(40) % 4
OWN = np.where(np.arange(40) < 30, LABELS, (LABELS + 1) % 4)  # 75 %


def view(beside: dict[str, np.ndarray], own: np.ndarray = OWN, weights: dict[str, float] | None = None) -> Any:
    record = RunRecord(branch_weights=weights or {})
    return seen(SimpleNamespace(answers=Answers(np.arange(40), LABELS, own, 4, others=beside), record=record))


def seen(*runs: SimpleNamespace) -> Any:
    """As much of a rung's view as the section looks at."""
    return SimpleNamespace(rung=SimpleNamespace(done=list(runs)), language=load_language("en"))


def test_what_branches_weigh_that_answer_each_for_itself_is_the_mean_of_the_seeds() -> None:
    beside = {"alone:a": OWN[None], "alone:b": LABELS[None]}
    several = [view(beside, weights={"a": share, "b": 1 - share}).rung.done[0] for share in (1.0, 0.5)]
    found = section(seen(*several))
    assert found is not None
    assert found["weights"].endswith("was learned on the validation rows: a 75.0% and b 25.0%.")
    plain = section(view(beside))
    assert plain is not None and plain["weights"] == ""


def test_a_fusion_and_its_branches() -> None:
    wrong = np.stack([(LABELS + 1) % 4, LABELS])  # two draws, one all wrong and one all right
    found = section(view({"shuffled:a": wrong, "trained:a": OWN[None], "alone:b": LABELS[None]}))
    assert found is not None
    assert [(line.kind, line.name, line.accuracy) for line in found["lines"]] == [
        ("trained", "a", 0.75), ("alone", "b", 1.0), ("shuffled", "a", 0.5),
    ]  # fmt: skip
    trained, alone, _ = found["lines"]
    assert (trained.difference, trained.difference_low, trained.difference_high) == (0, 0, 0)
    assert alone.difference == pytest.approx(-0.25)
    assert alone.difference_low < -0.25 < alone.difference_high < 0
    # Two draws for 40 rows are no more rows than 40.
    assert [(line.low, line.high) for line in found["lines"]] == [
        accuracy_interval(accuracy, 40) for accuracy in (0.75, 1.0, 0.5)
    ]
    assert (found["votes"], found["agreement"], found["accuracy"]) == (False, None, 0.75)


def test_votes_show_who_agrees_with_whom() -> None:
    found = section(view({"classifier:linear_svm": LABELS[None], "network:head": OWN[None]}))
    assert found is not None
    names, shares = found["agreement"]
    assert names == ["", "classifier:linear_svm", "network:head"]
    assert shares == [[1.0, 0.75, 1.0], [0.75, 1.0, 0.75], [1.0, 0.75, 1.0]]
    # Of several seeds it is the mean.
    votes = [view({"classifier:linear_svm": LABELS[None]}, own).rung.done[0] for own in (OWN, LABELS)]
    found = section(seen(*votes))
    assert found is not None
    assert found["agreement"] == (["", "classifier:linear_svm"], [[1.0, 0.875], [0.875, 1.0]])


def test_a_run_that_asked_nobody_else() -> None:
    assert section(view({})) is None
    assert section(view({"baseline:majority": OWN[None]})) is None  # stands elsewhere in the page
    assert section(seen()) is None
    assert section(seen(SimpleNamespace(answers=None))) is None


def test_several_seeds_stand_in_one_table() -> None:
    [first] = view({"trained:a": LABELS[None]}).rung.done
    asked = [
        seen(first),
        view({"trained:a": OWN[None]}, LABELS),
        view({"alone:a": LABELS[None]}),
        seen(SimpleNamespace(answers=replace(first.answers, rows=first.answers.rows + 1), record=first.record)),
    ]
    found = section(seen(*(run for one in asked for run in one.rung.done)))
    assert found is not None
    # The third seed asked somebody else, the fourth about other rows.
    assert found["seeds"] == 2
    assert found["accuracy"] == pytest.approx((0.75 + 1) / 2)
    assert found["interval"] == accuracy_interval(0.875, 40)
    [line] = found["lines"]
    assert line.accuracy == pytest.approx((1 + 0.75) / 2)
    assert (line.difference, line.outcome) == (0, "none")


def test_the_rival_is_the_best_that_answers_alone() -> None:
    bad = (LABELS + 1) % 4
    found = section(view({"alone:a": bad[None], "trained:b": LABELS[None], "shuffled:a": LABELS[None]}))
    assert found is not None
    assert (found["rival"].name, found["rival"].outcome) == ("b", "worse")
    found = section(view({"network:head": bad[None], "classifier:linear_svm": LABELS[None]}))
    assert found is not None
    assert (found["rival"].kind, found["rival"].outcome) == ("network", "better")
    found = section(view({"classifier:linear_svm": LABELS[None]}))
    assert found is not None and found["rival"] is None
