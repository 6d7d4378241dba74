"""Classifiers, their vote, what prepares their features, and the files that they are kept in."""

from __future__ import annotations

import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import skops.io
import torch
from sklearn.decomposition import PCA
from sklearn.ensemble import VotingClassifier
from sklearn.frozen import FrozenEstimator
from sklearn.preprocessing import StandardScaler

from escalera.core.errors import RunError
from escalera.ladder.schema import Votes
from escalera.models.ensemble import preparation, saved
from escalera.models.ensemble.classifiers import CLASSIFIERS, fit, probabilities, temperature
from escalera.models.ensemble.preparation import Preparation
from escalera.models.ensemble.voting import LEAST, agreement, logits, vote

PRESETS = {one.name: one.model_dump(exclude={"name"}) for one in Votes.model_fields["classifiers"].default}
SMALL: dict[str, dict[str, Any]] = {
    "random_forest": {"trees": 5},
    "gradient_boosting": {"iterations": 10, "features": 0.9},
}


def rows(count: int = 90, width: int = 6, classes: int = 3, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    draw = np.random.RandomState(seed)
    labels = np.arange(count) % classes
    return (draw.randn(count, width) + 2 * np.eye(classes, width)[labels]).astype(np.float32), labels


def fitted(name: str, classes: int = 3) -> Any:
    return fit(name, {**PRESETS[name], **SMALL.get(name, {})}, 0, *rows(classes=classes))


def test_there_is_a_preset_for_each_classifier() -> None:
    assert list(PRESETS) == list(CLASSIFIERS)
    assert len(PRESETS) == 5


@pytest.mark.parametrize("name", CLASSIFIERS)
@pytest.mark.parametrize("classes", [2, 3])
def test_a_classifier_learns_and_comes_back_from_its_file(name: str, classes: int, tmp_path: Path) -> None:
    made = fitted(name, classes)
    asked, labels = rows(classes=classes, seed=1)
    said = probabilities(made, asked, classes)
    assert said.shape == (90, classes)
    assert said.sum(axis=1) == pytest.approx(1)
    assert (said.argmax(axis=1) == labels).mean() > 0.6
    assert np.array_equal(said.argmax(axis=1), made.predict(asked))
    sha256 = saved.save(made, tmp_path / "it.skops")
    again = saved.load(tmp_path / "it.skops", sha256)
    # A forest adds its trees' shares in the order in which its threads are done.
    assert probabilities(again, asked, classes) == pytest.approx(said, abs=1e-12)


@pytest.mark.parametrize("classes", [2, 3])
@pytest.mark.parametrize("unit", [1.0, 40.0])
def test_margins_are_as_sure_as_they_are_right_whatever_their_unit(classes: int, unit: float) -> None:
    draw = np.random.RandomState(1)
    asked, labels = rows(3000, classes=classes, seed=1)
    asked = (asked + 1.5 * draw.randn(*asked.shape)).astype(np.float32)
    made = fitted("linear_svm", classes)
    made.coef_ *= unit
    made.intercept_ *= unit
    heat = temperature(made, asked[:1500], labels[:1500])
    said = probabilities(made, asked[1500:], classes, heat)
    right = said.argmax(axis=1) == labels[1500:]
    assert 0.5 < right.mean() < 0.9
    assert said.max(axis=1).mean() == pytest.approx(right.mean(), abs=0.04)
    # In a large unit the plain softmax knows no doubt.
    if unit > 1:
        assert probabilities(made, asked[1500:], classes).max(axis=1).mean() > right.mean() + 0.1
    assert np.array_equal(said.argmax(axis=1), probabilities(made, asked[1500:], classes).argmax(axis=1))


@pytest.mark.parametrize("name", [name for name in CLASSIFIERS if name != "linear_svm"])
def test_who_knows_probabilities_needs_no_temperature(name: str) -> None:
    made = fitted(name)
    assert temperature(made, *rows(seed=1)) == 1.0
    asked, _ = rows(seed=1)
    assert probabilities(made, asked, 3, 5.0) == pytest.approx(probabilities(made, asked, 3))


@pytest.mark.parametrize("count", [30, 300])
def test_nobody_is_sure_of_everything_after_a_few_right_answers(count: int) -> None:
    asked, labels = rows(count, seed=1)
    asked = (asked + 20 * np.eye(3, 6)[labels]).astype(np.float32)
    made = fitted("linear_svm")
    heat = temperature(made, asked, labels)
    said = probabilities(made, asked, 3, heat)
    assert (said.argmax(axis=1) == labels).all()
    assert 1 / (count + 3) < 1 - said.max(axis=1).mean() < 4 / (count + 3)


def test_rows_of_a_class_that_was_never_met_say_nothing_of_the_temperature() -> None:
    features, labels = rows()
    made = fit("linear_svm", PRESETS["linear_svm"], 0, features[labels != 1], labels[labels != 1])
    asked, truth = rows(seed=1)
    assert temperature(made, asked, truth) == temperature(made, asked[truth != 1], truth[truth != 1])
    assert temperature(made, asked[truth == 1], truth[truth == 1]) == 1.0


def test_a_class_that_train_lacks_has_no_probability() -> None:
    features, labels = rows()
    made = fit("nearest_neighbours", {"k": 3}, 0, features[labels != 1], labels[labels != 1])
    said = probabilities(made, features, 3)
    assert (said[:, 1] == 0).all()
    assert said.sum(axis=1) == pytest.approx(1)


def test_no_more_neighbours_than_rows() -> None:
    features, labels = rows(6)
    assert fit("nearest_neighbours", {"k": 15}, 0, features, labels).n_neighbors == 6


@pytest.mark.parametrize("kind", ["soft", "hard"])
def test_the_vote_is_scikit_learns(kind: str) -> None:
    names = ["logistic_regression", "nearest_neighbours", "random_forest"]
    made = [fitted(name) for name in names]
    asked, _ = rows(seed=1)
    weights = [0.5, 0.9, 0.7]
    theirs = VotingClassifier(
        [(n, FrozenEstimator(m)) for n, m in zip(names, made, strict=True)], voting=kind, weights=weights
    )
    theirs.fit(*rows())
    ours = vote([probabilities(one, asked, 3) for one in made], weights, kind)
    assert ours.sum(axis=1) == pytest.approx(1)
    assert np.array_equal(ours.argmax(axis=1), theirs.predict(asked))
    if kind == "soft":
        assert ours == pytest.approx(theirs.predict_proba(asked), abs=1e-6)


def test_of_equally_many_votes_the_first_class_wins() -> None:
    said = [np.array([[0.0, 0.9, 0.1]]), np.array([[0.0, 0.0, 1.0]])]
    assert vote(said, [1, 1], "hard").tolist() == [[0, 0.5, 0.5]]
    assert vote(said, [1, 1], "hard").argmax(axis=1).tolist() == [1]


def test_no_logit_is_endless() -> None:
    found = logits(np.array([[1.0, 0.0]]))
    assert found.dtype == np.float32
    assert found.tolist() == [[0.0, pytest.approx(np.log(LEAST))]]


def test_agreement_counts_equal_answers() -> None:
    assert agreement([np.array([0, 1, 2, 3]), np.array([0, 1, 0, 0])]) == [[1.0, 0.5], [0.5, 1.0]]


@pytest.mark.parametrize("components", [None, 3])
def test_the_preparation_is_scikit_learns(components: int | None) -> None:
    features = torch.from_numpy(rows(200, 8)[0]) * torch.arange(1, 9) + 5
    found = preparation.fit(features.split(64), components)  # type: ignore[no-untyped-call]
    expected = StandardScaler().fit_transform(features.double().numpy())
    if components:
        expected = PCA(components, svd_solver="covariance_eigh").fit_transform(expected)
        signs = np.sign((found(features) * expected).sum(axis=0))
        expected = expected * signs
    assert found(features) == pytest.approx(expected, abs=preparation.STEP / 2 + 2e-4)
    again = Preparation.from_tensors(found.tensors())
    assert np.array_equal(again(features), found(features))


def test_components_of_features_that_differ_by_little_of_their_mean() -> None:
    """Products of the features themselves had no digits left for it: the components were noise."""
    draw = np.random.default_rng(0)
    differ = draw.standard_normal((1_000, 3)) @ draw.standard_normal((3, 20)) + 0.1 * draw.standard_normal((1_000, 20))
    features = torch.from_numpy(1 + 1e-4 * differ).float()
    found = preparation.fit(features.split(100), 3)  # type: ignore[no-untyped-call]
    assert found.components is not None
    known = PCA(3).fit(StandardScaler().fit_transform(features.double().numpy())).components_
    shared = np.linalg.svd(found.components.numpy() @ known.T, compute_uv=False)
    assert shared.min() > 0.999  # the cosine of the widest angle between the two


def test_a_feature_that_never_changes_is_zero() -> None:
    features = torch.ones(10, 2)
    features[:, 1] = torch.arange(10)
    assert (preparation.fit([features], None)(features)[:, 0] == 0).all()


def test_rounding_alone_is_no_feature_and_its_last_bits_are_not_heard() -> None:
    """What a batch of another size changes is less than what a tree may cut at."""
    features = torch.full((64, 2), 30.0)
    features[:, 1] = torch.arange(64) % 2 * 4
    noise = torch.linspace(-4e-6, 4e-6, 64)[:, None]
    found = preparation.fit([features + noise], None)
    assert (found(features + noise)[:, 0] == 0).all()
    assert np.array_equal(found(features + noise), found(features + noise.flip(0)))
    assert found.step is not None and (found(features) / preparation.STEP % 1 == 0).all()
    # A run from before it was keeps all that its classifiers were fitted on.
    before = {name: tensor for name, tensor in found.tensors().items() if name != "step"}
    assert not np.array_equal(Preparation.from_tensors(before)(features + noise), found(features + noise))


def test_a_preparation_without_its_parts() -> None:
    with pytest.raises(RunError) as caught:
        Preparation.from_tensors({"mean": torch.zeros(2)})
    assert str(caught.value) == "the preparation has no 'deviation'. Climb its ladder again to make it anew."


def test_a_file_that_was_tampered_with_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "it.skops"
    sha256 = saved.save(fitted("logistic_regression"), path)
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)
    with pytest.raises(RunError) as caught:
        saved.load(path, sha256)
    assert str(caught.value) == (
        f"{path} is not what was written (its SHA-256 differs). Climb its ladder again to make it anew."
    )


