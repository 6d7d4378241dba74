"""What a first ladder needs to know of a source: what `explore` finds in it, as a few plain values."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from escalera.core.errors import DataError

FEW = 2_000
"""Rows of train below which batches are small and a quarter of the rows is kept for each split that is missing."""
SIDE = 64
"""Pixels a side of photos for a network from scratch."""
_WORK = 120_000
"""Pictures that a full training of a small set looks at."""
_SIGNS = ("digits", "mnist")
_THINGS = ("fashion", "cifar10", "cifar100", "clothing", "houses")


@dataclass(frozen=True)
class SourceSurvey:
    """A source in plain values.

    `side` is the shorter side of most pictures, 0 where there are none; `imbalance` the largest class by the smallest;
    `mirror` whether a mirrored picture is still one of its class, None where nobody can know. `data` is the section of
    a ladder; `duplicates` are pairs of alike rows within train, `overlap` rows of other splits near to one
    of train.
    """

    source: str
    kind: str
    rows: dict[str, int]
    classes: list[str]
    channels: int
    side: int
    sizes: int
    imbalance: float
    fewest: int
    duplicates: int
    overlap: int
    bad: int
    attributes: list[str]
    mirror: bool | None
    data: dict[str, Any]

    @property
    def batch_size(self) -> int:
        """Rows of a step: small sets need many steps."""
        rows = self.rows["train"]
        return next(size for most, size in ((FEW, 32), (10_000, 64), (40_000, 128), (rows + 1, 256)) if rows < most)

    @property
    def epochs(self) -> int:
        """Of a training in full."""
        return max(15, min(60, round(_WORK / max(1, self.rows["train"]))))

    def facts(self) -> dict[str, Any]:
        """As JSON has it."""
        return asdict(self) | {"batch_size": self.batch_size, "epochs": self.epochs}


def survey_source(source: str, sets: Sequence[str] = (), data_root: Path | None = None) -> SourceSurvey:
    """Look at a source as `explore` does.

    Raises LadderError for a wrong setting, DataError where there is nothing to learn from or a training would be
    refused.
    """
    from escalera import builders
    from escalera.data.explore.source import explore
    from escalera.ladder.settings import read_data

    data = read_data(source, sets)
    shares = {} if data.rare_classes == "train" else {"test": data.test, "validation": data.validation}
    facts = explore(
        data.source, builders.read_options(data), data_root=data_root, bands=data.bands, shares=shares
    ).facts()
    if facts["faults"]:
        raise DataError("\n".join([*facts["faults"][:5], f"Look at it with: escalera explore {source}"]))
    sizes = facts["pictures"]["sizes"]
    commonest = max(sizes, key=lambda one: int(one["count"]), default=None)
    side = min(commonest["height"], commonest["width"]) if commonest else 0
    counts = facts["splits"]["train"]["classes"].values()
    twins = facts["duplicates"]
    return SourceSurvey(
        source=source,
        kind=_kind(source),
        rows={name: split["rows"] for name, split in facts["splits"].items()},
        classes=facts["classes"],
        channels=facts["pictures"]["shape"][-1],
        side=side,
        sizes=facts["pictures"]["different_sizes"],
        imbalance=max(counts) / max(1, min(counts)),
        fewest=min(counts),
        duplicates=sum(one["pairs"] for one in twins["pairs_by_split"] if set(one["splits"]) == {"train"}),
        overlap=sum(one["exact"] + one["near"] for one in twins["in_train"].values()),
        bad=len(facts["bad"]),
        attributes=[column["column"] for column in facts["table"]["columns"] if column["column"] != data.target],
        mirror=_mirror(source),
        data=data.model_dump(mode="json", exclude_defaults=True) | {"source": source} | _chosen(facts, side),
    )


def _kind(source: str) -> str:
    if Path(source).is_dir():
        return "folder"
    return "file" if Path(source).is_file() else "name"


def _mirror(source: str) -> bool | None:
    """Letters and digits are none in the mirror; of data that nobody knows, nobody can tell."""
    name = source.lower().replace("_", "-").rsplit("/", 1)[-1]
    if name.startswith(_THINGS):
        return True
    return False if any(sign in name for sign in _SIGNS) else None


def _chosen(facts: dict[str, Any], side: int) -> dict[str, Any]:
    """The shares of the splits that the source lacks, and a size for pictures that are large or differ."""
    few = facts["splits"]["train"]["rows"] < FEW
    shares = {"validation": 0.25 if few else 0.1, "test": 0.25 if few else 0.2}
    found: dict[str, Any] = {split: share for split, share in shares.items() if split not in facts["splits"]}
    if facts["pictures"]["different_sizes"] > 1 or side > SIDE:
        found["image_size"] = min(SIDE, side)
    return found
