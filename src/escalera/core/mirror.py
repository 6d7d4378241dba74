"""A folder of this machine that holds what lies at a URL: what is new there is pulled, what is new here is pushed.

It is pulled and pushed in parts: a run with all that lies beside it, as `digits/cnn/seed-0`, and what a ladder's folder
holds otherwise, as `digits`. Of each part a ledger in `.store/` knows how every file stood here and there when they
were the same. Whoever pulls never sees a record of files that are not there: run.json is pushed last, state.json before
it, and what has gone here goes there after all that.
"""

from __future__ import annotations

import contextlib
import re
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path

from escalera.core.errors import RunError
from escalera.core.files import read_json, write_json
from escalera.core.locking import lock
from escalera.core.rundir import SEARCH
from escalera.core.store import Store

LEDGERS, LEDGER = ".store", "ledger.json"
_RUN = re.compile(rf"([^/]+/[^/]+(?:/{SEARCH}/[^/]+)?/seed-\d+)(\.[^/]+)?/.+")
"""A file of a run: the part that it belongs to, and whether it stands beside the run that the ladder stands by."""
_LAST = ("last/before.json", "last/state.json", "run.json")
_ANSWERS = ("best.safetensors", "preparation.safetensors", "predictions.parquet")
"""Written once in a run: where they change, another run has taken its place."""


@dataclass
class Ledger:
    """How the files of a part stood when they were the same here and there.

    `known` has each file's bytes, time in nanoseconds and inode here, and its stamp there; `sending` are those that
    were about to be pushed: a process that was killed may have pushed some of them. `waits` is whether there is
    something that has not been pushed.
    """

    known: dict[str, tuple[list[int], str]] = field(default_factory=dict)
    sending: list[str] = field(default_factory=list)
    waits: bool = False

    def strange(self, there: Mapping[str, str]) -> set[str]:
        """The files that somebody else has written or taken away there."""
        return {
            name
            for name in {*there, *self.known} - {*self.sending}
            if name not in there or name not in self.known or self.known[name][1] != there[name]
        }


def part_of(name: str) -> str:
    """The part that a file belongs to."""
    match = _RUN.fullmatch(name)
    return match[1] if match else name.partition("/")[0]


def by_part(there: Mapping[str, str]) -> dict[str, dict[str, str]]:
    """What a store lists of a ladder, part by part."""
    found: dict[str, dict[str, str]] = {}
    for name, stamp in there.items():
        found.setdefault(part_of(name), {})[name] = stamp
    return found


