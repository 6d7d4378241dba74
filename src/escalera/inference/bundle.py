"""What is needed to ask a finished run: read from its folder, or from one file that any machine can open.

The file is safetensors: the weights, and in its metadata the configuration as JSON. Both are checked before a network
is built, and nothing in it is executed.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from escalera.core.errors import EscaleraError, RunError, closest
from escalera.core.fault import Fault
from escalera.core.files import CURE, read_json, write_aside
from escalera.core.record import DoubtFile
from escalera.core.rundir import RunDir
from escalera.data.input_spec import Learned
from escalera.evaluate.doubt import Doubt
from escalera.inference.attributes import check_pictures
from escalera.ladder.read import dump_config, load_config
from escalera.ladder.saved import read_config
from escalera.ladder.schema import RungConfig

if TYPE_CHECKING:
    from torch import Tensor

    from escalera.data.table.transform import Transformation
    from escalera.models.network import Network

KEY = "escalera.model"
MODEL = ("config.yaml", "best.safetensors", "table.json", "preparation.safetensors", "classifiers/", "doubt.json")
"""What an answer depends on."""
_LARGEST = 4_000_000
"""Characters of metadata: ten thousand classes with long names take a quarter of it."""
_MOST, _DEEPEST = 2_000, 30
"""Settings of a model, each layer's width among them, and how deep they lie: a file of a few kilobytes can ask for a
network of 200,000 layers, which takes hours to build."""


@dataclass(frozen=True)
class Trained:
    """A trained model: what it learned from, `table` as table.json has it, and the file of its weights.

    `doubt` says which classes a row may be of; None where its ladder asked for no coverage.
    """

    name: str
    config: RungConfig
    data: Learned
    table: Mapping[str, Any] | None
    weights: Path
    doubt: Doubt | None = None

    @property
    def classes(self) -> list[str]:
        """The names of the classes, in the order of the labels."""
        return list(self.data.classes)

    @property
    def reads_pictures(self) -> bool:
        """Whether it looks at pictures at all."""
        return self.config.model.reads_pictures

    @property
    def reads_attributes(self) -> bool:
        """Whether it reads the attributes of a row."""
        return self.config.model.reads_attributes

    @property
    def attributes(self) -> Mapping[str, Any] | None:
        """How the attributes of a row become numbers; None for a model that reads none."""
        return self.table["attributes"] if self.table is not None and self.reads_attributes else None

    def check_pictures(self, given: bool) -> None:
        """Raise DataError where pictures are given to a model that reads none, or none to one that does."""
        check_pictures(self.reads_pictures, given)


class _Record(BaseModel):
    """What of run.json is needed to ask a run."""

    data: Learned


class _About(BaseModel):
    """The metadata of a file."""

    model_config = ConfigDict(extra="forbid", strict=True)

    name: str = Field(max_length=200)
    config: dict[str, Any]
    data: Learned
    table: dict[str, Any] | None
    doubt: dict[str, Any] | None = None


def of_run(run: RunDir, name: str = "") -> Trained:
    """The model of a finished run; raises RunError where its files cannot be read, or are not what was written."""
    run.check(*MODEL)
    table = read_json(run.table) if run.table.exists() else None
    record = run.read_record()
    try:
        data = _Record.model_validate(record).data
    except ValidationError as error:
        raise RunError(f"could not read {run.record}: {_short(error)}. {run.cure()}") from error
    config, doubt = read_config(run.config), None
    if config.evaluate.coverage is not None and run.doubt.is_file():
        doubt = _doubt(read_json(run.doubt), str(run.doubt))
    return Trained(name or "/".join(run.path.parts[-3:]), config, data, table, run.best, doubt)


def export(trained: Trained) -> bytes:
    """A model as the content of one file; raises RunError for one that is more than a network's weights."""
    from safetensors.torch import save

    from escalera.train.checkpoint import read_tensors

    if not trained.config.model.trains:
        raise RunError(
            "a vote is several classifiers, which one file of weights cannot hold: write .onnx, or copy its folder"
        )
    data, config = trained.data.model_dump(), dump_config(trained.config)
    about = {"name": trained.name, "config": config, "data": data, "table": trained.table}
    if trained.doubt is not None:
        about["doubt"] = asdict(trained.doubt)
    return save(read_tensors(trained.weights), metadata={KEY: json.dumps(about, ensure_ascii=False)})


def write_file(trained: Trained, path: Path) -> None:
    """Write a model as one file, whole or not at all; raises RunError for a name that nobody would open it by."""
    if path.suffix.lower() != ".safetensors":
        close = closest(path.suffix.lower(), (".safetensors", ".onnx"))
        meant = f"; did you mean {path.with_suffix(close)}?" if close and path.stem else ""
        received = path.suffix or "none"
        raise RunError(f"{path}: expected the ending .safetensors or .onnx, received {received}{meant or '.'}")
    content = export(trained)
    write_aside(path, lambda file: file.write(content), named=True)


