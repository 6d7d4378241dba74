"""Commands that train, report and compare."""

from __future__ import annotations

import contextlib
import shlex
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, cast

import typer

from escalera.cli.app import command, echo_json
from escalera.cli.lines import echo
from escalera.cli.options import (
    HERE,
    Cluster,
    DataRoot,
    Debug,
    Device,
    Jobs,
    Json,
    Lang,
    Out,
    WeightsRoot,
    folder,
    words_of,
)
from escalera.core import arguments
from escalera.core.errors import Terminated
from escalera.core.interrupt import terminable
from escalera.core.names import COMPARISON

if TYPE_CHECKING:
    from escalera.core.language import Language as Words
    from escalera.experiment.tracking.follow import Follower
    from escalera.ladder.read import Reading


def ladder_names(incomplete: str) -> list[str]:
    """The ladders that ship, for the completion of the shell."""
    from escalera.ladder.shipped import shipped

    return [name for name, _ in shipped() if name.startswith(incomplete)]


@command(
    "escalera climb digits",
    "escalera climb cifar10 --rung base --rung deeper --set train.epochs=5",
    "escalera climb my_ladder.yaml --plan",
    "escalera climb digits --rung cnn --find-lr",
    "escalera climb digits --seeds 5 --jobs auto",
    "escalera climb digits --set train.shards=4 --devices 2",
    "escalera climb digits --track mlflow",
)
def climb(
    ladder: Annotated[
        str,
        typer.Argument(
            metavar="LADDER",
            autocompletion=ladder_names,
            help="A ladder that ships (see `escalera ladders`) or a YAML file.",
        ),
    ],
    rung: Annotated[
        list[str] | None, typer.Option(metavar="NAME", help="Only this rung; may be given several times.")
    ] = None,
    set_: Annotated[
        list[str] | None, typer.Option("--set", metavar="PATH=VALUE", help="A change on every rung, as train.epochs=5.")
    ] = None,
    seeds: Annotated[int, typer.Option(metavar="N", min=1, help="Train each rung with this many seeds.")] = 1,
    plan: Annotated[bool, typer.Option("--plan", help="Train nothing: say what the rungs would cost here.")] = False,
    find_lr: Annotated[
        bool,
        typer.Option("--find-lr", help="Train nothing to its end: try growing rates for 100 steps, and suggest one."),
    ] = False,
    fresh: Annotated[bool, typer.Option("--fresh", help="Train finished rungs again.")] = False,
    skip_bad: Annotated[
        bool, typer.Option("--skip-bad", help="Leave out pictures that cannot be decoded, and count them.")
    ] = False,
    jobs: Jobs = None,
    cluster: Cluster = "",
    devices: Annotated[
        int,
        typer.Option(metavar="N", min=1, help="Compute each training on so many GPUs or processes (see train.shards)."),
    ] = 1,
    track: Annotated[
        list[str] | None,
        typer.Option(metavar="NAME", help="Tell mlflow, wandb, trackio or tensorboard too; see docs/tracking.md."),
    ] = None,
    out: Out = "runs",
    data_root: DataRoot = None,
    weights_root: WeightsRoot = None,
    device: Annotated[Device, typer.Option(help="Where to compute.")] = Device.auto,
    lang: Lang = HERE,
    json_: Json = False,
    debug: Debug = False,
) -> None:
    """Train a ladder, compare its rungs, and write the report.

    Finished rungs are not trained again, and an interrupted one goes on where it was.
    """
    from rich.console import Console

    from escalera.cli.terminal import SideBySide, print_plan
    from escalera.experiment.climb import climb as climb_ladder
    from escalera.experiment.climb import load_ladder
    from escalera.experiment.summary import outcome
    from escalera.experiment.tracking.follow import close
    from escalera.ladder.schema import seeds_of
    from escalera.run.events import together

    if plan and find_lr:
        raise typer.BadParameter("expected one of --plan and --find-lr, received both")
    arguments.device(device.value, cluster)
    followers = _followers(track or [])
    given: dict[str, Any] = {
        "rungs": rung or [],
        "out": out,
        "data_root": data_root,
        "device": device.value,
        "skip_bad": skip_bad,
    }
    if find_lr:
        reading = load_ladder(ladder, set_ or [], data_root)
        _find_rates(reading, given, words_of(lang), as_json=json_)
        return
    if plan:
        reading = load_ladder(ladder, set_ or [], data_root)
        rows = _plan(reading, given, words_of(lang))
        if json_:
            echo_json(rows)
        else:
            planned = [one for one in reading.rungs if any(one.name == row["name"] for row in rows)]
            several = cast("int | None", jobs) not in (None, 1) or devices > 1 or bool(cluster)
            print_plan(Console(), rows, seeds_of(planned, seeds), words_of(lang), side_by_side=several)
        return
    narrator = SideBySide(Console(stderr=json_), language=lang.value, debug=debug)
    reading = load_ladder(ladder, set_ or [], data_root)
    try:
        with contextlib.ExitStack() as stack, terminable():
            for follower in followers:
                stack.callback(close, follower)
            results = climb_ladder(
                reading,
                **given,
                seeds=seeds,
                fresh=fresh,
                language=lang.value,
                jobs=cast("int | None", jobs),  # typer knows one type alone
                executor=cluster,
                devices=devices,
                command=shlex.join(["escalera", *sys.argv[1:]]),
                events=together([narrator, *followers]) if followers else narrator,
            )
    except KeyboardInterrupt as stop:
        typer.secho(
            f"\n{narrator.words.say('climb.stopped_fresh' if fresh else 'climb.stopped')}", fg="yellow", err=True
        )
        raise typer.Exit(143 if isinstance(stop, Terminated) else 130) from None
    for follower in followers:
        text = narrator.words.say("track.fault", fault=follower.fault) if follower.fault else follower.log.look
        echo(f"{narrator.words.say('track.look')}: {text}", fg="yellow" if follower.fault else None, err=True)
    if json_:
        echo_json(outcome(results.report.parent))
    if results.failed:
        raise typer.Exit(1)


