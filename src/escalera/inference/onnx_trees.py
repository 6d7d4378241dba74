"""The trees of a forest or of boosting as one operator of ONNX, TreeEnsembleRegressor: written, and looked at.

n nodes of all trees, m weights of their leaves, k classes.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from typing import Any

import numpy as np
from numpy.typing import NDArray

DOMAIN, OPERATOR, VERSION = "ai.onnx.ml", "TreeEnsembleRegressor", 3
_BRANCH, _LEAF = b"BRANCH_LEQ", b"LEAF"
_DEEPEST = 2_000
"""Nodes from a root to a leaf: whoever reads a tree may go down it by recursion."""
_INTEGERS = ("treeids", "nodeids", "featureids", "truenodeids", "falsenodeids")

Integers = NDArray[np.int64]
Numbers = NDArray[np.float64]


@dataclass(frozen=True)
class Tree:
    """One tree: a row goes `left` (n,) where its `feature` (n,) is at most `threshold` (n,), else `right`.

    A node is a leaf where `left` is 0, and its children come after it. `value` (n, k) is what a leaf adds.
    """

    left: Integers
    right: Integers
    feature: Integers
    threshold: Numbers
    value: Numbers


def of_forest(forest: Any) -> tuple[list[Tree], Numbers]:
    """The trees of scikit-learn's random forest, whose sum is a probability of each class; nothing is added to it."""
    found = []
    for one in forest.estimators_:
        tree = one.tree_
        value = tree.value[:, 0, :]
        shares = value / value.sum(axis=1, keepdims=True) / len(forest.estimators_)
        left, right, feature = (
            np.maximum(one, 0).astype(np.int64) for one in (tree.children_left, tree.children_right, tree.feature)
        )
        found.append(Tree(left, right, feature, tree.threshold, shares))
    return found, np.zeros(len(forest.classes_))


def of_boosting(boosting: Any) -> tuple[list[Tree], Numbers]:
    """The trees of scikit-learn's histogram boosting, and what is added to their sum: the margin of each class.

    Of two classes there is the margin of the second alone.
    """
    base = np.ravel(boosting._baseline_prediction)
    found = []
    for round_ in boosting._predictors:
        for place, predictor in enumerate(round_):
            nodes = predictor.nodes
            leaf = nodes["is_leaf"].astype(bool)
            value = np.zeros((len(nodes), len(base)))
            value[:, place] = nodes["value"]
            left, right, feature = (
                np.where(leaf, 0, nodes[name]).astype(np.int64) for name in ("left", "right", "feature_idx")
            )
            found.append(Tree(left, right, feature, np.where(leaf, 0.0, nodes["num_threshold"]), value))
    return found, base


def fill(node: Any, trees: Sequence[Tree], base: Numbers) -> None:
    """Put trees into an operator that has none yet, and what is added to the sum of their leaves (k,)."""
    from onnx import helper

    sizes = [len(tree.left) for tree in trees]
    whole = Tree(*(np.concatenate([getattr(tree, one.name) for tree in trees]) for one in fields(Tree)))
    tree_of = np.repeat(np.arange(len(trees)), sizes)
    node_of = np.concatenate([np.arange(size) for size in sizes])
    leaf = whole.left == 0
    heard = whole.value != 0  # a class that no row of a leaf was of adds nothing
    heard[~heard.any(axis=1), 0] = True  # but no leaf is without a weight
    at, of_class = np.nonzero(heard & leaf[:, None])
    del node.attribute[:]
    for name, values in {
        "n_targets": len(base),
        "aggregate_function": "SUM",
        "base_values": base.astype(np.float32).tolist(),
        "nodes_treeids": tree_of.tolist(),
        "nodes_nodeids": node_of.tolist(),
        "nodes_featureids": whole.feature.tolist(),
        "nodes_modes": np.where(leaf, _LEAF, _BRANCH).tolist(),
        "nodes_values": _floor(whole.threshold).tolist(),
        "nodes_truenodeids": whole.left.tolist(),
        "nodes_falsenodeids": whole.right.tolist(),
        "target_treeids": tree_of[at].tolist(),
        "target_nodeids": node_of[at].tolist(),
        "target_ids": of_class.tolist(),
        "target_weights": whole.value[at, of_class].astype(np.float32).tolist(),
    }.items():
        node.attribute.append(helper.make_attribute(name, values))


