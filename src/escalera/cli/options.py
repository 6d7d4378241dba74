"""Options that mean the same in every command, and the language where none is named."""

from __future__ import annotations

import os
import sys
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from escalera.core.weights_root import ROOT

if TYPE_CHECKING:
    from escalera.core.language import Language as Words


class Language(StrEnum):
    """Of what is printed and written."""

    en = "en"
    es = "es"


def _here() -> Language:
    """Spanish where the system speaks Spanish, else English."""
    named = next((os.environ[name] for name in ("LC_ALL", "LC_MESSAGES", "LANG") if os.environ.get(name)), "")
    return Language.es if named.lower().startswith("es") else Language.en


HERE = _here()


class Device(StrEnum):
    """Where to compute."""

    auto = "auto"
    cpu = "cpu"
    cuda = "cuda"


def _jobs(text: str) -> int | str:
    """A whole number from 1 on, or `auto`."""
    if text == "auto" or (text.isdecimal() and int(text)):
        return text if text == "auto" else int(text)
    raise typer.BadParameter(f"expected auto or a whole number from 1 on, received {text!r}")


def folder(given: Path) -> Path:
    """A folder, where a URL is none: as a path it would have lost a slash."""
    from escalera.core.store import was_url

    if was_url(given):
        raise typer.BadParameter(f"expected a folder, received the URL {str(given).replace(':/', '://', 1)}")
    return given


def _data(given: Path | None) -> Path | None:
    """A folder that is there: of another one each command would go on as if it had not been named."""
    from escalera.core.arguments import data_root

    return data_root(given, "--data-root")


def _weights(given: Path | None) -> Path | None:
    """A folder that is there, told to this process and to all that it starts."""
    if given is not None:
        if not given.is_dir():
            raise typer.BadParameter(f"expected a folder of weights, but there is none at {given}")
        os.environ[ROOT] = str(given.absolute())
    return given


def _cluster(given: str) -> str:
    """A cluster, with what stands after a colon; this machine is none."""
    from escalera.core.errors import EscaleraError, nearest
    from escalera.experiment.executors import CLUSTERS

    word = given.partition(":")[0]
    if given and word not in CLUSTERS:
        raise EscaleraError(f"--cluster: unknown cluster '{word}'; {nearest(word, CLUSTERS)}")
    return given


Jobs = Annotated[
    str | None,
    typer.Option(
        metavar="N|auto",
        parser=_jobs,
        help="Train so many runs side by side; auto takes as many as the machine has room for.",
    ),
]
Cluster = Annotated[
    str,
    typer.Option(
        metavar="NAME",
        callback=_cluster,
        help="Train on a cluster: ray[:HOST:PORT] or slurm[:PARTITION]; see docs/cluster.md.",
    ),
]
Debug = Annotated[bool, typer.Option("--debug", help="Show the traceback of an error.")]
Json = Annotated[bool, typer.Option("--json", help="Print the result as JSON on standard output.")]
Out = Annotated[str, typer.Option(metavar="DIR|URL", help="Where runs go: a folder, or a URL as s3://bucket/runs.")]
Lang = Annotated[Language, typer.Option(envvar="ESCALERA_LANG", help="Language of what is printed and of the pages.")]
DataRoot = Annotated[
    Path | None,
    typer.Option(
        metavar="DIR",
        callback=_data,
        help="Folder that holds the sets by name (see `escalera sources`); else $ESCALERA_DATA.",
    ),
]
WeightsRoot = Annotated[
    Path | None,
    typer.Option(
        metavar="DIR",
        envvar=ROOT,
        callback=_weights,
        help="Folder of ImageNet weights by timm's name, looked at before the hub.",
    ),
]


def words_of(lang: Language) -> Words:
    """What the terminal says in a language."""
    from escalera.cli.terminal.words import load_terminal

    return load_terminal(lang.value)


def chosen_language() -> str:
    """The language of a command that ended before it could tell: as --lang, ESCALERA_LANG or the system says."""
    given = next((word for word in sys.argv[::-1] if word.startswith("--lang=")), "").removeprefix("--lang=")
    if "--lang" in sys.argv[:-1]:
        given = sys.argv[sys.argv.index("--lang") + 1]
    named = given or os.environ.get("ESCALERA_LANG", "")
    return named if named in Language.__members__ else HERE.value
