"""The configuration of a run as config.yaml keeps it: everything filled in."""

from __future__ import annotations

from pathlib import Path

import yaml

from escalera.errors import RunError
from escalera.ladder.read import dump_config, load_config
from escalera.ladder.schema import RungConfig
from escalera.rundir import write_aside


def write_config(path: Path, config: RungConfig) -> None:
    """Write a configuration whole or not at all."""
    text = yaml.safe_dump(dump_config(config), sort_keys=False)
    write_aside(path, lambda file: file.write(text.encode()))


def read_config(path: Path) -> RungConfig:
    """Read a configuration back; raises RunError for a file that is absent or damaged, LadderError for a wrong one."""
    try:
        values = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, yaml.YAMLError) as error:
        raise RunError(f"could not read {path}: {error}. Run the ladder again with --fresh to make it anew.") from error
    if not isinstance(values, dict):
        raise RunError(f"could not read {path}: expected a mapping. Run the ladder again with --fresh to make it anew.")
    return load_config(values)
