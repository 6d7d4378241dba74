"""Lines for whoever reads them: folded between words on a terminal, whole in a file or a pipe."""

from __future__ import annotations

import os
import re
import shutil
import sys
import textwrap

import typer

_QUOTED = re.compile(r"(?<![^\s(=:])'[^']*[/\\][^']*'")
"""A path in quotes, as a shell takes one with blanks."""
_BEGINS = re.compile(r" *(- )?")
"""What stands before the words of a line, or of an item of a list."""
_AS_IT_IS = re.compile(r"(?m)(\A---\n(?s:.*?)^---$|^````(?s:.*?)^````$|^\|.*$)")
"""Of Markdown: the header, what is between fences, and a line of a table."""
_KEPT = "\0"


def echo(text: str = "", *, hang: str | None = None, whole: str = "", fg: str | None = None, err: bool = False) -> None:
    """Print lines, as `fold` has them where a terminal shows them."""
    width = width_of_terminal(err=err)
    folded = fold(text, width, hang=hang, whole=whole) if width else text
    typer.echo(typer.style(folded, fg=fg) if fg else folded, err=err)


def echo_markdown(text: str) -> None:
    """Print Markdown, of which only sentences are folded."""
    width = width_of_terminal()
    parts = _AS_IT_IS.split(text)
    if width:
        parts[::2] = [fold(part, width) for part in parts[::2]]
    typer.echo("".join(parts), nl=False)


def fold(text: str, width: int, *, hang: str | None = None, whole: str = "") -> str:
    """The lines of a text, each folded at blanks to `width` characters; no word, path or `whole` is ever broken.

    What follows the first line of each is set behind `hang`, by default as far in as the line itself begins.
    """
    for kept in (whole, *_QUOTED.findall(text)):
        text = text.replace(kept, kept.replace(" ", _KEPT)) if kept else text
    return "\n".join(_folded(line, width, hang) for line in text.split("\n")).replace(_KEPT, " ")


def _folded(line: str, width: int, hang: str | None) -> str:
    own = _BEGINS.match(line)
    hang = " " * len(own[0] if own else "") if hang is None or len(hang) > width // 2 else hang
    return textwrap.fill(
        line, width, subsequent_indent=hang, break_long_words=False, break_on_hyphens=False, expand_tabs=False
    )


def width_of_terminal(*, err: bool = False) -> int | None:
    """Columns of the terminal, None where there is none; errors may go to one when standard output does not."""
    stream = sys.stderr if err else sys.stdout
    if not stream.isatty():
        return None
    own = os.get_terminal_size(stream.fileno()).columns
    return shutil.get_terminal_size((own or 80, 24)).columns
