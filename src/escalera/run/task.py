"""What is to be trained, as plain values: any process or machine can perform a task."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from escalera.core.rundir import RunDir
from escalera.ladder.schema import Data, Rung
from escalera.run.outcome import Key

if TYPE_CHECKING:
    from escalera.data.dataset import Dataset
    from escalera.data.images import ImageSet


_AGAIN = 7919
"""What lies between the seeds by which two repeats of a cross-validation draw their folds."""


@dataclass(frozen=True)
class Source:
    """What opens the data of a task, the same everywhere: the section `data` as JSON, and where sources are looked for.

    `attributes` says whether a model reads the columns beside the images. `is_path` says that it is a file or folder
    where the climb was begun, so that nobody asks the hub for it; `sent` is the key of what a machine that does not see
    it has fetched. `fold`, of a section that asks for folds, is the one that is meant, counted from 1. With a `turn`,
    from 1 on, another part of the rows that are not test is validation.
    """

    data: str
    seed: int
    data_root: str | None = None
    beside: str | None = None
    skip_bad: bool = False
    attributes: bool = True
    is_path: bool = False
    sent: str | None = None
    fold: int | None = None
    turn: int | None = None

    def without(self, key: str) -> Source:
        """The same without one of its settings, `data.folds` or one of `data.labels`."""
        gone = {"data.folds": ("folds", "repeats")}.get(key, ("labels",))
        kept = {own: value for own, value in json.loads(self.data).items() if own not in gone}
        return replace(self, data=Data.model_validate_json(json.dumps(kept)).model_dump_json())


@dataclass(frozen=True)
class Task:
    """One rung, as JSON, with one seed, in the folder of its ladder's runs; `threads` None leaves as many as there are.

    `name` is the rung's, so that nobody reads the JSON to know whose turn it is; `place` is its place among all, as
    2/5. A `fresh` one goes on with nothing and takes nothing over. `store` is the URL that the folder is a mirror of.
    It is evaluated `on` the test rows, or, a trial of a search, on those of validation and no others; one with `until`
    pauses after so many epochs, and goes on when it is performed again. No epoch begins that would end after
    `deadline`, in seconds since 1970.
    """

    name: str
    rung: str
    seed: int
    folder: str
    source: Source
    device: str = "auto"
    threads: int | None = None
    fresh: bool = False
    place: str = ""
    store: str | None = None
    on: Literal["test", "validation"] = "test"
    until: int | None = None
    deadline: float | None = None

    @classmethod
    def of(cls, values: Mapping[str, Any]) -> Task:
        """The task that `dataclasses.asdict` has made these values of."""
        return cls(**{**values, "source": Source(**values["source"])})

    @property
    def key(self) -> Key:
        """Which task it is."""
        return self.name, self.seed

    @property
    def called(self) -> str:
        """Whom its events are of: a fold that is trained beside others has a line of its own."""
        return self.name if self.source.fold is None else f"{self.name}/fold-{self.source.fold}"

    def of_fold(self, number: int) -> Task:
        """The training of one of its folds. Other seeds draw other folds: several seeds repeat the cross-validation."""
        return replace(self, source=replace(self.source, fold=number, seed=self.source.seed + _AGAIN * self.seed))

    @property
    def run(self) -> RunDir:
        """Where its run stands once it is done."""
        return RunDir(Path(self.folder) / self.name / f"seed-{self.seed}")


@cache
def open_data(source: Source) -> Dataset:
    """The splits of a source, opened once in each process; raises DataError where they cannot be had."""
    from escalera import builders
    from escalera.data.duplicates.overlap import with_overlap

    section = Data.model_validate_json(source.data)
    data = builders.divided(
        pictures(source),
        section,
        seed=source.seed,
        attributes=source.attributes,
        beside=Path(source.beside) if source.beside else None,
        number=source.fold or 1,
        turn=source.turn,
    )
    return data if data.overlap else with_overlap(data)


def data_of(task: Task, rung: Rung) -> Dataset:
    """The splits of a task; where sets of classes are wanted, some rows of validation are set aside for them.

    Not where all rows are validation in turn, to judge a move: the rung that comes of it has another validation.
    """
    from escalera.data.splits import with_calibration

    data = open_data(task.source)
    aside = rung.config.evaluate.coverage is not None and task.source.turn is None
    return with_calibration(data, rung.config.data.group) if aside else data


def pictures(source: Source) -> ImageSet:
    """The pictures of a source, before they are split; raises DataError where they cannot be had."""
    from escalera import builders

    if source.sent is not None:
        from escalera.data.cache.folders import cache_root
        from escalera.data.cache.sent import read_sent

        return read_sent(source.sent, cache_root())
    return builders.pictures(
        Data.model_validate_json(source.data),
        data_root=Path(source.data_root) if source.data_root else None,
        skip_bad=source.skip_bad,
        beside=Path(source.beside) if source.beside else None,
    )


@contextlib.contextmanager
def data_kept() -> Iterator[None]:
    """Keep what is opened within for the tasks that follow, and nothing of it afterwards: the files may change."""
    open_data.cache_clear()
    try:
        yield
    finally:
        open_data.cache_clear()
