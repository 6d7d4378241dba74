"""Commands that list, put back and remove what lies on the disk."""

from __future__ import annotations

import shlex
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from escalera.cli.app import command, echo_json
from escalera.cli.lines import echo
from escalera.cli.options import HERE, DataRoot, Debug, Json, Lang, folder, words_of
from escalera.core.errors import EscaleraError

if TYPE_CHECKING:
    from escalera.core.language import Language as Words


@command(
    "escalera runs",
    "escalera runs restore runs/digits/cnn/seed-0.kept-001",
    "escalera runs remove runs/digits/cnn/seed-0.kept-001",
)
def runs(
    what: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="WHAT",
            help="A folder to list; or `restore RUN`, or `remove RUN ...`. Without any, the list of --out.",
        ),
    ] = None,
    yes: Annotated[bool, typer.Option("--yes", help="Remove without asking.")] = False,
    out: Annotated[Path, typer.Option(metavar="DIR", callback=folder, help="Where runs are.")] = Path("runs"),
    data_root: DataRoot = None,
    lang: Lang = HERE,
    json_: Json = False,
    debug: Debug = False,
) -> None:
    """List the runs, put back one that was replaced, or remove some.

    Each with its settings, date and size.
    """
    from rich.console import Console

    from escalera.cli.terminal import print_runs
    from escalera.core.errors import nearest
    from escalera.experiment import inventory

    words, (action, *named) = words_of(lang), what or [str(out)]
    if action == "restore" and len(named) == 1:
        run = inventory.find(named[0], out)
        replaced = inventory.restore(run)
        inventory.rewrite_report(run.path.parents[1], data_root)
        place = run.path.with_name(f"seed-{run.seed}")
        echo(words.say("runs.restored", run=run.path, place=place), whole=str(run.path))
        if replaced is not None:
            echo(words.say("runs.replaced", kept=replaced.path), whole=str(replaced.path))
    elif action == "remove" and named:
        _remove(named, out, yes, data_root, words)
    elif action in ("restore", "remove"):
        raise EscaleraError(
            f"expected {'one run' if action == 'restore' else 'a run'} to {action}, as escalera runs {action} "
            f"runs/digits/cnn, received {f'{len(named)}: {shlex.join(named)}' if named else 'none'}"
        )
    elif named:
        hint = nearest(action, ["restore", "remove"])
        raise EscaleraError(f"expected a folder, restore RUN, or remove RUN, received {shlex.join(what or [])}; {hint}")
    else:
        found = inventory.inventory(Path(action)) if what or out.is_dir() else []
        if json_:
            echo_json([run.to_json() for run in found])
        elif found:
            print_runs(Console(), found, words)
        else:
            echo(words.say("runs.none", folder=action), whole=action)


def _remove(named: list[str], out: Path, yes: bool, data_root: Path | None, words: Words) -> None:
    from escalera.experiment import inventory

    runs = list({run.path: run for run in (inventory.find(name, out) for name in named)}.values())
    rows = [row for run in runs for row in inventory.inventory(run.path)]
    keys = ["runs.stands" if row.place == "stands" else "runs.other" for row in rows]
    lines = (
        words.say(key, run=row.path, size=words.short(row.bytes, "B")) for key, row in zip(keys, rows, strict=True)
    )
    listed = ", ".join(lines)
    if not yes:
        if not sys.stdin.isatty():
            raise EscaleraError("remove asks first, and nobody is there to answer; add --yes to delete without asking")
        if not typer.confirm(words.say("runs.remove", runs=listed)):
            typer.echo(words.say("runs.left"))
            return
    inventory.remove(runs)
    for ladder in {run.path.parents[1] for run in runs}:
        inventory.rewrite_report(ladder, data_root)
    echo(words.say("runs.removed", runs=listed))


@command("escalera cache", "escalera cache --clear cifar10", "escalera cache --clear --outdated")
def cache(
    names: Annotated[
        list[str] | None, typer.Argument(metavar="NAME", help="With --clear: only these, by source or entry.")
    ] = None,
    clear: Annotated[bool, typer.Option("--clear", help="Remove them; all when none is named.")] = False,
    outdated: Annotated[
        bool, typer.Option("--outdated", help="Only what was decoded of sources that have changed since.")
    ] = False,
    lang: Lang = HERE,
    json_: Json = False,
    debug: Debug = False,
) -> None:
    """Show or remove what was decoded, downloaded, or given in Python.

    It is made again when it is needed.
    """
    from escalera.data.cache.folders import cache_root
    from escalera.data.cache.inventory import clear as clear_entries
    from escalera.data.cache.inventory import entries

    root = cache_root()
    rows = (clear_entries if clear else entries)(root, names or [], outdated=outdated)
    if json_:
        echo_json([vars(row) for row in rows])
        return
    words = words_of(lang)
    for row in rows:
        made, kind = row.made[:16].replace("T", " "), words.say(f"cache.kind.{row.kind}")
        typer.echo(f"{words.short(row.bytes, 'B'):>9}  {made}  {kind:13}  {row.source}  ({row.name})")
    count, size = words.count(len(rows), "entry"), words.short(sum(row.bytes for row in rows), "B")
    key = "cache.removed" if clear else "cache.entries"
    echo(words.say(key, entries=count, size=size, folder=root), whole=str(root))
