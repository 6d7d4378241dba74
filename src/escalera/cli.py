"""The command line. It reads options, calls one function, and prints; no logic lives here."""

from __future__ import annotations

import contextlib
import io
import json
import os
import re
import shlex
import signal
import sys
from collections.abc import Callable, Iterator
from enum import StrEnum
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING, Annotated, Any

import typer
from typer.core import TyperCommand

from escalera.errors import EscaleraError, Terminated

if TYPE_CHECKING:
    from escalera.language import Language as Words

app = typer.Typer(
    no_args_is_help=True,
    context_settings={"help_option_names": ["-h", "--help"]},
    pretty_exceptions_enable=False,
    rich_markup_mode=None,  # the plain help comes in half the time
)


class Language(StrEnum):
    """Of what is printed and written."""

    en = "en"
    es = "es"


def _here() -> Language:
    """Spanish where the system speaks Spanish, else English."""
    named = next((os.environ[name] for name in ("LC_ALL", "LC_MESSAGES", "LANG") if os.environ.get(name)), "")
    return Language.es if named.lower().startswith("es") else Language.en


HERE = _here()


class Device(StrEnum):
    """Where to compute."""

    auto = "auto"
    cpu = "cpu"
    cuda = "cuda"


class _Command(TyperCommand):
    """A command whose help says what an argument is, and not of which type of Python."""

    def get_help(self, ctx: Any) -> str:
        return re.sub(r"(?i) <(list\[)?(str|path|int)\]?>", lambda found: " " * len(found[0]), super().get_help(ctx))


def command(*examples: str) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """Make a function a command; its help ends with examples, whose lines \b keeps as they are."""
    lines = "\n".join(["\b", "Examples:", *(f"  {example}" for example in examples)])
    return app.command(cls=_Command, epilog=lines)


def _ladder_names(incomplete: str) -> list[str]:
    from escalera.ladder.shipped import shipped

    return [name for name, _ in shipped() if name.startswith(incomplete)]


def _print_version(asked: bool) -> None:
    if asked:
        from importlib.metadata import version

        typer.echo(f"escalera {version('escalera')}")
        raise typer.Exit


@app.callback()
def escalera(
    version: Annotated[
        bool, typer.Option("--version", callback=_print_version, is_eager=True, help="Show the version and exit.")
    ] = False,
) -> None:
    """Image classifiers, built and judged one change at a time.

    To begin: escalera climb digits
    """


Debug = Annotated[bool, typer.Option("--debug", help="Show the traceback of an error.")]
Json = Annotated[bool, typer.Option("--json", help="Print the result as JSON on standard output.")]
Lang = Annotated[Language, typer.Option(envvar="ESCALERA_LANG", help="Language of what is printed and of the pages.")]
DataRoot = Annotated[
    Path | None,
    typer.Option(
        metavar="DIR", help="Folder that holds the sets by name (see `escalera sources`); else $ESCALERA_DATA."
    ),
]


