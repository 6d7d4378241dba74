"""The command that builds a ladder by itself."""

from __future__ import annotations

import shlex
import sys
from typing import Annotated, cast

import typer

from escalera.cli.app import command, echo_json
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
)
from escalera.core import arguments
from escalera.core.errors import Terminated
from escalera.core.interrupt import terminable


@command(
    "escalera auto digits --minutes 3",
    "escalera auto photos/ --minutes 30",
    "escalera auto houses.csv --set data.target=price --minutes 10",
)
def auto(
    source: Annotated[str, typer.Argument(metavar="SOURCE", help="What to learn from: a name, a folder or a table.")],
    minutes: Annotated[
        float, typer.Option(metavar="M", min=0.05, help="The last training ends before they are over.")
    ] = 10,
    name: Annotated[
        str, typer.Option(metavar="NAME", help="Of the ladder and its file; that of the source by default.")
    ] = "",
    set_: Annotated[
        list[str] | None, typer.Option("--set", metavar="PATH=VALUE", help="How to read it, as data.label_column=kind.")
    ] = None,
    jobs: Jobs = "auto",
    cluster: Cluster = "",
    out: Out = "runs",
    data_root: DataRoot = None,
    weights_root: WeightsRoot = None,
    device: Annotated[Device, typer.Option(help="Where to compute.")] = Device.auto,
    lang: Lang = HERE,
    json_: Json = False,
    debug: Debug = False,
) -> None:
    """Build a ladder by itself, each rung for a reason.

    It leaves NAME.yaml, a ladder like any other, trained to its end. The same command with more minutes goes on.
    """
    from rich.console import Console

    from escalera.cli.terminal import SideBySide
    from escalera.experiment.auto.auto import auto as build
    from escalera.experiment.summary import outcome

    arguments.device(device.value, cluster)
    narrator = SideBySide(Console(stderr=json_), language=lang.value, debug=debug)
    try:
        with terminable():
            built = build(
                source, minutes=minutes, name=name, out=out, sets=set_ or [], data_root=data_root, device=device.value,
                jobs=cast("int | None", jobs), executor=cluster, language=lang.value,
                command=shlex.join(["escalera", *sys.argv[1:]]), events=narrator,
            )  # fmt: skip
    except KeyboardInterrupt as stop:
        typer.secho(f"\n{narrator.words.say('climb.stopped')}", fg="yellow", err=True)
        raise typer.Exit(143 if isinstance(stop, Terminated) else 130) from None
    if json_:
        echo_json({"file": str(built.file), **outcome(built.results.report.parent)})
    if built.results.failed:
        raise typer.Exit(1)
