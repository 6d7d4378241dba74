"""What can be known to be wrong before any data are opened: sources, networks and files that are nowhere."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

from escalera.core.errors import ModelError, Problem
from escalera.data.home import is_there
from escalera.data.sources.locate import nowhere
from escalera.ladder import schema
from escalera.ladder.read import Place, Reading
from escalera.models.backbone import check_name


def absent_sources(reading: Reading, rungs: Sequence[schema.Rung], data_root: Path | None) -> list[Problem]:
    """Sources that are neither known, nor a path, nor below a data root, nor could be on the hub."""
    problems: dict[Place, Problem] = {}
    for rung in rungs:
        place = reading.locate(rung.name, "data.source")
        if place not in problems and (why := nowhere(rung.config.data.source, data_root, reading.folder)):
            problems[place] = Problem(why, place.path, place.file, place.line)
    return list(problems.values())


def absent_weights(reading: Reading, rungs: Sequence[schema.Rung]) -> list[Problem]:
    """Networks that timm does not have, and files of weights that are not where a ladder says they are."""
    problems: dict[Place, Problem] = {}
    for rung in rungs:
        for name, part in rung.config.model.parts.items():
            for key, why in _absent(part):
                place = reading.locate(rung.name, f"model.{rung.config.model.key_of(name, key)}")
                problems.setdefault(place, Problem(why, place.path, place.file, place.line))
    return list(problems.values())


def _absent(part: schema.Branch) -> Iterator[tuple[str, str]]:
    """What a part needs and is not there: the key that names it, and what is wrong."""
    if isinstance(part, schema.Backbone):
        try:
            check_name(part.name)
        except ModelError as error:
            yield "name", str(error)
    for weights in part.starts_from.values():
        if isinstance(weights, str) and weights.endswith(".safetensors") and not is_there(Path(weights)):
            yield "weights", f"expected a file of weights, but there is none at {weights}"
