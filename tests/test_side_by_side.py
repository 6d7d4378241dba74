"""What a person reads of runs that are trained at the same time."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from escalera.cli.terminal import SideBySide, load_terminal, side_by_side
from escalera.cli.terminal import board as boards
from escalera.cli.terminal.board import Board, Row
from escalera.experiment.muffled import Muffled
from escalera.ladder.read import read_ladder
from escalera.run.events import Progress

LADDER = read_ladder("digits").ladder
WHY: Any = LADDER["mlp"].why
RECORD: dict[str, Any] = {"stopped": "all epochs", "best_epoch": 3, "epochs": 4, "seconds": 8.0, "price": None}
METRICS: dict[str, Any] = {"test": {"accuracy": 0.925, "loss": 0.25}}


class Clock:
    """A clock that stands still."""

    now = 100.0

    def monotonic(self) -> float:
        return self.now


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    made = Clock()
    monkeypatch.setattr(boards, "time", made)
    monkeypatch.setattr(side_by_side, "time", made)
    return made


def at(epoch: int, step: int = 10, epochs: int = 4) -> Progress:
    done = max(0, (epoch - 1) * 10 + step) / (10 * epochs)
    return Progress(epoch, epochs, step, 10, done, 0.5, 0.8, 100.0, 0.75 if epoch else None)


def board(runs: int, jobs: int) -> Board:
    return Board(Console(file=io.StringIO()), load_terminal("en"), runs, jobs)


def test_nothing_is_known_of_the_time_before_something_was_learned(clock: Clock) -> None:
    made = board(4, 2)
    made.rows["mlp", 0] = row = Row(made, "mlp")
    assert made.left() is None
    row.learns(at(0, 0))
    clock.now += 5
    row.move(at(1, 0), "")
    assert made.left() is None


def test_the_time_left_is_that_of_the_mean_run_among_those_that_work(clock: Clock) -> None:
    made = board(4, 2)
    for name in ("mlp", "cnn"):
        made.rows[name, 0] = Row(made, name)
        made.rows[name, 0].learns(at(0, 0))
    clock.now += 10
    for row in made.rows.values():
        row.move(at(2), "")
    # Two are half way after 10 s; two wait that take 20 s each.
    assert made.left() == pytest.approx((10 + 10 + 20 + 20) / 2)
    assert made.total() == "0 of 4 runs  ·  about 30 s left"
    made.rows["mlp", 0].close()
    made.count(20.0)
    assert made.left() == pytest.approx((10 + 20 * 2) / 2)


def test_a_long_run_at_the_end_is_waited_for(clock: Clock) -> None:
    made = board(2, 2)
    made.count(1.0)
    made.rows["cnn", 0] = row = Row(made, "cnn")
    row.learns(at(0, 0))
    clock.now += 10
    row.move(at(1), "")
    assert made.left() == pytest.approx(30)


def test_what_goes_on_counts_from_where_it_goes_on(clock: Clock) -> None:
    made = board(1, 1)
    made.rows["cnn", 0] = row = Row(made, "cnn")
    row.learns(at(2, 10))
    clock.now += 10
    row.move(at(3), "")
    assert row.share == pytest.approx(0.5)
    assert made.left() == pytest.approx(10)


@pytest.mark.parametrize(
    ("language", "expected"),
    [
        (
            "en",
            "sending 695 kB of decoded images of mine to runs/.sources: a machine does not see the source\n",
        ),
        (
            "es",
            "se envían 695 kB de imágenes descodificadas de mine a runs/.sources: una máquina no ve la fuente\n",
        ),
    ],
)
def test_what_is_sent_is_said_before_also_of_a_trial(language: str, expected: str) -> None:
    file = io.StringIO()
    narrator = SideBySide(Console(file=file, width=200), language=language)
    Muffled(narrator).source_sent("mine", 695_000, "runs/.sources")
    assert file.getvalue() == expected


@pytest.mark.parametrize(
    ("language", "expected"),
    [
        ("en", "1 run at a time, 2 threads: there are no more to train\n"),
        ("es", "1 ejecución a la vez, 2 hilos: no hay más que entrenar\n"),
    ],
)
def test_one_run_is_beside_no_other(language: str, expected: str) -> None:
    file = io.StringIO()
    SideBySide(Console(file=file, width=200), language=language).workers_begin(1, 2, "runs", 0, 0)
    assert file.getvalue() == expected


def told(language: str, clock: Clock, terminal: bool = False) -> str:
    file = io.StringIO()
    narrator = SideBySide(Console(file=file, width=200, force_terminal=terminal), language=language)
    narrator.ladder_begins(LADDER, Path("runs/digits"), 3, 2)
    narrator.workers_begin(2, 1, "memory", 500_000_000, 1_200_000_000)
    mlp, cnn = narrator.of_run("mlp", 0), narrator.of_run("cnn", 1)
    assert narrator.of_run("mlp", 0) is mlp
    mlp.rung_begins(LADDER["mlp"], 0, "1/2")
    cnn.rung_begins(LADDER["cnn"], 1, "2/2")
    mlp.resumes(2)
    for line in (mlp, cnn):
        line.training_begins(at(0, 0))
    clock.now += 10
    cnn.epoch_ends(at(2))
    narrator.worker_lost("cnn", 1, "its process was ended by SIGKILL", again=True)
    cnn.rung_begins(LADDER["cnn"], 1, "2/2")
    mlp.rung_ends({**RECORD, "rung": "mlp"}, METRICS)
    cnn.rung_failed(LADDER["cnn"], "no reason", "a traceback")
    narrator.workers_end()
    return file.getvalue()


def test_lines_for_logs_begin_with_the_name_of_the_run(clock: Clock) -> None:
    lines = told("en", clock).splitlines()
    assert lines[2:] == [
        "2 runs side by side, 1 thread each: each takes about 0.5 GB, and 1.2 GB of memory are free",
        "1/2  mlp",
        f"  mlp: {WHY['en']}",
        "2/2  cnn (seed 1)",
        "  mlp: goes on after epoch 2, where it was interrupted",
        "  cnn (seed 1): epoch 2/4  validation 75.0 %",
        "cnn (seed 1): its process was ended by SIGKILL. It goes on from its last checkpoint in a new one.",
        "2/2  cnn (seed 1)",
        "  mlp  ✓ test 92.50 %  (loss 0.250)  ·  epoch 3 of 4, all epochs  ·  8.0 s",
        "  1 of 2 runs  ·  about 5 s left",
        "  cnn (seed 1)  ✗ cnn failed: no reason",
        "  2 of 2 runs",
    ]


def test_the_lines_are_in_spanish_too(clock: Clock) -> None:
    text = told("es", clock)
    assert "2 ejecuciones a la vez, 1 hilo cada una: cada una ocupa cerca de 0,5 GB" in text
    assert "cnn (semilla 1): su proceso fue terminado por SIGKILL. Sigue en otro proceso" in text
    assert WHY["es"] and f"  mlp: {WHY['es']}\n" in text
    assert "1 de 2 ejecuciones  ·  faltan unos 5 s" in text


def test_a_terminal_has_bars_and_leaves_what_came_of_each(clock: Clock) -> None:
    text = told("en", clock, terminal=True)
    assert "all" in text and "0 of 2 runs" in text
    assert "test 92.50 %" in text
    assert "1/2" not in text


def test_without_workers_it_is_the_narrator() -> None:
    narrator = SideBySide()
    assert narrator.of_run("mlp", 0) is narrator
    narrator.worker_lost("mlp", 0, "why", again=True)
    narrator.workers_end()
