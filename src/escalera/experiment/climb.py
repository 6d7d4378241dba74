"""The order of the rungs: what is finished, what goes on, what failed; each one built, trained, evaluated, reported."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, Literal

from escalera.core.errors import EscaleraError, LadderError, nearest
from escalera.core.names import composed
from escalera.core.rundir import RunDir
from escalera.core.store import is_url
from escalera.data.cache.progress import heard
from escalera.experiment.answers import blocked, known_answers
from escalera.experiment.answers import fault as search_fault
from escalera.experiment.course import Course
from escalera.experiment.devices import choose_executor
from escalera.experiment.ladder_file import evaluated_otherwise, fault
from escalera.experiment.outdated import outdated
from escalera.experiment.place import find_place, keep_apart
from escalera.experiment.results import Results, Run
from escalera.experiment.stage import Way
from escalera.ladder.idle import idle
from escalera.ladder.metric import metric_problems
from escalera.ladder.read import Reading, read_ladder
from escalera.ladder.schema import Ladder, Rung, seeds_of
from escalera.ladder.shipped import shipped
from escalera.run.events import Events
from escalera.run.keeping import settle, store
from escalera.run.lineage import inherit
from escalera.run.status import Damage, damages, finished, reprice, unfinished
from escalera.run.task import data_kept


def load_ladder(
    source: str | Path | Mapping[str, Any], sets: Sequence[str] = (), data_root: Path | None = None
) -> Reading:
    """Read a ladder, shipped (by name), a file, or what such a file holds; `sets` are changes as `train.epochs=5`.

    Raises LadderError with every mistake in it and, where there is one, all else that can be known without the data:
    networks that cannot be built, sources that are nowhere (`data_root` is looked into), weights that are not there.
    """
    reading = inherit(read_ladder(source, sets))
    reading = replace(reading, problems=[*reading.problems, *metric_problems(reading)])
    if reading.problems:
        from escalera import builders

        rungs = [*reading.rungs, *reading.drafts]
        also = [*builders.shape_problems(reading, rungs), *builders.absent_sources(reading, rungs, data_root)]
        raise LadderError(list(dict.fromkeys([*reading.problems, *also, *builders.absent_weights(reading, rungs)])))
    return reading


def climb(
    reading: Reading,
    *,
    out: str | Path = Path("runs"),
    data_root: Path | None = None,
    device: str = "auto",
    rungs: Sequence[str] = (),
    seeds: int = 1,
    fresh: bool = False,
    skip_bad: bool = False,
    language: str = "en",
    command: str = "",
    jobs: int | Literal["auto"] | None = None,
    devices: int = 1,
    executor: str = "",
    deadline: float | None = None,
    threads: int | None = None,
    events: Events | None = None,
) -> Results:
    """Train the rungs that are not finished, compare all, write the report, and give every run.

    `out` is a folder, or a URL as text. `rungs` chooses some by name; `fresh` trains finished ones again; `skip_bad`
    leaves pictures out that cannot be decoded, and counts them. A rung that fails does not stop the others. `jobs` runs
    are trained side by side, by processes of this machine unless an `executor` is named, as `ray:HOST:PORT`; so many
    `devices` compute each training together. No epoch begins that would end after `deadline`, in seconds since 1970.
    A run in this process has so many `threads`.
    Raises LadderError before anything is trained, DataError when the pictures cannot be had, KeyboardInterrupt when the
    user stops it: the same call goes on from there.
    """
    ladder, events = reading.ladder, events or Events()
    make, count, devices = choose_executor(executor, jobs, devices)
    chosen, place = choose(ladder, rungs), find_place(out, ladder.name)
    keep_apart(place, [rung.config.data.source for rung in chosen], data_root, reading.folder)
    seeds = seeds_of(chosen, seeds)
    way = Way(place, make, count, devices, device, data_root, fresh, skip_bad, events, deadline, threads)
    folder = place.folder
    runs = {(rung.name, seed): RunDir(folder / rung.name / f"seed-{seed}") for rung in chosen for seed in range(seeds)}
    with place.held(), data_kept(), heard(events.source_read):
        for path in folder.iterdir():
            settle(path)
        found = _damages(folder, [folder / rung.name for rung in chosen if rung.search], runs.values())
        otherwise = evaluated_otherwise(ladder, folder)
        course = Course(way, reading, runs, command, seeds)
        for path in folder.iterdir():
            store(path)
        events.ladder_begins(ladder, folder, len(runs), course.left)
        _tell(events, found, course.restored)
        over = {key: run for key, run in runs.items() if not fresh and finished(run, ladder[key[0]])}
        for text in outdated(ladder, over, data_root, reading.folder):
            events.remark(text)
        failed = course.climb()
        ladder = course.reading.ladder
        repriced = [reprice(run, ladder[name]) for (name, _), run in runs.items() if finished(run, ladder[name])]
        report = _report(folder, language, data_root, reading.folder, anew=course.changed or otherwise or any(repriced))
        place.give()
        events.ladder_ends(folder, place.shown(report), failed)
    return Results(
        {key: Run(unfinished(run, ladder[key[0]]) or run) for key, run in runs.items()}, failed, report, language
    )


def _tell(events: Events, found: Sequence[Damage], restored: Sequence[tuple[RunDir, RunDir]]) -> None:
    """Say what is damaged, and which kept runs stand again."""
    for damage in found:
        events.damaged(damage.what, damage.then)
    for kept, run in restored:
        events.put_back(kept.path, run.path)


def _damages(folder: Path, searched: Iterable[Path], runs: Iterable[RunDir]) -> list[Damage]:
    """What is damaged in the folder of a ladder, in the searches of its rungs, and in runs of it."""
    what = [fault(folder), *map(search_fault, searched)]
    return [Damage(one, "made_again") for one in what if one] + [damage for run in runs for damage in damages(run)]


def plan(
    reading: Reading,
    *,
    data_root: Path | None = None,
    device: str = "auto",
    rungs: Sequence[str] = (),
    out: str | Path | None = None,
    skip_bad: bool = False,
) -> list[dict[str, Any]]:
    """What the rungs would cost on this machine: a row for each, as `estimate.plan` gives them; nothing is trained.

    A rung whose search is still to be done has what that adds as `search`, those whose settings depend on it its name
    as `settings_from`; what searches in a folder `out` have found is known. Settings that change nothing are `idle`.
    `skip_bad` leaves out pictures that cannot be decoded. Raises LadderError for networks that cannot be built,
    DataError where a source has to be opened and cannot.
    """
    from escalera import builders
    from escalera.experiment.estimate import plan as plan_rungs
    from escalera.experiment.prospect import search_plan

    waiting = [rung.name for rung in reading.rungs if rung.search is not None]
    if waiting and out is not None and not is_url(out):
        answered, waiting = known_answers(reading, Path(out) / reading.ladder.name)
        reading = inherit(answered)
    chosen = choose(reading.ladder, rungs)
    problems = builders.shape_problems(reading, chosen)
    if problems:
        raise LadderError(problems)
    rows = plan_rungs(
        chosen,
        seed=reading.ladder.seed,
        data_root=data_root,
        device=device,
        beside=reading.folder,
        skip_bad=skip_bad,
    )
    for rung, row in zip(chosen, rows, strict=True):
        if remarks := idle(rung.config):
            row["idle"] = [remark._asdict() for remark in remarks]
        if rung.name in waiting and "error" not in row:
            row["search"] = search_plan(rung, row)
        above = [name for name in waiting if name != rung.name and rung.name in blocked(reading.ladder, [name])]
        if above:
            row["settings_from"] = above[-1]
    return rows


def choose(ladder: Ladder, names: Sequence[str]) -> list[Rung]:
    """The rungs of these names, all where there are none; raises EscaleraError for a name that no rung has."""
    known = [rung.name for rung in ladder.rungs]
    names = list(map(composed, names))
    for name in names:
        if name not in known:
            raise EscaleraError(f"--rung {name}: the ladder '{ladder.name}' has no such rung; {nearest(name, known)}")
    return [rung for rung in ladder.rungs if not names or rung.name in names]


def _report(folder: Path, language: str, data_root: Path | None, beside: Path | None, *, anew: bool) -> Path:
    """The report's path; the page is made when something changed or it stands there in the other language."""
    path = folder / "report.html"
    if not anew and path.exists() and f'lang="{language}"' in path.read_text(encoding="utf-8")[:500]:
        return path
    from escalera.inference.illustrations import illustrated_report

    return illustrated_report(folder, language, data_root, beside)


def shipped_ladders(language: str, data_root: Path | None = None) -> list[dict[str, Any]]:
    """The ladders inside the package: name, title, rungs, and each source of theirs with whether it is at hand."""
    from escalera.data.sources.locate import at_hand

    rows = []
    for name, _ in shipped():
        ladder = load_ladder(name).ladder
        title = ladder.title[language] if ladder.title else name
        needed = dict.fromkeys(rung.config.data.source for rung in ladder.rungs)
        sources = {source: at_hand(source, data_root) for source in needed}
        rows.append({"name": name, "title": title, "rungs": [rung.name for rung in ladder.rungs], "sources": sources})
    return rows
