"""What an ONNX graph would do, found out before it runs: a few bytes can ask for files, foreign code or terabytes."""

from __future__ import annotations

from collections.abc import Iterator
from math import prod
from typing import Any

from escalera.inference import onnx_trees

_MOST = 20_000
"""Operators of a graph."""
_NUMBERS = 500_000_000
"""Numbers that a constant of the graph, or what an operator makes of a row, may have."""
_GROWING = {
    "CenterCropPad", "ConstantOfShape", "Expand", "EyeLike", "Loop", "MaxUnpool", "OneHot", "Pad", "Range", "Resize",
    "Scan", "Tile", "Upsample",
}  # fmt: skip
"""Operators whose output may be of any size, whatever their inputs are: they are taken where that size is known."""


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

    newest = max((one.version for one in model.opset_import), default=0)
    if newest > onnx.defs.onnx_opset_version():
        return f"onnx {onnx.__version__} cannot read its opset {newest}"
    bare = onnx.ModelProto()
    bare.CopyFrom(model)
    del bare.graph.value_info[:]  # what a file says of its sizes is not believed
    try:
        found = onnx.shape_inference.infer_shapes(bare, strict_mode=True, data_prop=True).graph
    except onnx.shape_inference.InferenceError:
        growing = sorted({node.op_type for node in model.graph.node} & _GROWING)
        return (
            f"it has operators whose output has no limit: {', '.join(growing)}" if growing else "its sizes do not fit"
        )
    sizes = {one.name: one.type.tensor_type.shape.dim for one in (*found.input, *found.value_info, *found.output)}
    if why := onnx_trees.fault_of_all(found, sizes):
        return why
    rows = {dims[0].dim_param for one in found.input if (dims := sizes[one.name])} - {""}
    for node in found.node:
        for name in filter(None, node.output):
            dims = sizes.get(name)
            known = dims is not None and all(one.HasField("dim_value") or one.dim_param in rows for one in dims)
            if node.op_type in _GROWING and not known:
                return f"it has operators whose output has no limit: {node.op_type}"
            numbers = prod(one.dim_value for one in dims or () if one.HasField("dim_value"))
            if numbers > _NUMBERS:
                return f"its operator {node.op_type} makes {numbers:,} numbers of a row"
    return ""