def _floor(threshold: Numbers) -> NDArray[np.float32]:
    """The largest numbers of single precision that are not above: a feature is one, and no comparison changes."""
    with np.errstate(over="ignore"):
        found = threshold.astype(np.float32)
    return np.where(found > threshold, np.nextafter(found, np.float32(-np.inf)), found)


def fault_of_all(graph: Any, sizes: Mapping[str, Any]) -> str:
    """What is wrong with the trees of a graph, whose values are of these `sizes`."""
    for node in graph.node:
        if node.domain == DOMAIN:
            given = sizes.get(node.input[0], ())
            if why := fault_of_trees(node, given[1].dim_value if len(given) == 2 else 0):
                return why
    return ""


def fault_of_trees(node: Any, width: int) -> str:
    """Why an operator is not to be run on rows of `width` features: "" where its trees are as `fill` writes them.

    A runtime believes what it reads: a feature that no row has, or a node that no tree has, lies anywhere in memory.
    """
    given = {one.name: one for one in node.attribute}
    names = {f"nodes_{name}" for name in (*_INTEGERS, "modes", "values")}
    names |= {f"target_{name}" for name in ("treeids", "nodeids", "ids", "weights")}
    if node.op_type != OPERATOR or given.keys() != names | {"n_targets", "aggregate_function", "base_values"}:
        return f"its operator {node.op_type:.60} is not such as Escalera writes for trees"
    tree, own, feature, left, right = (np.array(given[f"nodes_{name}"].ints, np.int64) for name in _INTEGERS)
    leaf = np.array([mode == _LEAF for mode in given["nodes_modes"].strings], bool)
    targets = given["n_targets"].i
    lengths = {len(one) for one in (tree, own, feature, left, right, leaf, given["nodes_values"].floats)}
    if len(lengths) > 1 or not len(tree) or given["aggregate_function"].s != b"SUM":
        return "its trees are damaged"
    if set(given["nodes_modes"].strings) - {_BRANCH, _LEAF} or len(given["base_values"].floats) != targets:
        return "its trees are damaged"
    first = np.flatnonzero(np.diff(tree, prepend=-1))  # the place of each root
    if not np.array_equal(tree[first], np.arange(len(first))) or not ((feature >= 0) & (feature < width)).all():
        return "its trees are damaged"
    start, size = first[tree], np.diff(first, append=len(tree))[tree]
    inside = all(((own < side) & (side < size))[~leaf].all() for side in (left, right))
    if not np.array_equal(own, np.arange(len(tree)) - start) or not inside:
        return "its trees are damaged"
    return _fault_of_depth(first, start + left, start + right, leaf) or _fault_of_leaves(given, first, size, leaf)


def _fault_of_depth(roots: Integers, left: Integers, right: Integers, leaf: NDArray[np.bool_]) -> str:
    """What is wrong with the way down: each node is to be met once, and soon enough."""
    met = np.zeros(len(leaf), np.int64)
    level = roots
    for _ in range(_DEEPEST):
        np.add.at(met, level, 1)
        branches = level[~leaf[level]]
        if not len(branches):
            return "" if (met == 1).all() else "its trees are damaged"
        level = np.concatenate([left[branches], right[branches]])
        if len(level) > len(leaf):
            return "its trees are damaged"
    return f"its trees are deeper than {_DEEPEST:,} nodes"


def _fault_of_leaves(given: dict[str, Any], first: Integers, size: Integers, leaf: NDArray[np.bool_]) -> str:
    """What is wrong with the weights: each is to be that of a leaf, for a class that there is."""
    tree, own, target = (np.array(given[f"target_{name}"].ints, np.int64) for name in ("treeids", "nodeids", "ids"))
    weights = given["target_weights"].floats
    fits = len(tree) == len(own) == len(target) == len(weights) and bool(
        ((tree >= 0) & (tree < len(first)) & (own >= 0)).all()
        and (own < size[first[tree]]).all()
        and leaf[first[tree] + own].all()
        and ((target >= 0) & (target < given["n_targets"].i)).all()
    )
    return "" if fits else "its trees are damaged"
