"""TensorBoard: each run has its curves beside it already; this adds its settings and scores, for the page HPARAMS."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from escalera.experiment.tracking.log import Tracked


class Tracker:
    """See `Log`; a handle is the run itself. The folders are ladder, rung and seed."""

    look = "tensorboard --logdir runs"

    def begin(self, ladder: str) -> None:
        """Nothing: a run's folder says of which ladder it is."""

    def open(self, run: Tracked) -> Tracked:
        """The run."""
        self.look = f"tensorboard --logdir {run.folder.parents[1]}"
        return run

    def epoch(self, handle: Tracked, number: int, values: Mapping[str, float]) -> None:
        """Nothing: the training writes them."""

    def end(self, handle: Tracked, scores: Mapping[str, float], files: Sequence[Path], state: str) -> None:
        """Settings and scores, of a run that has some."""
        if not scores:
            return
        from torch.utils.tensorboard.writer import SummaryWriter

        settings = {**handle.settings, "seed": handle.seed}
        known = {name: one if isinstance(one, int | float | str) else str(one) for name, one in settings.items()}
        with SummaryWriter(str(handle.folder)) as writer:
            writer.add_hparams(known, {f"hparams/{name}": one for name, one in scores.items()}, run_name=".")

    def close(self) -> None:
        """Nothing: each file is closed."""
