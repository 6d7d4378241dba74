"""Before finished runs make room for others the page asks."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from escalera.studio.i18n import load_words
from escalera.studio.job import Request
from escalera.studio.service import Studio
from escalera.studio.tabs.climb import _Climber

FORM: tuple[str, list[str], str, str, str, int, int, str] = ("digits", [], "3", "", "", 1, 1, "")


Started = list[tuple[Request, str]]


@pytest.fixture
def started() -> Started:
    return []


@pytest.fixture
def climber(tmp_path: Path, started: Started, monkeypatch: pytest.MonkeyPatch) -> Iterator[_Climber]:
    studio = Studio(tmp_path)
    found = _Climber(studio, load_words("es"))
    monkeypatch.setattr(found.job, "start", lambda asked, language: started.append((asked, language)))
    yield found
    studio.close()


def test_nothing_to_lose_is_begun_at_once(climber: _Climber, started: Started, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(climber.job, "replaces", lambda asked: [])
    question, text, *_ = climber.ask(*FORM)
    assert started == [(Request("digits", sets=["train.epochs=3"]), "es")]
    assert (question["visible"], text) == (False, "")


def test_finished_runs_are_asked_about_first(
    climber: _Climber, started: Started, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[Any] = []

    def replaces(what: Request) -> list[str]:
        asked.append(what)
        return [f"digits/rung-{n}/seed-0" for n in range(8)]

    monkeypatch.setattr(climber.job, "replaces", replaces)
    question, text, *_ = climber.ask(*FORM)
    assert started == []
    assert question["visible"]
    assert "Ya terminadas con otros ajustes: digits/rung-0/seed-0" in text
    assert "digits/rung-5/seed-0 y 2 más. Cada una sigue en su lugar hasta que termine la nueva" in text
    question, text, *_ = climber.start(*FORM)
    assert started == [(asked[0], "es")]
    assert (question["visible"], text) == (False, "")
    assert climber.leave()[0]["visible"] is False
