"""The command that watches what a model is given."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from escalera.cli.app import command, echo_json
from escalera.cli.lines import echo
from escalera.cli.options import HERE, DataRoot, Debug, Json, Lang, words_of


@command("escalera check runs/digits/cnn new/", "escalera check runs/digits/cnn new/ --csv > new.csv")
def check(
    run: Annotated[Path, typer.Argument(metavar="RUN", help="The folder of a run, as runs/digits/cnn.")],
    images: Annotated[
        list[Path], typer.Argument(metavar="FOLDER", help="New pictures, or a table like the one trained on.")
    ],
    csv: Annotated[bool, typer.Option("--csv", help="Print all pictures as CSV on standard output.")] = False,
    data_root: DataRoot = None,
    lang: Lang = HERE,
    json_: Json = False,
    debug: Debug = False,
) -> None:
    """Say whether new pictures look like those a run was tested on.

    And which of them do not; it needs the run's data too.
    """
    from escalera.cli.terminal.drift import print_check
    from escalera.cli.terminal.reading import reading_shown
    from escalera.core.translation import translate
    from escalera.inference.drift import as_csv
    from escalera.inference.drift import check as check_pictures
    from escalera.inference.written import check_writing

    check_writing(None, csv=csv, json=json_)
    words = words_of(lang)
    with reading_shown(words):
        found = check_pictures(run, images, data_root=data_root)
    for note in found["notes"]:
        echo(translate(note, lang.value), fg="yellow", err=True)
    for one in found["skipped"]:
        why = translate(one["error"], lang.value)
        echo(words.say("check.skipped", file=one["file"], error=why), whole=one["file"], fg="yellow", err=True)
    if json_:
        echo_json(found)
    elif csv:
        typer.echo(as_csv(found), nl=False)
    else:
        print_check(found, echo, words)
