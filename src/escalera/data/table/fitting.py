"""What the rows of train teach of their attributes, learned by scikit-learn: limits, medians, categories.

table  N rows
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from escalera.data.column import Kind, numbers, texts
from escalera.data.table.transform import Categorical, Numeric, Transformation, filled

if TYPE_CHECKING:
    from sklearn.compose import ColumnTransformer

_FENCE = 3.0
"""Numbers farther from the quartiles than this many times their distance are drawn in: Tukey's outer fences (1977)."""
_RARE_SHARE, _RARE_ROWS = 0.01, 5
"""A category of fewer rows of train, or of a smaller share of them, shares one place with the other rare ones."""


def fit(train: pa.Table, kinds: Mapping[str, Kind], left_out: Mapping[str, str]) -> Transformation | None:
    """Fit on the rows of train alone; None where no column is left to learn from.

    `kinds` says of each column what it holds. A column of names that are all rare joins `left_out` as `all_rare`.
    """
    counts = {name: Counter(texts(train, name)) for name, kind in kinds.items() if kind == "categorical"}
    rare = {name for name, count in counts.items() if max(count.values()) < _often(train)}
    kinds = {name: kind for name, kind in kinds.items() if name not in rare}
    left_out = {**left_out, **dict.fromkeys(sorted(rare), "all_rare")}
    if not kinds:
        return None
    fill = {name: "" if count[""] else min(count, key=lambda text: (-count[text], text))
            for name, count in counts.items() if name not in rare}  # fmt: skip
    steps = column_transformer(train, kinds, fill).named_transformers_
    return Transformation(
        _numeric([name for name in kinds if name not in fill], steps), _categorical(fill, steps), left_out
    )


def column_transformer(train: pa.Table, kinds: Mapping[str, Kind], fill: Mapping[str, str]) -> ColumnTransformer:
    """scikit-learn's transformer, fitted on the rows of train; `Transformation` gives the same output without it."""
    from sklearn.compose import ColumnTransformer
    from sklearn.impute import MissingIndicator, SimpleImputer
    from sklearn.pipeline import Pipeline
    from sklearn.preprocessing import FunctionTransformer, OneHotEncoder, StandardScaler

    parts: list[tuple[str, Any, list[int]]] = []
    values = raw(train, kinds, fill)
    if numeric := [i for i, kind in enumerate(kinds.values()) if kind == "numeric"]:
        low, high = _limits(values[:, numeric].astype(np.float64))
        scaling = [
            ("limits", FunctionTransformer(_clipped, kw_args={"low": low, "high": high})),
            ("median", SimpleImputer(strategy="median")),
            ("scale", StandardScaler()),
        ]
        parts += [
            ("numbers", Pipeline(scaling), numeric),
            ("flags", MissingIndicator(features="missing-only", error_on_new=False), numeric),
        ]
    if categorical := [i for i, kind in enumerate(kinds.values()) if kind == "categorical"]:
        encoder = OneHotEncoder(min_frequency=_often(train), handle_unknown="infrequent_if_exist", sparse_output=False)
        parts.append(("categories", encoder, categorical))
    return ColumnTransformer(parts).fit(values)


def raw(table: pa.Table, kinds: Mapping[str, Kind], fill: Mapping[str, str]) -> NDArray[np.object_]:
    """What scikit-learn's transformer reads: (N, columns), numbers with NaN, and texts with the missing ones filled."""
    columns = []
    for name, kind in kinds.items():
        values: NDArray[Any] = numbers(table, name) if kind == "numeric" else filled(texts(table, name), fill[name])
        columns.append(values.astype(object))
    return np.stack(columns, axis=1)


def _numeric(names: Sequence[str], steps: Mapping[str, Any]) -> tuple[Numeric, ...]:
    """What scikit-learn's steps learned of the columns of numbers."""
    if not names:
        return ()
    scaling, flagged = steps["numbers"], set(steps["flags"].features_.tolist())
    limits = scaling["limits"].kw_args
    low, high = limits["low"].tolist(), limits["high"].tolist()
    median = scaling["median"].statistics_.tolist()
    mean, deviation = scaling["scale"].mean_.tolist(), scaling["scale"].scale_.tolist()
    return tuple(
        Numeric(name, low[i], high[i], median[i], mean[i], deviation[i], i in flagged) for i, name in enumerate(names)
    )


def _categorical(fill: Mapping[str, str], steps: Mapping[str, Any]) -> tuple[Categorical, ...]:
    """What scikit-learn's encoder learned of the columns of names."""
    if not fill:
        return ()
    parts = []
    encoder = steps["categories"]
    for name, found, rare in zip(fill, encoder.categories_, encoder.infrequent_categories_, strict=True):
        others = set() if rare is None else set(rare)
        kept = tuple(str(category) for category in found if category not in others)
        parts.append(Categorical(name, kept, rare is not None, fill[name]))
    return tuple(parts)


def _often(train: pa.Table) -> int:
    rows: int = train.num_rows
    return max(_RARE_ROWS, math.ceil(_RARE_SHARE * rows))


def _limits(values: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """The outer fences of each column (N, columns), within what train has; quartiles that are equal fence nothing."""
    low, first, third, high = np.nanquantile(values, [0, 0.25, 0.75, 1], axis=0)
    reach = np.where(third > first, _FENCE * (third - first), np.inf)
    return np.maximum(low, first - reach), np.minimum(high, third + reach)


def _clipped(values: NDArray[Any], low: NDArray[np.float64], high: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.clip(values.astype(np.float64), low, high)
