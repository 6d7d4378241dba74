"""The command itself: how its parts are declared, what it prints as JSON, and how it ends."""

from __future__ import annotations

import atexit
import contextlib
import gc
import io
import json
import os
import sys
from collections.abc import Callable, Iterator
from typing import Annotated, NoReturn

import typer

from escalera.cli.help import Command, Group, refuse
from escalera.cli.lines import echo
from escalera.cli.options import chosen_language
from escalera.core.errors import EscaleraError
from escalera.core.extras import absent
from escalera.core.memory import keep_memory
from escalera.core.ranks import launched

app = typer.Typer(
    cls=Group,
    no_args_is_help=True,
    context_settings={"help_option_names": ["-h", "--help"]},
    pretty_exceptions_enable=False,
    rich_markup_mode=None,  # the plain help comes in half the time
)


def command(*examples: str) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """Make a function a command; its help ends with examples, whose lines \b keeps as they are."""
    lines = "\n".join(["\b", "Examples:", *(f"  {example}" for example in examples)])
    return app.command(cls=Command, epilog=lines)


def _print_version(wanted: bool) -> None:
    if wanted:
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


def echo_json(value: object) -> None:
    """Print JSON; letters that the terminal or the pipe cannot take are escaped."""
    plain = (sys.stdout.encoding or "").lower().replace("-", "") != "utf8"
    typer.echo(json.dumps(value, indent=2, ensure_ascii=plain))


@contextlib.contextmanager
def of_launch() -> Iterator[bool]:
    """Whether this process runs the command: of several that torchrun began the first; the others follow until then."""
    began = launched()
    if began is None:
        yield True
        return
    if began[0] > 0:
        from escalera.core.ranks import meeting_of_launch
        from escalera.run.follow import follow

        follow(meeting_of_launch())
        yield False
        return
    try:
        yield True
    finally:
        from escalera.run.gang import leader_of_launch

        leader_of_launch().end()


def _tell(error: EscaleraError) -> NoReturn:
    from escalera.core.translation import translate

    echo(f"error: {translate(str(error), chosen_language())}", fg="red", err=True)
    sys.exit(2)


def _tell_of_file(error: OSError) -> NoReturn:
    from escalera.core.translation import translate

    why = translate(str(error.strerror), chosen_language())
    file = str(error.filename or "")[:200]
    if not file:  # a disk that is full; perhaps that to which the output goes, and what is left of it has no place
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
    echo(f"error: {file}{': ' * bool(file)}{why}", whole=file, fg="red", err=True)
    sys.exit(2)


def main() -> None:
    """Run the command line. A user's mistake is one message and an exit code, never a traceback unless asked for."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            # A pipe of Windows takes no ✓ by default, and that is no reason to end. From Python 3.15 on it is UTF-8.
            wanted = stream.isatty() or "PYTHONIOENCODING" in os.environ
            stream.reconfigure(encoding=None if wanted else "utf-8", errors="replace")
    keep_memory()
    # Else Python goes through a million objects of torch once more before it ends, for up to a second.
    atexit.register(gc.freeze)
    if "OMP_WAIT_POLICY" not in os.environ:
        # Threads with nothing to do sleep soon. By default they spin so long that a training with two threads is up to
        # ten times slower than with one where something else is at work on the cores; without any spinning it is 9 %
        # slower where nothing is. Read when torch is imported, by GNU's OpenMP alone.
        os.environ.setdefault("GOMP_SPINCOUNT", "10000")
    try:
        with of_launch() as leads:
            ended = app(prog_name="escalera", standalone_mode=False) if leads else 0
        sys.exit(ended if isinstance(ended, int) else 0)
    except typer.Abort:
        sys.exit(130)
    except EscaleraError as error:
        if "--debug" in sys.argv:
            raise
        _tell(error)
    except ModuleNotFoundError as error:  # a small installation
        missing = absent(error)
        if "--debug" in sys.argv or missing is None:
            raise
        _tell(missing)
    except OSError as error:  # of a file or folder that nobody foresaw: too long a name, no right to look
        from escalera.core.files import FULL

        if "--debug" in sys.argv or (error.filename is None and error.errno not in FULL):
            raise
        _tell_of_file(error)
    except Exception as error:
        if not hasattr(error, "format_message"):  # an error of click: what was typed is no command
            raise
        refuse(error)
        sys.exit(2)
