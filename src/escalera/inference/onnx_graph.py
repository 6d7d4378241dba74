"""What an ONNX graph would do, found out before it runs: a few bytes can ask for files, foreign code or terabytes."""

from __future__ import annotations

from collections.abc import Iterator
from math import prod
from typing import Any

from escalera.inference import onnx_trees

_MOST = 20_000
"""Operators of a graph."""
_NUMBERS = 500_000_000
"""Numbers that a constant of the graph may have."""
ROWS = 64
"""Rows that a graph is asked about at once."""
_MADE = 1_000_000_000
"""Numbers that an operator may make of so many rows."""
_GROWING = {
    "CenterCropPad", "ConstantOfShape", "Expand", "EyeLike", "Loop", "MaxUnpool", "OneHot", "Pad", "Range", "Resize",
    "Scan", "Tile", "Upsample",
}  # fmt: skip
"""Operators whose output may be of any size, whatever their inputs are: it has to be known for any number of rows."""


def fault_of(model: Any, *, trees: bool = False) -> str:
    """Why a model's graph is not to be run: "" where it has standard operators alone, whose outputs have a limit.

    That of a vote may have `trees` too.
    """
    known = {"", "ai.onnx", *([onnx_trees.DOMAIN] if trees else [])}
    foreign = {one.domain for one in model.opset_import} - known
    foreign |= {node.domain for node in model.graph.node} - known
    if foreign or model.functions:
        return f"it has operators that are not ONNX's own: {', '.join(sorted(foreign)) or 'functions'}"
    if len(model.graph.node) > _MOST:
        return f"its graph has {len(model.graph.node):,} operators, expected at most {_MOST:,}"
    if any(one.HasField("g") or one.graphs for node in model.graph.node for one in node.attribute):
        return "it has operators whose output has no limit: a graph inside"
    return _fault_of_tensors(model.graph) or _fault_of_sizes(model)


def _fault_of_tensors(graph: Any) -> str:
    import onnx

    for tensor in _tensors(graph):
        if tensor.data_location == onnx.TensorProto.EXTERNAL or tensor.external_data:
            return f"its tensor '{tensor.name:.60}' lies outside the file"
        numbers = prod(tensor.dims)
        if not 0 <= numbers <= _NUMBERS:
            return f"its tensor '{tensor.name:.60}' has {numbers:,} numbers"
    return ""


def _tensors(graph: Any) -> Iterator[Any]:
    """Initialisers and the constants of nodes; sparse ones are among neither, and refused by their operator's input."""
    yield from graph.initializer
    for sparse in graph.sparse_initializer:
        yield sparse.values
        yield sparse
    for node in graph.node:
        for attribute in node.attribute:
            if attribute.HasField("t"):
                yield attribute.t
            yield from attribute.tensors


def _fault_of_sizes(model: Any) -> str:
    """What is wrong with the sizes of the operators' outputs, as ONNX's own inference has them."""
    import onnx

    try:
        of_any, of_most = _inferred(model, None), _inferred(model, ROWS)
    except onnx.shape_inference.InferenceError:
        named = {node.op_type for node in model.graph.node} & _GROWING
        return _no_limit(*named) if named else "its sizes do not fit"
    sizes = _sizes(of_any)
    if why := onnx_trees.fault_of_all(of_any, sizes):
        return why
    rows = {dims[0].dim_param for one in of_any.input if (dims := sizes.get(one.name))} - {""}
    for node, dims in _made(of_any):
        known = dims is not None and all(one.HasField("dim_value") or one.dim_param in rows for one in dims)
        if node.op_type in _GROWING and not known:
            return _no_limit(node.op_type)
    for node, dims in _made(of_most):
        if dims is None or not all(one.HasField("dim_value") for one in dims):
            return _no_limit(node.op_type)
        if (numbers := prod(one.dim_value for one in dims)) > _MADE:
            return f"its operator {node.op_type} makes {numbers:,} numbers of {ROWS} rows"
    return ""


def _made(graph: Any) -> Iterator[tuple[Any, Any]]:
    """Each operator with the sizes of what it makes; None where they are not known."""
    sizes = _sizes(graph)
    return ((node, sizes.get(name)) for node in graph.node for name in filter(None, node.output))


def _inferred(model: Any, rows: int | None) -> Any:
    """The graph with the sizes of all that it makes of a number of rows, or of any."""
    import onnx

    bare = onnx.ModelProto()
    bare.CopyFrom(model)
    del bare.graph.value_info[:]  # what a file says of its sizes is not believed
    if rows is not None:
        for one in bare.graph.input:
            if dims := one.type.tensor_type.shape.dim:
                dims[0].dim_value = rows
        for one in bare.graph.output:
            one.type.tensor_type.ClearField("shape")
    return onnx.shape_inference.infer_shapes(bare, strict_mode=True, data_prop=True).graph


def _sizes(graph: Any) -> dict[str, Any]:
    """The sizes of what a graph takes, makes and answers, by their names."""
    return {
        one.name: one.type.tensor_type.shape.dim
        for one in (*graph.input, *graph.value_info, *graph.output)
        if one.type.tensor_type.HasField("shape")
    }


def _no_limit(*operators: str) -> str:
    return f"it has operators whose output has no limit: {', '.join(sorted(operators))}"
