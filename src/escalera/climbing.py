"""The order of the rungs: what is finished, what goes on, what failed; each one built, trained, evaluated, reported."""

from __future__ import annotations

import contextlib
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from escalera.errors import EscaleraError, LadderError, RunError, nearest
from escalera.ladder.change import difference
from escalera.ladder.read import Reading, read_ladder
from escalera.ladder.schema import Ladder, Rung, Votes, reads_attributes
from escalera.ladder.shipped import shipped
from escalera.lineage import check_ready, inherit, sources
from escalera.locking import lock
from escalera.rundir import RunDir, read_json, read_sealed, write_sealed
from escalera.runtime import now, threads
from escalera.standing import finished, reprice, same_training, set_aside, take_over
from escalera.terminal import Narrator

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from escalera.data.given import Pictures
    from escalera.data.splits import Dataset
    from escalera.predictor import Attributes, Predictor
    from escalera.report.baselines import Against
    from escalera.report.story import Story


def load_ladder(
    source: str | Path | Mapping[str, Any], sets: Sequence[str] = (), data_root: Path | None = None
) -> Reading:
    """Read a ladder, shipped (by name), a file, or what such a file holds; `sets` are changes as `train.epochs=5`.

    Raises LadderError with every mistake in it and, where there is one, all else that can be known without the data:
    networks that cannot be built, sources that are nowhere (`data_root` is looked into), weights that are not there.
    """
    reading = inherit(read_ladder(source, sets))
    if reading.problems:
        from escalera import build

        rungs = [*reading.rungs, *reading.drafts]
        also = [*build.shape_problems(reading, rungs), *build.absent_sources(reading, rungs, data_root)]
        raise LadderError(list(dict.fromkeys([*reading.problems, *also, *build.absent_weights(reading, rungs)])))
    return reading


@dataclass(frozen=True)
class Run:
    """One finished or failed training of a rung with one seed."""

    dir: RunDir

    @property
    def state(self) -> str:
        """`absent`, `running`, `done` or `failed`."""
        return self.dir.state()

    @property
    def metrics(self) -> dict[str, Any]:
        """What metrics.json holds; raises RunError for one that is not what was written."""
        self.dir.check(self.dir.metrics.name)
        return dict(read_json(self.dir.metrics))

    @property
    def classes(self) -> list[str]:
        """The names of the classes, in the order of the probabilities."""
        return self._predictor.classes

    def predict(self, images: Pictures | None = None, attributes: Attributes | None = None) -> NDArray[np.float32]:
        """The probability of each class (N, K), of a picture or several; as `Predictor.predict`, which says what of."""
        return self._predictor.predict(images, attributes)

    @cached_property
    def _predictor(self) -> Predictor:
        from escalera.predictor import open_run

        return open_run(self.dir)


def climb(
    reading: Reading,
    *,
    out: Path = Path("runs"),
    data_root: Path | None = None,
    device: str = "auto",
    rungs: Sequence[str] = (),
    seeds: int = 1,
    fresh: bool = False,
    skip_bad: bool = False,
    language: str = "en",
    command: str = "",
    narrator: Narrator | None = None,
) -> dict[str, Run]:
    """Train the rungs that are not finished, compare all, write the report; the first seed's run of each rung by name.

    `rungs` chooses some by name; `fresh` trains finished ones again; `skip_bad` leaves pictures out that cannot be
    decoded, and counts them. A rung that fails does not stop the others.
    Raises LadderError before anything is trained, DataError when the pictures cannot be had, KeyboardInterrupt when the
    user stops it: the same call goes on from there.
    """
    ladder, narrator = reading.ladder, narrator or Narrator(language=language)
    chosen = _choose(ladder, rungs)
    folder = out / ladder.name
    runs = {(rung.name, seed): RunDir(folder / rung.name / f"seed-{seed}") for rung in chosen for seed in range(seeds)}
    with lock(folder):
        pending: list[tuple[Rung, int]] = []
        for rung, seed in ((rung, seed) for rung in chosen for seed in range(seeds)):
            # What starts from another rung's weights waits for them: trained again, they may be others.
            waits = any(other.name in sources(rung.config) and seed == its for other, its in pending)
            if fresh or waits or not finished(runs[rung.name, seed], rung):
                pending.append((rung, seed))
        narrator.ladder_begins(ladder, folder, len(runs), len(pending))
        # A run that goes on has its weights already.
        anew = [rung for rung, seed in pending if fresh or not (runs[rung.name, seed].last / "state.json").exists()]
        datasets = _prepare(reading, [rung for rung, _ in pending], anew, data_root, skip_bad) if pending else {}
        for data in datasets.values():
            narrator.data_opened(data)
        if anew:
            _fetch_weights(anew, narrator)
        # Before the first training, so that an interrupted climb can be reported too.
        _write_ladder(ladder, folder, chosen, seeds, command)
        for number, (rung, seed) in enumerate(pending, start=1):
            if not fresh and sources(rung.config) and finished(runs[rung.name, seed], rung):
                continue  # the weights that it waited for came out as they were
            narrator.rung_begins(rung, seed, f"{number}/{len(pending)}")
            data = datasets[rung.config.data.model_dump_json()]
            _attempt(rung, seed, data, runs[rung.name, seed], device, fresh, narrator)
        repriced = [reprice(run, ladder[name]) for (name, _), run in runs.items() if run.state() == "done"]
        report = _report(folder, language, data_root, reading.folder, anew=bool(pending) or any(repriced))
        narrator.ladder_ends(folder, report)
    return {rung.name: Run(runs[rung.name, 0]) for rung in chosen}


