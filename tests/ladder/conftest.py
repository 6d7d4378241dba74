"""Ladders as texts: read from a file of their own, with their problems as the lines a person would see."""

from __future__ import annotations

import textwrap
from collections.abc import Callable
from pathlib import Path

import pytest

from escalera.ladder.read import Reading, read_ladder

Read = Callable[..., Reading]
Problems = Callable[..., list[str]]


@pytest.fixture
def read(tmp_path: Path) -> Read:
    def from_text(text: str, *sets: str) -> Reading:
        file = tmp_path / "ladder.yaml"
        file.write_text(textwrap.dedent(text).lstrip("\n"), encoding="utf-8")
        return read_ladder(file, sets)

    return from_text


@pytest.fixture
def problems(read: Read, tmp_path: Path) -> Problems:
    """The problems of a text, without the folder in front of the file's name."""

    def of_text(text: str, *sets: str) -> list[str]:
        return [str(problem).removeprefix(f"{tmp_path}/") for problem in read(text, *sets).problems]

    return of_text
