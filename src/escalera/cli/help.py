"""The help, and what is said of a command that is typed wrongly, in the language that is asked for."""

from __future__ import annotations

import re
import sys
from itertools import pairwise
from typing import Any

import typer
from typer.core import TyperCommand, TyperGroup

from escalera.cli.lines import echo
from escalera.cli.options import chosen_language

_FRAME = {
    "Usage:": "Uso:", "Options:": "Opciones:", "Arguments:": "Argumentos:", "Commands:": "Órdenes:",
    "Examples:": "Ejemplos:", "[required]": "[obligatorio]", "default:": "por defecto:", "env var:": "variable:",
    "Show this message and exit.": "Muestra esta ayuda y termina.",
}  # fmt: skip
"""What typer itself writes around the sentences of a help."""


class Command(TyperCommand):
    """A command whose help says what an argument is, and not of which type of Python."""

    def get_help(self, ctx: Any) -> str:
        """The whole help."""
        with _Translated(self, *self.get_params(ctx)):
            text = super().get_help(ctx)
        text = re.sub(r"(?i) <(list\[)?(str|path|int)\]?>", lambda found: " " * len(found[0]), text)
        return _framed(text)

    def get_short_help_str(self, limit: int = 45) -> str:
        """Its line in the list of commands."""
        with _Translated(self):
            return super().get_short_help_str(limit)


class Group(TyperGroup):
    """All commands together."""

    def get_help(self, ctx: Any) -> str:
        """The whole help."""
        with _Translated(self, *self.get_params(ctx)):
            text = super().get_help(ctx)
        return _framed(text)


class _Translated:
    """While its help is made, the sentences of a command and of its options are those of the language asked for."""

    def __init__(self, *helped: Any) -> None:
        self.helped = helped

    def __enter__(self) -> None:
        self.english = [getattr(one, "help", None) for one in self.helped]
        for one, text in zip(self.helped, self.english, strict=True):
            if text:
                one.help = _translated(text)

    def __exit__(self, *_: object) -> None:
        for one, text in zip(self.helped, self.english, strict=True):
            if text:
                one.help = text


_SAID = (
    (r"Input should be a valid integer, unable to parse string as an integer", "expected a whole number"),
    (r"Input should be a valid number, unable to parse string as a number", "expected a number"),
    (r"Input should be greater than or equal to ([\d.]+)", r"expected \1 or more"),
    (r"Input should be less than or equal to ([\d.]+)", r"expected \1 or less"),
    (r"Value error, '.*' is not one of (.*)\.$", r"expected one of \1"),
)
"""What typer says of a value, and what we say."""
_SETTINGS = {
    "--epochs": "train.epochs=5", "--epoch": "train.epochs=5", "--batch-size": "train.batch_size=64",
    "--batch": "train.batch_size=64", "--lr": "train.optimizer.lr=0.001", "--optimizer": "train.optimizer.name=adam",
    "--learning-rate": "train.optimizer.lr=0.001", "--image-size": "data.image_size=96",
}  # fmt: skip
"""Options that other programs have for what a ladder says."""


def refuse(error: Any) -> None:
    """Say what is wrong with what was typed: an error of click, by whichever name this typer has it."""
    if type(error).__name__ == "NoArgsIsHelpError":
        typer.echo(error.ctx.get_help(), err=True)
        return
    if error.ctx is not None:
        typer.echo(_framed(error.ctx.get_usage()), err=True)
        typer.echo(_translated(f"Try '{error.ctx.command_path} -h' for help."), err=True)
    echo(f"error: {_translated(_meant(error))}", fg="red", err=True)


def _meant(error: Any) -> str:
    """What is wrong, with what was received, and how a setting is written that was taken for an option."""
    text: str = error.format_message()
    option = str(getattr(error, "option_name", "")).replace("_", "-")
    if option in _SETTINGS and error.ctx is not None and any("--set" in one.opts for one in error.ctx.command.params):
        return f"No such option: {option}. A setting of the ladder is given by --set, as --set {_SETTINGS[option]}."
    for said, ours in _SAID:
        changed = re.sub(said, ours, text)
        if changed != text:
            return f"{changed}{_received(getattr(error, 'param', None))}"
    return text


def _received(option: Any) -> str:
    """The value of an option as it was typed, or nothing where that cannot be told."""
    names = getattr(option, "opts", ())
    typed = [after for before, after in pairwise(sys.argv) if before in names]
    typed += [word.partition("=")[2] for word in sys.argv if word.partition("=")[0] in names and "=" in word]
    return f", received '{typed[-1]}'" if typed else ""


def _translated(text: str) -> str:
    language = chosen_language()
    if language == "en":
        return text
    from escalera.core.translation import translate

    return translate(text, language)


def _framed(text: str) -> str:
    if chosen_language() == "en":
        return text
    for english, spanish in _FRAME.items():
        text = text.replace(english, spanish)
    return text
