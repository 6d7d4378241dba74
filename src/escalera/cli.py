"""The command line. It reads options, calls one function, and prints; no logic lives here."""

from __future__ import annotations

import json
import shlex
import sys
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from escalera.errors import EscaleraError

app = typer.Typer(
    help="Escalera: image classifiers, built and judged one change at a time.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)


class Language(StrEnum):
    """Of the report and of the ladders' texts."""

    en = "en"
    es = "es"


class Device(StrEnum):
    """Where to compute."""

    auto = "auto"
    cpu = "cpu"
    cuda = "cuda"


Debug = Annotated[bool, typer.Option("--debug", help="Show the traceback of an error.")]
Json = Annotated[bool, typer.Option("--json", help="Print the result as JSON on standard output.")]
Lang = Annotated[Language, typer.Option(help="Language of the report and of the ladder's texts.")]
DataRoot = Annotated[
    Path | None, typer.Option(help="Folder that holds the sets, as <name>/train.parquet; else $ESCALERA_DATA.")
]


@app.command()
def climb(
    ladder: Annotated[str, typer.Argument(help="A ladder that ships (see `escalera ladders`) or a YAML file.")],
    rung: Annotated[list[str] | None, typer.Option(help="Only this rung; may be given several times.")] = None,
    set_: Annotated[list[str] | None, typer.Option("--set", help="A change on every rung, as train.epochs=5.")] = None,
    seeds: Annotated[int, typer.Option(min=1, help="Train each rung with this many seeds.")] = 1,
    fresh: Annotated[bool, typer.Option("--fresh", help="Train finished rungs again.")] = False,
    out: Annotated[Path, typer.Option(help="Where runs go.")] = Path("runs"),
    data_root: DataRoot = None,
    device: Annotated[Device, typer.Option(help="Where to compute.")] = Device.auto,
    lang: Lang = Language.en,
    json_: Json = False,
    debug: Debug = False,
) -> None:
    """Train the rungs of a ladder that are not finished, compare them, and write the report."""
    from rich.console import Console

    from escalera.climbing import climb as climb_ladder
    from escalera.climbing import load_ladder, outcome
    from escalera.terminal import Narrator

    narrator = Narrator(Console(stderr=json_), debug=debug)
    reading = load_ladder(ladder, set_ or [])
    try:
        climb_ladder(
            reading,
            out=out,
            data_root=data_root,
            device=device.value,
            rungs=rung or [],
            seeds=seeds,
            fresh=fresh,
            language=lang.value,
            command=shlex.join(["escalera", *sys.argv[1:]]),
            narrator=narrator,
        )
    except KeyboardInterrupt:
        typer.secho("\nstopped; the same command goes on from here", fg="yellow", err=True)
        raise typer.Exit(130) from None
    if json_:
        typer.echo(json.dumps(outcome(out / reading.ladder.name), indent=2, ensure_ascii=False))
    if narrator.failed:
        raise typer.Exit(1)


@app.command()
def report(
    folder: Annotated[Path, typer.Argument(help="A ladder's folder of runs, as runs/digits.")],
    lang: Lang = Language.en,
    debug: Debug = False,
) -> None:
    """Write the report of a ladder again, from the files of its runs."""
    from escalera.report.page import write_report

    typer.echo(write_report(folder, lang.value))


@app.command()
def ladders(lang: Lang = Language.en, json_: Json = False, debug: Debug = False) -> None:
    """List the ladders that ship with Escalera."""
    from escalera.climbing import shipped_ladders

    rows = shipped_ladders(lang.value)
    if json_:
        typer.echo(json.dumps(rows, indent=2, ensure_ascii=False))
        return
    width = max(len(row["name"]) for row in rows)
    for row in rows:
        typer.echo(f"{row['name']:{width}}  {row['title']} ({len(row['rungs'])} rungs on {row['source']})")


@app.command()
def schema(debug: Debug = False) -> None:
    """Print the JSON Schema of a ladder file, for editors that complete and check."""
    from escalera.ladder.editor import json_schema

    typer.echo(json.dumps(json_schema(), indent=2))


@app.command()
def doctor(data_root: DataRoot = None, json_: Json = False, debug: Debug = False) -> None:
    """Say what this machine offers: versions, device, precision, memory, disk, and the sets that are here."""
    from escalera.doctor import examine

    facts = examine(data_root)
    typer.echo(
        json.dumps(facts, indent=2) if json_ else "\n".join(f"{key:>12}  {value}" for key, value in facts.items())
    )


def main() -> None:
    """Run the command line. A user's mistake is one message and an exit code, never a traceback unless asked for."""
    try:
        app()
    except EscaleraError as error:
        if "--debug" in sys.argv:
            raise
        typer.secho(f"error: {error}", fg="red", err=True)
        sys.exit(2)
