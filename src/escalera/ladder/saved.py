"""The configuration of a run as config.yaml keeps it: everything filled in."""

from __future__ import annotations

from pathlib import Path

import yaml

from escalera.core.errors import LadderError, RunError
from escalera.core.files import CURE, plain_yaml, write_aside
from escalera.core.rundir import RunDir
from escalera.ladder.read import dump_config, load_config
from escalera.ladder.schema import RungConfig


def write_config(path: Path, config: RungConfig) -> None:
    """Write a configuration whole or not at all."""
    text = yaml.safe_dump(dump_config(config), sort_keys=False)
    write_aside(path, lambda file: file.write(text.encode()))


def read_config(path: Path) -> RungConfig:
    """Read a configuration back; raises RunError for a file that is absent, damaged or no configuration.

    One that another version of Escalera wrote may be none here: the error says which version that was.
    """
    try:
        values = plain_yaml(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise RunError(f"could not read {path}: {error}. {CURE}") from error
    if not isinstance(values, dict):
        raise RunError(f"could not read {path}: expected a mapping. {RunDir(path.parent).cure()}")
    try:
        return load_config(values)
    except LadderError as error:
        first = error.problems[0]
        raise RunError(f"could not read {path}: {first}. {RunDir(path.parent).cure()}") from error
