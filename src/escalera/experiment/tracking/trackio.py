"""Trackio: a ladder is a project, a rung a group in it, and each seed a run; kept on this machine."""

from __future__ import annotations

import contextlib
import io
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from escalera.experiment.tracking.log import Tracked


class Tracker:
    """See `Log`; a handle is Trackio's own run."""

    look = "trackio show"

    def begin(self, ladder: str) -> None:
        """Name the project."""
        self.project = ladder
        self.look = f"trackio show --project {ladder}"

    def open(self, run: Tracked) -> Any:
        """A run in the rung's group; its hints, which it prints, are for who calls it."""
        import trackio

        with contextlib.redirect_stdout(io.StringIO()):
            return trackio.init(
                project=self.project,
                group=run.rung,
                name=f"{run.rung}, seed {run.seed}",
                config={**run.settings, "seed": run.seed},
                embed=False,
                auto_log_gpu=False,
                auto_log_cpu=False,
            )

    def epoch(self, handle: Any, number: int, values: Mapping[str, float]) -> None:
        """A point on each curve."""
        handle.log(dict(values), step=number)

    def end(self, handle: Any, scores: Mapping[str, float], files: Sequence[Path], state: str) -> None:
        """Scores, as one more point."""
        if scores:
            handle.log(dict(scores))
        with contextlib.redirect_stdout(io.StringIO()):
            handle.finish()

    def close(self) -> None:
        """Let go of the last run, where it is still held: it would be ended once more as Python ends."""
        import trackio

        with contextlib.suppress(RuntimeError), contextlib.redirect_stdout(io.StringIO()):
            trackio.finish()