@command(
    "escalera climb digits",
    "escalera climb cifar10 --rung base --rung deeper --set train.epochs=5",
    "escalera climb my_ladder.yaml --plan",
)
def climb(
    ladder: Annotated[
        str,
        typer.Argument(
            metavar="LADDER",
            autocompletion=_ladder_names,
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
    fresh: Annotated[bool, typer.Option("--fresh", help="Train finished rungs again.")] = False,
    skip_bad: Annotated[
        bool, typer.Option("--skip-bad", help="Leave out pictures that cannot be decoded, and count them.")
    ] = False,
    out: Annotated[Path, typer.Option(metavar="DIR", help="Where runs go.")] = Path("runs"),
    data_root: DataRoot = None,
    device: Annotated[Device, typer.Option(help="Where to compute.")] = Device.auto,
    lang: Lang = HERE,
    json_: Json = False,
    debug: Debug = False,
) -> None:
    """Train a ladder, compare its rungs, and write the report.

    Finished rungs are not trained again, and an interrupted one goes on where it was.
    """
    from rich.console import Console

    from escalera.climbing import climb as climb_ladder
    from escalera.climbing import load_ladder, outcome
    from escalera.terminal import Narrator

    if plan:
        _plan(ladder, set_ or [], rung or [], seeds, data_root, device.value, json_, _words(lang))
        return
    narrator = Narrator(Console(stderr=json_), language=lang.value, debug=debug)
    reading = load_ladder(ladder, set_ or [], data_root)
    try:
        with _terminable():
            climb_ladder(
                reading,
                out=out,
                data_root=data_root,
                device=device.value,
                rungs=rung or [],
                seeds=seeds,
                fresh=fresh,
                skip_bad=skip_bad,
                language=lang.value,
                command=shlex.join(["escalera", *sys.argv[1:]]),
                narrator=narrator,
            )
    except KeyboardInterrupt as stop:
        typer.secho(
            f"\n{narrator.words.say('climb.stopped_fresh' if fresh else 'climb.stopped')}", fg="yellow", err=True
        )
        raise typer.Exit(143 if isinstance(stop, Terminated) else 130) from None
    if json_:
        _echo_json(outcome(out / reading.ladder.name))
    if narrator.failed:
        raise typer.Exit(1)


def _plan(
    ladder: str,
    sets: list[str],
    rungs: list[str],
    seeds: int,
    data_root: Path | None,
    device: str,
    json_: bool,
    words: Words,
) -> None:
    from rich.console import Console

    from escalera.climbing import load_ladder, plan
    from escalera.terminal import print_plan

    reading = load_ladder(ladder, sets, data_root)
    count = words.count(len(rungs) or len(reading.rungs), "rung")
    with Console(stderr=True).status(words.say("plan.measuring", rungs=count)):
        rows = plan(reading, data_root=data_root, device=device, rungs=rungs)
    if json_:
        _echo_json(rows)
        return
    print_plan(Console(), rows, seeds, words)


@command(
    "escalera explore digits",
    "escalera explore photos/ --lang es",
    "escalera explore houses.csv --target price --bands 4",
)
def explore(
    source: Annotated[
        str, typer.Argument(metavar="SOURCE", help="What a ladder names under data.source: a set, a folder, a file.")
    ],
    image_column: Annotated[
        str | None, typer.Option(metavar="COLUMN", help="The column of the pictures, where there are several.")
    ] = None,
    label_column: Annotated[
        str | None, typer.Option(metavar="COLUMN", help="The column of the classes, where it is not clear.")
    ] = None,
    target: Annotated[
        str | None, typer.Option(metavar="COLUMN", help="A column of numbers whose bands are the classes.")
    ] = None,
    bands: Annotated[int | None, typer.Option(metavar="N", min=2, help="How many bands.")] = None,
    set_: Annotated[
        list[str] | None,
        typer.Option("--set", metavar="PATH=VALUE", help="How to read it, as a ladder says: data.split_column=part."),
    ] = None,
    out: Annotated[
        Path, typer.Option(metavar="DIR", help="Where the page goes, in a folder named after the source.")
    ] = Path("explored"),
    data_root: DataRoot = None,
    lang: Lang = HERE,
    json_: Json = False,
    debug: Debug = False,
) -> None:
    """Look at data before training: what is in it, and what is wrong.

    Writes a page, explore.json and a table of the pixels.
    """
    from escalera.exploring import explore_source

    named = {"image_column": image_column, "label_column": label_column, "target": target, "bands": bands}
    page, facts = explore_source(
        source,
        out=out,
        sets=[*(f"data.{key}={json.dumps(value)}" for key, value in named.items() if value), *(set_ or [])],
        data_root=data_root,
        language=lang.value,
        command=shlex.join(["escalera", *sys.argv[1:]]),
    )
    if json_:
        _echo_json(facts)
        return
    from escalera.translation import translate

    words = _words(lang)
    for note in facts["notes"]:
        typer.secho(translate(note, words.code), fg="yellow")
    for fault in facts["faults"]:
        typer.secho(words.say("explore.fault", fault=translate(fault, words.code)), fg="yellow")
    if facts["bad"]:
        typer.secho(words.count(len(facts["bad"]), "undecodable"), fg="yellow")
    typer.echo(f"{words.say('page')}: {page}")


@command("escalera report runs/digits --lang es")
def report(
    folder: Annotated[Path, typer.Argument(metavar="FOLDER", help="A ladder's folder of runs, as runs/digits.")],
    data_root: DataRoot = None,
    lang: Lang = HERE,
    debug: Debug = False,
) -> None:
    """Write the report of a ladder again, from its runs."""
    from escalera.illustration import Illustrator
    from escalera.report.page import write_report

    typer.echo(write_report(folder, lang.value, Illustrator(data_root)))


@command("escalera compare runs/digits/mlp runs/digits/cnn")
def compare(
    runs: Annotated[
        list[Path],
        typer.Argument(metavar="RUN", help="Runs or rungs, as runs/digits/mlp runs/digits/cnn; each with the first."),
    ],
    out: Annotated[
        Path, typer.Option(metavar="DIR", help="Where runs go; the page is its comparison/report.html.")
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

    from escalera.climbing import told
    from escalera.illustration import Illustrator
    from escalera.report.language import load_language
    from escalera.report.page import write_page
    from escalera.report.versus import read_versus
    from escalera.terminal import print_rungs

    story = read_versus(runs, out / "comparison", shlex.join(["escalera", *sys.argv[1:]]))
    page = write_page(story, load_language(lang.value), Illustrator(data_root), keep_runs=False)
    if json_:
        _echo_json(told(story))
        return
    words = _words(lang)
    print_rungs(Console(), story, words)
    typer.echo(f"\n{words.say('page')}: {page}")


@command("escalera predict runs/digits/cnn photo.png", "escalera predict runs/digits/cnn *.png --json")
def predict(
    run: Annotated[
        Path, typer.Argument(metavar="RUN", help="The folder of a run, as runs/digits/cnn, or a model in one file.")
    ],
    images: Annotated[
        list[Path] | None,
        typer.Argument(
            metavar="FILE",
            help="Pictures (JPEG, PNG, WebP, BMP, TIFF or GIF), folders of them, or a table like the one trained on.",
        ),
    ] = None,
    attributes: Annotated[
        list[str] | None,
        typer.Option(
            metavar="TEXT", help="The row beside a picture, as 'area=1200, zipcode=92880'; once for each row, in order."
        ),
    ] = None,
    top: Annotated[int, typer.Option(metavar="N", min=1, help="How many classes of each picture to print.")] = 5,
    skip_bad: Annotated[
        bool, typer.Option("--skip-bad", help="Answer for the others where some cannot be decoded; the exit code is 1.")
    ] = False,
    out: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="A file for the answers: .csv, which a spreadsheet opens, or .json."),
    ] = None,
    csv: Annotated[bool, typer.Option("--csv", help="Print the answers as CSV on standard output.")] = False,
    lang: Lang = HERE,
    json_: Json = False,
    debug: Debug = False,
) -> None:
    """Ask a trained run: the likeliest classes of each image.

    Or of each row, where it learned from attributes.
    """
    from escalera.prediction import as_csv, check_writing, predict_files, write_answers
    from escalera.terminal.answers import print_answers
    from escalera.translation import translate

    check_writing(out, csv=csv, json=json_)
    words = _words(lang)
    found = predict_files(
        run,
        images or [],
        attributes=attributes or [],
        top=top,
        skip_bad=skip_bad,
        tell=lambda note: typer.secho(translate(note, lang.value), fg="yellow", err=True),
    )
    if out is not None:
        write_answers(out, found, top)
    if json_:
        _echo_json(found)
    elif csv:
        typer.echo(as_csv(found, top), nl=False)
    elif out is not None:
        typer.echo(f"{words.say('predict.answers')}: {out}")
    else:
        print_answers(found, typer.echo, words)
    bad = sum(answer["error"] is not None for answer in found)
    if bad:
        typer.secho(words.say("predict.unanswered", bad=bad, all=len(found)), fg="yellow", err=True)
        raise typer.Exit(1)


@command("escalera export runs/digits/cnn cnn.safetensors")
def export(
    run: Annotated[Path, typer.Argument(metavar="RUN", help="The folder of a run, as runs/digits/cnn.")],
    file: Annotated[Path, typer.Argument(metavar="FILE", help="The file to write, as cnn.safetensors.")],
    lang: Lang = HERE,
    debug: Debug = False,
) -> None:
    """Write a trained model as one file.

    `escalera predict` and the studio open it on any machine.
    """
    from escalera.prediction import find_trained
    from escalera.trained import write_file

    write_file(find_trained(run), file)
    typer.echo(f"{_words(lang).say('model')}: {file}")


@command("escalera studio", "escalera studio --host 0.0.0.0 --auth ana:secret")
def studio(
    host: Annotated[
        str, typer.Option(metavar="ADDRESS", help="The address to listen on; any but this machine's needs --auth.")
    ] = "127.0.0.1",
    port: Annotated[int, typer.Option(metavar="N", min=1, max=65535)] = 7860,
    auth: Annotated[
        str | None, typer.Option(metavar="USER:PASSWORD", help="user:password, asked for by the browser.")
    ] = None,
    i_know: Annotated[
        bool, typer.Option("--i-know", help="Listen on another address without a password: anybody there may use it.")
    ] = False,
    model: Annotated[
        list[Path] | None, typer.Option(metavar="FILE", help="A model in one file to open; may be given several times.")
    ] = None,
    out: Annotated[Path, typer.Option(metavar="DIR", help="Where runs are, and go.")] = Path("runs"),
    data_root: DataRoot = None,
    lang: Lang = HERE,
    debug: Debug = False,
) -> None:
    """Open a web page to classify, compare, explore and climb."""
    from escalera.studio.start import start

    start(
        host=host,
        port=port,
        auth=auth,
        i_know=i_know,
        models=model or [],
        out=out,
        data_root=data_root,
        ready=lambda address: typer.echo(_words(lang).say("studio.ready", address=address)),
    )


@command("escalera sources --data-root /data")
def sources(data_root: DataRoot = None, lang: Lang = HERE, json_: Json = False, debug: Debug = False) -> None:
    """List the data that are known by name, and where they are.

    A name is what to write after `data.source`.
    """
    from escalera.data.places import catalogue

    rows = catalogue(data_root)
    if json_:
        _echo_json(rows)
        return
    words = _words(lang)
    width = max(len(str(row["name"])) for row in rows)
    for row in rows:
        if row["form"]:
            form = words.say("form.folders") if row["form"] == "folders" else row["form"]
            place = f"{form}: {row['where']}"
        else:
            place = words.say("sources.library" if row["where"] else "sources.on_hub", where=row["where"] or row["hub"])
        typer.echo(f"{row['name']:{width}}  {place}")
    typer.echo(words.say("sources.also"))


@command("escalera runs", "escalera runs restore runs/digits/cnn/seed-0.kept-1", "escalera runs remove runs/digits/cnn")
def runs(
    what: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="WHAT",
            help="A folder to list; or `restore RUN`, or `remove RUN ...`. Without any, the list of --out.",
        ),
    ] = None,
    yes: Annotated[bool, typer.Option("--yes", help="Remove without asking.")] = False,
    out: Annotated[Path, typer.Option(metavar="DIR", help="Where runs are.")] = Path("runs"),
    data_root: DataRoot = None,
    lang: Lang = HERE,
    json_: Json = False,
    debug: Debug = False,
) -> None:
    """List the runs, put back one that was replaced, or remove some.

    Each with its settings, date and size.
    """
    from rich.console import Console

    from escalera import inventory
    from escalera.errors import nearest
    from escalera.terminal import print_runs

    words, (action, *named) = _words(lang), what or [str(out)]
    if action == "restore" and len(named) == 1:
        run = inventory.find(named[0], out)
        replaced = inventory.restore(run)
        inventory.rewrite_report(run.path.parents[1], data_root)
        typer.echo(words.say("runs.restored", run=run.path, place=run.path.with_name(f"seed-{run.seed}")))
        if replaced is not None:
            typer.echo(words.say("runs.replaced", kept=replaced.path))
    elif action == "remove" and named:
        _remove(named, out, yes, data_root, words)
    elif named or action in ("restore", "remove"):
        hint = "give one" if action in ("restore", "remove") else nearest(action, ["restore", "remove"])
        raise EscaleraError(f"expected a folder, restore RUN, or remove RUN, received {shlex.join(what or [])}; {hint}")
    else:
        found = inventory.inventory(Path(action)) if what or out.is_dir() else []
        if json_:
            _echo_json([run.to_json() for run in found])
        elif found:
            print_runs(Console(), found, words)
        else:
            typer.echo(words.say("runs.none", folder=action))


