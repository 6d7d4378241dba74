"""A task whose run lies at a URL: it is fetched before, and put there after every epoch and at the end."""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from pathlib import Path

from escalera.core.errors import EscaleraError
from escalera.core.mirror import Mirror
from escalera.core.rundir import is_trial
from escalera.core.store import open_store
from escalera.ladder.schema import Rung
from escalera.run.events import Events, also
from escalera.run.lineage import sources
from escalera.run.outcome import Outcome


def synced(url: str, folder: Path, rung: Rung, seed: int, events: Events, work: Callable[[Events], Outcome]) -> Outcome:
    """What comes of a rung with one seed that `work` trains; it has failed where its run cannot be had or put there.

    `folder` is the ladder's, in the mirror of the URL.
    """
    mirror = Mirror(open_store(url), folder.parent)

    own = f"{folder.name}/{rung.name}/seed-{seed}"
    before = 0 if is_trial(rung.name) else seed
    try:
        with mirror.held(own):
            mirror.pull(own)
            for name in sorted({rung.parent or rung.name, *sources(rung.config)} - {rung.name}):
                mirror.pull_idle(f"{folder.name}/{name}/seed-{before}")

            def push() -> None:
                mirror.push(own)

            outcome = work(also(events, epoch_ends=push, classifier_fitted=push))
            # What did not let an epoch through is told already.
            with contextlib.suppress(EscaleraError) if outcome.state == "failed" else contextlib.nullcontext():
                push()
            return outcome
    except EscaleraError as error:
        events.rung_failed(rung, str(error), "")
        return Outcome(rung.name, seed, "failed", str(error))
