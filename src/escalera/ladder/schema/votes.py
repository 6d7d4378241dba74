"""`votes`: classical classifiers on the features of an earlier run, and their vote."""

from __future__ import annotations

from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from escalera.core.errors import EscaleraError
from escalera.ladder.schema.kind import Model, Net
from escalera.ladder.schema.section import Count, Positive, Section, Share, at_odds
from escalera.ladder.schema.weights import Weights


class LogisticRegression(Section):
    """Logistic regression over the standardised features, by L-BFGS."""

    name: Literal["logistic_regression"]
    c: Annotated[Positive, Field(description="the inverse of the penalty's strength")] = 0.01
    max_iter: Annotated[Count, Field(description="steps at most")] = 200


class LinearSvm(Section):
    """A linear support vector machine, one class against the rest, by stochastic gradient descent."""

    name: Literal["linear_svm"]
    alpha: Annotated[Positive, Field(description="the penalty's strength")] = 1e-3
    max_iter: Annotated[Count, Field(description="passes over the rows at most")] = 20


class Neighbours(Section):
    """The k nearest neighbours, the nearer ones counting more."""

    name: Literal["nearest_neighbours"]
    k: Annotated[Count, Field(description="how many neighbours are asked")] = 15


class Forest(Section):
    """A random forest."""

    name: Literal["random_forest"]
    trees: Count = 100
    min_leaf: Annotated[Count, Field(description="rows of train in a leaf at least")] = 2


class Boosting(Section):
    """Gradient boosting over binned features."""

    name: Literal["gradient_boosting"]
    iterations: Annotated[Count, Field(description="rounds, each with a tree for every class")] = 60
    lr: Positive = 0.1
    leaves: Annotated[int, Field(ge=2, description="of a tree at most")] = 15
    features: Annotated[Share, Field(description="of the features, how large a share each split looks at")] = 0.1
    bins: Annotated[int, Field(ge=4, le=255, description="values that a feature is cut into")] = 63


Classifier = Annotated[LogisticRegression | LinearSvm | Neighbours | Forest | Boosting, Field(discriminator="name")]


class Votes(Model):
    """scikit-learn's classifiers on the features of a run that is finished, each alone and by their vote."""

    also_called = ("ensemble", "voting")
    trains = False

    kind: Literal["votes"]
    features: Annotated[Weights, Field(description="{from: <rung>} or {run: <directory>}: the network they come from")]
    pool: Annotated[
        Literal["as_trained", "flatten", "average"],
        Field(description="how the last feature map becomes a vector; as_trained: as the run's own head does"),
    ] = "as_trained"
    pca: Annotated[
        Count | None, Field(description="the features become so many principal components, fitted on train")
    ] = None
    classifiers: Annotated[
        list[Classifier], Field(min_length=1, description="by name, with settings of their own; five by default")
    ] = [
        LogisticRegression.model_construct(name="logistic_regression"),
        LinearSvm.model_construct(name="linear_svm"),
        Neighbours.model_construct(name="nearest_neighbours"),
        Forest.model_construct(name="random_forest"),
        Boosting.model_construct(name="gradient_boosting"),
    ]
    vote: Annotated[
        Literal["soft", "hard"], Field(description="soft: the mean of the probabilities; hard: a vote each")
    ] = "soft"
    weighting: Annotated[
        Literal["equal", "validation"], Field(description="what a vote weighs: one, or its accuracy on validation")
    ] = "equal"
    like: Annotated[Net | None, Field(description="the model that the features come from; read from the run")] = None

    @model_validator(mode="after")
    def _each_once(self) -> Self:
        names = [classifier.name for classifier in self.classifiers]
        twice = [name for name in names if names.count(name) > 1]
        if twice:
            raise at_odds(f"expected each classifier once, received '{twice[0]}' twice", "classifiers")
        return self

    @property
    def normalises(self) -> bool:
        """As the network of the features does."""
        return self.like is not None and self.like.normalises

    @property
    def reads_pictures(self) -> bool:
        """As the network of the features does."""
        return self.like is None or self.like.reads_pictures

    @property
    def reads_attributes(self) -> bool:
        """As the network of the features does."""
        return self.like is not None and self.like.reads_attributes

    @property
    def net(self) -> Net:
        """The network that the features come from."""
        assert self.like is not None, "lineage.inherit fills it in"
        return self.like

    @property
    def starts_from(self) -> dict[str, str | Weights]:
        """The run that the features come from."""
        return {"features": self.features}

    @property
    def is_continued(self) -> bool:
        """Whether the network of the features is known."""
        return self.like is not None and self.like.is_continued

    def key_of(self, part: str, key: str) -> str:
        """The part is a key itself."""
        return part

    def continuing(self, part: str, before: Model) -> Self:
        """With the network of that run as `like`."""
        if not isinstance(before, Net):
            raise EscaleraError(f"expected the run of a network, received one of kind {before.kind}")
        return self.model_copy(update={"like": before})
