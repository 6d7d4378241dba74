"""Whether new pictures look like those that a run was made for: `escalera check`.

They are compared with rows that the run has answered and not learned from, by the features of its penultimate layer.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from escalera.core.csvtext import csv_text
from escalera.core.errors import DataError, RunError
from escalera.core.predictions import read_answers
from escalera.core.rundir import RunDir
from escalera.data.rows import spread
from escalera.evaluate import drift
from escalera.inference.published import is_published

if TYPE_CHECKING:
    from escalera.data.query.rows import Query
    from escalera.inference.predictor import Predictor

ALPHA = 0.05
FEW = 20
"""New pictures below which the test sees coarse differences alone."""
_MOST = 2_000
"""Rows of either side that the test of all compares, spread evenly; each new one is compared with as many."""


def check(run: Path, files: Sequence[Path], *, data_root: Path | None = None) -> dict[str, Any]:
    """What is known of new pictures, in a folder, several or a table, beside the rows that a run was tested on.

    `p` tests all together, `alike` says whether it is 0.05 or more; `reason` is "classes" where it is less and only the
    shares of the answers differ. `pictures` are all rows, the least alike first, with `p` and `p_bh`, its correction by
    Benjamini and Hochberg; those below 0.05 are `unlike`. `notes` say what was left out, `skipped` what cannot be
    decoded or read. Raises RunError for what is no run with its files, DataError where its pictures or the new ones
    cannot be had.
    """
    from escalera.inference.files import find_run, query_of
    from escalera.inference.predictor import open_run

    if _in_one_file(run):
        raise RunError(
            f"{run} is a model in one file, which does not keep the rows that it was tested on: name the folder of its "
            "run"
        )
    home = find_run(run)
    predictor = open_run(home)
    query = query_of(predictor.trained, files, ())
    reference, before = _reference(home, predictor, data_root)
    kept, (new, after), skipped = _answered(predictor, query)
    each = drift.row_p_values(reference, new)
    corrected = drift.benjamini_hochberg(each)
    compared = spread(len(new), _MOST)
    p = drift.two_sample(reference, new[compared])
    return {
        "run": str(home.path),
        "reference": len(reference),
        "rows": len(new),
        "p": p,
        "alike": p >= ALPHA,
        "few": len(new) < FEW,
        **_shares(reference, new[compared], before, after[compared], different=p < ALPHA),
        "classes": _table(predictor.classes, before, after),
        "smallest_p": 1 / (len(reference) + 1),
        "unlike": int((corrected < ALPHA).sum()),
        "notes": query.notes,
        "skipped": skipped,
        "pictures": [
            {"file": query.names[kept[k]], "row": None if query.numbers is None else query.numbers[kept[k]],
             "class": predictor.classes[after[k]], "p": float(each[k]),
             "p_bh": float(corrected[k]), "unlike": bool(corrected[k] < ALPHA)}
            for k in np.argsort(each, kind="stable")
        ],
    }  # fmt: skip


def _in_one_file(run: Path) -> bool:
    """Whether a model is one that was exported, or lies on the hub; a file of a run's folder is not meant by itself."""
    if is_published(run):
        return True
    return run.suffix.lower() in (".onnx", ".safetensors") and not run.is_dir() and not RunDir(run.parent).exists()


Seen = tuple[NDArray[np.float32], NDArray[np.int64]]
"""Features (n, D), scaled, and the classes (n,) that are said."""


