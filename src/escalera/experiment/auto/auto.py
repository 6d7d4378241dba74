"""`escalera auto`: a source is looked at, a ladder is built rung by rung, and its last rung is trained to its end."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Literal

from escalera.core.auto_record import FOLDER
from escalera.core.errors import EscaleraError
from escalera.core.files import read_sealed, write_aside
from escalera.core.names import LONGEST, is_name, ladder_fault
from escalera.core.ranks import launched
from escalera.core.rundir import RunDir
from escalera.data.cache.progress import heard
from escalera.data.folds import TURNS
from escalera.experiment.auto.ascent import FIRST, Ascent
from escalera.experiment.auto.built import Built
from escalera.experiment.auto.diary import Attempt, Diary, read_diary
from escalera.experiment.auto.evidence import DETECTABLE, detectable
from escalera.experiment.auto.ground import Ground, at_hand
from escalera.experiment.auto.moves import MOVES, final, first
from escalera.experiment.auto.name import free_name
from escalera.experiment.auto.text import FINAL, as_file, as_ladder, words_of
from escalera.experiment.auto.timing import FEWEST, Timing, rests
from escalera.experiment.climb import climb, load_ladder
from escalera.experiment.devices import choose_executor
from escalera.experiment.executors import Make, ahead
from escalera.experiment.ladder_file import NAME as LADDER
from escalera.experiment.place import Place, find_place, keep_apart
from escalera.experiment.search import SEED
from escalera.experiment.stage import Way
from escalera.experiment.survey import sentences_of, survey_source
from escalera.ladder.read import dump_config
from escalera.ladder.schema import Rung
from escalera.run.events import Events
from escalera.run.task import Source, data_kept, open_data

_FEWEST_TRIALS, _SOME_TRIALS = 3, 20
"""Trials without which there is no ladder, and so many that moves can be chosen among."""


def auto(
    source: str,
    *,
    minutes: float = 10.0,
    name: str = "",
    out: str | Path = "runs",
    file: Path | None = None,
    sets: Sequence[str] = (),
    data_root: Path | None = None,
    device: str = "auto",
    jobs: int | Literal["auto"] | None = "auto",
    executor: str = "",
    language: str = "en",
    command: str = "",
    events: Events | None = None,
) -> Built:
    """Build a ladder on a source within so many minutes, all calls together, and train its last rung to its end.

    Without a `name` it has that of the source, with `-auto` behind it where a ladder of a person's has that already. It
    leaves `<name>.yaml`, or `file`, and goes on where an earlier call, with fewer minutes, has ended. Raises
    DataError where there is nothing to learn from or explore refuses the source, EscaleraError where the minutes are
    too few for a single training.
    """
    events = events or Events()
    name = name or free_name(source, out, file)
    path = file or Path(f"{name}.yaml")
    make, count = _executor(executor, jobs)
    place = _place(out, name, source, data_root)
    folder = place.folder / FOLDER
    with place.held(), data_kept(), heard(events.source_read), ahead(make, count, len(MOVES)) as begun:
        way = Way(place, begun, count, 1, device, data_root, fresh=False, skip_bad=True, events=events)
        diary = read_diary(folder)
        _check_file(path, diary)
        _check_free(place.folder, diary)
        timing = Timing(minutes, 0.0 if diary is None else diary.elapsed, 0, data_root, device)
        if diary is None:
            diary, ground = _begin(way, source, name, sets, timing)
        else:
            ground = _again(diary, source)
        diary.minutes = max(minutes, diary.minutes)
        words = words_of(language)
        events.auto_begins(name, sentences_of(diary.found, words))
        after = Ascent(way, name, ground, diary, timing, words).climb()
        last = diary.kept[-1]
        epochs = timing.final_epochs(last, ground, after) if last.epochs else 0
        if epochs > max(diary.epochs, diary.final.get("epochs", 0)):
            diary.final = {"epochs": epochs}
        diary.elapsed = round(timing.elapsed, 1)
        _write_ladder(path, as_file(name, diary, language), diary)
        diary.write(folder)
        events.auto_ends(path)
    reading = load_ladder(path, (), data_root)
    results = climb(
        reading, out=out, data_root=data_root, device=device, rungs=_last_rungs(diary), skip_bad=True,
        language=language, command=command, events=events, deadline=timing.until(last, after),
        threads=_threads(way, last, reading.ladder.rungs[-1]),
    )  # fmt: skip
    diary.elapsed = round(timing.elapsed, 1)
    diary.write(folder)
    return Built(path, diary, results)


def _executor(executor: str, jobs: int | Literal["auto"] | None) -> tuple[Make, int | Literal["auto"]]:
    """Who trains, and how many are at work; raises EscaleraError where several processes are to compute each training.

    They would have to agree on the epoch that is the last in time.
    """
    if began := launched():
        raise EscaleraError(
            f"escalera auto: expected a command of its own, received {began[1]} processes of torchrun. Leave out "
            "torchrun: moves are tried side by side, with --jobs."
        )
    make, count, _ = choose_executor(executor, jobs, 1)
    return make, count


def _place(out: str | Path, name: str, source: str, data_root: Path | None) -> Place:
    """Where the runs go; raises EscaleraError where that cannot be, before anything is written anywhere."""
    _check_name(name)
    place = find_place(out, name)
    keep_apart(place, [source], data_root)
    return place


def _write_ladder(path: Path, text: str, diary: Diary) -> None:
    """Write the file, and remember how, so that one that a person has changed is known."""
    content = text.encode()
    write_aside(path, lambda stream: stream.write(content))
    diary.file = {"path": str(path.resolve()), "sha256": hashlib.sha256(content).hexdigest()}


def _threads(way: Way, last: Attempt, rung: Rung) -> int | None:
    """As many threads as its trial had for a body that stays as it is: what that found is kept, and known by them too.

    None, for all, where the network learns as a whole.
    """
    record = RunDir(way.place.folder / Ascent.trial(last) / f"seed-{SEED}").record
    return int(read_sealed(record)["threads"]) if rests(rung) and record.exists() else None


def _last_rungs(diary: Diary) -> list[str]:
    """The rung that reads the test rows; below votes the network too whose features they read."""
    if diary.final:
        return [FINAL]
    last = diary.kept[-1]
    return [last.parent, last.name] if last.move == "votes" else [last.name]


def _begin(way: Way, source: str, name: str, sets: Sequence[str], timing: Timing) -> tuple[Diary, Ground]:
    """Look at the source, and find out how long a trial may be."""
    seen = survey_source(source, sets, way.data_root)
    if (folds := seen.data.get("folds")) is not None:
        # The rows of test would be among those that chose the rungs, and the last fold might run out of the minutes.
        raise EscaleraError(
            f"--set data.folds={folds}: auto chooses on validation and asks the test rows once, at its end; where rows "
            "are few it takes turns with validation by itself. Leave it out."
        )
    diary = Diary(source, seen.data, {}, seen.found, epochs=1)
    bare = {"model": {"kind": "mlp", "dense": [8]}, "train": {"epochs": 1}}
    reading = load_ladder(as_ladder(name, diary, Attempt("first", FIRST, "", bare, 1)), (), way.data_root)
    rung = reading.ladder.rungs[0]
    [task] = way.tasks(reading, [(rung, 0)])
    opened = replace(task.source, attributes=True)
    data = open_data(opened)
    ground = Ground(
        len(data.train.rows), len(data.validation.rows), len(data.classes), data.image_shape, seen.native,
        attributes=data.attribute_count, pictures=bool(seen.native), mirror=seen.mirror, bodies=at_hand(seen.native),
        uneven=seen.uneven, test=len(data.test.rows), turns=_turns(opened),
        more="data.validation" in final(1, diary.data.get("validation")),
    )  # fmt: skip
    diary.ground = ground.values()
    diary.epochs = ground.epochs
    attempt = Attempt("first", FIRST, "", first(ground, ground.epochs), 1)
    reading = load_ladder(as_ladder(name, diary, attempt), (), way.data_root)
    known = dump_config(reading.ladder.rungs[0].config)
    larger = MOVES["convolutions"](ground, known)
    if larger is not None:
        values = as_ladder(name, diary, attempt)
        values["rungs"].append({"name": "larger", "change": larger})
        reading = load_ladder(values, (), way.data_root)
    rung = reading.ladder.rungs[-1]
    diary.epochs = timing.epochs(rung, ground)
    _check_minutes(timing, timing.seconds(rung) / rung.config.train.epochs * FEWEST, ground.turns)
    return diary, ground


def _check_minutes(timing: Timing, each: float, turns: int) -> None:
    """Raise EscaleraError where a few trials do not fit, each of so many `turns` that take `each` seconds."""
    trial, before = turns * each, timing.elapsed
    if _FEWEST_TRIALS * trial <= timing.left:
        return
    least, better = (math.ceil((before + trials * trial) / 60) for trials in (_FEWEST_TRIALS, _SOME_TRIALS))
    epochs = f"{FEWEST} epochs" if turns == 1 else f"{turns} times {FEWEST} epochs, in turns with validation"
    more = f"; with {better} there is time for more moves" if better > least else ""
    raise EscaleraError(
        f"--minutes {timing.minutes:g}: too few to build a ladder here: {before:.0f} s went by before the first trial, "
        f"a trial takes about {math.ceil(trial)} s ({epochs}), and {_FEWEST_TRIALS} have to fit. "
        f"Give --minutes {least} or more{more}."
    )


def _turns(source: Source) -> int:
    """In how many turns the rows that are not test are validation: one where those of the split suffice to judge by.

    A split for it that the source has is used as it is.
    """
    validation = open_data(source).validation
    if validation.origin != "train" or detectable(len(validation.rows)) <= DETECTABLE:
        return 1
    parts = [open_data(replace(source, turn=turn)) for turn in range(1, TURNS + 1)]
    # Of a few large groups a part may have none.
    return TURNS if all(len(part.validation.rows) for part in parts) else 1


def _again(diary: Diary, source: str) -> Ground:
    """The ground of an earlier call; raises EscaleraError where that was on another source."""
    if diary.source != source:
        raise EscaleraError(
            f"expected '{diary.source}', on which the ladder of this name was built, received '{source}'. Give "
            "this one a name of its own with --name."
        )
    values = diary.ground
    return Ground(**{**values, "shape": tuple(values["shape"])})


def _check_name(name: str) -> None:
    """Raise EscaleraError for a name that cannot be a folder's."""
    why = ladder_fault(name) if is_name(name) and len(name) <= LONGEST else f"'{name}' is a path, or none at all"
    if why:
        raise EscaleraError(
            f"--name {name}: expected a name of at most {LONGEST} letters, digits and . _ -, the first a letter or "
            f"digit: {why}."
        )


def _check_free(folder: Path, diary: Diary | None) -> None:
    """Raise EscaleraError where another ladder of this name was climbed: its report would be replaced."""
    if diary is None and (folder / LADDER).exists():
        raise EscaleraError(
            f"{folder} has the runs of another ladder, whose report would be replaced. Give this ladder a name of its "
            "own with --name."
        )


def _check_file(path: Path, diary: Diary | None) -> None:
    """Raise EscaleraError where a file stands that was not written here, or was changed since."""
    if not path.exists():
        return
    ours = diary is not None and diary.file.get("sha256") == hashlib.sha256(path.read_bytes()).hexdigest()
    if not ours:
        raise EscaleraError(
            f"{path} exists, and is not as `escalera auto` wrote it; it is not overwritten. Rename it, or give this "
            "ladder a name of its own with --name."
        )
