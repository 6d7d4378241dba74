"""A trained network as one ONNX file: from uint8 pixels of the model's size to probabilities, its classes beside it."""

from __future__ import annotations

import copy
import json
import logging
import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from escalera import builders
from escalera.core.errors import EscaleraError, RunError
from escalera.core.files import write_aside
from escalera.evaluate.views import View, mean_logits
from escalera.inference.bundle import Trained
from escalera.inference.card import licences_of
from escalera.inference.onnx_check import MARGIN, Check, Smaller, check, largest, said, said_by_run, speeds_of, weigh
from escalera.inference.onnx_int8 import quantised
from escalera.inference.onnx_model import ATTRIBUTES, PICTURES, PROBABILITIES, About, read_onnx, sealed
from escalera.inference.predictor import Predictor
from escalera.inference.run_rows import Part, RunRows
from escalera.inference.unplaced import unplaced
from escalera.ladder.read import dump_config

OPSET = 20
TOLERANCE = 1e-3
"""The largest difference of a probability that is written."""
_TRIED = 32


class Answering(nn.Module):
    """Pixels (N, H, W, C) uint8, attributes (N, A), or both -> probabilities (N, K), with all that a run answers by."""

    def __init__(self, predictor: Predictor) -> None:
        super().__init__()
        data = predictor.trained.data
        self.network = copy.deepcopy(predictor.network).to(memory_format=torch.contiguous_format)
        doubt = predictor.trained.doubt
        self.temperature = doubt.temperature if doubt else 1.0
        self.views: Sequence[View] = builders.views(predictor.trained.config)
        self.pictures, self.attributes = predictor.trained.reads_pictures, predictor.fitted is not None
        channels = data.shape[2]
        deviation = torch.tensor(data.deviation or [1.0] * channels)
        mean = torch.tensor(data.mean or [0.0] * channels)
        self.register_buffer("scale", (1 / (255 * deviation)).view(1, -1, 1, 1))
        self.register_buffer("bias", (-mean / deviation).view(1, -1, 1, 1))
        self.shape = data.shape

    scale: Tensor
    bias: Tensor

    def forward(self, *given: Tensor) -> Tensor:
        """What a run says of rows."""
        height, width, channels = self.shape
        if self.pictures:
            # The exporter writes a mean over rows with the channels last as a gather without a limit.
            pixels = given[0].permute(0, 3, 1, 2).float().contiguous() * self.scale + self.bias
        else:
            pixels = given[0].new_zeros((given[0].shape[0], channels, height, width))
        inputs = (pixels, given[-1]) if self.attributes else pixels
        return (mean_logits(self.network, inputs, self.views) / self.temperature).softmax(dim=1)


@dataclass(frozen=True)
class Written:
    """What was found out about a file before it was written; `smaller` where it has eight bits."""

    check: Check
    smaller: Smaller | None = None

    def to_json(self) -> dict[str, Any]:
        """As the file beside the model has it."""
        import onnxruntime

        smaller = None if self.smaller is None else self.smaller.to_json()
        return {**self.check.to_json(), "int8": smaller, "onnxruntime": onnxruntime.__version__, "opset": OPSET}


def write_onnx(
    trained: Trained, path: Path, *, data_root: Path | None = None, int8: bool = False, force: bool = False
) -> Written:
    """Write a model as ONNX, whole or not at all, and beside it as JSON how it answers.

    It is asked about the run's own test rows, or rows of made-up pixels where their source is not here, as the run is.
    With `int8` it has eight bits, and is written where its accuracy on validation is close enough to the whole one's,
    or with `force`. Raises RunError for votes, for a network that the exporter cannot turn into a graph, and for one
    that answers otherwise than the run does.
    """
    if not trained.config.model.trains:
        raise RunError("a vote is several classifiers, which one ONNX file cannot hold: copy its folder instead")
    predictor = Predictor(trained)
    content = _content(predictor)
    model = read_onnx(content, path.name)
    rows, why = _rows(predictor, data_root)
    part = _made_up(predictor) if rows is None else rows.part("test")
    found, expected = said(model, part), said_by_run(predictor, part)
    difference = largest(found, expected)
    if difference > TOLERANCE:
        raise RunError(
            f"{path.name} was not written: its probabilities differ by {difference:.2g} from the run's, expected "
            f"at most {TOLERANCE:g}"
        )
    smaller = None
    if int8:
        if rows is None:
            raise RunError(f"--int8 measures ranges on train and the loss on validation, which are not here: {why}")
        whole, content = model, quantised(content, model, rows.part("train"))
        model = read_onnx(content, path.name)
        smaller = weigh(whole, model, rows.part("validation"))
        if not smaller.fits and not force:
            raise RunError(_too_much(path, smaller))
        found = said(model, part)
    speeds = speeds_of(predictor, model, part)
    written = Written(check(part, found, expected, len(content), speeds, why), smaller)
    write_aside(path, lambda file: file.write(content))
    write_aside(path.with_name(f"{path.name}.json"), lambda file: file.write(_json(written)))
    return written


