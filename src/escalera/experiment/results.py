"""What came of a climb: the runs of every seed, and what failed, as tables."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from escalera.core import arguments
from escalera.core.arguments import Name
from escalera.core.errors import EscaleraError, nearest
from escalera.core.extras import pandas
from escalera.core.files import read_json
from escalera.core.rundir import RunDir
from escalera.experiment.notebook import line_html, list_html, table_html
from escalera.inference.files import check_done
from escalera.run.outcome import Key, Outcome

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd
    from numpy.typing import NDArray

    from escalera.data.query.images import Pictures
    from escalera.inference.attributes import Attributes
    from escalera.inference.predictor import Predictor
    from escalera.report.notebook import Figures


@dataclass(frozen=True)
class Run:
    """One finished or failed training of a rung with one seed."""

    dir: RunDir

    def __post_init__(self) -> None:
        if not isinstance(self.dir, RunDir):
            raise arguments.is_opened("Run", self.dir)

    @property
    def state(self) -> str:
        """`absent`, `running`, `done` or `failed`."""
        return self.dir.state()

    @property
    def metrics(self) -> dict[str, Any]:
        """What metrics.json holds; raises RunError for one that is not what was written, or a run that is not done."""
        check_done(self.dir)
        self.dir.check(self.dir.metrics.name)
        return dict(read_json(self.dir.metrics))

    @property
    def history(self) -> pd.DataFrame:
        """A row for each epoch: losses, shares that were right, and the learning rate."""
        return pandas().DataFrame(list(self.dir.read_history()))

    def plot_curves(self, language: str = "en") -> Figures:
        """Loss, accuracy and learning rate over the epochs, as the report draws them; a notebook shows them.

        `language` is `"en"` or `"es"`; `.html` holds the SVGs. Raises RunError for a run without an epoch.
        """
        from escalera.report.notebook import curves

        return curves(self.dir.path, arguments.language(language))

    def summary(self) -> dict[str, Any]:
        """Its state, accuracy and loss, and what it took; where it failed why, and else nothing but its state.

        `kwh` is None where no counter of energy could be read.
        Of a late fusion also `weight_<branch>`, what the answer of each branch weighs.
        """
        found: dict[str, Any] = {"state": self.state}
        if self.state == "done":
            record, metrics = self.dir.read_record(), self.metrics
            found |= {
                f"{split}_{key}": value[key]
                for split, value in metrics.items()
                if split in ("train", "validation", "test")
                for key in ("accuracy", "loss")
            }
            found |= {
                "parameters": record["parameters"]["total"],
                "epochs": record.get("epochs"),
                "seconds": record["seconds"],
                "kwh": (record.get("energy") or {}).get("kwh"),
                **{f"weight_{name}": share for name, share in record.get("branch_weights", {}).items()},
            }
        elif self.state == "failed":
            found["error"] = self.dir.read_record().get("error", "")
        return found

    def _repr_html_(self) -> str:
        pd = pandas()
        name = f"{self.dir.path.parent.name}/{self.dir.path.name}"
        return table_html(pd.Series(self.summary(), name=name, dtype=object).to_frame(), index=True)

    @property
    def classes(self) -> list[str]:
        """The names of the classes, in the order of the probabilities."""
        return self._predictor.classes

    def predict(self, images: Pictures | None = None, attributes: Attributes | None = None) -> NDArray[np.float32]:
        """The probability of each class (N, K), of a picture or several; as `Predictor.predict`, which says what of."""
        return self._predictor.predict(images, attributes)

    @cached_property
    def _predictor(self) -> Predictor:
        from escalera.inference.predictor import open_run

        check_done(self.dir)
        return open_run(self.dir)


def folder_of(run: Run | Name) -> Path:
    """The folder of a run, given by itself or by its path; raises EscaleraError for what is neither."""
    return run.dir.path if isinstance(run, Run) else arguments.path("a run, or its folder as runs/digits/cnn", run)


class Results(dict[str, Run]):
    """The run of each rung by its name, that of the first seed; `runs` has those of every seed.

    `failed` says which trainings of this climb failed, and why; `report` is the page. A notebook shows the climb and
    its table, in `language`.
    """

    def __init__(self, runs: Mapping[Key, Run], failed: Sequence[Outcome], report: Path, language: str = "en") -> None:
        super().__init__({name: run for (name, seed), run in runs.items() if seed == 0})
        self.runs = dict(runs)
        self.failed = list(failed)
        self.report = report
        self.language = language

    def __missing__(self, name: object) -> Run:
        raise KeyError(f"there is no rung {name!r} among these; {nearest(str(name), self)}")

    def table(self) -> pd.DataFrame:
        """A row for each run: its state, and what run.json and metrics.json say of one that is done."""
        pd = pandas()
        return pd.DataFrame([{"rung": name, "seed": seed, **run.summary()} for (name, seed), run in self.runs.items()])

    def history(self) -> pd.DataFrame:
        """A row for each epoch of each run."""
        pd = pandas()
        lines = (
            {"rung": name, "seed": seed, **line}
            for (name, seed), run in self.runs.items()
            for line in run.dir.read_history()
        )
        return pd.DataFrame(list(lines))

    def slices(self) -> pd.DataFrame:
        """A row for each slice of the test rows and each rung's first seed, the worst of a rung first.

        `facet` and `value` say which rows they are, the column `figure` is the rung's metric on them, with its 95 %
        interval, on the `rest` of the rows, and Holm's `p_holm` of the two being alike; empty where there are too few.
        """
        from escalera.report.slices import as_columns, slices_of
        from escalera.report.story import read_story

        pd = pandas()
        tables = [
            pd.DataFrame({"rung": rung.name, "metric": rung.metric, **as_columns(found, "figure")})
            for rung in read_story(self.report.parent).rungs
            if rung.name in self and rung.done and (answers := rung.done[0].answers)
            and (found := slices_of(rung.done[0].path, answers, rung.metric))
        ]  # fmt: skip
        return pd.concat(tables, ignore_index=True) if tables else pd.DataFrame()

    def _repr_html_(self) -> str:
        table = self.table().drop(columns="error", errors="ignore")
        failed = (f"{one.rung}, seed {one.seed}: {one.error}" for one in self.failed)
        parts = [
            self._picture(),
            table_html(table, index=False),
            list_html("Failed:", failed),
            line_html("Report:", self.report),
        ]
        return "".join(parts)

    def _picture(self) -> str:
        """The climb; nothing where its folder is no more."""
        from escalera.report.notebook import climb_picture

        try:
            return climb_picture(self.report.parent, self.language).html
        except EscaleraError:
            return ""
