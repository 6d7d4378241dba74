"""Escalera: image classifiers, built and judged one change at a time.

`import escalera as esc` offers the functions of the command line, with arguments as people write them. Each imports
what it needs when it is called, so that neither this nor `escalera --help` waits for anything heavy.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from escalera.core import arguments

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import pandas as pd

    from escalera.core.arguments import Name, Sets
    from escalera.core.errors import EscaleraError
    from escalera.data.sources.from_python import ArraySplits
    from escalera.experiment.auto.built import Built
    from escalera.experiment.check import Check
    from escalera.experiment.comparison import RunComparison
    from escalera.experiment.explore import Exploration
    from escalera.experiment.results import Results, Run
    from escalera.inference.onnx_model import OnnxModel
    from escalera.inference.predictor import Predictor
    from escalera.ladder.read import Reading

    __version__: str

_CLASSES = {
    "Built": "experiment.auto.built",
    "Check": "experiment.check",
    "EscaleraError": "core.errors",
    "Exploration": "experiment.explore",
    "Predictor": "inference.predictor",
    "Results": "experiment.results",
    "Run": "experiment.results",
    "RunComparison": "experiment.comparison",
}
"""The public classes, and where each is."""
_FUNCTIONS = ("auto", "check", "climb", "compare", "explore", "load_ladder", "open", "sources")
_PUBLIC = (*_FUNCTIONS, *_CLASSES, "__version__")

# Not `open`: a star would hide Python's own.
__all__ = [
    "Built", "Check", "EscaleraError", "Exploration", "Predictor", "Results", "Run", "RunComparison", "auto", "check",
    "climb", "compare", "explore", "load_ladder", "sources",
]  # fmt: skip


@arguments.in_python()
def load_ladder(
    source: Name | Mapping[str, Any],
    sets: Sets = (),
    data_root: Name | None = None,
    *,
    data: ArraySplits | None = None,
) -> Reading:
    """Read a ladder: one that ships, by its name, a YAML file, by its path, or a mapping such as the file holds.

    `data` are arrays to learn from, in the place of the ladder's own source: {"train": (images, labels)}, and
    "validation" and "test" where there are any. They are kept in the cache by their SHA-256, so that the same arrays
    are the same source. Raises LadderError with every mistake in it, sources that are not in `data_root` either,
    DataError for arrays that are no images and labels, EscaleraError where there is no ladder.
    """
    from escalera.experiment import climb as climbing

    given, settings = arguments.ladder(source), arguments.settings(sets)
    if data is not None:
        from escalera.data.sources.from_python import keep_arrays

        given, settings = arguments.with_source(given, settings, keep_arrays(data))
    return climbing.load_ladder(given, settings, arguments.data_root(data_root))


@arguments.in_python()
def climb(
    ladder: Reading | Name | Mapping[str, Any],
    *,
    data: ArraySplits | None = None,
    sets: Sets = (),
    rungs: str | Sequence[str] = (),
    seeds: int = 1,
    fresh: bool = False,
    skip_bad: bool = False,
    out: Name = "runs",
    data_root: Name | None = None,
    weights_root: Name | None = None,
    device: str = "auto",
    jobs: int | str | None = None,
    devices: int = 1,
    executor: str = "",
    language: str = "en",
    quiet: bool = False,
) -> Results:
    """Train the rungs of a ladder that are not finished, compare all, and write the report: `escalera climb` in Python.

    `ladder` is what `load_ladder` takes, with `sets` and `data`, or gives. `rungs` chooses some by name; `fresh` trains
    finished ones again; `skip_bad` leaves out pictures that cannot be decoded, and counts them. `jobs` runs are trained
    side by side, `"auto"` as many as the machine has room for; `executor` names who trains them, as `"ray"`, where it
    is not this machine's processes. So many `devices` compute each training together. `out` is a folder, or a URL as
    `"s3://bucket/runs"`; ImageNet weights are looked for in the folder `weights_root` before the hub. It tells how it
    goes unless `quiet`. A rung that fails does not stop the others, and its run says so. Raises EscaleraError before
    anything is trained, and KeyboardInterrupt where it is stopped: the same call goes on from there.
    """
    from rich.console import Console

    from escalera.cli.terminal import SideBySide
    from escalera.core.weights_root import weights_in
    from escalera.experiment import climb as climbing

    reading = _reading(ladder, sets, data_root, data)
    with weights_in(arguments.path_or_none("weights_root", weights_root)):
        return climbing.climb(
            reading,
            seeds=arguments.count("seeds", seeds),
            out=arguments.place("out", out),
            data_root=arguments.data_root(data_root),
            device=arguments.device(device, executor),
            rungs=arguments.texts("rungs", rungs),
            fresh=arguments.flag("fresh", fresh),
            skip_bad=arguments.flag("skip_bad", skip_bad),
            jobs=None if jobs is None else arguments.count_or_auto("jobs", jobs),
            devices=arguments.count("devices", devices),
            executor=arguments.text("executor", executor),
            language=arguments.language(language),
            events=SideBySide(None if arguments.flag("quiet", quiet) else Console(), language=language),
        )


def _reading(
    ladder: Reading | Name | Mapping[str, Any], sets: Sets, data_root: Name | None, data: ArraySplits | None
) -> Reading:
    """A ladder that is read already, or what has to be; raises EscaleraError for what comes too late."""
    from escalera.core.errors import EscaleraError
    from escalera.ladder.read import Reading

    if not isinstance(ladder, Reading):
        return load_ladder(ladder, sets, data_root, data=data)
    if sets or data is not None:
        name = "sets" if sets else "data"
        raise EscaleraError(f"{name}: expected in load_ladder, which has read this ladder already")
    return ladder


@arguments.in_python()
def auto(
    source: Name | ArraySplits,
    *,
    minutes: float = 10.0,
    name: str = "",
    file: Name | None = None,
    sets: Sets = (),
    out: Name = "runs",
    data_root: Name | None = None,
    weights_root: Name | None = None,
    device: str = "auto",
    jobs: int | str | None = "auto",
    executor: str = "",
    language: str = "en",
    quiet: bool = False,
) -> Built:
    """Build a ladder on a source by itself, rung by rung, within so many minutes: `escalera auto` in Python.

    `source` is what a ladder names under data.source, or arrays as `load_ladder` takes them; `sets` say how to read it.
    Moves are tried on short trainings, and kept where rows of validation say that they help; the last rung is trained
    to its end and alone reads the test rows. It writes `<name>.yaml`, or `file`, a ladder like any other; the same call
    with more minutes goes on. The other arguments are those of `climb`. Raises DataError where there is nothing to
    learn from, EscaleraError where the minutes are too few, or the file is somebody else's, and KeyboardInterrupt where
    it is stopped: the same call goes on from there.
    """
    from rich.console import Console

    from escalera.cli.terminal import SideBySide
    from escalera.core.weights_root import weights_in
    from escalera.data.sources.from_python import source_name
    from escalera.experiment.auto.auto import auto as build

    with weights_in(arguments.path_or_none("weights_root", weights_root)):
        return build(
            source_name(source),
            minutes=arguments.minutes("minutes", minutes),
            name=arguments.text("name", name),
            file=arguments.path_or_none("file", file),
            sets=arguments.settings(sets),
            out=arguments.place("out", out),
            data_root=arguments.data_root(data_root),
            device=arguments.device(device, executor),
            jobs=None if jobs is None else arguments.count_or_auto("jobs", jobs),
            executor=arguments.text("executor", executor),
            language=arguments.language(language),
            events=SideBySide(None if arguments.flag("quiet", quiet) else Console(), language=language),
        )


@arguments.in_python()
def open(path: Name) -> Predictor | OnnxModel:
    """A finished run of an earlier climb, by its folder, or a model that `escalera export` wrote, by its file.

    `runs/digits/cnn` is its first seed's; `hf:owner/name`, or `hf:owner/name@revision`, is a model that `escalera push`
    put on the hub. An ONNX file answers `predict` alone, without PyTorch. Raises RunError where there is none.
    """
    from escalera.inference.files import opened

    return opened(arguments.path("the folder of a run, as runs/digits/cnn", path))


@arguments.in_python()
def compare(a: Run | Name, b: Run | Name) -> RunComparison:
    """What run `b` brings over run `a`, row by row of the test rows that both answered: `escalera compare` in Python.

    A path is a run's, or a rung's for all its finished seeds. Raises RunError for what is not finished, or other rows.
    """
    from escalera.experiment.comparison import compare_runs
    from escalera.experiment.results import folder_of

    return compare_runs(folder_of(a), folder_of(b))


@arguments.in_python()
def check(run: Run | Name, new: Name | Sequence[Name], *, data_root: Name | None = None) -> Check:
    """Whether new pictures look like those that a run was tested on, and which do not: `escalera check` in Python.

    `new` is a folder, a picture, a list of these, or a table like the run's own, whose pictures are found in
    `data_root`. Raises RunError for what is no finished run, such as a model in one file, DataError without pictures.
    """
    from escalera.experiment.check import Check
    from escalera.experiment.results import folder_of
    from escalera.inference.drift import check as check_pictures

    files, root = arguments.paths("new", new), arguments.data_root(data_root)
    return Check(check_pictures(folder_of(run), files, data_root=root))


@arguments.in_python()
def explore(
    source: Name | ArraySplits,
    *,
    sets: Sets = (),
    labels: bool = False,
    out: Name = "explored",
    data_root: Name | None = None,
    language: str = "en",
    quiet: bool = False,
) -> Exploration:
    """Look at data before training, what is in it and what is wrong: `escalera explore` in Python.

    `source` is what a ladder names under data.source, or arrays as `load_ladder` takes them; `sets` say how to read it,
    as `data.label_column=kind`; with `labels` quick networks look for labels that are likely wrong, which takes
    minutes: it tells how it goes unless `quiet`. Writes a page, explore.json and tables into a folder in `out` that is
    named after the source. Raises DataError where there is nothing to look at, LadderError for settings that are wrong.
    """
    from rich.console import Console

    from escalera.cli.terminal.words import load_terminal
    from escalera.data.sources.from_python import source_name
    from escalera.experiment.explore import Exploration, explore_source

    say = load_terminal(language).say
    console = Console(quiet=arguments.flag("quiet", quiet))
    page, facts = explore_source(
        source_name(source),
        out=arguments.path("out", out),
        sets=arguments.settings(sets),
        data_root=arguments.data_root(data_root),
        language=language,
        labels=arguments.flag("labels", labels),
        tell=lambda number, count: console.print(say("explore.network", n=number, count=count)),
    )
    return Exploration(facts, page)


@arguments.in_python()
def sources(data_root: Name | None = None) -> pd.DataFrame:
    """The data that are known by name: where each is (None: not here), its form, and where the hub has it."""
    from escalera.core.extras import pandas
    from escalera.data.sources.locate import catalogue

    rows = catalogue(arguments.data_root(data_root))
    return pandas().DataFrame(rows, columns=["name", "where", "form", "hub"], dtype=object)


def __getattr__(name: str) -> Any:
    if name in _CLASSES:
        from importlib import import_module

        return getattr(import_module(f"escalera.{_CLASSES[name]}"), name)
    if name == "__version__":
        from importlib.metadata import version

        return version("escalera")
    from escalera.core.errors import perhaps

    raise AttributeError(f"module 'escalera' has no attribute '{name}'{perhaps(name, _PUBLIC)}")


def __dir__() -> list[str]:
    return sorted(_PUBLIC)
