"""Where a task on another machine has its pictures from: a path that the machine sees, or what the climb sends it.

A machine that does not see the path says so, as what came of its task, which is done again once the source is there.
It is not sent before the first task: nobody knows then which machines will come and what they see, and mostly they see
it, so that a copy would be for nothing. And no machine waits for a climb that may be gone.

.sources/<key>/  a source, in the folder of a ladder's runs or at its URL, as `data.cache.sent` has it
"""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

from escalera.core.shared_folder import SharedFolder
from escalera.core.store import open_store
from escalera.data.cache import sent
from escalera.data.cache.folders import cache_root
from escalera.data.sources.locate import data_roots, place_of
from escalera.run.task import Source, Task

PLACE = ".sources"


class MissingSourceError(Exception):
    """A machine does not see the source of a task, and was not told of one that was sent."""


def whole(source: Source) -> Source:
    """The same for a process that stands elsewhere: with whole paths, and whether it is a file or folder here."""
    roots = data_roots(Path(source.data_root) if source.data_root else None)
    root = next((found.absolute() for found in roots.values() if found), None)
    found = _place(source)
    # A path is looked for from where a process stands, and then from here.
    beside = Path() if found and found == Path(_name(source)) else Path(source.beside) if source.beside else None
    return replace(
        source,
        data_root=None if root is None else str(root),
        beside=None if beside is None else str(beside.absolute()),
        is_path=found is not None,
    )


def supplied(task: Task) -> Task:
    """The task as this machine performs it, with what was sent fetched where it does not see the path of its source.

    Raises MissingSourceError where nothing was sent yet, EscaleraError where it cannot be fetched.
    """
    source = task.source
    if not source.is_path or _place(source):
        return replace(task, source=replace(source, sent=None))
    if source.sent is None:
        raise MissingSourceError
    sent.fetch(source.sent, shelf(task), cache_root())
    return task


def shelf(task: Task) -> sent.Shelf:
    """Where the sources of a ladder are put."""
    folder = Path(task.folder)
    return SharedFolder(folder / PLACE) if task.store is None else open_store(f"{task.store}/{folder.name}/{PLACE}")


def _place(source: Source) -> Path | None:
    data_root, beside = (None if path is None else Path(path) for path in (source.data_root, source.beside))
    return place_of(_name(source), data_root, beside)


def _name(source: Source) -> str:
    return str(json.loads(source.data)["source"])
