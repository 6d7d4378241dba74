"""Sends the sources that other machines ask for, each once, to where the runs go."""

from __future__ import annotations

import threading
from pathlib import Path

from escalera.data.cache.sent import check_room, is_there, pack, send
from escalera.run.events import Events
from escalera.run.supply import shelf
from escalera.run.task import Source, Task, pictures


class Supplier:
    """Knows what was sent in a climb."""

    def __init__(self, events: Events) -> None:
        self.events = events
        self.keys: dict[Source, str] = {}
        self.lock = threading.Lock()

    def key(self, task: Task) -> str | None:
        """That of a task's source, where it was sent."""
        return self.keys.get(task.source)

    def send(self, task: Task) -> None:
        """Send the source of a task, unless it is there; raises EscaleraError where it cannot be."""
        with self.lock:
            if task.source in self.keys:
                return
            images = pictures(task.source)
            parcel, to = pack(images), shelf(task)
            if not is_there(parcel, to):
                if task.store is None:
                    check_room(images.name, parcel.size, Path(task.folder))
                self.events.source_sent(images.name, parcel.size, to.url)
                send(parcel, to)
            self.keys[task.source] = parcel.key
