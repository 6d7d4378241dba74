"""The command that writes a first ladder."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from escalera.cli.app import command, echo_json
from escalera.cli.options import HERE, DataRoot, Debug, Json, Lang


@command("escalera new photos/", "escalera new houses.csv first.yaml --set data.target=price")
def new(
    source: Annotated[
        str, typer.Argument(metavar="SOURCE", help="What a ladder names under data.source: a set, a folder, a file.")
    ],
    file: Annotated[
        str | None, typer.Argument(metavar="[FILE]", help="The ladder to write, NAME.yaml by default.")
    ] = None,
    set_: Annotated[
        list[str] | None, typer.Option("--set", metavar="PATH=VALUE", help="How to read it, as data.label_column=kind.")
    ] = None,
    data_root: DataRoot = None,
    lang: Lang = HERE,
    json_: Json = False,
    debug: Debug = False,
) -> None:
    """Write a commented first ladder for data of one's own.

    Nothing is trained, and no file is overwritten.
    """
    from escalera.experiment.first_ladder import free_file, ladder_name, told, words_of, write_first_ladder
    from escalera.experiment.survey import survey_source

    path = free_file(ladder_name(source), Path(file) if file else None)
    found = survey_source(source, set_ or [], data_root)
    write_first_ladder(found, path, lang.value)
    if json_:
        echo_json({"file": str(path), **found.facts()})
        return
    words = words_of(lang.value)
    for line in told(found, words):
        typer.echo(line)
    typer.echo(words.say("new.written", file=path))
    typer.echo(words.say("new.next", file=path))