def plan(
    reading: Reading, *, data_root: Path | None = None, device: str = "auto", rungs: Sequence[str] = ()
) -> list[dict[str, Any]]:
    """What the rungs would cost on this machine: a row for each, as `plan.plan` gives them; nothing is trained.

    Raises LadderError for networks that cannot be built, DataError where a source has to be opened and cannot.
    """
    from escalera import build
    from escalera.plan import plan as plan_rungs

    chosen = _choose(reading.ladder, rungs)
    problems = build.shape_problems(reading, chosen)
    if problems:
        raise LadderError(problems)
    return plan_rungs(chosen, seed=reading.ladder.seed, data_root=data_root, device=device, beside=reading.folder)


def _choose(ladder: Ladder, names: Sequence[str]) -> list[Rung]:
    known = [rung.name for rung in ladder.rungs]
    for name in names:
        if name not in known:
            raise EscaleraError(f"--rung {name}: the ladder '{ladder.name}' has no such rung; {nearest(name, known)}")
    return [rung for rung in ladder.rungs if not names or rung.name in names]


def _prepare(
    reading: Reading, todo: Sequence[Rung], anew: Sequence[Rung], data_root: Path | None, skip_bad: bool
) -> dict[str, Dataset]:
    """Check every network and open every source before the first training; keyed by the data section.

    Of the rungs that begin `anew` the files of weights are looked at too.
    """
    from escalera import build
    from escalera.data.overlap import with_overlap

    problems = build.shape_problems(reading, todo)
    absent = build.absent_sources(reading, todo, data_root)
    # One source alone is told when it is opened, with every place that was looked at.
    if problems or len(absent) > 1:
        raise LadderError([*problems, *absent, *build.absent_weights(reading, anew)])
    datasets: dict[str, Dataset] = {}
    read = {rung.config.data.model_dump_json() for rung in todo if reads_attributes(rung.config.model)}
    for rung in todo:
        key = rung.config.data.model_dump_json()
        if key not in datasets:
            data = build.dataset(
                rung.config.data,
                seed=reading.ladder.seed,
                data_root=data_root,
                skip_bad=skip_bad,
                beside=reading.folder,
                attributes=key in read,
            )
            datasets[key] = data if data.overlap else with_overlap(data)
    problems = build.shape_problems(reading, todo, datasets) or build.weights_problems(reading, anew, datasets)
    if problems:
        raise LadderError(problems)
    return datasets


def _fetch_weights(anew: Sequence[Rung], narrator: Narrator) -> None:
    """Get the weights of the hub before the first training, and say which rungs will have to do without them.

    These fail when their turn comes, unless the weights have come by then; the others go on.
    """
    from escalera import build

    absent: dict[str, list[str]] = {}
    for rung in anew:
        try:
            if not isinstance(rung.config.model, Votes):
                build.imagenet_files(rung.config.model)
        except EscaleraError as error:
            absent.setdefault(str(error), []).append(rung.name)
    for message, names in absent.items():
        narrator.weights_absent(list(dict.fromkeys(names)), message)


def _attempt(rung: Rung, seed: int, data: Dataset, run: RunDir, device: str, fresh: bool, narrator: Narrator) -> None:
    """Train one rung; what goes wrong is written into its run.json, and the climb goes on."""
    from escalera.rung import train_rung
    from escalera.voting import train_votes

    try:
        check_ready(rung.config, run)
        if fresh or not same_training(run, rung):
            set_aside(run)
        if not fresh:
            take_over(rung, run)
        run_rung = train_votes if isinstance(rung.config.model, Votes) else train_rung
        with _as_begun(run, narrator):
            run_rung(rung, seed, data, run, device=device, narrator=narrator)
    except Exception as error:
        expected = isinstance(error, EscaleraError)
        message = str(error) if expected else f"unexpected {type(error).__name__}: {error}"
        narrator.rung_failed(rung, message, error)
        # The disk may be what failed: then the files stay as they were, and the same command goes on from there.
        with contextlib.suppress(EscaleraError):
            record = run.read_record() if run.record.exists() else {"rung": rung.name, "seed": seed}
            run.write_record({**record, "state": "failed", "error": message, "finished": now()})


