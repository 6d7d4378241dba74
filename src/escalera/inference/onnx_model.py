"""A model in an ONNX file that answers through onnxruntime, Pillow and numpy: nothing here needs PyTorch.

images         whatever `data.query.images.Intake` takes for pictures
probabilities  (N, K) float32

Nothing in a file is executed but its graph, and that of standard operators alone, with every weight inside the file.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from escalera.core.errors import DataError, RunError
from escalera.data.input_spec import Learned
from escalera.data.query.images import Intake, Pictures, Seen
from escalera.data.table.transform import Transformation
from escalera.evaluate.doubt import Doubt

KEY = "escalera.model"
PICTURES, ATTRIBUTES, PROBABILITIES = "pictures", "attributes", "probabilities"
"""The inputs uint8 (N, H, W, C) and float32 (N, A), and the output float32 (N, K)."""
_LARGEST = 2**31 - 1
"""Bytes of a file: what protobuf holds."""
_MOST = 20_000
"""Operators of a graph."""
_NUMBERS = 500_000_000
"""Numbers that a constant of the graph may become: a few bytes can ask for terabytes."""
_GROWING = {"ConstantOfShape", "Expand", "Loop", "Range", "Resize", "Scan", "Tile"}
"""Operators whose output may be of any size, whatever their inputs are. No model that is written here has them, but
for those of a size that is known."""
_AT_ONCE = 64


class About(BaseModel):
    """The metadata of a file: what a model has to know of its data, `table` as table.json has it."""

    model_config = ConfigDict(extra="forbid", strict=True)

    name: str = Field(max_length=200)
    reads_pictures: bool
    data: Learned
    attributes: dict[str, Any] | None
    doubt: Doubt | None = None
    """Which classes a row may be of; its temperature is in the graph."""

    def check_pictures(self, given: bool) -> None:
        """Raise DataError where pictures are given to a model that reads none, or none to one that does."""
        if given != self.reads_pictures:
            raise DataError(
                "this run looks at pictures: expected some, received none"
                if self.reads_pictures
                else "this run reads attributes alone: expected no pictures, received some"
            )


@dataclass(frozen=True)
class OnnxModel:
    """An opened ONNX file, asked as `Predictor` is; for one thread at a time."""

    about: About
    session: Any
    fitted: Transformation | None

    @property
    def classes(self) -> list[str]:
        """The names of the classes, in the order of the probabilities."""
        return list(self.about.data.classes)

    @property
    def trained(self) -> About:
        """What the model has to know of its data."""
        return self.about

    @property
    def intake(self) -> Intake:
        """How pictures become what the model sees."""
        return Intake(self.about.data)

    def predict(
        self,
        images: Pictures | Seen | None = None,
        attributes: Mapping[str, Any] | Sequence[Mapping[str, Any]] | None = None,
    ) -> NDArray[np.float32]:
        """The probability of each class (N, K); arguments as `Predictor.predict` has them.

        Raises DataError for what cannot be taken, or is absent.
        """
        rows = [attributes] if isinstance(attributes, Mapping) else list(attributes or [])
        given: dict[str, NDArray[Any]] = {}
        self.about.check_pictures(images is not None)
        if self.fitted is None and rows:
            raise DataError("this run looks at pictures alone: expected no attributes, received some")
        if self.fitted is not None and not rows:
            columns = ", ".join(self.fitted.columns)
            raise DataError(f"this run reads the attributes {columns} too: expected them, received none")
        if images is not None:
            given[PICTURES] = self.intake.rows(images)
        if self.fitted is not None:
            given[ATTRIBUTES] = self.fitted.vectors(rows)
        lengths = {len(values) for values in given.values()}
        if len(lengths) != 1:
            raise DataError(f"expected attributes for each of {len(given[PICTURES])} pictures, received {len(rows)}")
        return self._answers(given, lengths.pop())

    def set_of(self, probabilities: NDArray[np.float32]) -> list[str] | None:
        """The classes that a row of these probabilities (K,) may be of, as `Predictor.set_of` has them."""
        if self.about.doubt is None:
            return None
        held = self.about.doubt.sets(probabilities)
        return [self.classes[k] for k in (-probabilities).argsort(kind="stable") if held[k]]

    def filled_in(self, attributes: Mapping[str, Any] | None) -> list[str]:
        """Which attributes of a row are not known and were filled in as in training."""
        return [] if self.fitted is None or attributes is None else self.fitted.filled_in(attributes)

    def _answers(self, given: Mapping[str, NDArray[Any]], rows: int) -> NDArray[np.float32]:
        found = np.empty((rows, len(self.classes)), np.float32)
        for first in range(0, rows, _AT_ONCE):
            place = slice(first, first + _AT_ONCE)
            [found[place]] = self.session.run([PROBABILITIES], {name: values[place] for name, values in given.items()})
        if not np.isfinite(found).all():
            raise RunError(f"{self.about.name} answers with no numbers (NaN): its weights are damaged")
        return found


def open_onnx(path: Path) -> OnnxModel:
    """The model in an ONNX file that `escalera export` wrote.

    Raises RunError, without the file's folder in the text, for one that is foreign, damaged, or asks for more than its
    own graph: it is refused before it runs. Where a package is absent the error says what to install.
    """
    try:
        import onnx
        import onnxruntime
    except ImportError as error:
        raise RunError(
            f"expected onnx and onnxruntime, found no {error.name}. Install them: pip install 'escalera[serve]'"
        ) from error
    about, model = _checked(path, onnx)
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 4
    options.intra_op_num_threads = 1  # as fast for one picture, and a server has a worker for each core
    try:
        session = onnxruntime.InferenceSession(model.SerializeToString(), options, providers=["CPUExecutionProvider"])
    except Exception as error:  # onnxruntime's own errors have no common class
        newest = max(one.version for one in model.opset_import)
        why = f"onnxruntime {onnxruntime.__version__} cannot read its opset {newest} ({_short(error)})"
        raise _refused(path, why) from error
    try:
        fitted = None if about.attributes is None else Transformation.from_json(about.attributes)
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise _refused(path, f"how its attributes become numbers is damaged: {error!r}") from error
    _check_sides(path, about, fitted, session)
    return OnnxModel(about, session, fitted)


def _checked(path: Path, onnx: Any) -> tuple[About, Any]:
    """The metadata and the graph, looked through."""
    try:
        if path.stat().st_size > _LARGEST:
            raise _refused(path, f"it is larger than {_LARGEST:,} bytes")
        model = onnx.load_model(path, load_external_data=False)
    except FileNotFoundError:
        raise RunError(f"there is no file {path.name}") from None
    except RunError:
        raise
    except Exception as error:  # protobuf's DecodeError, whose place differs between its versions
        raise _refused(path, f"it cannot be read as ONNX ({_short(error)})") from error
    text = {one.key: one.value for one in model.metadata_props}.get(KEY)
    if text is None:
        raise _refused(path, "it holds a graph alone, without its classes")
    try:
        about = About.model_validate_json(text)
    except ValidationError as error:
        raise _refused(path, f"its metadata are damaged: {_short(error)}") from error
    _check_graph(path, model)
    return about, model


def _check_graph(path: Path, model: Any) -> None:
    """Raise RunError for data outside the file, operators that are not ONNX's own, and outputs without a limit."""
    import onnx

    foreign = {one.domain for one in model.opset_import} - {"", "ai.onnx"}
    foreign |= {node.domain for node in model.graph.node} - {"", "ai.onnx"}
    if foreign or model.functions:
        raise _refused(path, f"it has operators that are not ONNX's own: {', '.join(sorted(foreign)) or 'functions'}")
    if len(model.graph.node) > _MOST:
        raise _refused(path, f"its graph has {len(model.graph.node):,} operators, expected at most {_MOST:,}")
    for tensor in _tensors(model.graph):
        if tensor.data_location == onnx.TensorProto.EXTERNAL or tensor.external_data:
            raise _refused(path, f"its tensor '{tensor.name:.60}' lies outside the file")
        numbers = 1
        for length in tensor.dims:
            numbers *= length
        if not 0 <= numbers <= _NUMBERS:
            raise _refused(path, f"its tensor '{tensor.name:.60}' has {numbers:,} numbers")
    growing = sorted({node.op_type for node in model.graph.node} & _GROWING)
    inside = any(one.HasField("g") or one.graphs for node in model.graph.node for one in node.attribute)
    if growing or inside:
        raise _refused(path, f"it has operators whose output has no limit: {', '.join(growing) or 'a graph inside'}")


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


def _check_sides(path: Path, about: About, fitted: Transformation | None, session: Any) -> None:
    """Raise RunError unless the graph takes and answers what its metadata say."""
    expected = {}
    if about.reads_pictures:
        expected[PICTURES] = ("tensor(uint8)", list(about.data.shape))
    if fitted is not None:
        expected[ATTRIBUTES] = ("tensor(float)", [len(fitted.names)])
    found = {one.name: (one.type, one.shape[1:]) for one in session.get_inputs()}
    answers = {one.name: (one.type, one.shape[1:]) for one in session.get_outputs()}
    if found != expected or answers != {PROBABILITIES: ("tensor(float)", [len(about.data.classes)])}:
        raise _refused(path, f"its graph takes {found} and answers {answers}, which is not what its metadata say")


def _refused(path: Path, why: str) -> RunError:
    return RunError(f"{path.name} is not a model that Escalera wrote: {why}")


def _short(error: Exception) -> str:
    return next(iter(str(error).splitlines()), type(error).__name__)[:300]
