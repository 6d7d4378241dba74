"""Commands that look at data, ladders, models and the machine."""

from __future__ import annotations

import json
import shlex
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from escalera.cli.app import command, echo_json
from escalera.cli.lines import echo, width_of_terminal
from escalera.cli.options import HERE, DataRoot, Debug, Json, Lang, WeightsRoot, folder, words_of

if TYPE_CHECKING:
    from escalera.core.language import Language as Words

_CLASSES = 10
"""Names of classes that `explore` prints."""


@command(
    "escalera explore digits",
    "escalera explore photos/ --lang es",
    "escalera explore houses.csv --target price --bands 4",
    "escalera explore photos/ --labels",
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
    labels: Annotated[
        bool,
        typer.Option("--labels", help="Look for labels that are likely wrong, with quick networks: it takes minutes."),
    ] = False,
    weights_root: WeightsRoot = None,
    out: Annotated[
        Path,
        typer.Option(metavar="DIR", callback=folder, help="Where the page goes, in a folder named after the source."),
    ] = Path("explored"),
    data_root: DataRoot = None,
    lang: Lang = HERE,
    json_: Json = False,
    debug: Debug = False,
) -> None:
    """Look at data before training: what is in it, and what is wrong.

    Writes a page, explore.json and a table of the pixels.
    """
    from escalera.cli.terminal.reading import reading_shown
    from escalera.experiment.explore import explore_source

    words = words_of(lang)
    named = {"image_column": image_column, "label_column": label_column, "target": target, "bands": bands}
    with reading_shown(words):
        page, facts = explore_source(
            source,
            out=out,
            sets=[*(f"data.{key}={json.dumps(value)}" for key, value in named.items() if value), *(set_ or [])],
            data_root=data_root,
            language=lang.value,
            command=shlex.join(["escalera", *sys.argv[1:]]),
            labels=labels,
            tell=lambda n, count: typer.echo(words.say("explore.network", n=n, count=count), err=True),
        )
    if json_:
        echo_json(facts)
        return
    from escalera.core.language import load_words
    from escalera.core.translation import translate

    echo(_read(facts, words))
    for note in facts["notes"]:
        echo(translate(note, words.code), fg="yellow")
    for fault in facts["faults"]:
        echo(words.say("explore.fault", fault=translate(fault, words.code)), fg="yellow")
    if facts["bad"]:
        echo(words.count(len(facts["bad"]), "undecodable"), fg="yellow")
    if conflicts := facts["duplicates"]["conflicts"]:
        report = load_words(lang.value, "report", plain=True)
        echo(report.say("found.conflicts", v0=words.number(conflicts)), fg="yellow")
    if labels:
        rows, suspects = facts["splits"], facts["labels"]["suspects"]
        echo(words.say("explore.noise", share=words.percent(facts["labels"]["share"])))
        for split, count in suspects.items():
            key = "explore.suspect" if count == 1 else "explore.suspects"
            echo(words.say(key, split=split, n=count, rows=rows[split]["rows"]))
        typer.echo(f"{words.say('explore.look_through')}: {page.with_name('labels.csv')}")
    typer.echo(f"{words.say('page')}: {page}")


def _read(facts: dict[str, Any], words: Words) -> str:
    """How many images of which classes were read: whoever sees other ones than expected need not look at the page."""
    rows = ", ".join(f"{split} {words.number(part['rows'])}" for split, part in facts["splits"].items())
    classes = facts["classes"]
    if not classes:
        return words.say("explore.read", rows=rows)
    names = ", ".join(classes[:_CLASSES]) + (", ..." if len(classes) > _CLASSES else "")
    return words.say("explore.read_classes", rows=rows, classes=words.count(len(classes), "class"), names=names)