def _as_begun(run: RunDir, narrator: Narrator) -> contextlib.AbstractContextManager[None]:
    """The number of threads that a run began with: with another one, the same training ends otherwise."""
    import torch

    here = torch.get_num_threads()
    begun = int(run.read_record().get("threads", here)) if run.record.exists() else here
    if begun != here:
        narrator.threads_kept(begun, here)
    return threads(begun)


def _write_ladder(ladder: Ladder, folder: Path, chosen: Sequence[Rung], seeds: int, command: str) -> None:
    """Write ladder.json: the chosen rungs, and those of earlier climbs that were trained as the ladder says now."""
    entries = []
    for rung in ladder.rungs:
        found = sorted(folder.glob(f"{rung.name}/seed-*"))
        done = {int(path.name.removeprefix("seed-")) for path in found
                if path.name.removeprefix("seed-").isdecimal() and finished(RunDir(path), rung)}  # fmt: skip
        asked = set(range(seeds)) if rung in chosen else set()
        if not done | asked:
            continue
        parent = ladder[rung.parent].config if rung.parent else None
        entries.append(
            {
                "name": rung.name,
                "why": rung.why.model_dump() if rung.why else None,
                "parent": rung.parent,
                "change": [asdict(change) for change in difference(parent, rung.config)] if parent else [],
                "seeds": sorted(done | asked),
            }
        )
    title = ladder.title.model_dump() if ladder.title else None
    value = {"name": ladder.name, "title": title, "command": command, "rungs": entries}
    path = folder / "ladder.json"
    with contextlib.suppress(RunError):
        if read_sealed(path) == value:
            return
    write_sealed(path, value)


def _report(folder: Path, language: str, data_root: Path | None, beside: Path | None, *, anew: bool) -> Path:
    """The report's path; the page is made when something changed or it stands there in the other language."""
    path = folder / "report.html"
    if not anew and path.exists() and f'lang="{language}"' in path.read_text(encoding="utf-8")[:500]:
        return path
    from escalera.illustration import Illustrator
    from escalera.report.page import write_report

    return write_report(folder, language, Illustrator(data_root, beside))


def outcome(folder: Path) -> dict[str, Any]:
    """What came of a ladder, as `climb --json` prints it."""
    from escalera.report.story import read_story

    return told(read_story(folder))


def told(story: Story) -> dict[str, Any]:
    """A story for machines: each rung's state, accuracy, step and cost, and where the report is."""
    rungs = []
    for rung in story.rungs:
        step = rung.step
        comparison = step.comparison if step else None
        rungs.append(
            {
                "name": rung.name,
                "state": rung.state,
                "test_accuracy": rung.accuracy,
                "test_loss": rung.loss,
                "seconds": rung.seconds,
                "parent": rung.parent,
                "difference": comparison.difference if comparison else None,
                "interval": [comparison.low, comparison.high] if comparison else None,
                "p_holm": step.p if step else None,
                "verdict": step.verdict if step else None,
                "against": {one.baseline.name: _stands(one) for one in rung.against},
                "answers": [{"seed": run.seed, "said": len(found.said), "never": found.never}
                            for run, found in rung.ranges],
            }
        )  # fmt: skip
    baselines = [{"name": one.name, "class": one.answer, "test_accuracy": one.accuracy} for one in story.baselines]
    page = str(story.path / "report.html")
    return {"ladder": story.name, "report": page, "baselines": baselines, "rungs": rungs}


def _stands(one: Against) -> dict[str, Any]:
    """A rung against a baseline, for machines."""
    comparison = one.comparison
    return {
        "difference": comparison.difference,
        "interval": [comparison.low, comparison.high],
        "p_holm": one.p,
        "verdict": one.verdict,
    }


def shipped_ladders(language: str, data_root: Path | None = None) -> list[dict[str, Any]]:
    """The ladders inside the package: name, title, rungs, and each source of theirs with whether it is at hand."""
    from escalera.data.places import at_hand

    rows = []
    for name, _ in shipped():
        ladder = load_ladder(name).ladder
        title = ladder.title[language] if ladder.title else name
        needed = dict.fromkeys(rung.config.data.source for rung in ladder.rungs)
        sources = {source: at_hand(source, data_root) for source in needed}
        rows.append({"name": name, "title": title, "rungs": [rung.name for rung in ladder.rungs], "sources": sources})
    return rows
