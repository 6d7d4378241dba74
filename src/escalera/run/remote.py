"""A task that is performed on another machine: text in, text out, and files in the folder that both see, or at a URL.

.remote/stop                 whoever is at work ends where it can be gone on from
.remote/<rung>/seed-0.lease  who is at work at it
.remote/<rung>/seed-0.jsonl  what happens, an event a line
.remote/<rung>/seed-0.json   what came of it

At a URL are `stop` and what happens, a line an epoch; each machine has the rest in a mirror of its own.
"""

from __future__ import annotations

import contextlib
import json
import platform
import time
from collections.abc import Callable, Collection
from dataclasses import asdict, replace
from importlib.metadata import version
from pathlib import Path

from escalera.core.errors import EscaleraError
from escalera.core.files import write_json
from escalera.core.interrupt import interrupt_main
from escalera.core.lease import lease
from escalera.core.store import open_store
from escalera.core.weights_root import weights_in, weights_root
from escalera.data.cache.folders import cache_root
from escalera.data.cache.mirrors import mirror_of
from escalera.run.events import Events, also
from escalera.run.outcome import Outcome
from escalera.run.perform import perform
from escalera.run.supply import MissingSourceError, supplied, whole
from escalera.run.task import Task, open_data

_VERSIONS = ("escalera", "torch")
LOOK = 5.0
"""Seconds between two looks at a URL, where a folder is looked at at once."""
_QUIET = ("step_ends",)
"""Events that are not told through a URL, where a file of them is written whole each time."""
_climb = ""
"""The climb whose data are open in this process."""


def folder_of(task: Task) -> Path:
    """Where machines meet that work at the runs of one ladder."""
    return Path(task.folder) / ".remote"


def events_of(task: Task) -> Path:
    """The file of what happens in a task."""
    return folder_of(task) / task.name / f"seed-{task.seed}.jsonl"


def outcome_of(task: Task) -> Path:
    """The file of what came of a task."""
    return events_of(task).with_suffix(".json")


def stop_of(task: Task) -> Path:
    """The file that ends all tasks of a climb."""
    return folder_of(task) / "stop"


def events_at(task: Task) -> str:
    """What the file of what happens in a task is called at a URL."""
    return events_of(task).relative_to(Path(task.folder).parent).as_posix()


def _stop_at(task: Task) -> str:
    return stop_of(task).relative_to(Path(task.folder).parent).as_posix()


def stop_all(task: Task) -> None:
    """Have all tasks of a climb end where they can be gone on from."""
    if task.store is None:
        stop_of(task).touch()
        return
    with contextlib.suppress(EscaleraError):  # why the climb ends is to be told, and not that nobody could be told
        open_store(task.store).write(_stop_at(task), b"")


def stop_none(task: Task) -> None:
    """Take back what an earlier climb has left of that."""
    stop_of(task).unlink(missing_ok=True) if task.store is None else open_store(task.store).remove(_stop_at(task))


def _stopping(task: Task) -> Callable[[], bool]:
    """Whether all tasks are to end; a URL is not asked at every beat of a lease."""
    if task.store is None:
        return stop_of(task).exists
    store, looked = open_store(task.store), -LOOK

    def stopped() -> bool:
        nonlocal looked
        if time.monotonic() - looked < LOOK:
            return False
        looked = time.monotonic()
        with contextlib.suppress(EscaleraError):  # one that is away is told where a run is to be put there
            return store.read(_stop_at(task)) is not None
        return False

    return stopped


def order(task: Task, failed: Collection[str], climb: str, sent: str | None = None) -> str:
    """What crosses the wire: a task as JSON, with the versions that are expected and the name of the climb.

    `sent` is the key of its source, where some machine has asked for it. The folder of weights that is named here goes
    along.
    """
    versions = {name: version(name) for name in _VERSIONS}
    folder = str(Path(task.folder).absolute())  # whoever performs it stands elsewhere
    task = replace(task, folder=folder, source=replace(whole(task.source), sent=sent))
    beside = {"versions": versions, "climb": climb, "weights": weights_root()}
    return json.dumps({"task": asdict(task), "failed": sorted(failed), **beside})