def of_file(path: Path) -> Trained:
    """The model in one file.

    Raises RunError, without the file's folder in the text, for one that is damaged or not as `write_file` writes it.
    """
    from escalera.train.checkpoint import read_tensors

    about = _about(path)
    try:
        found = _About.model_validate_json(about)
        _check_size(found.config.get("model"))
        doubt = None if found.doubt is None else _doubt(found.doubt, path.name)
        trained = Trained(found.name, load_config(found.config), found.data, found.table, path, doubt)
        if not trained.config.model.trains:
            raise RunError("expected a network, received votes")
        _check_weights(trained, read_tensors(path))
    except (ValidationError, EscaleraError) as error:
        raise _refused(path, _short(error)) from error
    return trained


def fitted(trained: Trained) -> Transformation | None:
    """How the attributes of a row become a vector; None for a model that reads none.

    Raises RunError where that is lost or damaged.
    """
    from escalera.data.table.transform import Transformation

    if not trained.reads_attributes:
        return None
    if trained.table is None:
        raise RunError(f"{trained.name} reads attributes, but has lost how they become numbers (table.json)")
    try:
        return Transformation.from_json(trained.table["attributes"])
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise RunError(
            f"{trained.name}: how its attributes become numbers (table.json) is damaged: {error!r}"
        ) from error


def _doubt(value: Any, where: str) -> Doubt:
    """What a file says of a model's doubt; raises RunError where that is damaged."""
    faults: list[Fault] = []
    found = DoubtFile.read(value, where, faults)
    if faults or found.temperature is None or found.least is None:
        raise RunError(f"{where}: what the model learned of its doubt is damaged. {CURE}")
    return Doubt(found.temperature, found.coverage, found.least, found.rows)


def weights(trained: Trained) -> dict[str, Tensor]:
    """The tensors of its network; raises RunError unless they are such as its configuration needs."""
    from escalera.train.checkpoint import read_tensors

    found = read_tensors(trained.weights)
    try:
        _check_weights(trained, found)
    except RunError as error:
        raise RunError(f"{trained.weights}: {error}. {RunDir(trained.weights.parent).cure()}") from error
    return found


def _check_weights(trained: Trained, found: Mapping[str, Tensor]) -> None:
    """Raise RunError unless tensors have the names, shapes, types and values that a network needs.

    The network is built without memory for weights to find out.
    """
    from escalera.models.transfer import differences

    wanted = _empty(trained).state_dict()
    misfit = differences(wanted, found)
    if misfit:
        raise RunError(f"its weights are not those of its configuration: {misfit}")
    for name, tensor in found.items():
        if tensor.dtype != wanted[name].dtype:
            raise RunError(f"its weights are not of its type: {name} is {tensor.dtype}, expected {wanted[name].dtype}")
        absent = tensor.numel() - int(tensor.isfinite().sum())
        if absent:
            raise RunError(
                f"its weights are damaged: {absent:,} of {tensor.numel():,} numbers in {name} are not finite"
            )


def _empty(trained: Trained) -> Network:
    """Its network without memory for weights; raises RunError where none can be built."""
    import torch

    from escalera import builders

    _check_size(dump_config(trained.config)["model"])
    columns = fitted(trained)
    try:
        inputs = trained.data.inputs(
            attributes=len(columns.names) if columns else 0, layout=builders.layout(trained.config.data)
        )
        with torch.device("meta"):
            return builders.network_for(inputs, trained.config.model)
    except (AssertionError, KeyError, RuntimeError, TypeError, ValueError) as error:
        # What lineage.inherit fills in is absent, or there are more weights than a number counts the bytes of.
        raise RunError(f"its network cannot be built ({type(error).__name__}: {_short(error)})") from error


def _about(path: Path) -> str:
    """The metadata's text; raises RunError where there is none to read."""
    from safetensors import SafetensorError, safe_open

    try:
        with safe_open(path, framework="pt") as file:
            about: str | None = (file.metadata() or {}).get(KEY)
    except FileNotFoundError:
        raise RunError(f"there is no file {path.name}") from None
    except (OSError, SafetensorError) as error:
        raise _refused(path, f"it cannot be read as safetensors ({error})") from error
    if about is None:
        raise _refused(path, "it holds weights alone, without their configuration")
    if len(about) > _LARGEST:
        raise _refused(path, f"its metadata is longer than {_LARGEST:,} characters")
    return about


def _check_size(model: Any) -> None:
    """Raise RunError for more layers than a network has, before one is built; `model` is the section as values."""
    values, nodes = 0, [(model, 0)]
    while nodes:
        node, depth = nodes.pop()
        inside = node.values() if isinstance(node, dict) else node if isinstance(node, list) else ()
        values += not isinstance(node, dict | list)
        if depth > _DEEPEST or values + len(nodes) > _MOST:
            raise RunError(f"its model has more than {_MOST:,} settings, or more than {_DEEPEST} within one another")
        nodes += [(value, depth + 1) for value in inside]


def _refused(path: Path, why: str) -> RunError:
    return RunError(f"{path.name} is not a model that Escalera wrote: {why}")


def _short(error: Exception) -> str:
    if isinstance(error, ValidationError):
        first = error.errors()[0]
        words = {"model_type": "expected a mapping", "missing": "it is missing"}.get(first["type"], first["msg"])
        return f"{'.'.join(map(str, first['loc'])) or 'its content'}: {words.removeprefix('Value error, ')}"
    return next(iter(str(error).splitlines()), "")
