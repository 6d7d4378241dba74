"""A model in an ONNX file that answers through onnxruntime, Pillow and numpy: nothing here needs PyTorch.

images         whatever `data.query.images.Intake` takes for pictures
probabilities  (N, K) float32

Nothing in a file is executed but its graph, and that of standard operators alone, with every weight inside the file.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from escalera.core.errors import RunError
from escalera.data.input_spec import Learned
from escalera.data.query.images import Intake, Pictures, Seen
from escalera.data.table.transform import Transformation
from escalera.evaluate.doubt import Doubt
from escalera.inference.attributes import Attributes, check_pictures, check_rows, set_of, vectors_of
from escalera.inference.onnx_graph import ROWS, fault_of
from escalera.inference.onnx_session import check_opset, refused, session_of, short

KEY = "escalera.model"
PICTURES, ATTRIBUTES, PROBABILITIES = "pictures", "attributes", "probabilities"
"""The inputs uint8 (N, H, W, C) and float32 (N, A), and the output float32 (N, K)."""
_LARGEST = 2**31 - 1
"""Bytes of a file: what protobuf holds."""


class About(BaseModel):
    """The metadata of a file: what a model has to know of its data, `table` as table.json has it."""

    model_config = ConfigDict(extra="forbid", strict=True)

    name: str = Field(max_length=200)
    reads_pictures: bool
    data: Learned
    attributes: dict[str, Any] | None
    doubt: Doubt | None = None
    """Which classes a row may be of; its temperature is in the graph."""
    classifiers: list[str] = []
    """Of a vote, by their names."""
    licences: dict[str, str] = {}
    """Of the weights that its training began with, by the network that they are of."""

    @property
    def classes(self) -> list[str]:
        """The names of the classes, in the order of the probabilities."""
        return list(self.data.classes)

    @property
    def reads_attributes(self) -> bool:
        """Whether it reads the attributes of a row."""
        return self.attributes is not None

    def check_pictures(self, given: bool) -> None:
        """Raise DataError where pictures are given to a model that reads none, or none to one that does."""
        check_pictures(self.reads_pictures, given)


@dataclass(frozen=True)
class OnnxModel:
    """An opened ONNX file, asked as `Predictor` is; for one thread at a time."""

    about: About
    session: Any
    fitted: Transformation | None

    def __repr__(self) -> str:
        """Which model, and what it tells apart."""
        return f"OnnxModel({self.about.name}: {len(self.classes)} classes)"

    @property
    def classes(self) -> list[str]:
        """The names of the classes, in the order of the probabilities."""
        return self.about.classes

    @property
    def trained(self) -> About:
        """What the model has to know of its data."""
        return self.about

    @property
    def intake(self) -> Intake:
        """How pictures become what the model sees."""
        return Intake(self.about.data)

    def predict(
        self, images: Pictures | Seen | None = None, attributes: Attributes | None = None
    ) -> NDArray[np.float32]:
        """The probability of each class (N, K); arguments as `Predictor.predict` has them.

        Raises DataError for what cannot be taken, or is absent.
        """
        vectors = vectors_of(self.fitted, attributes)
        self.about.check_pictures(images is not None)
        given: dict[str, NDArray[Any]] = {}
        if images is not None:
            given[PICTURES] = self.intake.rows(images)
            check_rows(len(given[PICTURES]), vectors)
        if vectors is not None:
            given[ATTRIBUTES] = vectors
        return self.answers(given)

    def set_of(self, probabilities: NDArray[np.float32]) -> list[str] | None:
        """The classes that a row of these probabilities (K,) may be of, as `Predictor.set_of` has them."""
        return set_of(self.about.doubt, probabilities, self.classes)

    def filled_in(self, attributes: Mapping[str, Any] | None) -> list[str]:
        """Which attributes of a row are not known and were filled in as in training."""
        return [] if self.fitted is None or attributes is None else self.fitted.filled_in(attributes)

    def answers(self, given: Mapping[str, NDArray[Any]]) -> NDArray[np.float32]:
        """The probabilities (N, K) for what the graph takes: pixels and attributes of as many rows."""
        rows = len(next(iter(given.values())))
        found = np.empty((rows, len(self.classes)), np.float32)
        for first in range(0, rows, ROWS):
            place = slice(first, first + ROWS)
            [found[place]] = self.session.run([PROBABILITIES], {name: values[place] for name, values in given.items()})
        if not np.isfinite(found).all():
            raise RunError(f"{self.about.name} answers with no numbers (NaN): its weights are damaged")
        return found


def open_onnx(path: Path) -> OnnxModel:
    """The model in an ONNX file that `escalera export` wrote; raises RunError as `read_onnx` does, and without one."""
    try:
        if path.stat().st_size > _LARGEST:
            raise refused(path.name, f"it is larger than {_LARGEST:,} bytes")
        return read_onnx(path.read_bytes(), path.name)
    except FileNotFoundError:
        raise RunError(f"there is no file {path.name}") from None


def read_onnx(content: bytes, name: str) -> OnnxModel:
    """The model in the bytes of an ONNX file, of which errors tell the `name` alone.

    Raises RunError for one that is foreign, damaged, or asks for more than its own graph: it is refused before it runs.
    Where a package is absent the error says what to install.
    """
    try:
        import onnx
        import onnxruntime  # noqa: F401 - its absence is told here
    except ImportError as error:
        raise RunError(
            f"expected onnx and onnxruntime, found no {error.name}. Install them: pip install 'escalera[serve]'"
        ) from error
    try:
        model = onnx.load_model_from_string(content)
    except Exception as error:  # protobuf's DecodeError, whose place differs between its versions
        raise refused(name, f"it cannot be read as ONNX ({short(error)})") from error
    about = _about(name, model)
    check_opset(model, name)
    if why := fault_of(model, trees=bool(about.classifiers)):
        raise refused(name, why)
    session = session_of(model, content, name)
    try:
        fitted = None if about.attributes is None else Transformation.from_json(about.attributes)
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise refused(name, f"how its attributes become numbers is damaged: {error!r}") from error
    _check_sides(name, about, fitted, session)
    return OnnxModel(about, session, fitted)


def sealed(model: Any, about: About) -> bytes:
    """The bytes of a model that says of itself what `read_onnx` asks.

    Nothing of the machine that made it stays: exporters leave paths and stack traces in a graph.
    """
    import onnx

    graph = model.graph
    for part in (model, graph, *graph.node, *graph.value_info, *graph.input, *graph.output, *graph.initializer):
        del part.metadata_props[:]
        part.doc_string = ""
    for node in graph.node:
        for attribute in node.attribute:
            attribute.doc_string = ""
    used = {node.domain for node in graph.node}
    opsets = [one for one in model.opset_import if one.domain in used]
    del model.opset_import[:]
    model.opset_import.extend(opsets)
    entry = model.metadata_props.add()
    entry.key, entry.value = KEY, about.model_dump_json()
    onnx.checker.check_model(model)
    return bytes(model.SerializeToString())


def _about(name: str, model: Any) -> About:
    """The metadata; raises RunError where there are none of Escalera's."""
    text = {one.key: one.value for one in model.metadata_props}.get(KEY)
    if text is None:
        raise refused(name, "it holds a graph alone, without its classes")
    try:
        return About.model_validate_json(text)
    except ValidationError as error:
        raise refused(name, f"its metadata are damaged: {short(error)}") from error


def _check_sides(name: str, about: About, fitted: Transformation | None, session: Any) -> None:
    """Raise RunError unless the graph takes and answers what its metadata say."""
    expected = {}
    if about.reads_pictures:
        expected[PICTURES] = ("tensor(uint8)", list(about.data.shape))
    if fitted is not None:
        expected[ATTRIBUTES] = ("tensor(float)", [len(fitted.names)])
    found = {one.name: (one.type, one.shape[1:]) for one in session.get_inputs()}
    answers = {one.name: (one.type, one.shape[1:]) for one in session.get_outputs()}
    if found != expected or answers != {PROBABILITIES: ("tensor(float)", [len(about.data.classes)])}:
        raise refused(name, f"its graph takes {found} and answers {answers}, which is not what its metadata say")
