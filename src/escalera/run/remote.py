"""A task that is performed on another machine: text in, text out, and files in the folder that both see.

.remote/stop                 whoever is at work ends where it can be gone on from
.remote/<rung>/seed-0.lease  who is at work at it
.remote/<rung>/seed-0.jsonl  what happens, an event a line
.remote/<rung>/seed-0.json   what came of it
"""

from __future__ import annotations

import contextlib
import json
import platform
from collections.abc import Collection
from dataclasses import asdict, replace
from importlib.metadata import version
from pathlib import Path

from escalera.core.errors import EscaleraError
from escalera.core.files import write_json
from escalera.core.interrupt import interrupt_main
from escalera.core.lease import lease
from escalera.run.outcome import Outcome
from escalera.run.task import Source, Task, open_data, perform

_VERSIONS = ("escalera", "torch")
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


def order(task: Task, failed: Collection[str], climb: str) -> str:
    """What crosses the wire: a task as JSON, with the versions that are expected and the name of the climb."""
    versions = {name: version(name) for name in _VERSIONS}
    return json.dumps({"task": asdict(task), "failed": sorted(failed), "versions": versions, "climb": climb})


def outcome(text: str) -> Outcome:
    """What came of an order. Raises KeyboardInterrupt where it was stopped."""
    found = json.loads(text)
    if found.get("stopped"):
        raise KeyboardInterrupt
    return Outcome(**found)


def perform_order(text: str) -> str:
    """Perform a task wherever this is, unless somebody else is at work at it; what came of it comes back as JSON."""
    given = json.loads(text)
    task = Task(**{**given["task"], "source": Source(**given["task"]["source"])})
    found: dict[str, object]
    try:
        found = asdict(_perform(task, given))
    except KeyboardInterrupt:
        found = {"stopped": True}
    except EscaleraError as error:
        # What fails before the run begins is in no file of it; it is the machine's fault, so that it is named.
        found = asdict(Outcome(*task.key, "failed", f"{platform.node()}: {error}"))
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
            f"the folder {folder} is not there. --out has to be a folder that all machines see under the same name."
        )
    _keep_data_of(str(given["climb"]))
    stop, events = stop_of(task), events_of(task)
    if stop.exists():
        raise KeyboardInterrupt
    # It brings the networks along.
    from escalera.run.wire import sender

    with lease(events.with_suffix(".lease"), stop.exists, interrupt_main), events.open("a", encoding="utf-8") as file:

        def send(name: str, arguments: str) -> None:
            with contextlib.suppress(OSError):  # it tells a person how far it is, and is no result
                file.write(json.dumps({"event": name, "arguments": arguments}) + "\n")
                file.flush()

        found = perform(task, frozenset(given["failed"]), sender(send))  # type: ignore[call-overload]
    return replace(found, error=f"{platform.node()}: {found.error}") if found.error else found


def _keep_data_of(climb: str) -> None:
    """Keep what is open for the tasks of one climb: until another one, the files may have changed."""
    global _climb
    if climb != _climb:
        open_data.cache_clear()
        _climb = climb