def _remove(named: list[str], out: Path, yes: bool, data_root: Path | None, words: Words) -> None:
    from escalera import inventory

    runs = list({run.path: run for run in (inventory.find(name, out) for name in named)}.values())
    rows = [row for run in runs for row in inventory.inventory(run.path)]
    keys = ["runs.stands" if row.place == "stands" else "runs.other" for row in rows]
    said = (words.say(key, run=row.path, size=words.short(row.bytes, "B")) for key, row in zip(keys, rows, strict=True))
    listed = ", ".join(said)
    if not yes:
        if not sys.stdin.isatty():
            raise EscaleraError("remove asks first, and nobody is there to answer; add --yes to delete without asking")
        if not typer.confirm(words.say("runs.remove", runs=listed)):
            typer.echo(words.say("runs.left"))
            return
    inventory.remove(runs)
    for ladder in {run.path.parents[1] for run in runs}:
        inventory.rewrite_report(ladder, data_root)
    typer.echo(words.say("runs.removed", runs=listed))


@command("escalera cache", "escalera cache --clear cifar10")
def cache(
    names: Annotated[
        list[str] | None, typer.Argument(metavar="NAME", help="With --clear: only these, by source or entry.")
    ] = None,
    clear: Annotated[bool, typer.Option("--clear", help="Remove them; all when none is named.")] = False,
    lang: Lang = HERE,
    json_: Json = False,
    debug: Debug = False,
) -> None:
    """Show or remove what was decoded or downloaded.

    It is made again when it is needed.
    """
    from escalera.data.cache import cache_root, entries
    from escalera.data.cache import clear as clear_entries

    root = cache_root()
    rows = clear_entries(root, names or []) if clear else entries(root, names or [])
    if json_:
        _echo_json([vars(row) for row in rows])
        return
    words = _words(lang)
    for row in rows:
        made, kind = row.made[:16].replace("T", " "), words.say(f"cache.kind.{row.kind}")
        typer.echo(f"{words.short(row.bytes, 'B'):>9}  {made}  {kind:13}  {row.source}  ({row.name})")
    count, size = words.count(len(rows), "entry"), words.short(sum(row.bytes for row in rows), "B")
    typer.echo(words.say("cache.removed" if clear else "cache.entries", entries=count, size=size, folder=root))


