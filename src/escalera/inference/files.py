"""What a finished run says of pictures in files."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias

from escalera.core.errors import DataError, RunError
from escalera.core.names import there
from escalera.core.neighbours import near_run
from escalera.core.rundir import RunDir, rungs, standing

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from escalera.data.query.images import Intake, Seen
    from escalera.data.query.rows import Query
    from escalera.inference.bundle import Trained
    from escalera.inference.onnx_model import About, OnnxModel
    from escalera.inference.predictor import Predictor

    Opened: TypeAlias = Predictor | OnnxModel


def find_trained(path: Path) -> Trained:
    """The model of a run, named as `find_run` takes it, in a file that `escalera export` wrote, or on the hub.

    Raises RunError where there is none.
    """
    from escalera.inference import bundle as trained
    from escalera.inference.published import fetch, is_published

    if is_published(path):
        return trained.of_file(fetch(path))
    if path.suffix.lower() == ".safetensors" and not path.is_dir() and not RunDir(path.parent).record.exists():
        return trained.of_file(path)
    return trained.of_run(find_run(path))


def find_run(path: Path) -> RunDir:
    """The run in a folder: `runs/digits/cnn/seed-1` itself, or the first seed of `runs/digits/cnn`.

    Raises RunError where there is none, or none that is done.
    """
    path = there(path)
    found = [RunDir(path)] if RunDir(path).exists() else standing(path)
    if not found:
        raise RunError(f"expected the folder of a run, as runs/digits/cnn, received {path}.{_hint(path)}")
    check_done(found[0])
    return found[0]


def check_done(run: RunDir) -> None:
    """Raise RunError for a run that is not done, with the reason of one that failed."""
    record = run.read_record()
    state, why = record.get("state", "absent"), record.get("error", "")
    if state == "failed" and why:
        raise RunError(f"{run.path} failed: {why.removesuffix('.')}. Climb its ladder again to finish it.")
    if state != "done":
        raise RunError(f"{run.path} is {state}, not done. Climb its ladder again to finish it.")


def _hint(path: Path) -> str:
    """What a path that is no run's could have been meant to be."""
    if path.is_file():
        from escalera.data.readers.formats import promised

        if RunDir(path.parent).record.exists():
            return f" It is a file of the run in {path.parent}: name that."
        return " It is a picture: the run comes first, then what it is asked about." if promised(path.name) else ""
    below = rungs(path)
    if below:
        return f" It holds the rungs {', '.join(below)}: name one, as {path / below[0]}."
    ladders = {folder.name: some for folder in sorted(path.glob("*")) if (some := rungs(folder))}
    if ladders:
        name, some = next(iter(ladders.items()))
        return f" It holds the ladders {', '.join(ladders)}: name a rung of one, as {path / name / some[0]}."
    if guess := near_run(path):
        return f" Did you mean {guess}?"
    beside = rungs(path.parent)
    hold = f" The rungs in {path.parent}: {', '.join(beside)}." if beside else ""
    return hold if path.exists() else f" There is no such folder.{hold}"


def predict_files(
    path: Path,
    files: Sequence[Path],
    *,
    attributes: Sequence[str] = (),
    top: int = 5,
    skip_bad: bool = False,
    tell: Callable[[str], object] = lambda note: None,
) -> list[dict[str, Any]]:
    """The likeliest classes of each row, best first, as {file, row, classes: [{name, probability}], filled_in, error}.

    A row is a picture, or as many as the run sees together, with its `attributes` (`area=1200, zipcode=92880` or JSON)
    where the run reads them; those that are not known are `filled_in` as in training. A folder stands for the pictures
    in it; a CSV or parquet file stands for its rows, which are counted in `row`. With `skip_bad` the `error` of a row
    that cannot be answered says why, and the others are answered. `tell` hears what a person should know. Raises
    RunError as find_run does, and DataError with all that cannot be decoded.
    """
    from escalera.data.query.images import refuse_bad
    from escalera.inference.attributes import unseen

    predictor = opened(path)
    query = query_of(predictor.trained, files, attributes)
    for note in (*query.notes, *of_folds(path), *unseen(predictor.fitted, query.attributes)):
        tell(note)
    predictor.trained.check_pictures(query.pictures is not None)
    if not query.names:
        predictor.predict()  # which says what it expects
    bad = unfit(predictor, query.attributes)
    found: dict[int, NDArray[np.float32]] = {}
    largest = 0
    for rows, seen in decoded(predictor.intake, query, bad):
        if not bad or skip_bad:
            some = [query.attributes[row] for row in rows] if query.attributes else None
            found |= dict(zip(rows, predictor.predict(seen, some), strict=True))
        largest = max(largest, int(seen.pixels.max())) if seen else largest
    if bad and not (skip_bad and found):
        what = "pictures" if query.numbers is None and predictor.trained.data.together == 1 else "rows"
        cure = "\nAnswer for the others with --skip-bad." if len(bad) < len(query.names) else ""
        refuse_bad([f"{place(query, row)}: {bad[row]}" for row in sorted(bad)], len(query.names), what, cure)
    strange = predictor.intake.strange(largest) if query.pictures else ""
    if strange:
        tell(f"{strange}: the answers may mean nothing.")
    return [_answer(predictor, query, row, found.get(row), bad.get(row), top) for row in range(len(query.names))]


