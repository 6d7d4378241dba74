"""A trained network as one ONNX file: from uint8 pixels of the model's size to probabilities, its classes beside it."""

from __future__ import annotations

import json
import logging
import warnings
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from escalera.core.errors import EscaleraError, RunError
from escalera.core.files import write_aside
from escalera.core.language import Language
from escalera.inference.bundle import Trained
from escalera.inference.card import licences_of
from escalera.inference.onnx_answering import Answering
from escalera.inference.onnx_check import (
    MARGIN,
    TOLERANCE,
    Check,
    Probabilities,
    Smaller,
    apart,
    check,
    largest,
    probabilities_of,
    probabilities_of_run,
    speeds_of,
    weigh,
)
from escalera.inference.onnx_int8 import quantised
from escalera.inference.onnx_model import ATTRIBUTES, PICTURES, About, read_onnx, sealed
from escalera.inference.onnx_votes import Voted, check_classifiers
from escalera.inference.predictor import Predictor
from escalera.inference.run_rows import Part, RunRows
from escalera.inference.unplaced import unplaced
from escalera.ladder.read import dump_config

OPSET = 20
_TRIED = 32
_ON_A_CUT = 100
"""One row of a vote in so many may lie where it turns from one answer to another."""

_WORDS = Language("en", {}, minus="-")


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
    or with `force`. Raises RunError for a network or a classifier that has no form as a graph, and for one that
    answers otherwise than the run does.
    """
    predictor = Predictor(trained)
    rows, why = _rows(predictor, data_root)
    part = _made_up(predictor) if rows is None else rows.part("test")
    content = _content(predictor, part, path.name)
    model = read_onnx(content, path.name)
    found, expected = probabilities_of(model, part), probabilities_of_run(predictor, part)
    _check_difference(predictor, path, found, expected)
    smaller = None
    if int8:
        if rows is None:
            raise RunError(f"--int8 measures ranges on train and the loss on validation, which are not here: {why}")
        whole, content = model, quantised(content, model, rows.part("train"))
        model = read_onnx(content, path.name)
        smaller = weigh(whole, model, rows.part("validation"))
        if not smaller.fits and not force:
            raise RunError(_too_much(path, smaller))
        found = probabilities_of(model, part)
    speeds = speeds_of(predictor, model, part)
    written = Written(check(part, found, expected, len(content), speeds, why), smaller)
    write_aside(path, lambda file: file.write(content), named=True)
    write_aside(path.with_name(f"{path.name}.json"), lambda file: file.write(_json(written)), named=True)
    return written


def _check_difference(predictor: Predictor, path: Path, found: Probabilities, expected: Probabilities) -> None:
    """Raise RunError for probabilities that differ too much.

    A vote turns where a feature lies on the cut of a tree, or two classes of a hard vote are alike: its classifiers
    have been checked by equal features before, so that a row in a hundred may differ, and is told.
    """
    if apart(found, expected) <= (0 if predictor.ballot is None else max(1, len(found) // _ON_A_CUT)):
        return
    old = predictor.ballot is not None and predictor.ballot.prepare.step is None
    cure = ". Features of votes are rounded since it was trained: climb the rung again with --fresh" if old else ""
    raise RunError(
        f"{path.name} was not written: its probabilities differ by {largest(found, expected):.2g} from the run's, "
        f"expected at most {TOLERANCE:g}{cure}"
    )


def _json(written: Written) -> bytes:
    return f"{json.dumps(written.to_json(), indent=2)}\n".encode()


def _too_much(path: Path, smaller: Smaller) -> str:
    low, high, difference = (_WORDS.points(one, sign=True) for one in (smaller.low, smaller.high, smaller.difference))
    return (
        f"{path.name} was not written: with eight bits its accuracy changes by {difference} points on "
        f"{smaller.whole.rows} rows of validation (95 % interval {low} to {high}); the whole interval has to lie above "
        f"{_WORDS.points(-MARGIN)} points. --force writes it all the same."
    )


def _rows(predictor: Predictor, data_root: Path | None) -> tuple[RunRows | None, str]:
    """The rows of the run, or why they cannot be had."""
    try:
        return RunRows(predictor, data_root), ""
    except (EscaleraError, OSError) as error:
        return None, str(error)


def _content(predictor: Predictor, part: Part, name: str) -> bytes:
    """The bytes of the file; of a vote each classifier is checked first, by what it says of a part."""
    program = _program(predictor)
    if predictor.ballot is not None:
        check_classifiers(program, predictor.ballot, part, name)
    del program.graph.output[1:]  # what each classifier says
    return sealed(program, _about(predictor))


def _program(predictor: Predictor) -> Any:
    """The graph, as ONNX has it."""
    votes = predictor.ballot is not None
    answering = (Voted(predictor) if votes else Answering(predictor)).eval()
    given, names = _example(predictor, 2)
    rows = torch.export.Dim("rows", min=1)
    logging.getLogger("torch.onnx").setLevel(logging.ERROR)
    with warnings.catch_warnings(), torch.inference_mode():
        warnings.simplefilter("ignore")
        try:
            program = torch.onnx.export(
                answering, given, dynamo=True, opset_version=OPSET, input_names=names,
                output_names=answering.outputs, dynamic_shapes=(tuple({0: rows} for _ in given),), external_data=False,
                verbose=False,
            )  # fmt: skip
        except torch.onnx.errors.OnnxExporterError as error:
            raise RunError(
                f"{predictor.trained.name} cannot be written as ONNX: {str(error).splitlines()[0]}"
            ) from error
    assert program is not None
    return answering.finished(program.model_proto)


def _about(predictor: Predictor) -> About:
    """What the file says of itself; in which folder the data lie is nobody's business."""
    trained = predictor.trained
    data = trained.data.model_copy(update={"source": unplaced(trained.data.source)})
    attributes = None if trained.attributes is None else dict(trained.attributes)
    return About(
        name=Path(trained.name).name and "/".join(trained.name.split("/")[-2:]), reads_pictures=trained.reads_pictures,
        data=data, attributes=attributes, doubt=trained.doubt, licences=licences_of(dump_config(trained.config)),
        classifiers=[*predictor.ballot.classifiers] if predictor.ballot else [],
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