@command("escalera ladders --data-root /data")
def ladders(data_root: DataRoot = None, lang: Lang = HERE, json_: Json = False, debug: Debug = False) -> None:
    """List the ladders that ship, and whether their data are here."""
    from escalera.climbing import shipped_ladders

    rows = shipped_ladders(lang.value, data_root)
    if json_:
        _echo_json(rows)
        return
    words = _words(lang)
    width = max(len(row["name"]) for row in rows)
    for row in rows:
        typer.echo(f"{row['name']:{width}}  {row['title']} ({words.count(len(row['rungs']), 'rung')})")
        for state in dict.fromkeys(row["sources"].values()):
            names = ", ".join(name for name, found in row["sources"].items() if found == state)
            typer.echo(f"{'':{width}}  {words.say(f'at_hand.{state}', names=names)}")


@command("escalera models cnn", 'escalera models "resnet*d"')
def models(
    pattern: Annotated[
        str | None,
        typer.Argument(metavar="PATTERN", help="A kind, or part of the name of a network of timm, as vgg or resnet*d."),
    ] = None,
    lang: Lang = HERE,
    json_: Json = False,
    debug: Debug = False,
) -> None:
    """List the model kinds and their settings, or find networks.

    A pattern looks among the networks of timm, for `kind: backbone`.
    """
    from rich.console import Console

    from escalera.catalogue import find, kinds
    from escalera.terminal import kinds_table
    from escalera.translation import translate

    found = {"kinds": kinds(), "networks": []} if pattern is None else find(pattern)
    if json_:
        _echo_json(found)
        return
    words = _words(lang)
    for kind in found["kinds"]:
        typer.echo(f"{kind['kind']}: {translate(kind['description'], lang.value)}")
        if kind["settings"]:
            Console().print(kinds_table(kind, words))
        typer.echo("")
    for network in found["networks"]:
        typer.echo(f"{network['name']}  {', '.join(network['weights'])}".rstrip())