class Stranger:
    """A type that no classifier is made of."""

    def __init__(self) -> None:
        self.made = True


def test_a_type_that_is_not_ours_is_refused(tmp_path: Path) -> None:
    import hashlib

    content = skops.io.dumps(Stranger())
    path = tmp_path / "it.skops"
    path.write_bytes(content)
    with pytest.raises(RunError) as caught:
        saved.load(path, hashlib.sha256(content).hexdigest())
    assert str(caught.value) == (
        f"{path} holds objects that no classifier of ours is made of: {Stranger.__module__}.Stranger. It is not "
        "loaded; take runs from people you trust, or climb the rung yourself."
    )


def test_a_file_that_is_no_classifier_or_is_gone(tmp_path: Path) -> None:
    import hashlib

    path = tmp_path / "it.skops"
    with pytest.raises(RunError) as caught:
        saved.load(path, "")
    assert str(caught.value) == (
        f"could not read {path}: No such file or directory. Climb its ladder again to make it anew."
    )
    path.write_bytes(b"not a zip")
    with pytest.raises(RunError, match="is no file of a classifier: File is not a zip file"):
        saved.load(path, hashlib.sha256(b"not a zip").hexdigest())
    with zipfile.ZipFile(path, "w") as file:
        file.writestr("other.json", "{}")
    with pytest.raises(RunError, match="is no file of a classifier"):
        saved.load(path, hashlib.sha256(path.read_bytes()).hexdigest())
