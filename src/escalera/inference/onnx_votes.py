"""A vote inside one graph: the classifiers' own arithmetic after the network's features, and what they say together.

rows           (N, D) float32, prepared features
probabilities  (N, K) float32
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from escalera.builders.ensemble import Ballot, answers, pooled
from escalera.core.errors import RunError
from escalera.inference import onnx_trees
from escalera.inference.onnx_answering import Answering
from escalera.inference.onnx_check import TOLERANCE
from escalera.inference.onnx_model import ATTRIBUTES, PICTURES, PROBABILITIES
from escalera.inference.onnx_session import session_of
from escalera.inference.predictor import Predictor
from escalera.inference.run_rows import Part
from escalera.models.ensemble.voting import LEAST

FEATURES = "features"


class Linear(nn.Module):
    """The softmax of margins: logistic regression, and a support vector machine with its temperature."""

    def __init__(self, classifier: Any, temperature: float) -> None:
        super().__init__()
        weight, bias = classifier.coef_, np.ravel(classifier.intercept_)
        if len(weight) == 1:  # of two classes: its own margin against none, or against its opposite
            other = 0.0 if hasattr(classifier, "predict_proba") else -1.0
            weight, bias = np.concatenate([other * weight, weight]), np.concatenate([other * bias, bias])
        self.register_buffer("weight", torch.from_numpy(weight / temperature).float())
        self.register_buffer("bias", torch.from_numpy(bias / temperature).float())

    weight: Tensor
    bias: Tensor

    def forward(self, rows: Tensor) -> Tensor:
        """Rows -> probabilities of the classes that it met."""
        return (rows @ self.weight.T + self.bias).softmax(dim=1)


class Neighbours(nn.Module):
    """The k nearest rows of train, each by the inverse of its distance."""

    def __init__(self, classifier: Any, temperature: float) -> None:
        super().__init__()
        self.k = classifier.n_neighbors
        known = torch.from_numpy(np.asarray(classifier._fit_X, np.float32))
        self.register_buffer("known", known)
        self.register_buffer("squares", known.double().square().sum(dim=1))
        self.register_buffer("labels", nn.functional.one_hot(torch.from_numpy(classifier._y).long()).float())

    known: Tensor
    squares: Tensor
    labels: Tensor

    def forward(self, rows: Tensor) -> Tensor:
        """Rows -> probabilities of the classes that it met."""
        # In single precision the difference of large squares could order near ones otherwise.
        near = (self.squares - 2 * (rows.double() @ self.known.double().T)).topk(self.k, largest=False).indices
        distances = (rows[:, None] - self.known[near]).square().sum(dim=2).sqrt()
        weights = 1 / distances.clamp(min=1e-12)  # a row of train itself outweighs all others
        votes = (weights[..., None] * self.labels[near]).sum(dim=1)
        return votes / votes.sum(dim=1, keepdim=True)


class Forest(nn.Module):
    """A forest, or the softmax of what boosting adds up."""

    def __init__(self, trees: list[onnx_trees.Tree], base: NDArray[np.float64], place: int, *, margins: bool) -> None:
        super().__init__()
        self.trees, self.base, self.place, self.margins = trees, base, place, margins

    def forward(self, rows: Tensor) -> Tensor:
        """Rows -> probabilities of the classes that it met."""
        # The exporter would print millions of numbers: it is told of the operator alone.
        votes = torch.onnx.ops.symbolic(
            f"{onnx_trees.DOMAIN}::{onnx_trees.OPERATOR}", [rows], {"place": self.place},
            dtype=torch.float32, shape=[rows.shape[0], len(self.base)], version=onnx_trees.VERSION,
        )  # fmt: skip
        if not self.margins:
            return votes
        return (votes * torch.tensor([0.0, 1.0]) if len(self.base) == 1 else votes).softmax(dim=1)


def _forest(classifier: Any, place: int) -> Forest:
    return Forest(*onnx_trees.of_forest(classifier), place, margins=False)


def _boosting(classifier: Any, place: int) -> Forest:
    return Forest(*onnx_trees.of_boosting(classifier), place, margins=True)


_LINEAR = ("LogisticRegression", "SGDClassifier")
_TREES: Mapping[str, Callable[[Any, int], Forest]] = {
    "RandomForestClassifier": _forest,
    "HistGradientBoostingClassifier": _boosting,
}


def _module(name: str, classifier: Any, temperature: float, place: int) -> nn.Module:
    """A classifier as arithmetic; raises RunError for one that has no such form."""
    kind = type(classifier).__name__
    if kind in _LINEAR:
        return Linear(classifier, temperature)
    if kind == "KNeighborsClassifier":
        return Neighbours(classifier, temperature)
    if kind in _TREES:
        return _TREES[kind](classifier, place)
    raise RunError(
        f"the classifier {name} ({kind}) has no form in ONNX. Leave it out of model.classifiers and climb the rung "
        "again, or copy the folder of the run"
    )


class Voting(nn.Module):
    """Rows -> what the classifiers say together, and each of them."""

    def __init__(self, ballot: Ballot, temperature: float | None) -> None:
        super().__init__()
        self.hard, self.classes, self.temperature = ballot.model.vote == "hard", ballot.classes, temperature
        self.weights = [weight / sum(ballot.weights) for weight in ballot.weights]
        self.members = nn.ModuleList()
        for place, (name, classifier) in enumerate(ballot.classifiers.items()):
            degree = ballot.kept[name].get("temperature", 1.0)
            self.members.append(_module(name, classifier, degree, place))
            met = torch.zeros(len(classifier.classes_), ballot.classes)
            met[torch.arange(len(met)), torch.from_numpy(classifier.classes_).long()] = 1
            self.register_buffer(f"met_{place}", met)

    def forward(self, rows: Tensor) -> tuple[Tensor, ...]:
        """The vote first, then each."""
        each = [member(rows) @ getattr(self, f"met_{place}") for place, member in enumerate(self.members)]
        votes = [self._ballots(one) for one in each] if self.hard else each
        voted = torch.stack([weight * vote for weight, vote in zip(self.weights, votes, strict=True)]).sum(dim=0)
        if self.temperature is not None:
            voted = (voted.clamp(min=LEAST).log() / self.temperature).softmax(dim=1)
        return voted, *each

    def _ballots(self, votes: Tensor) -> Tensor:
        """A whole vote for the likeliest class; of several the first."""
        return (votes.argmax(dim=1, keepdim=True) == torch.arange(self.classes)).float()


class Voted(Answering):
    """A run whose classifiers vote: pixels or attributes -> the vote, the prepared features, what each says."""

    def __init__(self, predictor: Predictor) -> None:
        super().__init__(predictor)
        ballot, doubt = predictor.ballot, predictor.trained.doubt
        assert ballot is not None
        self.pooled = pooled(self.network, ballot.model.pool)
        self.names = list(ballot.classifiers)
        self.voting = Voting(ballot, doubt.temperature if doubt else None)
        self.prepare = ballot.prepare

    @property
    def outputs(self) -> list[str]:
        """The answer first."""
        return [PROBABILITIES, FEATURES, *self.names]

    def finished(self, model: Any) -> Any:
        """Its graph with the trees, in the operators that stand for them."""
        for node in model.graph.node:
            if node.domain == onnx_trees.DOMAIN:
                member = self.voting.members[next(one.i for one in node.attribute if one.name == "place")]
                assert isinstance(member, Forest)
                onnx_trees.fill(node, member.trees, member.base)
        return model

    def forward(self, *given: Tensor) -> tuple[Tensor, ...]:
        """What the classifiers say of rows."""
        rows = self.prepare.prepared(self.pooled(self.inputs(given)))
        voted, *each = self.voting(rows)
        return voted, rows, *each


def check_classifiers(model: Any, ballot: Ballot, part: Part, name: str) -> None:
    """Raise RunError where a classifier in the graph says otherwise than its own of the same features.

    Other differences are those of the features: a tree may turn where they differ by the last bit.
    """
    session = session_of(model, model.SerializeToString(), name)
    largest = dict.fromkeys(ballot.classifiers, 0.0)
    for pixels, vectors in part.batches():
        given = {PICTURES: pixels, ATTRIBUTES: vectors}
        rows, *each = session.run([FEATURES, *largest], {one.name: given[one.name] for one in session.get_inputs()})
        expected = answers(ballot.classifiers, ballot.kept, rows, ballot.classes)
        for classifier, found, own in zip(largest, each, expected, strict=True):
            largest[classifier] = max(largest[classifier], float(np.abs(found - own).max()))
    apart = [f"{classifier} ({found:.2g})" for classifier, found in largest.items() if not found <= TOLERANCE]
    if apart:
        raise RunError(
            f"{name} was not written: classifiers say otherwise in it than in the run: {', '.join(apart)}, expected "
            f"at most {TOLERANCE:g}. Leave them out of model.classifiers and climb the rung again, or copy the folder "
            "of the run"
        )