@command("escalera schema > ladder.schema.json")
def schema(debug: Debug = False) -> None:
    """Print the JSON Schema of a ladder, for editors."""
    from escalera.ladder.editor import json_schema

    _echo_json(json_schema())


@command("escalera doctor")
def doctor(data_root: DataRoot = None, lang: Lang = HERE, json_: Json = False, debug: Debug = False) -> None:
    """Say what this machine offers.

    Versions, device, precision, memory, disk, and the sets that are here.
    """
    from escalera.doctor import examine

    words = _words(lang)
    facts = examine(data_root, words)
    if json_:
        _echo_json(facts)
        return
    labels = {key: words.say(f"doctor.{key.replace(' ', '-')}") for key in facts}
    width = max(map(len, labels.values()))
    typer.echo("\n".join(f"{labels[key]:>{width}}  {value}" for key, value in facts.items()))


def _words(lang: Language) -> Words:
    from escalera.terminal.words import load_terminal

    return load_terminal(lang.value)


def _asked_language() -> str:
    """The language of a command that ended before it could tell: as --lang, ESCALERA_LANG or the system says."""
    given = next((word for word in sys.argv[::-1] if word.startswith("--lang=")), "").removeprefix("--lang=")
    if "--lang" in sys.argv[:-1]:
        given = sys.argv[sys.argv.index("--lang") + 1]
    named = given or os.environ.get("ESCALERA_LANG", "")
    return named if named in Language.__members__ else HERE.value


