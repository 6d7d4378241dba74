"""A task whose run lies at a URL: it is fetched before, and put there after every epoch and at the end."""

from __future__ import annotations

import contextlib
import re
from collections.abc import Callable
from pathlib import Path

from escalera.core.errors import EscaleraError
from escalera.core.locking import in_turn
from escalera.core.mirror import LEDGERS, Ledger, Mirror
from escalera.core.rundir import is_trial
from escalera.core.store import Store, open_store
from escalera.ladder.schema import Rung
from escalera.run.events import Events, also
from escalera.run.lineage import sources
from escalera.run.outcome import Outcome
from escalera.run.task import Task


def synced(task: Task, rung: Rung, events: Events, work: Callable[[Events], Outcome]) -> Outcome:
    """What comes of a task that `work` performs; at a URL it has failed where its run cannot be had or put there.

    The folder of a task is its ladder's, in the mirror of the URL that it names. A fold is trained beside others, by
    whoever has had the run fetched for all of them: it puts there its own files alone.
    """
    if task.store is None:
        return work(events)
    store, folder = open_store(task.store), Path(task.folder)
    own = f"{folder.name}/{rung.name}/seed-{task.seed}"
    try:
        if task.source.fold is not None:
            return _pushed(_Fold(store, folder.parent, task.source.fold), own, events, work)
        mirror = Mirror(store, folder.parent)
        # It waits: whoever looks at the run to start from it, or sees whether it has changed, has it for a moment.
        with _turn(mirror, own):
            mirror.pull(own)
            before = 0 if is_trial(rung.name) else task.seed
            for name in sorted({rung.parent or rung.name, *sources(rung.config)} - {rung.name}):
                mirror.pull_idle(f"{folder.name}/{name}/seed-{before}")
            return _pushed(mirror, own, events, work)
    except EscaleraError as error:
        events.rung_failed(rung, str(error), "")
        return Outcome(*task.key, "failed", str(error))


def _pushed(mirror: Mirror, own: str, events: Events, work: Callable[[Events], Outcome]) -> Outcome:
    """What comes of the work, while a part is pushed after each epoch."""

    def push() -> None:
        mirror.push(own)

    outcome = work(also(events, epoch_ends=push, classifier_fitted=push))
    # What did not let an epoch through is told already.
    with contextlib.suppress(EscaleraError) if outcome.state == "failed" else contextlib.nullcontext():
        push()
    return outcome


def _turn(mirror: Mirror, part: str) -> contextlib.AbstractContextManager[None]:
    """Hold a part as `mirror.held` does, once nobody else holds it."""
    return in_turn(mirror.folder / LEDGERS / part / ".lock")


class _Fold(Mirror):
    """The files of one fold of a run, of which other processes write the rest at the same time.

    What the ledger of the run knows of the rest stays as it is. It is held while something is pushed, and no longer.
    """

    def __init__(self, store: Store, folder: Path, number: int) -> None:
        super().__init__(store, folder)
        self.fold = f"fold-{number}"
        self.waited = False
        """Whether something was not pushed before, of which nobody knows whose it is."""

    def push(self, part: str) -> None:
        """Have there what is here of the fold."""
        with _turn(self, part):
            super().push(part)

    def listed(self, part: str) -> dict[str, str]:
        """What lies there of the fold."""
        return {name: stamp for name, stamp in super().listed(part).items() if self._is_own(part, name)}

    def _here(self, part: str) -> list[str]:
        run = self.folder / part
        folders = (run, *run.parent.glob(f"{run.name}.*"))
        return [name for folder in folders for name in self._names(folder / self.fold)]

    def _read(self, part: str) -> Ledger:
        whole = super()._read(part)
        self.waited = whole.waits
        known = {name: how for name, how in whole.known.items() if self._is_own(part, name)}
        return Ledger(known, [name for name in whole.sending if self._is_own(part, name)], whole.waits)

    def _write(self, part: str, ledger: Ledger) -> None:
        whole = super()._read(part)
        known = {name: how for name, how in whole.known.items() if not self._is_own(part, name)}
        sending = [name for name in whole.sending if not self._is_own(part, name)]
        waits = ledger.waits or self.waited
        super()._write(part, Ledger(known | ledger.known, [*sending, *ledger.sending], waits))

    def _is_own(self, part: str, name: str) -> bool:
        return re.fullmatch(rf"{re.escape(part)}(\.[^/]+)?/{self.fold}/.+", name) is not None
