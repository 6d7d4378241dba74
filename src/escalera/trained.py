"""What is needed to ask a finished run: read from its folder, or from one file that any machine can open.

The file is safetensors: the weights, and in its metadata the configuration as JSON. Both are checked before a network
is built, and nothing in it is executed.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from escalera.errors import EscaleraError, RunError
from escalera.ladder.read import dump_config, load_config
from escalera.ladder.saved import read_config
from escalera.ladder.schema import RungConfig, Votes, reads_attributes, reads_pictures
from escalera.rundir import RunDir, read_json, write_aside

KEY = "escalera.model"
_LARGEST = 4_000_000
"""Characters of metadata: ten thousand classes with long names take a quarter of it."""


@dataclass(frozen=True)
class Trained:
    """A trained model: `data` as run.json describes it, `table` as table.json, and the file of its weights."""

    name: str
    config: RungConfig
    data: Mapping[str, Any]
    table: Mapping[str, Any] | None
    weights: Path

    @property
    def classes(self) -> list[str]:
        """The names of the classes, in the order of the labels."""
        return list(self.data["classes"])

    @property
    def reads_pictures(self) -> bool:
        """Whether it looks at pictures at all."""
        return reads_pictures(self.config.model)

    @property
    def reads_attributes(self) -> bool:
        """Whether it reads the attributes of a row."""
        return reads_attributes(self.config.model)


class _Data(BaseModel):
    """What has to be known of the data to ask a model; limits keep a stranger's file from filling the memory."""

    model_config = ConfigDict(extra="ignore", strict=True)

    source: str
    shape: list[int] = Field(min_length=3, max_length=3)
    classes: list[str] = Field(min_length=2)
    resize: Literal["squash", "pad", "crop"]
    image_columns: str | list[str] | None = None
    mean: list[float] | None = None
    deviation: list[float] | None = None
    attributes: list[str] | None = None
    columns: list[str] | None = None

    @model_validator(mode="after")
    def _sound(self) -> _Data:
        height, width, channels = self.shape
        if not (1 <= height <= 4096 and 1 <= width <= 4096 and channels in (1, 3)):
            raise ValueError(f"expected a shape of at most 4096, 4096, 3, received {self.shape}")
        for name, values in (("mean", self.mean), ("deviation", self.deviation)):
            if values is not None and len(values) != channels:
                raise ValueError(f"expected a {name} for each of {channels} channels, received {len(values)}")
        return self


class _About(BaseModel):
    """The metadata of a file."""

    model_config = ConfigDict(extra="forbid", strict=True)

    name: str = Field(max_length=200)
    config: dict[str, Any]
    data: _Data
    table: dict[str, Any] | None


def of_run(run: RunDir, name: str = "") -> Trained:
    """The model of a finished run; raises RunError where its files cannot be read."""
    table = read_json(run.table) if run.table.exists() else None
    return Trained(
        name or "/".join(run.path.parts[-3:]), read_config(run.config), read_json(run.record)["data"], table, run.best
    )


def export(trained: Trained) -> bytes:
    """A model as the content of one file; raises RunError for one that is more than a network's weights."""
    from safetensors.torch import save

    from escalera.train.checkpoint import read_tensors

    if isinstance(trained.config.model, Votes):
        raise RunError("a vote is several classifiers, which one file of weights cannot hold: copy its folder instead")
    data = _Data.model_validate(dict(trained.data)).model_dump()
    about = {"name": trained.name, "config": dump_config(trained.config), "data": data, "table": trained.table}
    return save(read_tensors(trained.weights), metadata={KEY: json.dumps(about, ensure_ascii=False)})


def write_file(trained: Trained, path: Path) -> None:
    """Write a model as one file, whole or not at all."""
    content = export(trained)
    write_aside(path, lambda file: file.write(content))


def of_file(path: Path) -> Trained:
    """The model in one file.

    Raises RunError, without the file's folder in the text, for one that is damaged or not as `write_file` writes it.
    """
    about, shapes = _read(path)
    try:
        found = _About.model_validate_json(about)
        config = load_config(found.config)
        data = found.data.model_dump()
        _check(config, data, found.table, shapes)
    except (ValidationError, EscaleraError, KeyError, TypeError, ValueError) as error:
        raise _refused(path, _short(error)) from error
    return Trained(found.name, config, data, found.table, path)


def _read(path: Path) -> tuple[str, dict[str, tuple[int, ...]]]:
    """The metadata's text, and the shapes of the tensors."""
    from safetensors import SafetensorError, safe_open

    try:
        with safe_open(path, framework="pt") as file:
            about = (file.metadata() or {}).get(KEY)
            shapes = {name: tuple(file.get_slice(name).get_shape()) for name in file.keys()}  # noqa: SIM118
    except FileNotFoundError:
        raise RunError(f"there is no file {path.name}") from None
    except (OSError, SafetensorError) as error:
        raise _refused(path, f"it cannot be read as safetensors ({error})") from error
    if about is None:
        raise _refused(path, "it holds weights alone, without their configuration")
    if len(about) > _LARGEST:
        raise _refused(path, f"its metadata is longer than {_LARGEST:,} characters")
    return about, shapes


def _check(
    config: RungConfig, data: Mapping[str, Any], table: Mapping[str, Any] | None, shapes: Mapping[str, tuple[int, ...]]
) -> None:
    """Raise unless the weights are those of the network, which is built without memory for weights to find out."""
    import torch

    from escalera import build
    from escalera.data.table_transform import Transformation

    if isinstance(config.model, Votes):
        raise RunError("expected a network, received votes")
    attributes = None
    if reads_attributes(config.model):
        attributes = len(Transformation.from_json((table or {})["attributes"]).names)
    height, width, channels = data["shape"]
    with torch.device("meta"):
        network = build.network(
            config.model, (channels, height, width), len(data["classes"]), attributes, build.layout(config.data)
        )
    expected = {name: tuple(tensor.shape) for name, tensor in network.state_dict().items()}
    if expected != shapes:
        name = sorted(expected.items() ^ shapes.items())[0][0]
        raise RunError(f"its weights are not those of its configuration (see '{name}')")


def _refused(path: Path, why: str) -> RunError:
    return RunError(f"{path.name} is not a model that Escalera wrote: {why}")


def _short(error: Exception) -> str:
    if isinstance(error, ValidationError):
        first = error.errors()[0]
        return f"{'.'.join(map(str, first['loc'])) or 'its metadata'}: {first['msg']}"
    if isinstance(error, KeyError):
        return f"{error} is missing"
    return str(error).splitlines()[0]