@contextlib.contextmanager
def _terminable() -> Iterator[None]:
    """SIGTERM ends what is at work as Ctrl-C does."""

    def end(number: int, frame: FrameType | None) -> None:
        raise Terminated

    before = signal.signal(signal.SIGTERM, end)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


def _echo_json(value: object) -> None:
    """Print JSON; letters that the terminal or the pipe cannot take are escaped."""
    plain = (sys.stdout.encoding or "").lower().replace("-", "") != "utf8"
    typer.echo(json.dumps(value, indent=2, ensure_ascii=plain))


def main() -> None:
    """Run the command line. A user's mistake is one message and an exit code, never a traceback unless asked for."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            # A pipe of Windows takes no ✓ by default, and that is no reason to end. From Python 3.15 on it is UTF-8.
            asked = stream.isatty() or "PYTHONIOENCODING" in os.environ
            stream.reconfigure(encoding=None if asked else "utf-8", errors="replace")
    try:
        app()
    except EscaleraError as error:
        if "--debug" in sys.argv:
            raise
        from escalera.translation import translate

        typer.secho(f"error: {translate(str(error), _asked_language())}", fg="red", err=True)
        sys.exit(2)
    except OSError as error:  # of a file or folder that nobody foresaw: too long a name, no right to look
        if "--debug" in sys.argv or error.filename is None:
            raise
        typer.secho(f"error: {str(error.filename)[:200]}: {error.strerror}", fg="red", err=True)
        sys.exit(2)