class Mirror:
    """The folder of a store; one process at a time holds a part of it."""

    def __init__(self, store: Store, folder: Path) -> None:
        self.store, self.folder = store, folder

    def held(self, part: str) -> contextlib.AbstractContextManager[None]:
        """Hold a part for this process alone; raises RunError while another one of this machine does."""
        return lock(self.folder / LEDGERS / part)

    def parts(self, ladder: str) -> list[str]:
        """The parts of a ladder that are here, or were when the two were the same; its own files last."""
        notes = self.folder / LEDGERS
        known = {path.parent.relative_to(notes).as_posix() for path in (notes / ladder).rglob(LEDGER)}
        here = {part_of(name) for name in self._names(self.folder / ladder)}
        return [*sorted({*known, *here} - {ladder}), ladder]

    def listed(self, part: str) -> dict[str, str]:
        """What lies there of a part."""
        below = part.rpartition("/")[0] if "/" in part else part
        return by_part(self.store.listed(below)).get(part, {})

    def pull_idle(self, part: str, there: Mapping[str, str] | None = None) -> None:
        """Pull a part, unless a process of this machine is at work at it: then nothing is newer than what is here."""
        with contextlib.ExitStack() as stack:
            try:
                stack.enter_context(self.held(part))
            except RunError:
                return
            self.pull(part, there)

    def pull(self, part: str, there: Mapping[str, str] | None = None) -> None:
        """Have here what lies there; a folder in which nobody else has written there stays as it is here.

        Where somebody has, theirs takes its place, whole. What is nowhere there any more is pushed again.
        """
        there, ledger = self.listed(part) if there is None else there, self._read(part)
        if not there:
            self._write(part, Ledger()) if ledger.known else None
            return
        folders = {_folder(name) for name in ledger.strange(there)}
        if not folders:
            return
        here = {name for name in self._here(part) if _folder(name) in folders}
        theirs = [name for name in there if _folder(name) in folders]
        gone = folders - {_folder(name) for name in theirs}
        unsent = {_folder(name) for name in here if self._changed(name, ledger)}
        for name in _ordered(theirs):
            if name not in here or ledger.known.get(name, ([], ""))[1] != there[name] or self._changed(name, ledger):
                self.store.fetch(name, self.folder / name)
            ledger.known[name] = self._stat(name), there[name]
        for name in {*here, *ledger.known} - {*there}:
            if _folder(name) in folders:
                ledger.known.pop(name, None)
                if _folder(name) not in gone & unsent:
                    self._remove(name)
        ledger.sending = [name for name in ledger.sending if _folder(name) not in folders]
        self._write(part, ledger)

    def push(self, part: str) -> None:
        """Have there what is here, the files that have changed.

        Raises RunError where somebody else has written there since.
        """
        ledger, here = self._read(part), self._here(part)
        changed = [name for name in here if self._changed(name, ledger)]
        gone = [name for name in dict.fromkeys([*ledger.known, *ledger.sending]) if name not in here]
        if not changed and not gone:
            return
        ledger.waits = True
        self._write(part, ledger)
        there = self.listed(part)
        if not there:
            ledger.known, changed, gone = {}, list(here), []
        elif strange := ledger.strange(there):
            raise RunError(
                f"somebody else has written {self.store.url}/{min(strange)} since this machine has. Wait until they "
                "are done, or give this climb a place of its own with --out; the same command goes on from what is "
                "there."
            )
        ledger.sending = sorted({*ledger.sending, *changed, *gone})
        self._write(part, ledger)
        exchanged = _exchanged(changed, there)
        for record in exchanged:
            self.store.remove(record)
        stats = {}
        for name in _ordered({*changed, *exchanged}):
            stats[name] = self._stat(name)
            self.store.put(self.folder / name, name)
        for name in gone:
            self.store.remove(name)
        # What a store says of a file in a list is not always what it says of it alone.
        there = self.listed(part)
        known = {name: known for name, known in ledger.known.items() if name not in gone}
        self._write(part, Ledger({**known, **{name: (stat, there.get(name, "")) for name, stat in stats.items()}}))

    def _here(self, part: str) -> list[str]:
        if "/" not in part:
            return [name for name in self._names(self.folder / part) if part_of(name) == part]
        run = self.folder / part
        folders = (run, *run.parent.glob(f"{run.name}.*"))
        return [name for folder in folders for name in self._names(folder)]

    def _names(self, folder: Path) -> list[str]:
        """The files below a folder, as texts; those that begin with a dot are notes, or half written."""
        found = (path.relative_to(self.folder) for path in sorted(folder.rglob("*")) if path.is_file())
        return [path.as_posix() for path in found if not any(part.startswith(".") for part in path.parts)]

    def _stat(self, name: str) -> list[int]:
        found = (self.folder / name).stat()
        return [found.st_size, found.st_mtime_ns, found.st_ino]

    def _changed(self, name: str, ledger: Ledger) -> bool:
        return name not in ledger.known or ledger.known[name][0] != self._stat(name)

    def _remove(self, name: str) -> None:
        """Delete a file, and the folders that it leaves empty."""
        path = self.folder / name
        path.unlink(missing_ok=True)
        with contextlib.suppress(OSError):
            for folder in path.parents[: name.count("/") - 1]:
                folder.rmdir()

    def _read(self, part: str) -> Ledger:
        """The ledger of a part; one that nobody can read knows nothing, so that all is pulled."""
        try:
            found = Ledger(**read_json(self.folder / LEDGERS / part / LEDGER))
            found.known = {name: (list(here), str(stamp)) for name, (here, stamp) in found.known.items()}
            return found
        except (RunError, TypeError, ValueError, AttributeError):
            return Ledger()

    def _write(self, part: str, ledger: Ledger) -> None:
        write_json(self.folder / LEDGERS / part / LEDGER, asdict(ledger))


def unsent(folder: Path) -> bool:
    """Whether a mirror holds what was to be pushed and was not."""
    for path in (folder / LEDGERS).rglob(LEDGER):
        with contextlib.suppress(RunError, AttributeError):
            if read_json(path).get("waits"):
                return True
    return False


def _folder(name: str) -> str:
    """What is taken as a whole: the folder of a run; of a ladder's own files each by itself."""
    match = _RUN.fullmatch(name)
    return match[1] + (match[2] or "") if match else name


def _ordered(names: Iterable[str]) -> list[str]:
    """Runs that are kept or begun before the one that stands, and in each run.json last: folds have one, too."""

    def place(name: str) -> tuple[bool, str, int, str]:
        folder = _folder(name)
        inner = re.sub(r"^fold-\d+/", "", name.removeprefix(f"{folder}/"))
        # The one that stands has the shortest name: the others are `seed-0.kept-001` and the like.
        stands = folder == part_of(name)
        return stands, folder, _LAST.index(inner) if inner in _LAST else -1, name

    return sorted(names, key=place)


def _exchanged(changed: Iterable[str], there: Mapping[str, str]) -> set[str]:
    """The records there of runs whose place another run has taken: they go before the files that they know."""
    folders = {_folder(name) for name in changed if name in there and name.rpartition("/")[2] in _ANSWERS}
    return {record for folder in folders if (record := f"{folder}/run.json") in there}
