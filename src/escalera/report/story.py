"""What happened on a ladder, read from its files: the rungs, their runs, and what each step brought.

Needs neither model nor GPU, and nothing that draws; the page and the command line's table are told from this.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from math import inf
from pathlib import Path

import numpy as np

from escalera.core.errors import RunError
from escalera.core.fault import Fault
from escalera.core.files import read_sealed
from escalera.core.names import is_name, there
from escalera.core.neighbours import no_ladder
from escalera.core.record import LadderFile, RungEntry, Text
from escalera.evaluate.baselines import ATTRIBUTES, NAMES
from escalera.evaluate.compare import Comparison, holm, verdict
from escalera.evaluate.metrics import SHARES
from escalera.evaluate.paired import judge
from escalera.report.baselines import Baseline, against, baselines
from escalera.report.rung import Obstacle, Rung, Step
from escalera.report.runs import read_run
from escalera.report.search import read_search


@dataclass(frozen=True)
class Story:
    """A ladder as it was climbed. `overall` compares the best rung with the first one that finished."""

    path: Path
    name: str
    title: Text | None
    command: str
    rungs: list[Rung]
    overall: Comparison | None = field(default=None)

    @classmethod
    def of(cls, path: Path, name: str, title: Text | None, command: str, rungs: list[Rung]) -> Story:
        """The story of rungs that have their steps already."""
        story = cls(path, name, title, command, rungs)
        if story.best and story.first and story.best is not story.first:
            return replace(story, overall=_compared(story.first, story.best)[0])
        return story

    @property
    def steps(self) -> list[Step]:
        """The steps in the order of the rungs."""
        return [rung.step for rung in self.rungs if rung.step]

    @property
    def scored(self) -> list[Rung]:
        """The rungs with a test accuracy."""
        return [rung for rung in self.rungs if rung.accuracy is not None]

    @property
    def contenders(self) -> list[Rung]:
        """Those of the scored rungs that answered the same test rows as the last of them.

        A rung that only lends its weights may have learned something else, and its accuracy is another's business.
        """
        return [rung for rung in self.scored if rung.same_test(self.scored[-1])]

    @property
    def baselines(self) -> list[Baseline]:
        """What the contenders stand beside, from the one that knows least; some of a name may differ."""
        found: list[Baseline] = []
        for one in (one.baseline for rung in self.contenders for one in rung.against):
            if not any(known.is_same(one) for known in found):
                found.append(one)
        return sorted(found, key=lambda one: NAMES.index(one.name))

    def beside(self, baseline: Baseline) -> list[str]:
        """The contenders that stand beside a baseline, where others stand beside another one of its name."""
        if sum(one.name == baseline.name for one in self.baselines) < 2:
            return []
        return [rung.name for rung in self.contenders if any(one.baseline.is_same(baseline) for one in rung.against)]

    @property
    def tabular(self) -> bool:
        """Whether some rung reads a table: what is answered are then rows, and not images alone."""
        return any(one.baseline.name == ATTRIBUTES for rung in self.rungs for one in rung.against)

    @property
    def elsewhere(self) -> list[Rung]:
        """The scored rungs that answered other test rows than the contenders."""
        return [rung for rung in self.scored if not rung.same_test(self.scored[-1])]

    @property
    def first(self) -> Rung | None:
        """The lowest of the contenders."""
        return next(iter(self.contenders), None)

    @property
    def best(self) -> Rung | None:
        """The contender with the highest figure on the test rows, the earlier one of equals."""
        return max(self.contenders, key=lambda rung: rung.score or 0.0, default=None)

    @property
    def metric(self) -> str:
        """What the verdicts are about."""
        return self.rungs[0].metric if self.rungs else "accuracy"

    def rung(self, name: str | None) -> Rung | None:
        """A rung by its name."""
        return next((rung for rung in self.rungs if rung.name == name), None)

    @property
    def chosen(self) -> Rung | None:
        """The contender that validation alone would have chosen; None where one of them has no validation.

        Few rows of validation leave ties: of equal accuracies the smaller loss decides.
        """
        if any(rung.validation is None for rung in self.contenders):
            return None
        return max(self.contenders, key=lambda rung: (rung.validation or 0.0, -_or(rung.validation_loss)), default=None)


def read_story(ladder_dir: Path) -> Story:
    """Read `<out>/<ladder>`; what is amiss in a run is a fault of that run.

    Raises RunError where ladder.json is absent, names no rung, or has a name that cannot be a folder.
    """
    ladder_dir = there(ladder_dir)
    path = ladder_dir / "ladder.json"
    if not path.is_file() and (why := no_ladder(ladder_dir)):
        raise RunError(why)
    faults: list[Fault] = []
    ladder = LadderFile.read(read_sealed(path), path.name, faults)
    names = [rung.name for rung in ladder.rungs]
    if not names or faults:
        what = "; ".join(map(str, faults)) or "it names no rung"
        raise RunError(f"could not use {path}: {what}. Climb the ladder again to make it anew.")
    for name in names:
        # A name is a folder: none may lead out of the ladder's own.
        if not is_name(name) or names.count(name) > 1:
            raise RunError(f"could not use {path}: expected every rung to have a name of its own, received {name!r}.")
    metric = ladder.metric if ladder.metric in SHARES else "accuracy"
    rungs = [_rung(entry, ladder_dir / entry.name, metric) for entry in ladder.rungs]
    return Story.of(ladder_dir, ladder.name or ladder_dir.name, ladder.title, ladder.command, with_steps(rungs))


def _rung(entry: RungEntry, folder: Path, metric: str) -> Rung:
    """A rung with what lies in its folder."""
    runs = [read_run(folder / f"seed-{seed}", seed) for seed in entry.seeds]
    searched = read_search(folder, finished=any(run.state == "done" for run in runs)) if entry.search else None
    return Rung(
        name=entry.name,
        why=entry.why,
        parent=entry.parent,
        change=entry.change,
        runs=runs,
        as_asked=entry.as_asked,
        search=searched,
        metric=metric,
    )


def with_steps(rungs: Sequence[Rung]) -> list[Rung]:
    """The rungs with their steps and baselines: Holm's correction looks at all comparisons together."""
    by_name = {rung.name: rung for rung in rungs}
    drafts: dict[str, Step] = {}
    for rung in rungs:
        if rung.parent is not None:
            comparison, obstacle = _compared(by_name.get(rung.parent), rung)
            drafts[rung.name] = Step(rung.name, rung.parent, comparison, obstacle=obstacle)
    compared = [(step, step.comparison) for step in drafts.values() if step.comparison]
    by_rows = holm([c.p for _, c in compared])
    for (step, comparison), p, rows_p in zip(compared, holm([c.evidence for _, c in compared]), by_rows, strict=True):
        drafts[step.rung] = replace(step, p=p, verdict=verdict(comparison, p), rows_tell=rows_p < 0.05)
    metric = rungs[0].metric if rungs else "accuracy"
    answers = [[run.answers for run in rung.done if run.answers] for rung in rungs]
    simple = [baselines(rung.done, metric) for rung in rungs]
    below = against(list(zip(simple, answers, strict=True)), metric)
    return [replace(rung, step=drafts.get(rung.name), against=found) for rung, found in zip(rungs, below, strict=True)]


def _compared(parent: Rung | None, rung: Rung) -> tuple[Comparison | None, Obstacle | None]:
    if parent is None:
        return None, "no-parent"
    if not parent.done or not rung.done:
        return None, "unfinished"
    before = [run.answers for run in parent.done if run.answers]
    after = [run.answers for run in rung.done if run.answers]
    if not before or not after:
        return None, "no-predictions"
    alike = all(seeds[0].same_rows(other) for seeds in (before, after) for other in seeds[1:])
    if not alike or not parent.same_test(rung):
        return None, "other-rows"
    old, new = (np.stack([one.predicted for one in answers]) for answers in (before, after))
    return judge(rung.metric, before[0].labels, old, new, max(one.classes for one in (*before, *after))), None


def _or(value: float | None) -> float:
    return inf if value is None else value
