"""What a source is, in a few plain values: how a ladder reads it, and what a person should know before a training."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from escalera.core.errors import DataError
from escalera.core.language import Language
from escalera.data.explore.source import UNEVEN
from escalera.data.readers.listing import shown
from escalera.experiment.explore import look_at
from escalera.ladder.schema import Data

FEW = 2_000
"""Rows of train below which batches are small and a quarter of the rows is kept for each split that is missing."""
SIDE = 64
"""Pixels a side of photos for a network from scratch; more take their time, and a pretrained body has a size of its
own."""
_WORK = 120_000
"""Pictures that a full training of a small set looks at."""
_EPOCHS = 15, 60
"""The fewest and the most epochs of a full training."""
_FEW_OF_A_CLASS = 30


@dataclass(frozen=True)
class SourceSurvey:
    """A source that was looked at.

    `native` is the shorter side of most pictures as they are, 0 where there are none; `columns` are those beside the
    pictures; `mirror` says whether a mirrored picture is still one of its class. `data` is the section of a ladder,
    `found` what is to be told, each as a key of the messages and its values.
    """

    source: str
    rows: dict[str, int]
    classes: list[str]
    channels: int
    native: int
    columns: list[str]
    mirror: bool
    data: dict[str, Any]
    found: list[list[str | int]]

    def facts(self) -> dict[str, Any]:
        """As JSON has it."""
        return asdict(self)

    @property
    def uneven(self) -> bool:
        """Whether some class has far fewer rows of train than another."""
        return any(key == "uneven" for key, *_ in self.found)


def survey_source(source: str, sets: Sequence[str], data_root: Path | None) -> SourceSurvey:
    """Look at a source as `explore` does. Raises DataError where there is nothing to learn from, or explore refuses it.

    A source that a shipped ladder learns from is read as it reads it; `sets` say it otherwise.
    """
    from escalera.ladder.settings import read_data

    given = read_data(source, sets)
    known = _of_a_ladder(source) if not sets else None
    data = known or given
    facts = look_at(data, data_root).facts()
    if facts["faults"] and known is None:
        raise DataError("\n".join([*facts["faults"][:5], f"Look at it with: escalera explore {source}"]))
    sizes = [(min(one["height"], one["width"]), one["count"]) for one in facts["pictures"]["sizes"]]
    # Of several pictures a row nobody has measured each by itself.
    native = max(sizes, key=lambda one: one[1])[0] if sizes else min(facts["pictures"]["shape"][:2])
    chosen = _chosen(facts, native, len(sizes))
    columns = [column["column"] for column in facts["table"]["columns"] if column["column"] != data.target]
    return SourceSurvey(
        source=source,
        rows={name: split["rows"] for name, split in facts["splits"].items()},
        classes=facts["classes"],
        channels=facts["pictures"]["shape"][-1],
        native=native,
        columns=columns,
        # A letter or a digit in the mirror is none; their classes have short names.
        mirror=any(len(name) > 2 for name in facts["classes"]) and data.target is None,
        data={"source": source}
        | data.model_dump(mode="json", exclude_defaults=True, exclude={"source"})
        | (chosen if known is None else {key: chosen[key] for key in ("validation",) if key in chosen}),
        found=found_in(facts, native if sizes else 0, columns),
    )


def sentences_of(found: Sequence[Sequence[str | int]], words: Language) -> list[str]:
    """What was found, a sentence each."""
    lines = []
    for key, *values in found:
        parts = {f"v{n}": words.number(one) if isinstance(one, int) else shown(one) for n, one in enumerate(values)}
        lines.append(words.say(f"found.{key}", **parts))
    return lines


def batch_size(rows: int) -> int:
    """Rows of a step, of so many rows of train: small sets need many steps."""
    return next(size for most, size in ((FEW, 32), (10_000, 64), (40_000, 128), (1 << 62, 256)) if rows < most)


def full_epochs(rows: int) -> int:
    """Epochs of a full training on so many rows."""
    return max(_EPOCHS[0], min(_EPOCHS[1], round(_WORK / max(1, rows))))


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


def found_in(facts: dict[str, Any], native: int = 0, columns: Sequence[str] = ()) -> list[list[str | int]]:
    """What a person should know before anything is trained: keys of the messages with counts and names of classes."""
    counts = facts["splits"]["train"]["classes"]
    rows = {name: split["rows"] for name, split in facts["splits"].items()}
    least, most = min(counts, key=counts.__getitem__), max(counts, key=counts.__getitem__)
    found: list[list[str | int]] = [["rows", sum(rows.values()), len(counts)]]
    if native:
        found.append(["pixels", native])
    if counts[most] > UNEVEN * counts[least]:
        found.append(["uneven", most, counts[most], least, counts[least]])
    few = sum(count < _FEW_OF_A_CLASS for count in counts.values())
    if few == 1:
        found.append(["few", least, counts[least]])
    elif few:
        found.append(["few_of_several", _FEW_OF_A_CLASS, few, len(counts), least, counts[least]])
    duplicates = facts["duplicates"]
    twice = sum(one["exact"] + one["near"] for one in duplicates["in_train"].values())
    if twice:
        found.append(["duplicates", twice])
    within = sum(one["pairs"] for one in duplicates["pairs_by_split"] if set(one["splits"]) == {"train"})
    if within:
        found.append(["twins", within])
    if duplicates["conflicts"]:
        found.append(["conflicts", duplicates["conflicts"]])
    if facts["bad"]:
        found.append(["bad", len(facts["bad"])])
    if columns:
        found.append(["table", len(columns)])
    return found