def _reference(home: RunDir, predictor: Predictor, data_root: Path | None) -> Seen:
    """The test rows of a run; of folds those of the first one, whose network it stands by."""
    from escalera.inference.illustrations import Illustrator

    first = home if predictor.trained.config.data.folds is None else home.fold(1)
    if not first.predictions.is_file():
        raise RunError(
            f"{first.path} has no answers (predictions.parquet), whose rows the new ones are compared with. "
            f"{home.cure()}"
        )
    try:
        first.check(first.predictions.name)
        answers = read_answers(first.predictions)
    except ValueError as error:
        raise RunError(f"{first.predictions} does not hold answers to rows. {home.cure()}") from error
    rows = answers.rows[spread(len(answers.rows), _MOST)]
    labels = answers.labels[np.searchsorted(answers.rows, rows)]
    source = Illustrator(data_root)
    pixels = source.pictures(home.path, rows.tolist(), labels.tolist())
    if pixels is None or len(rows) < 2:
        name = predictor.trained.config.data.source
        raise DataError(
            f"{home.path}: the pictures that it was tested on, in '{name}', are not here or have changed: expected "
            "them to compare the new ones with; name their folder by --data-root"
        )
    return _features(predictor, np.stack(pixels), source.attributes(home.path, rows) if predictor.fitted else None)


def _answered(predictor: Predictor, query: Query) -> tuple[list[int], Seen, list[dict[str, str]]]:
    """Which of the new rows can be read, and what is seen of them; and why others cannot be."""
    from escalera.inference.files import decoded, place, unfit

    predictor.trained.check_pictures(query.pictures is not None)
    bad = unfit(predictor, query.attributes)
    kept: list[int] = []
    parts: list[Seen] = []
    for rows, seen in decoded(predictor.intake, query, bad):
        some = [query.attributes[row] for row in rows] if query.attributes else None
        parts.append(_features(predictor, None if seen is None else seen.pixels, some))
        kept += rows
    skipped = [{"file": place(query, row), "error": why} for row, why in sorted(bad.items())]
    if len(skipped) == 1 and not kept:
        raise DataError(f"{skipped[0]['file']}: {skipped[0]['error']}")
    if not kept:
        listed = "".join(f"\n  {one['file']}: {one['error']}" for one in skipped[:10])
        raise DataError(f"none of {len(skipped):,} pictures can be decoded:{listed}")
    return kept, (np.concatenate([one for one, _ in parts]), np.concatenate([two for _, two in parts])), skipped


def _features(
    predictor: Predictor, pixels: NDArray[np.uint8] | None, attributes: Sequence[Mapping[str, Any]] | None
) -> Seen:
    """Features of unit length, as Sun et al. compare them, and classes."""
    from escalera.data.query.images import Seen as Pictures

    seen = None if pixels is None else Pictures(pixels)
    if not predictor.trained.reads_pictures:
        seen = None
    made, probabilities = predictor.look(seen, attributes)
    return drift.unit(made), probabilities.argmax(axis=1)


def _shares(
    reference: NDArray[np.float32],
    new: NDArray[np.float32],
    before: NDArray[np.int64],
    after: NDArray[np.int64],
    *,
    different: bool,
) -> dict[str, Any]:
    """Whether the shares of the answers differ, and whether nothing else does."""
    p = drift.shares_test(before, after)
    within = drift.two_sample(reference, new, np.concatenate([before, after])) if different and p < ALPHA else None
    only = within is not None and within >= ALPHA
    return {"p_classes": p, "p_within": within, "reason": "classes" if only else "pictures" if different else None}


def _table(classes: Sequence[str], before: NDArray[np.int64], after: NDArray[np.int64]) -> list[dict[str, Any]]:
    """The share of each class among the answers on either side, those that differ most first."""
    shares = [np.bincount(predicted, minlength=len(classes)) / len(predicted) for predicted in (before, after)]
    order = np.argsort(-np.abs(shares[1] - shares[0]), kind="stable")
    return [{"name": classes[k], "reference": float(shares[0][k]), "new": float(shares[1][k])} for k in order]


def as_csv(found: Mapping[str, Any]) -> str:
    """The pictures as a table, the least alike first."""
    header = ["file", "row", "class", "p", "p_bh", "unlike"]
    return csv_text(header, [[one[name] for name in header] for one in found["pictures"]])
