"""What is in a table of attributes: the distribution of each column, and how much it says about the classes.

table   N rows, one for each picture, without the columns of pictures and labels
labels  (N,) int64
"""

from __future__ import annotations

import math
from collections import Counter
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from escalera.data.column import Kind, guess, numbers, texts

_TOP = 20
_BINS = 20
_FEW = 20
"""Numbers with so few different values, such as bedrooms, are compared as they are and not as a continuum."""
_ROWS = 10_000
"""The ranking looks at so many rows at most: the distances between neighbours take a minute for 100,000."""


def describe(table: pa.Table) -> list[dict[str, Any]]:
    """The distribution of each column, in their order, as values that JSON can hold.

    Always `column`, `kind` (numeric, categorical or other), `count` (values present), `missing`, and `remark`: None, or
    what speaks against learning from it (see `column.guess`). Numeric also `min`, `quartiles` (three), `max`,
    `mean`, `std` (of a sample; None for a single value, and beyond what a float holds) and `histogram` {edges (n + 1),
    counts (n)}; categorical also `distinct` and `top`, the 20 most frequent as {value, count}; other also `type`.
    """
    return [_describe(table, name) for name in table.column_names]


def ranking(table: pa.Table, labels: NDArray[np.int64], kinds: dict[str, Kind] | None = None) -> list[dict[str, Any]]:
    """How much each column says about the class, best first: {column, score}.

    The score is the mutual information in nats: 0 says nothing, log(classes) says all. Numbers are compared by the
    distances between neighbours (Ross 2014, PLoS ONE 9(2)), a missing one as the median; categories by counting, a
    missing one as a category of its own. `kinds` are guessed where they are not given; columns that hold one value,
    none, or one of their own in each row score 0. Pass the rows of train alone.
    """
    from sklearn.feature_selection import mutual_info_classif

    if kinds is None:
        guessed = {name: guess(table, name) for name in table.column_names}
        kinds = {name: kind for name, (kind, remark) in guessed.items() if kind and not remark}
    rows = np.arange(len(labels))
    if len(rows) > _ROWS:
        rows = np.sort(np.random.RandomState(0).permutation(rows)[:_ROWS])
    columns, counted = [], []
    for name, kind in kinds.items():
        values = _filled(numbers(table, name)) if kind == "numeric" else texts(table, name).astype(str)
        distinct, codes = np.unique(values, return_inverse=True)
        counted.append(kind == "categorical" or len(distinct) <= _FEW)
        columns.append((codes if counted[-1] else values)[rows])
    scores = dict.fromkeys(table.column_names, 0.0)
    # Numbers are compared within a class, of which that takes two rows: the library leaves out the others, and fails
    # where no class has them.
    if columns and len(rows) > 3 and np.bincount(labels[rows]).max() > 1:
        found = mutual_info_classif(np.stack(columns, axis=1), labels[rows], discrete_features=counted, random_state=0)
        scores |= {name: max(0.0, float(score)) for name, score in zip(kinds, found, strict=True)}
    ranked = sorted(scores.items(), key=lambda item: -item[1])
    return [{"column": name, "score": score} for name, score in ranked]


def _describe(table: pa.Table, name: str) -> dict[str, Any]:
    kind, remark = guess(table, name)
    entry: dict[str, Any] = {"column": name, "kind": kind or "other", "remark": remark}
    if kind is None:
        missing = table[name].null_count
        return entry | {"count": table.num_rows - missing, "missing": missing, "type": str(table[name].type)}
    if kind == "numeric" and remark not in ("empty", "mixed", "endless"):
        values = numbers(table, name)
        present = values[~np.isnan(values)]
        return entry | {"count": len(present), "missing": len(values) - len(present)} | _numeric(present)
    counts = Counter(texts(table, name))
    missing = counts.pop("", 0)
    # Equally frequent ones in the order of the alphabet, so that the same table is always described alike.
    top = sorted(counts.items(), key=lambda item: (-item[1], item[0]))[:_TOP]
    return entry | {
        "kind": "categorical",
        "count": table.num_rows - missing,
        "missing": missing,
        "distinct": len(counts),
        "top": [{"value": value, "count": count} for value, count in top],
    }


def _numeric(values: NDArray[np.float64]) -> dict[str, Any]:
    low, *quartiles, high = np.quantile(values, [0, 0.25, 0.5, 0.75, 1]).tolist()
    few = bool((values == np.rint(values)).all()) and high - low < 1.5 * _BINS and abs(high) < 1e9
    edges = np.arange(low - 0.5, high + 1) if few else np.linspace(low, high, _BINS + 1 if low < high else 2)
    counts, _ = np.histogram(values, edges)
    with np.errstate(over="ignore", invalid="ignore"):
        mean, deviation = float(values.mean()), float(values.std(ddof=1)) if len(values) > 1 else math.nan
    return {
        "min": low,
        "quartiles": quartiles,
        "max": high,
        "mean": mean if math.isfinite(mean) else None,
        "std": deviation if math.isfinite(deviation) else None,
        "histogram": {"edges": edges.tolist(), "counts": counts.tolist()},
    }


def _filled(values: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.where(np.isnan(values), np.nanmedian(values), values)
