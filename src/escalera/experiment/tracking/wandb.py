"""Weights & Biases: a ladder is a project, a rung a group, each seed a run. Offline unless WANDB_MODE says so."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from escalera.experiment.tracking.log import Tracked

_STRANGE = re.compile(r"[^\w\-.]+")
_EXIT = {"done": 0, "failed": 1, "stopped": 255}


class Tracker:
    """See `Log`; a handle is wandb's own run."""

    look = "wandb sync wandb/offline-run-*"

    def begin(self, ladder: str) -> None:
        """Name the project."""
        self.project = ladder
        os.environ.setdefault("WANDB_MODE", "offline")

    def open(self, run: Tracked) -> Any:
        """A run in the rung's group."""
        import wandb

        made = wandb.init(
            project=self.project,
            group=run.rung,
            name=f"{run.rung}, seed {run.seed}",
            notes=run.why or None,
            config={**run.settings, "seed": run.seed},
            reinit="create_new",
            settings=wandb.Settings(silent=True, console="off", save_code=False, disable_git=True),
        )
        made.define_metric("*", step_metric="epoch")
        return made

    def epoch(self, handle: Any, number: int, values: Mapping[str, float]) -> None:
        """A point on each curve."""
        handle.log({**values, "epoch": number})

    def end(self, handle: Any, scores: Mapping[str, float], files: Sequence[Path], state: str) -> None:
        """Scores into the summary, files beside them, and the state."""
        handle.summary.update(dict(scores))
        if files:
            import wandb

            kept = wandb.Artifact(_STRANGE.sub("_", f"{self.project}-{handle.name}"), type="run")
            for file in files:
                kept.add_file(str(file))
            handle.log_artifact(kept)
        handle.finish(exit_code=_EXIT[state])

    def close(self) -> None:
        """Nothing: each run has ended."""
