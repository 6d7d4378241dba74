"""The test pictures of which two runs say different things."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from escalera.core.errors import DataError
from escalera.report.runs import Run, read_run
from escalera.studio.service import Studio

Kind = Literal["first", "second", "neither"]


@dataclass(frozen=True)
class Disagreement:
    """How many test rows both got right, only one, or neither; and those of one kind in which they differ.

    `rows` (n,) are row numbers; `truth`, `first` and `second` (n,) the names of what it is and what each said.
    """

    both: int
    only_first: int
    only_second: int
    neither: int
    rows: list[int]
    truth: list[str]
    first: list[str]
    second: list[str]


def disagreement(studio: Studio, first: str, second: str, kind: Kind) -> Disagreement:
    """Where two runs differ: `first` was right alone, `second` was, or `neither` and they say different things.

    Raises DataError for runs that were not tested on the same pictures.
    """
    one, two = (_read(studio, key) for key in (first, second))
    a, b = one.answers, two.answers
    same_source = one.record.data.source == two.record.data.source
    if a is None or b is None or not same_source or one.classes != two.classes or not a.same_rows(b):
        raise DataError("these two runs were not tested on the same pictures")
    chosen: dict[str, NDArray[np.bool_]] = {
        "first": a.correct & ~b.correct,
        "second": ~a.correct & b.correct,
        "neither": ~a.correct & ~b.correct & (a.predicted != b.predicted),
    }
    places = np.flatnonzero(chosen[kind])
    truth, predicted, other = (
        [one.classes[k] for k in labels[places]] for labels in (a.labels, a.predicted, b.predicted)
    )
    return Disagreement(
        both=int((a.correct & b.correct).sum()),
        only_first=int((a.correct & ~b.correct).sum()),
        only_second=int((~a.correct & b.correct).sum()),
        neither=int((~a.correct & ~b.correct).sum()),
        rows=a.rows[places].tolist(),
        truth=truth,
        first=predicted,
        second=other,
    )


def _read(studio: Studio, key: str) -> Run:
    run = studio.run(key)
    return read_run(run.path, int(run.path.name.removeprefix("seed-")))
