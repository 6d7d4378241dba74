"""One attempt at a rung: its folder, what goes on there or begins, and the place that it takes once it is done."""

from __future__ import annotations

import contextlib
import traceback
from collections.abc import Collection
from dataclasses import replace

from escalera.core.errors import EscaleraError
from escalera.core.rundir import RunDir
from escalera.core.runtime import now
from escalera.data.dataset import Dataset
from escalera.ladder.schema import Rung
from escalera.run import keeping
from escalera.run.as_begun import as_begun
from escalera.run.evaluate import Fitted, Found, evaluate, validate
from escalera.run.events import Events
from escalera.run.fit import fit
from escalera.run.fit_ensemble import fit_ensemble
from escalera.run.folds import begin, by_folds, one_fold
from escalera.run.lineage import check_ready
from escalera.run.outcome import Outcome
from escalera.run.status import fingerprint, other_classes, prepare, put_back, settled, unfinished
from escalera.run.task import Task, data_of


def attempt(task: Task, rung: Rung, failed: Collection[str], events: Events) -> Outcome:
    """Train the rung of a task, or go on with it, unless it is finished; what stood there before is kept.

    What goes wrong is written into run.json, and is in what comes back; `failed` are the rungs that it must not start
    from. A task that is about one fold trains that alone, in a home that `open_folds` has made.
    """
    run, done = task.run, Outcome(*task.key)
    home = run
    try:
        if task.source.fold is not None:
            home = unfinished(run, rung) or run
            one_fold(task, rung, home, events, _fit)
            return done
        data = data_of(task, rung)
        found = _home(task, rung, data, failed, events)
        if found is None:
            return done
        home = found
        if rung.config.data.folds is not None and task.on == "test":
            ended = by_folds(task, rung, home, events, _fit)
            return _placed(home, task, rung, ended, events)
        with as_begun(home, rung.config, data, events):
            fitted = _fit(task, rung, data, home, events)
            if fitted is None:
                events.trial_pauses()
                return replace(done, state="paused")
            ended = evaluate(fitted, rung.config, data, home) if task.on == "test" else validate(fitted, data, home)
        return _placed(home, task, rung, ended, events)
    except Exception as error:
        return _failed(task, rung, home, error, events)


def open_folds(task: Task, rung: Rung, failed: Collection[str], events: Events) -> Outcome | None:
    """Make the home of a rung whose folds are trained side by side; what came of it where nothing is to train."""
    home = task.run
    try:
        found = _home(task, rung, data_of(task, rung), failed, events)
        if found is None:
            return Outcome(*task.key)
        home = found
        begin(task, rung, home)
    except Exception as error:
        return _failed(task, rung, home, error, events)
    return None


def _home(task: Task, rung: Rung, data: Dataset, failed: Collection[str], events: Events) -> RunDir | None:
    """Where a rung is trained; None where it is finished, or a kept run stands again."""
    run, fresh = task.run, task.fresh
    if not fresh and settled(run, rung):
        return None
    if not fresh and (kept := put_back(run, rung)):
        events.put_back(kept.path, run.path)
        return None
    # With the classes in another order, as an earlier version had them, every answer would be another class's.
    anew = fresh or other_classes(run, rung, data.classes)
    home = prepare(run, rung, fresh=anew, events=events)
    check_ready(rung.config, run, failed)
    events.home_chosen(home.path)
    return home


def _failed(task: Task, rung: Rung, home: RunDir, error: Exception, events: Events) -> Outcome:
    """What is told and written of a rung that could not be trained."""
    expected = isinstance(error, EscaleraError)
    message = str(error) if expected else f"unexpected {type(error).__name__}: {error}"
    events.rung_failed(rung, message, "".join(traceback.format_exception(error)))
    # The disk may be what failed: then the files stay as they were, and the same command goes on from there.
    with contextlib.suppress(EscaleraError):
        note_failure(home, rung, task.seed, message)
    return Outcome(*task.key, "failed", message)


def _placed(home: RunDir, task: Task, rung: Rung, ended: Found, events: Events) -> Outcome:
    """What is done, once it stands where runs of the rung do: whoever hears of it finds it there."""
    if home.path != task.run.path:
        replaced = keeping.replace(home, fingerprint(rung.config))
        if replaced is not None:
            events.kept(replaced.path)
    (events.rung_ends if task.on == "test" else events.trial_ends)(*ended)
    return Outcome(*task.key)


def _fit(task: Task, rung: Rung, data: Dataset, home: RunDir, events: Events) -> Fitted | None:
    """What learns, fitted; None where it pauses. Classifiers have no epochs to pause after."""
    if not rung.config.model.trains:
        return fit_ensemble(rung, task.seed, data, home, device=task.device, events=events)
    return fit(rung, task.seed, data, home, device=task.device, events=events, until=task.until, deadline=task.deadline)


def note_failure(home: RunDir, rung: Rung, seed: int, message: str) -> None:
    """Write into run.json why a training failed; one that is done has not, whatever came after it."""
    state = home.state()
    if state in ("done", "damaged"):
        return
    begun = {"rung": rung.name, "seed": seed, "settings": fingerprint(rung.config), "started": now(), "test_looks": 0}
    record = begun if state == "absent" else home.read_record()
    home.write_record({**record, "state": "failed", "error": message, "finished": now()})
