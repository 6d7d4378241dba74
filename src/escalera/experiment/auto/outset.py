"""Where a ladder begins: a source is looked at, and how it is to be read is chosen."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from escalera.core.errors import DataError, EscaleraError
from escalera.experiment.auto.ground import FEW, Ground
from escalera.ladder.schema import Data

SIDE = 64
"""Pixels a side of photos for a network from scratch; more take their time, and a pretrained body has a size of its
own."""
BODIES = ("tf_efficientnet_lite0", "mobilenetv3_large_100", "resnet18")
"""Pretrained networks that are tried where their weights are at hand: small ones, that a laptop computes in seconds."""
_FEW_OF_A_CLASS = 30
_UNEVEN = 5


@dataclass(frozen=True)
class Outset:
    """What a source is: its section `data`, and what was found, each as a key of the messages and its numbers."""

    data: dict[str, Any]
    native: int
    mirror: bool
    found: list[list[str]]


def look(source: str, sets: Sequence[str], data_root: Path | None) -> Outset:
    """Look at a source as `explore` does. Raises DataError where there is nothing to learn from, or explore refuses it.

    A source that a shipped ladder learns from is read as it reads it; `sets` say it otherwise.
    """
    from escalera import builders
    from escalera.data.explore.source import explore
    from escalera.ladder.settings import read_data

    given = read_data(source, sets)
    known = _of_a_ladder(source) if not sets else None
    data = known or given
    facts = explore(
        data.source,
        builders.read_options(data),
        data_root=data_root,
        bands=data.bands,
        shares={} if data.rare_classes == "train" else {"test": data.test, "validation": data.validation},
    ).facts()
    if facts["faults"] and known is None:
        raise DataError("\n".join([*facts["faults"][:5], f"Look at it with: escalera explore {source}"]))
    sizes = [(min(one["height"], one["width"]), one["count"]) for one in facts["pictures"]["sizes"]]
    # Of several pictures a row nobody has measured each by itself.
    native = max(sizes, key=lambda one: one[1])[0] if sizes else min(facts["pictures"]["shape"][:2])
    values = data.model_dump(mode="json", exclude_defaults=True) | {"source": source}
    chosen = _chosen(facts, native, len(facts["pictures"]["sizes"]))
    values |= chosen if known is None else {key: chosen[key] for key in ("validation",) if key in chosen}
    # A letter or a digit in the mirror is none; their classes have short names.
    mirror = any(len(name) > 2 for name in facts["classes"]) and data.target is None
    return Outset(values, native, mirror, _found(facts, native))


def ground(
    outset: Outset, train: int, validation: int, classes: int, shape: tuple[int, int, int], attributes: int
) -> Ground:
    """What moves are chosen by, once the source is open."""
    bodies = at_hand() if outset.native >= SIDE // 2 else []
    return Ground(
        train, validation, classes, shape, outset.native,
        attributes=attributes, pictures=bool(outset.native), mirror=outset.mirror, bodies=bodies,
    )  # fmt: skip


def at_hand() -> list[str]:
    """The pretrained networks whose weights are on this machine, or that the hub gives."""
    from escalera.models.pretrained import imagenet_file

    for name in BODIES:
        try:
            imagenet_file(name)
        except EscaleraError:
            continue
        return [name]
    return []


def _of_a_ladder(source: str) -> Data | None:
    """How a shipped ladder reads a source that is known by this name."""
    from escalera.experiment.climb import load_ladder
    from escalera.ladder.shipped import shipped

    for name, _ in shipped():
        ladder = load_ladder(name).ladder
        if ladder.rungs[0].config.data.source == source == ladder.name:
            return ladder.rungs[0].config.data
    return None


def _chosen(facts: dict[str, Any], native: int, sizes: int) -> dict[str, Any]:
    """The shares of the splits that the source lacks, and the size of the pictures."""
    splits = facts["splits"]
    few = splits["train"]["rows"] < FEW
    found: dict[str, Any] = {}
    if "validation" not in splits:
        # By these rows every move is judged.
        found["validation"] = 0.25 if few else 0.1
    if "test" not in splits:
        found["test"] = 0.25 if few else 0.2
    if sizes > 1 or native > SIDE:
        found["image_size"] = min(SIDE, native)
    return found


def _found(facts: dict[str, Any], native: int) -> list[list[str]]:
    """What a person should know before anything is trained: keys of the messages with their values."""
    counts = facts["splits"]["train"]["classes"]
    rows = {name: split["rows"] for name, split in facts["splits"].items()}
    least, most = min(counts, key=counts.__getitem__), max(counts, key=counts.__getitem__)
    found = [["rows", str(sum(rows.values())), str(len(counts)), str(native)]]
    if counts[most] > _UNEVEN * counts[least]:
        found.append(["uneven", most, str(counts[most]), least, str(counts[least])])
    if counts[least] < _FEW_OF_A_CLASS:
        found.append(["few", least, str(counts[least])])
    twice = sum(one["exact"] + one["near"] for one in facts["duplicates"]["in_train"].values())
    if twice:
        found.append(["duplicates", str(twice)])
    if facts["duplicates"]["conflicts"]:
        found.append(["conflicts", str(facts["duplicates"]["conflicts"])])
    if facts["bad"]:
        found.append(["bad", str(len(facts["bad"]))])
    if facts["table"]["columns"]:
        found.append(["table", str(len(facts["table"]["columns"]))])
    return found
