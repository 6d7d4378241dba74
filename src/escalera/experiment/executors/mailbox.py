"""What happens on other machines, read from the files in which they write it, or from a URL."""

from __future__ import annotations

import contextlib
import json
import threading
import time
from collections.abc import Callable
from concurrent.futures import Future
from pathlib import Path

from escalera.core.errors import EscaleraError
from escalera.core.store import open_store
from escalera.experiment.executors.supplier import Supplier
from escalera.run.events import Events
from escalera.run.outcome import Outcome
from escalera.run.remote import LOOK, events_at, events_of, outcome_of
from escalera.run.supply import MissingSourceError
from escalera.run.task import Task

EVERY = 0.5
"""Seconds between two looks at the files."""
LOST = "its process or its machine was lost"


class Mailbox:
    """Tells a listener what the files of tasks say, until they are over."""

    def __init__(self, events: Events) -> None:
        self.events = events
        self.read: dict[Path, int] = {}
        self.begun: set[Path] = set()
        self.tasks: dict[Path, Task] = {}
        self.looked = 0.0
        self.lock = threading.RLock()
        self.over = threading.Event()
        self.supplier = Supplier(events)
        self.thread = threading.Thread(target=self._look, daemon=True)
        self.thread.start()

    def watch(self, task: Task) -> None:
        """From now on; what an earlier climb has left is taken away."""
        path = events_of(task)
        for left in (path, outcome_of(task)):
            left.unlink(missing_ok=True)
        if task.store is not None:
            open_store(task.store).remove(events_at(task))
        with self.lock:
            # A trial that had paused is a task once more.
            self.read.pop(path, None)
            self.begun.discard(path)
            self.tasks[path] = task

    def end(self, task: Task) -> None:
        """It is over: tell the rest of what happened in it."""
        with self.lock:
            self._tell(events_of(task), task)
            self.tasks.pop(events_of(task), None)

    def settle(
        self, task: Task, future: Future[Outcome], find: Callable[[], Outcome], again: Callable[[], object]
    ) -> None:
        """It is over: tell the rest, and have who waits for it know what came of it, as `find` finds it.

        Where its machine asks for its source, that is sent, and it is done `again`.
        """
        self.end(task)
        try:
            future.set_result(find())
        except MissingSourceError:
            # Apart: whoever tells of this task has others to tell of, while gigabytes may be on their way.
            threading.Thread(target=self._supply, args=(task, future, again), daemon=True).start()
        except BaseException as error:
            future.set_exception(error)

    def _supply(self, task: Task, future: Future[Outcome], again: Callable[[], object]) -> None:
        try:
            self.supplier.send(task)
            if not self.over.is_set():
                again()
        except EscaleraError as error:
            future.set_result(Outcome(*task.key, "failed", str(error)))
        except BaseException as error:
            future.set_exception(error)

    def close(self) -> None:
        """Look no more."""
        self.over.set()
        self.thread.join()

    def _look(self) -> None:
        while not self.over.wait(EVERY):
            far = time.monotonic() - self.looked >= LOOK
            self.looked = time.monotonic() if far else self.looked
            for path, task in list(self.tasks.items()):
                if far or task.store is None:
                    with self.lock:
                        self._tell(path, task)

    def _tell(self, path: Path, task: Task) -> None:
        from escalera.run.wire import deliver

        for line in self._lines(path, task):
            message = json.loads(line)
            if message["event"] == "rung_begins":
                if path in self.begun:
                    self.events.worker_lost(task.name, task.seed, LOST, again=True)
                self.begun.add(path)
            deliver(message["event"], message["arguments"], self.events.of_run(*task.key))

    def _lines(self, path: Path, task: Task) -> list[str]:
        """The whole lines that are new; a process that was lost may have left half a one."""
        text, read = b"", self.read.get(path, 0)
        with contextlib.suppress(OSError, EscaleraError):
            if task.store is not None:
                text = (open_store(task.store).read(events_at(task)) or b"")[read:]
            else:
                with path.open("rb") as file:
                    file.seek(read)
                    text = file.read()
        whole = text[: text.rfind(b"\n") + 1]
        self.read[path] = read + len(whole)
        lines = [line.decode(errors="replace") for line in whole.splitlines()]
        return [line for line in lines if line.startswith('{"event": ') and line.endswith("}")]
