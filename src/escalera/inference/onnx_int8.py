"""A network's graph in whole numbers of eight bits: static quantisation (Jacob et al. 2018), by onnxruntime."""

from __future__ import annotations

import logging
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from escalera.inference.onnx_check import given
from escalera.inference.onnx_model import OnnxModel, sealed
from escalera.inference.run_rows import Part

_ROWS, _AT_ONCE = 256, 32
"""Rows of train by which the ranges of the activations are measured."""


def quantised(content: bytes, model: OnnxModel, train: Part) -> bytes:
    """The bytes of a `model` again, with weights and activations of eight bits, whose ranges rows of train have shown.

    Each filter has a scale of its own; what has no form in eight bits stays as it is. The graph says so by ONNX's own
    QuantizeLinear and DequantizeLinear, so that any runtime can run it.
    """
    import onnx
    from onnxruntime.quantization import CalibrationDataReader, QuantFormat, QuantType, quantize_static
    from onnxruntime.quantization.shape_inference import quant_pre_process

    rows = train.some(_ROWS)

    class Reader(CalibrationDataReader):  # type: ignore[misc]
        """Hands out the rows."""

        def __init__(self) -> None:
            self._batches: Iterator[Any] = iter(rows.batches(_AT_ONCE))

        def get_next(self) -> dict[str, Any] | None:
            """The next of them; None at the end."""
            batch = next(self._batches, None)
            return None if batch is None else given(model, *batch)

    with tempfile.TemporaryDirectory() as folder:
        whole, shaped, small = (Path(folder) / f"{name}.onnx" for name in ("whole", "shaped", "small"))
        whole.write_bytes(content)
        logging.disable(logging.WARNING)  # of weights without channels, which have one scale: nothing to be done
        try:
            quant_pre_process(str(whole), str(shaped), skip_symbolic_shape=True, skip_optimization=True)
            quantize_static(
                str(shaped), str(small), Reader(), quant_format=QuantFormat.QDQ, per_channel=True,
                activation_type=QuantType.QUInt8, weight_type=QuantType.QInt8,
            )  # fmt: skip
        finally:
            logging.disable(logging.NOTSET)
        return sealed(onnx.load_model(small), model.about)