def of_folds(path: Path) -> list[str]:
    """That of a run of folds one network answers, and how to ask another; nothing of other models, and of a fold."""
    run = RunDir(path) if RunDir(path).exists() else next(iter(standing(path)), None)
    folds = None if run is None else run.read_record().get("folds")
    if run is None or folds is None:
        return []
    return [
        f"It was trained in {folds} folds: the network of the first one answers, and the figures of the report are "
        f"those of all {folds} networks. Another one is asked as {run.fold(2).path}."
    ]


def opened(path: Path) -> Opened:
    """The model in an ONNX file, for which PyTorch is not imported, or in whatever else `find_trained` takes."""
    if path.suffix.lower() == ".onnx" and not path.is_dir():
        from escalera.inference.onnx_model import open_onnx

        return open_onnx(path)
    from escalera.inference.predictor import Predictor

    return Predictor(find_trained(path))


def query_of(trained: Trained | About, files: Sequence[Path], attributes: Sequence[str]) -> Query:
    """The rows that files, folders or a table ask about; raises DataError for what cannot be asked."""
    from escalera.data.query.rows import about_files, about_table
    from escalera.data.readers.table_files import TABLES
    from escalera.inference.onnx_model import About

    if len(files) == 1 and files[0].suffix.lower() in TABLES and not files[0].is_dir():
        if attributes:
            raise DataError(f"{files[0]}: its columns are the attributes: expected no --attributes beside it")
        if isinstance(trained, About):
            raise DataError(f"{files[0]}: an ONNX file does not keep how a table is read: ask the run about it")
        from escalera.data.options import ReadOptions

        options = ReadOptions.of(trained.config.data)
        # The table that it learned from may have had columns which other rungs read.
        learned = trained.data if trained.reads_attributes else trained.data.model_copy(update={"columns": None})
        return about_table(files[0], learned, options, reads_pictures=trained.reads_pictures)
    return about_files(files, attributes, trained.data)


def unfit(predictor: Opened, rows: Sequence[Mapping[str, Any]]) -> dict[int, str]:
    """Rows whose attributes cannot be read, and why; raises DataError where all of them are such."""
    if predictor.fitted is None or not rows:
        return {}
    try:
        predictor.fitted.vectors(rows)
        return {}
    except DataError as error:
        bad = {}
        for number, row in enumerate(rows):
            try:
                predictor.fitted.vectors([row])
            except DataError as fault:
                bad[number] = str(fault)
        if len(bad) == len(rows):
            raise error
        return bad


def decoded(intake: Intake, query: Query, bad: dict[int, str]) -> Iterator[tuple[list[int], Seen | None]]:
    """Some good rows at a time, their numbers and what a model sees of them; the bad ones join `bad`."""
    import numpy as np

    from escalera.data.cache import progress
    from escalera.data.query.images import Seen

    if query.pictures is None:
        yield [row for row in range(len(query.names)) if row not in bad], None
        return
    first = 0
    for raws in query.pictures():
        good = {}
        for row, pixels in enumerate(intake.decoded(raws), start=first):
            if isinstance(pixels, DataError):
                bad.setdefault(row, str(pixels))
            elif row not in bad:
                good[row] = pixels
        first += len(raws)
        if good:
            yield list(good), Seen(np.stack(list(good.values())))
        progress.tell("decoding", first, len(query.names))


def place(query: Query, row: int) -> str:
    """Where a row is, for people."""
    from escalera.data.readers.listing import shown

    return shown(query.names[row]) + ("" if query.numbers is None else f": row {query.numbers[row]}")


def _answer(
    predictor: Opened,
    query: Query,
    row: int,
    shares: NDArray[np.float32] | None,
    fault: str | None,
    top: int,
) -> dict[str, Any]:
    held = None if shares is None else predictor.set_of(shares)
    return {
        "file": query.names[row],
        "row": query.numbers[row] if query.numbers is not None else None,
        "classes": [] if shares is None else ranked(predictor.classes, shares)[:top],
        "filled_in": predictor.filled_in(query.attributes[row]) if query.attributes and shares is not None else [],
        "error": fault,
        **({} if held is None else {"set": held}),
    }


def ranked(classes: Sequence[str], shares: NDArray[np.float32]) -> list[dict[str, Any]]:
    """Every class with its probability, the likeliest first."""
    return [{"name": classes[k], "probability": float(shares[k])} for k in (-shares).argsort(kind="stable")]