@command("escalera sources --data-root /data")
def sources(data_root: DataRoot = None, lang: Lang = HERE, json_: Json = False, debug: Debug = False) -> None:
    """List the data that are known by name, and where they are.

    A name is what to write after `data.source`.
    """
    from escalera.data.sources.locate import catalogue

    rows = catalogue(data_root)
    if json_:
        echo_json(rows)
        return
    words = words_of(lang)
    width = max(len(str(row["name"])) for row in rows)
    hang = " " * (width + 2)
    for row in rows:
        if row["form"]:
            form = words.say("form.folders") if row["form"] == "folders" else row["form"]
            place = f"{form}: {row['where']}"
        else:
            place = words.say("sources.library" if row["where"] else "sources.on_hub", where=row["where"] or row["hub"])
        echo(f"{row['name']:{width}}  {place}", hang=hang, whole=str(row["where"]))
    echo(words.say("sources.also"))


@command("escalera ladders --data-root /data")
def ladders(data_root: DataRoot = None, lang: Lang = HERE, json_: Json = False, debug: Debug = False) -> None:
    """List the ladders that ship, and whether their data are here."""
    from escalera.experiment.climb import shipped_ladders

    rows = shipped_ladders(lang.value, data_root)
    if json_:
        echo_json(rows)
        return
    words = words_of(lang)
    width = max(len(row["name"]) for row in rows)
    hang = " " * (width + 2)
    for row in rows:
        echo(f"{row['name']:{width}}  {row['title']} ({words.count(len(row['rungs']), 'rung')})", hang=hang)
        for state in dict.fromkeys(row["sources"].values()):
            names = ", ".join(name for name, found in row["sources"].items() if found == state)
            echo(f"{hang}{words.say(f'at_hand.{state}', names=names)}")


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

    from escalera.cli.terminal import kinds_table
    from escalera.core.translation import translate
    from escalera.ladder.catalogue import find, kinds

    found = {"kinds": kinds(), "networks": []} if pattern is None else find(pattern)
    if json_:
        echo_json(found)
        return
    words = words_of(lang)
    for kind in found["kinds"]:
        echo(f"{kind['kind']}: {translate(kind['description'], lang.value)}")
        if kind["settings"]:
            Console().print(kinds_table(kind, words))
        typer.echo("")
    if found["networks"]:
        echo(words.say("models.networks", name=found["networks"][0]["name"]))
    for network in found["networks"]:
        typer.echo(f"{network['name']}  {', '.join(network['weights'])}".rstrip())


@command("escalera schema > ladder.schema.json")
def schema(lang: Lang = HERE, debug: Debug = False) -> None:
    """Print the JSON Schema of a ladder, for editors."""
    from escalera.ladder.editor import json_schema

    echo_json(json_schema(lang.value))


@command("escalera doctor")
def doctor(data_root: DataRoot = None, lang: Lang = HERE, json_: Json = False, debug: Debug = False) -> None:
    """Say what this machine has, what is missing, and what mends it.

    Ends with 1 where something stands in the way, and with 0 where only what can be done without is missing.
    """
    from escalera.cli.doctor import checks, examine, table

    words = words_of(lang)
    facts = examine(data_root, words)
    found = list(checks(data_root, words))
    broken = sum(check.state == "broken" for check in found)
    if json_:
        echo_json({**facts, "checks": [vars(check) for check in found]})
    else:
        labels = {key: words.say(f"doctor.{key.replace(' ', '-')}") for key in facts}
        width, wide = max(map(len, labels.values())), width_of_terminal()
        for key, value in facts.items():
            echo(f"{labels[key]:>{width}}  {value}", hang=" " * (width + 2))
        echo()
        for line, check in zip(table(found, words), found, strict=True):
            hang = " " * line.find(check.command or check.text)
            if check.command and len(line) > (wide or len(line)):
                hang += "# "
                line = line.replace(f"  # {check.text}", f"\n{hang}{check.text}")
            echo(line, hang=hang, whole=line.partition("\n")[0] if check.command else "", fg=_COLOURS[check.state])
        echo()
        echo(words.count(broken, "broken") if broken else words.say("doctor.nothing_broken"))
    raise typer.Exit(1 if broken else 0)


_COLOURS = {"ok": None, "missing": "yellow", "broken": "red"}
