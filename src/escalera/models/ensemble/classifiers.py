"""scikit-learn's classifiers by name, and what each says of features as probabilities.

features       (N, D) float32, standardised
probabilities  (N, K) float64
"""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

Features = NDArray[np.float32]
Probabilities = NDArray[np.float64]


def logistic_regression(seed: int, *, c: float, max_iter: int) -> Any:
    """Multinomial logistic regression."""
    from sklearn.linear_model import LogisticRegression

    return LogisticRegression(C=c, max_iter=max_iter, random_state=seed)


def linear_svm(seed: int, *, alpha: float, max_iter: int) -> Any:
    """A linear support vector machine by stochastic gradient descent.

    LIBLINEAR's solver would copy the features into 16 bytes a number; this one reads them where they are.
    """
    from sklearn.linear_model import SGDClassifier

    return SGDClassifier(loss="hinge", alpha=alpha, max_iter=max_iter, average=True, n_jobs=-1, random_state=seed)


def nearest_neighbours(seed: int, *, k: int) -> Any:
    """The k nearest neighbours by distance; it draws nothing, and `seed` is not read."""
    from sklearn.neighbors import KNeighborsClassifier

    return KNeighborsClassifier(n_neighbors=k, weights="distance", algorithm="brute", n_jobs=-1)


def random_forest(seed: int, *, trees: int, min_leaf: int) -> Any:
    """A random forest."""
    from sklearn.ensemble import RandomForestClassifier

    return RandomForestClassifier(n_estimators=trees, min_samples_leaf=min_leaf, n_jobs=-1, random_state=seed)


def gradient_boosting(seed: int, *, iterations: int, lr: float, leaves: int, features: float, bins: int) -> Any:
    """Gradient boosting over features cut into bins, each split looking at a share of them."""
    from sklearn.ensemble import HistGradientBoostingClassifier

    return HistGradientBoostingClassifier(
        max_iter=iterations,
        learning_rate=lr,
        max_leaf_nodes=leaves,
        max_features=features,
        max_bins=bins,
        early_stopping=False,
        random_state=seed,
    )


CLASSIFIERS: dict[str, Callable[..., Any]] = {
    "logistic_regression": logistic_regression,
    "linear_svm": linear_svm,
    "nearest_neighbours": nearest_neighbours,
    "random_forest": random_forest,
    "gradient_boosting": gradient_boosting,
}


def fit(name: str, settings: dict[str, Any], seed: int, features: Features, labels: NDArray[np.int64]) -> Any:
    """A classifier fitted on features and labels (N,); one that is still on its way after its last step counts."""
    from sklearn.exceptions import ConvergenceWarning

    if name == "nearest_neighbours":
        settings = {**settings, "k": min(settings["k"], len(labels))}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        return CLASSIFIERS[name](seed, **settings).fit(features, labels)


def probabilities(classifier: Any, features: Features, classes: int, temperature: float = 1.0) -> Probabilities:
    """What a classifier says (N, K). One that knows margins and no probabilities gives the softmax of margins / T."""
    if hasattr(classifier, "predict_proba"):
        known = np.asarray(classifier.predict_proba(features), dtype=np.float64)
    else:
        from scipy.special import softmax

        known = softmax(_margins(classifier, features) / temperature, axis=1)
    found = np.zeros((len(features), classes))
    found[:, classifier.classes_] = known
    return found


def temperature(classifier: Any, features: Features, labels: NDArray[np.int64]) -> float:
    """The T with which margins are as sure as they are right on rows that were not learned from (N,); 1 without any.

    Margins have a unit of their own: their plain softmax can be so sure that a soft vote hears nobody else. By the
    least log loss (Guo et al. 2017, arXiv 1706.04599), which has one minimum; a row more of each class is taken to be
    wrong, as by Platt, so that nobody is sure of everything after a few right answers. Rows of a class that the
    classifier never met do not count.
    """
    met = np.isin(labels, classifier.classes_)
    if hasattr(classifier, "predict_proba") or not met.any():
        return 1.0
    from scipy.optimize import minimize_scalar
    from scipy.special import log_softmax

    margins, truth = _margins(classifier, features[met]), np.searchsorted(classifier.classes_, labels[met])

    doubt = margins.shape[1] / (len(truth) + margins.shape[1])

    def loss(power: float) -> float:
        logs = log_softmax(margins / 10**power, axis=1)
        return -float((1 - doubt) * logs[np.arange(len(truth)), truth].mean() + doubt * logs.mean())

    return float(10 ** minimize_scalar(loss, bounds=(-4, 4), method="bounded").x)


def _margins(classifier: Any, features: Features) -> NDArray[np.float64]:
    """The margin of each class that the classifier met (N, k)."""
    margins = np.asarray(classifier.decision_function(features), dtype=np.float64)
    return np.stack([-margins, margins], axis=1) if margins.ndim == 1 else margins
