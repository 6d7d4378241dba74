"""The tab Climb: it asks before finished runs make room for others, and shows a ladder that builds itself."""

import json
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pytest

from escalera.core.files import write_sealed
from escalera.studio import standing
from escalera.studio.i18n import load_words
from escalera.studio.job import Progress, Request
from escalera.studio.service import Studio
from escalera.studio.standing import Step, auto_of
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


def test_a_ladder_builds_itself_on_a_source_of_this_machine(climber: _Climber, started: Started) -> None:
    assert "digits" in climber.studio.sources()
    climber.build("digits", 3)
    assert started == [(Request("digits", minutes=3.0), "es")]
    assert started[0][0].options() == ["auto", "digits", "--minutes=3"]


def test_a_page_names_no_other_place_as_a_source(climber: _Climber, started: Started) -> None:
    with pytest.raises(Exception, match="Elige una de las fuentes de esta máquina"):
        climber.build("/etc", 3)
    assert started == []


@pytest.mark.parametrize("value", [0, -1, 1.5, 21, 10**20, True, "3", [1], None, float("nan")])
def test_a_number_that_cannot_be_is_told_in_the_readers_language(
    climber: _Climber, started: Started, value: Any
) -> None:
    form: list[Any] = list(FORM)
    form[5] = value
    with pytest.raises(Exception, match="Semillas: se esperaba un número entero de 1 a 20, se recibió "):
        climber.start(*form)
    assert "Semillas: se esperaba un número entero de 1 a 20" in climber.plan(*form)
    assert started == []


@pytest.mark.parametrize("value", [0.5, 1441, "3", None])
def test_minutes_that_cannot_be(climber: _Climber, started: Started, value: Any) -> None:
    with pytest.raises(Exception, match="Minutos, en total: se esperaba un número de 1 a 1440, se recibió "):
        climber.build("digits", value)
    assert started == []
    climber.build("digits", 1.5)
    assert started[0][0].minutes == 1.5


def test_more_epochs_than_anybody_trains(climber: _Climber) -> None:
    for epochs in ("100001", "9" * 20):
        said = climber.plan("digits", [], epochs, "", "", 1, 1, "")
        assert "se esperaba un número entero de 100000 como mucho, se recibió " in said


def test_a_decimal_comma(climber: _Climber, tmp_path: Path) -> None:
    same = [(text, text) for text in ("0.01", "1,2,3", "[1,2]")]
    for given, taken in (("0,01", "0.01"), (" 1,5e-3 ", "1.5e-3"), (",5", ".5"), *same):
        assert climber._request("digits", [], "", "", given, 1, 1, "").sets == [f"train.optimizer.lr={taken}"]
    studio = Studio(tmp_path)
    english = _Climber(studio, load_words("en"))
    assert english._request("digits", [], "", "", "1,500", 1, 1, "").sets == ["train.optimizer.lr=1,500"]
    studio.close()


def test_the_moves_of_a_ladder_that_builds_itself_are_shown(climber: _Climber, tmp_path: Path) -> None:
    move = {"move": "batch-norm", "name": "batch-norm", "parent": "baseline", "number": 2, "state": "kept"}
    dropped = {**move, "move": "deeper", "number": 3, "state": "dropped", "accuracy": 0.5}
    write_sealed(climber.job.out / "digits" / "auto" / "auto.json", {"source": "digits", "attempts": [move, dropped]})
    moves = auto_of(climber.job.out / "digits").attempts
    assert [one.state for one in moves] == ["kept", "dropped"]
    page = climber.progress.html(Progress(Request("digits", minutes=3), True, [], "", moves=moves))
    assert "Trabajando. Movimientos que se quedan por ahora: 1 de 2." in page
    assert "normalización por lotes" in page and "más profunda" in page
    assert auto_of(climber.job.out / "elsewhere").attempts == []


def test_where_the_ladder_was_written_is_told_and_what_broke_off_can_go_on(
    climber: _Climber, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    job = climber.job
    job._file.parent.mkdir(parents=True)
    job._file.write_text(json.dumps({"process": 0, "born": 0, **asdict(Request("digits", minutes=3))}))
    job._log.write_text("too few minutes")
    progress, _, stop, resume = climber.watch()
    assert "No ha llegado al final. Movimientos que se quedan por ahora: 0 de 0." in progress
    assert "<details open>" in progress and "too few minutes" in progress
    assert not stop["visible"] and resume["visible"]
    file = tmp_path / "digits.yaml"
    file.write_text(
        "name: digits\ndata: {source: digits}\nrungs:\n  - {name: baseline, model: {kind: mlp, dense: [8]}}\n"
        "  - {name: final, change: {train.epochs: 3}}\n"
    )
    folder = job.out / "digits"
    write_sealed(folder / "auto" / "auto.json", {"source": "digits", "attempts": [], "file": {"path": str(file)}})
    progress, _, _, resume = climber.watch()
    assert resume["visible"] and "final" in progress and "baseline" not in progress  # its last rung is still to be done
    monkeypatch.setattr(standing, "step_of", lambda run, rung, *_: Step(rung.name, 0, "done", 3, 3, accuracy=0.875))
    progress, _, _, resume = climber.watch()
    assert not resume["visible"] and "<details>" in progress
    assert f"La escalera es el archivo {file}; su último peldaño" in progress and "87,5" in progress