def outcome(text: str) -> Outcome:
    """What came of an order.

    Raises KeyboardInterrupt where it was stopped, MissingSourceError where the machine asks for its source.
    """
    found = json.loads(text)
    if found.get("stopped"):
        raise KeyboardInterrupt
    if found.get("asks"):
        raise MissingSourceError
    return Outcome(**found)


def perform_order(text: str) -> str:
    """Perform a task wherever this is, unless somebody else is at work at it; what came of it comes back as JSON.

    Where this machine does not see the folder of weights, it looks into its own, or asks the hub.
    """
    given = json.loads(text)
    task = _at_home(Task.of(given["task"]))
    found: dict[str, object]
    try:
        with weights_in(_seen(given.get("weights"))):
            found = asdict(_perform(task, given))
    except KeyboardInterrupt:
        found = {"stopped": True}
    except MissingSourceError:
        found = {"asks": True}
    except EscaleraError as error:
        # What fails before the run begins is in no file of it; it is the machine's fault, so that it is named.
        found = asdict(Outcome(*task.key, "failed", f"{platform.node()}: {error}"))
    if Path(task.folder).is_dir():  # else it would be made here, and the next task find it
        with contextlib.suppress(EscaleraError):  # it comes back too, but for Slurm
            write_json(outcome_of(task), found)
    return json.dumps(found)


def _perform(task: Task, given: dict[str, object]) -> Outcome:
    here = {name: version(name) for name in _VERSIONS}
    for name, expected in dict(given["versions"]).items():  # type: ignore[call-overload]
        if here[name] != expected:
            raise EscaleraError(
                f"expected {name} {expected}, as where the climb was begun, found {here[name]}. Install the same there."
            )
    folder = Path(task.folder)
    if not folder.is_dir():
        raise EscaleraError(
            f"the folder {folder} is not there. --out has to be a folder that all machines see under the same name, or "
            "a URL as s3://bucket/runs."
        )
    _keep_data_of(str(given["climb"]))
    stopped, events = _stopping(task), events_of(task)
    if stopped():
        raise KeyboardInterrupt
    task = supplied(task)
    # It brings the networks along.
    from escalera.run.wire import sender

    with lease(events.with_suffix(".lease"), stopped, interrupt_main), events.open("a", encoding="utf-8") as file:

        def send(name: str, arguments: str) -> None:
            if task.store is not None and name in _QUIET:
                return
            with contextlib.suppress(OSError):  # it tells a person how far it is, and is no result
                file.write(json.dumps({"event": name, "arguments": arguments}) + "\n")
                file.flush()

        found = perform(task, frozenset(given["failed"]), _relayed(task, sender(send)))  # type: ignore[call-overload]
        _tell(task)
    return replace(found, error=f"{platform.node()}: {found.error}") if found.error else found


def _seen(folder: str | None) -> Path | None:
    """A folder, if this machine sees it."""
    return Path(folder) if folder and Path(folder).is_dir() else None


def _at_home(task: Task) -> Task:
    """A task in the mirror that this machine has of its URL."""
    if task.store is None:
        return task
    folder = mirror_of(cache_root(), task.store) / Path(task.folder).name
    folder.mkdir(parents=True, exist_ok=True)
    return replace(task, folder=str(folder))


def _relayed(task: Task, events: Events) -> Events:
    """A listener that brings what it hears to the URL, now and then."""
    if task.store is None:
        return events
    moments = ("rung_begins", "training_begins", "epoch_ends", "classifier_fitted")
    return also(events, **dict.fromkeys(moments, lambda: _tell(task)))


def _tell(task: Task) -> None:
    """Put what has happened so far at the URL: it tells a person how far it is, and is no result."""
    if task.store is not None:
        with contextlib.suppress(EscaleraError):
            open_store(task.store).put(events_of(task), events_at(task))


def _keep_data_of(climb: str) -> None:
    """Keep what is open for the tasks of one climb: until another one, the files may have changed."""
    global _climb
    if climb != _climb:
        open_data.cache_clear()
        _climb = climb