def _followers(names: list[str]) -> list[Follower]:
    """Who tells each tracker that is named, once."""
    if not names:
        return []
    from escalera.experiment.tracking import find_log
    from escalera.experiment.tracking.follow import Follower

    return [Follower(find_log(name)) for name in dict.fromkeys(name.strip().casefold() for name in names)]


def _plan(reading: Reading, given: dict[str, Any], words: Words) -> list[dict[str, Any]]:
    from rich.console import Console

    from escalera.cli.terminal.reading import reading_shown
    from escalera.experiment.climb import plan

    count = words.count(len(given["rungs"]) or len(reading.rungs), "rung")
    console = Console(stderr=True)
    with console.status(words.say("plan.measuring", rungs=count)), reading_shown(words, console):
        return plan(reading, **given)


def _find_rates(reading: Reading, given: dict[str, Any], words: Words, *, as_json: bool) -> None:
    from rich.console import Console

    from escalera.cli.terminal.rates import print_rates
    from escalera.cli.terminal.reading import reading_shown
    from escalera.experiment.rates import find_rates

    console = Console(stderr=True)
    with console.status("") as status, reading_shown(words, console):
        rows = find_rates(reading, begins=lambda name: status.update(words.say("rates.measuring", rung=name)), **given)
    if as_json:
        echo_json(rows)
    else:
        print_rates(Console(), rows, words)


@command("escalera report runs/digits --lang es")
def report(
    folder: Annotated[Path, typer.Argument(metavar="FOLDER", help="A ladder's folder of runs, as runs/digits.")],
    data_root: DataRoot = None,
    lang: Lang = HERE,
    debug: Debug = False,
) -> None:
    """Write the report of a ladder again, from its runs."""
    from rich.console import Console

    from escalera.cli.terminal import print_faults
    from escalera.cli.terminal.reading import reading_shown
    from escalera.inference.illustrations import Illustrator, illustrated_page
    from escalera.report.language import load_language
    from escalera.report.story import read_story

    story = read_story(folder)
    with reading_shown(words_of(lang)):
        page = illustrated_page(story, load_language(lang.value), Illustrator(data_root))
    print_faults(Console(stderr=True), story, lang.value)
    typer.echo(page)


@command("escalera compare runs/digits/mlp runs/digits/cnn")
def compare(
    runs: Annotated[
        list[Path],
        typer.Argument(metavar="RUN", help="Runs or rungs, as runs/digits/mlp runs/digits/cnn; each with the first."),
    ],
    out: Annotated[
        Path,
        typer.Option(metavar="DIR", callback=folder, help="Where runs go; the page is its comparison/report.html."),
    ] = Path("runs"),
    data_root: DataRoot = None,
    lang: Lang = HERE,
    json_: Json = False,
    debug: Debug = False,
) -> None:
    """Compare runs that answered the same test rows.

    They may be of one ladder or of several; prints a table and writes a page.
    """
    from rich.console import Console

    from escalera.cli.terminal import print_rungs
    from escalera.cli.terminal.reading import reading_shown
    from escalera.experiment.summary import as_values
    from escalera.inference.illustrations import Illustrator, illustrated_page
    from escalera.report.language import load_language
    from escalera.report.versus import read_versus

    story = read_versus(runs, out / COMPARISON, shlex.join(["escalera", *sys.argv[1:]]))
    words = words_of(lang)
    with reading_shown(words):
        page = illustrated_page(story, load_language(lang.value), Illustrator(data_root), keep_runs=False)
    if json_:
        echo_json(as_values(story))
        return
    print_rungs(Console(), story, words)
    typer.echo(f"\n{words.say('page')}: {page}")