def _json(written: Written) -> bytes:
    return f"{json.dumps(written.to_json(), indent=2)}\n".encode()


def _too_much(path: Path, smaller: Smaller) -> str:
    low, high, difference = (100 * value for value in (smaller.low, smaller.high, smaller.difference))
    return (
        f"{path.name} was not written: with eight bits it has {difference:+.1f} points on {smaller.whole.rows} rows of "
        f"validation (95 % interval {low:+.1f} to {high:+.1f}), expected more than {-100 * MARGIN:.1f} throughout. "
        "--force writes it all the same."
    )


def _rows(predictor: Predictor, data_root: Path | None) -> tuple[RunRows | None, str]:
    """The rows of the run, or why they cannot be had."""
    try:
        return RunRows(predictor, data_root), ""
    except (EscaleraError, OSError) as error:
        return None, str(error)


def _content(predictor: Predictor) -> bytes:
    """The bytes of the file."""
    answering = Answering(predictor).eval()
    given, names = _example(predictor, 2)
    rows = torch.export.Dim("rows", min=1)
    logging.getLogger("torch.onnx").setLevel(logging.ERROR)
    with warnings.catch_warnings(), torch.inference_mode():
        warnings.simplefilter("ignore")
        try:
            program = torch.onnx.export(
                answering, given, dynamo=True, opset_version=OPSET, input_names=names, output_names=[PROBABILITIES],
                dynamic_shapes=(tuple({0: rows} for _ in given),), external_data=False, verbose=False,
            )  # fmt: skip
        except torch.onnx.errors.OnnxExporterError as error:
            raise RunError(
                f"{predictor.trained.name} cannot be written as ONNX: {str(error).splitlines()[0]}"
            ) from error
    assert program is not None
    return sealed(program.model_proto, _about(predictor))


def _about(predictor: Predictor) -> About:
    """What the file says of itself; in which folder the data lie is nobody's business."""
    trained = predictor.trained
    data = trained.data.model_copy(update={"source": unplaced(trained.data.source)})
    attributes = None if trained.table is None or predictor.fitted is None else dict(trained.table["attributes"])
    return About(
        name=Path(trained.name).name and "/".join(trained.name.split("/")[-2:]), reads_pictures=trained.reads_pictures,
        data=data, attributes=attributes,
        doubt=trained.doubt, licences=licences_of(dump_config(trained.config)),
    )  # fmt: skip


def _example(predictor: Predictor, rows: int) -> tuple[tuple[Tensor, ...], list[str]]:
    """Made-up rows, and the names of the inputs."""
    draw = np.random.default_rng(0)
    given, names = [], []
    if predictor.trained.reads_pictures:
        given.append(torch.from_numpy(draw.integers(0, 256, (rows, *predictor.trained.data.shape), np.uint8)))
        names.append(PICTURES)
    if predictor.fitted is not None:
        given.append(torch.from_numpy(draw.normal(size=(rows, len(predictor.fitted.names))).astype(np.float32)))
        names.append(ATTRIBUTES)
    return tuple(given), names


def _made_up(predictor: Predictor) -> Part:
    """Rows of made-up pixels and attributes."""
    rows, names = _example(predictor, _TRIED)
    found = {name: values.numpy() for name, values in zip(names, rows, strict=True)}
    pixels = found.get(PICTURES, np.zeros((_TRIED, *predictor.trained.data.shape), np.uint8))
    return Part(pixels, np.arange(_TRIED), found.get(ATTRIBUTES), np.zeros(_TRIED, np.int64))
