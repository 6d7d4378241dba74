"""A trained network as one ONNX file: from uint8 pixels of the model's size to probabilities, its classes beside it."""

from __future__ import annotations

import logging
import warnings
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

from escalera import builders
from escalera.core.errors import RunError
from escalera.core.files import write_aside
from escalera.evaluate.views import View, mean_logits
from escalera.inference.bundle import Trained
from escalera.inference.onnx_model import ATTRIBUTES, KEY, PICTURES, PROBABILITIES, About, OnnxModel, read_onnx
from escalera.inference.predictor import Predictor, answers, as_batches

OPSET = 20
TOLERANCE = 1e-3
"""The largest difference of a probability that is written."""
_TRIED = 32


class Answering(nn.Module):
    """Pixels (N, H, W, C) uint8, attributes (N, A), or both -> probabilities (N, K), with all that a run answers by."""

    def __init__(self, predictor: Predictor) -> None:
        super().__init__()
        data = predictor.trained.data
        self.network = predictor.network
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
            pixels = given[0].permute(0, 3, 1, 2).float() * self.scale + self.bias
        else:
            pixels = given[0].new_zeros((given[0].shape[0], channels, height, width))
        inputs = (pixels, given[-1]) if self.attributes else pixels
        return (mean_logits(self.network, inputs, self.views) / self.temperature).softmax(dim=1)


def write_onnx(trained: Trained, path: Path) -> float:
    """Write a model as ONNX, whole or not at all; the largest difference of a probability to the run's own answers.

    It is asked the same rows of made-up pixels as the run is. Raises RunError for votes, for a network that the
    exporter cannot turn into a graph, and for one that answers otherwise than the run does.
    """
    if not trained.config.model.trains:
        raise RunError("a vote is several classifiers, which one ONNX file cannot hold: copy its folder instead")
    predictor = Predictor(trained)
    content = _content(predictor)
    difference = _difference(predictor, read_onnx(content, path.name))
    if difference > TOLERANCE:
        raise RunError(
            f"{path.name} was not written: its probabilities differ by {difference:.2g} from the run's, expected "
            f"at most {TOLERANCE:g}"
        )
    write_aside(path, lambda file: file.write(content))
    return difference


def _content(predictor: Predictor) -> bytes:
    """The bytes of the file, without the paths and stack traces that the exporter leaves in a graph."""
    import onnx

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
    model = program.model_proto
    for part in (model, model.graph, *model.graph.node, *model.graph.value_info, *model.graph.input,
                 *model.graph.output, *model.graph.initializer):  # fmt: skip
        del part.metadata_props[:]
        part.doc_string = ""
    for node in model.graph.node:
        for attribute in node.attribute:
            attribute.doc_string = ""
    entry = model.metadata_props.add()
    entry.key, entry.value = KEY, _about(predictor).model_dump_json()
    onnx.checker.check_model(model)
    return bytes(model.SerializeToString())


def _about(predictor: Predictor) -> About:
    """What the file says of itself; where the data lie is nobody's business."""
    trained = predictor.trained
    data = trained.data.model_copy(update={"source": ""})
    attributes = None if trained.table is None or predictor.fitted is None else dict(trained.table["attributes"])
    return About(
        name=Path(trained.name).name and "/".join(trained.name.split("/")[-2:]), reads_pictures=trained.reads_pictures,
        data=data, attributes=attributes,
        doubt=trained.doubt,
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


def _difference(predictor: Predictor, model: OnnxModel) -> float:
    """The largest difference of a probability between a file and the run, over made-up rows."""
    rows, names = _example(predictor, _TRIED)
    given = {name: values.numpy() for name, values in zip(names, rows, strict=True)}
    pixels = given.get(PICTURES, np.zeros((_TRIED, *predictor.trained.data.shape), np.uint8))
    expected = answers(predictor, as_batches(predictor.trained.data, pixels, given.get(ATTRIBUTES)))
    return float(np.abs(model.answers(given) - expected).max())
