"""MLflow: a ladder is an experiment, a rung a run in it, and each seed a run below that.

It goes where MLFLOW_TRACKING_URI says, else where MLflow itself keeps it: `mlflow.db` here.
"""

from __future__ import annotations

import logging
import os
import re
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from escalera.core.errors import EscaleraError
from escalera.experiment.tracking.log import Tracked

if TYPE_CHECKING:
    from mlflow.tracking import MlflowClient

_LONGEST, _MOST = 500, 100
"""Characters of a parameter that every server takes, and parameters in one request."""
_STRANGE = re.compile(r"[^\w\-. /]")
_STATES = {"done": "FINISHED", "failed": "FAILED", "stopped": "KILLED"}


class Tracker:
    """See `Log`; a handle is the id of a run."""

    look = "mlflow ui"

    def begin(self, ladder: str) -> None:
        """Find or make the experiment; raises EscaleraError where the server does not answer."""
        # MLflow tries for minutes, seven times with longer and longer waits.
        os.environ.setdefault("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "1")
        os.environ.setdefault("MLFLOW_HTTP_REQUEST_TIMEOUT", "10")
        import mlflow
        from mlflow.tracking import MlflowClient

        logging.getLogger("mlflow").setLevel(logging.WARNING)  # it tells of each table of a new database
        where = mlflow.get_tracking_uri()
        try:
            self.client: MlflowClient = MlflowClient()
            found = self.client.get_experiment_by_name(ladder)
            if found is not None and found.lifecycle_stage == "deleted":
                self.client.restore_experiment(found.experiment_id)
            self.experiment = found.experiment_id if found else self.client.create_experiment(ladder)
        except Exception as error:  # of its server, its database or the network
            # A URL may hold a password before the host.
            shown = re.sub(r"//[^/]*@", "//", where)
            raise EscaleraError(
                f"--track mlflow: expected a tracking server or database at {shown}, received {type(error).__name__}. "
                "Start it, or set MLFLOW_TRACKING_URI."
            ) from error
        self.rungs: dict[str, str] = {}

    def open(self, run: Tracked) -> str:
        """A run of the seed below that of the rung."""
        if run.rung not in self.rungs:
            self.rungs[run.rung] = self._new(run.rung, {"mlflow.note.content": run.why, "escalera.rung": run.rung})
        tags = {"mlflow.parentRunId": self.rungs[run.rung], "escalera.rung": run.rung, "escalera.seed": str(run.seed)}
        found = self._new(f"{run.rung}, seed {run.seed}", tags)
        from mlflow.entities import Param

        settings = {**run.settings, "seed": run.seed}
        params = [Param(_STRANGE.sub("_", name), str(value)[:_LONGEST]) for name, value in settings.items()]
        for first in range(0, len(params), _MOST):
            self.client.log_batch(found, params=params[first : first + _MOST])
        return found

    def epoch(self, handle: str, number: int, values: Mapping[str, float]) -> None:
        """A point on each curve."""
        self._measure(handle, number, values)

    def end(self, handle: str, scores: Mapping[str, float], files: Sequence[Path], state: str) -> None:
        """Scores of the seed, its files, and the state."""
        self._measure(handle, 0, scores)
        for file in files:
            self.client.log_artifact(handle, str(file))
        self.client.set_terminated(handle, _STATES[state])

    def close(self) -> None:
        """End the runs of the rungs."""
        for one in getattr(self, "rungs", {}).values():
            self.client.set_terminated(one)

    def _new(self, name: str, tags: dict[str, str]) -> str:
        tags = {**tags, "mlflow.source.name": "escalera", "mlflow.source.type": "LOCAL"}
        made: Any = self.client.create_run(self.experiment, run_name=name, tags=tags)
        return str(made.info.run_id)

    def _measure(self, handle: str, step: int, values: Mapping[str, float]) -> None:
        from mlflow.entities import Metric

        now = int(time.time() * 1000)
        metrics = [Metric(_STRANGE.sub("_", name), value, now, step) for name, value in values.items()]
        if metrics:
            self.client.log_batch(handle, metrics=metrics)
