"""One stage of a climb: what is to do of some rungs is found, prepared, and performed in an order that fits."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import Future
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Literal

from escalera.core.errors import DataError, EscaleraError, LadderError, Problem, SettingError
from escalera.core.rundir import RunDir
from escalera.data.dataset import Dataset
from escalera.experiment.devices import check_devices
from escalera.experiment.executors import Executor, Make
from escalera.experiment.graph import before, walk
from escalera.experiment.place import Place
from escalera.ladder.read import Reading
from escalera.ladder.schema import Ladder, Rung
from escalera.run.events import Events
from escalera.run.lineage import sources
from escalera.run.outcome import Outcome
from escalera.run.status import has_begun, put_back, settled
from escalera.run.task import Source, Task, open_data


@dataclass(frozen=True)
class Way:
    """How a ladder is climbed, whatever its rungs are: where runs go, who performs them, and who hears of it.

    No epoch begins that would end after `deadline`, in seconds since 1970. In this process each has so many `threads`.
    """

    place: Place
    make: Make
    jobs: int | Literal["auto"]
    devices: int
    device: str
    data_root: Path | None
    fresh: bool
    skip_bad: bool
    events: Events
    deadline: float | None = None
    threads: int | None = None
    opened: set[str] = field(default_factory=set)
    """The sections `data` whose pictures a person has heard of."""

    def tasks(self, reading: Reading, pending: Sequence[tuple[Rung, int]]) -> list[Task]:
        """What is to do, as plain values."""
        place = self.place
        made = tasks_of(
            reading, pending, place.folder, self.data_root, self.device, place.url,
            fresh=self.fresh, skip_bad=self.skip_bad,
        )  # fmt: skip
        return [replace(task, deadline=self.deadline, threads=self.threads) for task in made]


def prepared(
    way: Way, reading: Reading, pending: Sequence[tuple[Rung, int]], done: int = 0, later: int = 0
) -> list[Task]:
    """The tasks of what is pending, once all is there that they need; of the climb so many more are `done` or `later`.

    Raises LadderError where something cannot be built, DataError where the pictures cannot be had.
    """
    runs = done + len(pending) + later
    tasks = [replace(task, place=f"{place}/{runs}") for place, task in enumerate(way.tasks(reading, pending), done + 1)]
    if tasks:
        prepare(way, reading, tasks, _anew(way, pending))
    return tasks


def perform(way: Way, ladder: Ladder, tasks: Sequence[Task]) -> Iterator[Outcome]:
    """Train each once what it starts from is done, and give what came of it."""
    if not tasks:
        return
    waits = {task.name: before(ladder, task.name) for task in tasks}
    with way.make(way.events, tasks, way.jobs, way.device) as pool:
        for outcome in walk(tasks, waits, _starter(ladder, pool)):
            way.place.take(outcome)
            yield outcome


def tasks_of(
    reading: Reading,
    pending: Sequence[tuple[Rung, int]],
    folder: Path,
    data_root: Path | None,
    device: str,
    store: str | None = None,
    *,
    fresh: bool,
    skip_bad: bool,
) -> list[Task]:
    """What is to do, as plain values, one after the other."""
    root, beside = (None if path is None else str(path) for path in (data_root, reading.folder))
    keys = {rung.name: rung.config.data.model_dump_json() for rung, _ in pending}
    read = {keys[rung.name] for rung, _ in pending if rung.config.model.reads_attributes}
    sources = {key: Source(key, reading.ladder.seed, root, beside, skip_bad, key in read) for key in keys.values()}
    return [
        Task(
            rung.name, rung.model_dump_json(), seed, str(folder), sources[keys[rung.name]],
            device, None, fresh, "", store,
        )
        for rung, seed in pending
    ]  # fmt: skip


def find_pending(
    ladder: Ladder, runs: Mapping[tuple[str, int], RunDir], fresh: bool
) -> tuple[list[tuple[Rung, int]], list[tuple[RunDir, RunDir]]]:
    """What is to do; and the kept runs that were put back instead, each with its place."""
    pending: list[tuple[Rung, int]] = []
    restored = []
    for (name, seed), run in runs.items():
        rung = ladder[name]
        # A rung that starts from another's weights waits while those are pending: they may come out different.
        waits = any(other.name in sources(rung.config) and seed == number for other, number in pending)
        if not fresh and not waits and (kept := put_back(run, rung)):
            restored.append((kept, run))
        if fresh or waits or not settled(run, rung):
            pending.append((rung, seed))
    return pending, restored


def prepare(way: Way, reading: Reading, tasks: Sequence[Task], anew: Sequence[Rung]) -> None:
    """Check every network, open every source and get the weights of the hub before the first training.

    Of the rungs that begin `anew` the files of weights are looked at too.
    """
    from escalera import builders

    check_devices(way.devices, tasks)
    todo = list({task.name: Rung.model_validate_json(task.rung) for task in tasks}.values())
    problems = builders.shape_problems(reading, todo)
    absent = builders.absent_sources(reading, todo, way.data_root)
    # One source alone is told when it is opened, with every place that was looked at.
    if problems or len(absent) > 1:
        raise LadderError([*problems, *absent, *builders.absent_weights(reading, anew)])
    datasets, problems = _opened(reading, tasks)
    problems += builders.shape_problems(reading, todo, datasets) or builders.weights_problems(reading, anew, datasets)
    problems += builders.class_problems(reading, todo, datasets)
    if problems:
        raise LadderError(problems)
    for key, data in datasets.items():
        if key not in way.opened:
            way.opened.add(key)
            way.events.data_opened(data)
    if anew:
        _fetch_weights(anew, way.events)


def _opened(reading: Reading, tasks: Sequence[Task]) -> tuple[dict[str, Dataset], list[Problem]]:
    """The data by their section as JSON, and the settings that do not fit them, told where these stand.

    Data whose settings do not fit are opened without them, so that what else is wrong with the ladder is told too.
    """
    datasets: dict[str, Dataset] = {}
    problems: list[Problem] = []
    for task in tasks:
        source, unfit = task.source, len(problems)
        while task.source.data not in datasets:
            try:
                datasets[task.source.data] = open_data(source)
            except SettingError as error:
                place = reading.locate(task.name, error.key)
                problems.append(Problem(error.message, place.path, place.file, place.line))
                source = source.without(error.key)
            except DataError:
                if unfit == len(problems):
                    raise
                break
    return datasets, list(dict.fromkeys(problems))


def _anew(way: Way, pending: Sequence[tuple[Rung, int]]) -> list[Rung]:
    """The rungs of which something begins from nothing."""
    folder = way.place.folder

    def goes_on(rung: Rung, seed: int) -> bool:
        return not way.fresh and has_begun(RunDir(folder / rung.name / f"seed-{seed}"), rung)

    return [rung for rung, seed in pending if not goes_on(rung, seed)]


def _starter(ladder: Ladder, pool: Executor) -> Callable[[Task, frozenset[str]], Future[Outcome]]:
    """What begins a task whose turn has come."""

    def start(task: Task, failed: frozenset[str]) -> Future[Outcome]:
        rung = ladder[task.name]
        if not task.fresh and settled(task.run, rung):
            future: Future[Outcome] = Future()
            future.set_result(Outcome(*task.key))  # the weights that it waited for came out as they were
            return future
        return pool.submit(task, failed)

    return start


def _fetch_weights(anew: Sequence[Rung], events: Events) -> None:
    """Get the weights of the hub before the first training, and say which rungs will have to do without them.

    These fail when their turn comes, unless the weights have come by then; the others go on.
    """
    from escalera import builders

    absent: dict[str, list[str]] = {}
    for rung in anew:
        try:
            builders.imagenet_files(rung.config.model)
        except EscaleraError as error:
            absent.setdefault(str(error), []).append(rung.name)
    for message, names in absent.items():
        events.weights_absent(list(dict.fromkeys(names)), message)
