"""The command that writes a first ladder."""

from __future__ import annotations

from typing import Annotated

import typer

from escalera.cli.app import command, echo_json
from escalera.cli.lines import echo
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
    from escalera.cli.terminal import load_terminal
    from escalera.cli.terminal.reading import reading_shown
    from escalera.experiment.auto.text import words_of
    from escalera.experiment.first_ladder import first_command, free_file, write_first_ladder
    from escalera.experiment.survey import sentences_of, survey_source

    words = words_of(lang.value)
    path = free_file(source, file)
    echo(words.say("new.looking", source=source), whole=source, err=True)
    with reading_shown(load_terminal(lang.value)):
        seen = survey_source(source, set_ or [], data_root)
    write_first_ladder(seen, path, lang.value)
    if json_:
        echo_json({"file": str(path), **seen.facts()})
        return
    for line in sentences_of(seen.found, words):
        echo(line)
    typer.echo(words.say("new.written", file=path))
    typer.echo(words.say("new.next", command=first_command(seen, path)))
