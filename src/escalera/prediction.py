"""What a finished run says of pictures in files."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from escalera.errors import DataError, RunError, nearest
from escalera.rundir import RunDir, rungs, standing

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from escalera.data.given import Intake
    from escalera.data.learned import Learned
    from escalera.trained import Trained


def find_trained(path: Path) -> Trained:
    """The model of a run, named as `find_run` takes it, or in a file that `escalera export` wrote.

    Raises RunError where there is none.
    """
    from escalera import trained

    return trained.of_file(path) if path.suffix == ".safetensors" else trained.of_run(find_run(path))


def find_run(path: Path) -> RunDir:
    """The run in a folder: `runs/digits/cnn/seed-1` itself, or the first seed of `runs/digits/cnn`.

    Raises RunError where there is none, or none that is done.
    """
    found = [RunDir(path)] if RunDir(path).record.exists() else standing(path)
    if not found:
        below = rungs(path)
        hint = f" It holds the rungs {', '.join(below)}: name one, as {path / below[0]}." if below else ""
        raise RunError(f"expected the folder of a run, as runs/digits/cnn, received {path}.{hint}")
    run = found[0]
    state = run.read_record().get("state", "absent")
    if state != "done":
        raise RunError(f"{run.path} is {state}, not done. Climb its ladder again to finish it.")
    return run


@dataclass(frozen=True)
class Question:
    """What a run is asked about, in words, as the pictures of one row, and as its attributes."""

    name: str
    pictures: list[Path]
    attributes: Mapping[str, Any] | None = None


def predict_files(
    path: Path, files: Sequence[Path], *, attributes: Sequence[str] = (), top: int = 5
) -> list[dict[str, Any]]:
    """The likeliest classes of each row, best first: {file, classes: [{name, probability}], filled_in: [column]}.

    A row is a picture, or as many as the run sees together, with its `attributes` (`area=1200, zipcode=92880` or JSON)
    where the run reads them; those that are not known are `filled_in` as in training. A CSV file stands for its rows:
    pictures by their paths, and attributes. Each picture is decoded as the run's own were. Raises RunError as find_run
    does, and DataError with all that cannot be decoded.
    """
    import numpy as np

    from escalera.data.given import Seen
    from escalera.predictor import Predictor

    trained = find_trained(path)
    learned = trained.data
    asked = _from_table(files[0], learned) if _is_table(files) else _from_files(files, attributes, learned)
    predictor = Predictor(trained)
    pictures = Seen(_decoded(asked, predictor.intake)) if any(question.pictures for question in asked) else None
    rows = [question.attributes for question in asked if question.attributes]
    found = predictor.predict(pictures, rows)
    return [
        {
            "file": question.name,
            "classes": [
                {"name": learned.classes[i], "probability": float(row[i])}
                for i in np.argsort(-row, kind="stable")[:top]
            ],
            "filled_in": predictor.filled_in(question.attributes),
        }
        for question, row in zip(asked, found, strict=True)
    ]


def _is_table(files: Sequence[Path]) -> bool:
    return len(files) == 1 and files[0].suffix.lower() == ".csv"


def _from_files(files: Sequence[Path], attributes: Sequence[str], learned: Learned) -> list[Question]:
    """Rows of pictures given one by one, and of attributes in the same order."""
    each, rows = learned.together, [parse_attributes(text) for text in attributes]
    count = max(learned.rows_of(len(files)), len(rows))
    if rows and files and len(rows) * each != len(files):
        raise DataError(f"expected --attributes once for each of {count} rows, received {len(rows)}")
    return [
        Question(
            ", ".join(map(str, files[n * each : (n + 1) * each])) or attributes[n],
            list(files[n * each : (n + 1) * each]),
            rows[n] if rows else None,
        )
        for n in range(count)
    ]


def _from_table(path: Path, learned: Learned) -> list[Question]:
    """The rows of a CSV file, with the columns that the run was trained on."""
    from escalera.data.columns import LOOKED_AT, picture_columns
    from escalera.data.csvfile import csv_table

    table = csv_table(path)
    named = learned.image_columns or picture_columns(table.schema, table.read(table.schema.names, LOOKED_AT))
    columns = [named] if isinstance(named, str) else list(named)
    absent = [column for column in columns if column not in table.schema.names]
    if absent:
        raise DataError(f"{path} has no column '{absent[0]}' of pictures; {nearest(absent[0], table.schema.names)}")
    asked = []
    for number, row in enumerate(table.whole.to_pylist()):
        empty = [column for column in columns if not row[column]]
        if empty:
            raise DataError(f"{path}: row {number}: no picture in column '{empty[0]}'; nothing was predicted")
        pictures = [path.parent / str(row[column]) for column in columns]
        others = {name: value for name, value in row.items() if name in (learned.columns or [])}
        asked.append(Question(f"{path}: row {number}", pictures, others))
    return asked


def parse_attributes(text: str) -> dict[str, Any]:
    """`bedrooms=3, area=, zipcode=92880`, or a JSON object -> {column: value}; nothing after = is a missing value.

    Raises DataError for anything else.
    """
    if text.lstrip().startswith("{"):
        try:
            return dict(json.loads(text))
        except ValueError as error:
            raise DataError(f"--attributes: expected a JSON object, received {text!r}: {error}") from error
    pairs = [part.partition("=") for part in text.split(",")]
    wrong = [name for name, equals, _ in pairs if not equals or not name.strip()]
    if wrong:
        raise DataError(f"--attributes: expected column=value, column=value, received {text!r}")
    return {name.strip(): value.strip() or None for name, _, value in pairs}


def _decoded(asked: Sequence[Question], intake: Intake) -> NDArray[np.uint8]:
    """The pictures of the rows (N, H, W, C), those of one row side by side."""
    import numpy as np

    from escalera.data.given import refuse_bad

    whole, bad = [], []
    for question in asked:
        try:
            whole.append(intake.row(question.pictures))
        except DataError as error:
            bad.append(str(error))
    refuse_bad(bad, len(asked))
    return np.stack(whole)
