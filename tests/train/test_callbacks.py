import errno
import itertools
import os
import signal
import threading
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from rich.console import Console

from escalera.cli.terminal import load_terminal, progress
from escalera.cli.terminal.progress import ProgressBar, ProgressLines
from escalera.core.errors import RunError, Terminated
from escalera.core.files import sha256
from escalera.core.rundir import RunDir
from escalera.core.translation import translate
from escalera.data.batches import Batches
from escalera.run.announcer import Announcer
from escalera.run.events import Events, Progress
from escalera.train.callbacks import EarlyStopping, History, Pause, StopOnSignal, TensorBoard
from escalera.train.loop import Callback, Training, train
from escalera.train.plateau import Plateau
from escalera.train.schedules import constant
from escalera.train.shards import Whole

Start = Callable[..., Training]


def epochs(stopping: EarlyStopping, training: Training, **series: list[float]) -> int:
    """Feed a history to early stopping; the epoch after which it stopped, or 0."""
    for number, values in enumerate(zip(*series.values(), strict=True), start=1):
        training.epoch, training.log = number, dict(zip(series, values, strict=True))
        stopping.on_epoch_end(training)
        if training.stop:
            return number
    return 0


def test_one_monitor(start: Start, tmp_path: Path) -> None:
    stopping = EarlyStopping(["val_loss"], 2, tmp_path)
    training = start()
    assert epochs(stopping, training, val_loss=[3, 2, 2, 2.5, 1]) == 4
    assert stopping.best_epoch == 2
    assert stopping.best == tmp_path / f"best-{training.epoch - 2}.safetensors"
    assert stopping.files == {stopping.best.name: sha256(stopping.best)}


def test_it_goes_on_while_any_monitor_improves_and_the_first_chooses(start: Start) -> None:
    stopping = EarlyStopping(["val_loss", "val_accuracy"], 2, None)
    assert epochs(stopping, start(), val_loss=[1, 2, 3, 4, 5, 6], val_accuracy=[0.1, 0.2, 0.3, 0.4, 0.4, 0.4]) == 6
    assert stopping.best_epoch == 1


def test_what_is_no_number_is_never_a_gain(start: Start, tmp_path: Path) -> None:
    nan = float("nan")
    stopping = EarlyStopping(["val_loss"], 3, tmp_path)
    assert epochs(stopping, start(), val_loss=[nan, 0.5, nan, 0.9, 0.8]) == 5
    assert stopping.best_epoch == 2
    never, training = EarlyStopping(["val_loss"], 2, tmp_path), start()
    assert epochs(never, training, val_loss=[nan, nan, 1.0]) == 2
    assert (never.best_epoch, never.best) == (0, None)
    plateau = Plateau("val_loss", factor=0.5, patience=2, floor=0.0)
    for value in (nan, 3.0, 2.0, 1.0):
        training.log = {"val_loss": value}
        plateau.on_epoch_end(training)
    assert (plateau.best, plateau.current) == (-1.0, 1.0)


class Together(Whole):
    """As several processes on GPUs, which seldom ask one another whether to stop."""

    def ended(self, interrupted: bool) -> bool:
        return False


def test_a_pause_needs_no_agreement(start: Start, batches: Batches) -> None:
    training = start(epochs=5)
    callbacks = [Pause(2)]
    train(training, batches, schedule=constant(5), validate=dict, seed=0, shards=Together(), callbacks=callbacks)
    assert (training.epoch, training.paused, training.interrupted, training.stop) == (2, True, False, "")
    again = start(epochs=5)
    again.epoch = 2
    train(again, batches, schedule=constant(5), validate=dict, seed=0, shards=Together(), callbacks=callbacks)
    assert (again.epoch, again.step, again.paused) == (2, 0, True)


def test_state_comes_back(start: Start) -> None:
    stopping, training = EarlyStopping(["val_accuracy"], 3, None), start()
    epochs(stopping, training, val_accuracy=[0.5, 0.4])
    again = EarlyStopping(["val_accuracy"], 3, None)
    again.restore(stopping.state())
    training.epoch, training.log = 4, {"val_accuracy": 0.5}
    again.on_epoch_end(training)
    assert training.stop == "early stopping"


def test_history_appends_and_reads_the_last_line_of_an_epoch(start: Start, batches: Batches, tmp_path: Path) -> None:
    run = RunDir(tmp_path)
    train(start(epochs=2), batches, schedule=constant(2), validate=dict, seed=0, callbacks=[History(run)])
    with run.history.open("a") as file:
        file.write('{"epoch": 2, "loss": 9.0}\n{"epoch": 3, "lo')
    assert len(run.history.read_text().splitlines()) == 4
    assert [(line["epoch"], line["loss"] == 9.0) for line in run.read_history()] == [(1, False), (2, True)]
    assert RunDir(tmp_path / "absent").read_history() == []


def test_a_training_that_begins_drops_the_epoch_of_one_that_left_no_checkpoint(
    start: Start, batches: Batches, tmp_path: Path
) -> None:
    run = RunDir(tmp_path)
    run.append_history({"epoch": 1, "loss": 9.0})
    train(start(epochs=2), batches, schedule=constant(2), validate=dict, seed=0, callbacks=[History(run)])
    assert len(run.history.read_text().splitlines()) == 2


class Unable(Callback):
    """Fails before the others have begun."""

    def on_train_begin(self, training: Training) -> None:
        raise RunError("no room")


def test_what_failed_before_the_others_had_begun_is_what_is_told(
    start: Start, batches: Batches, tmp_path: Path
) -> None:
    callbacks: list[Callback] = [Unable(), TensorBoard(tmp_path), StopOnSignal()]
    with pytest.raises(RunError, match="no room"):
        train(start(), batches, schedule=constant(5), validate=dict, seed=0, callbacks=callbacks)


def test_history_on_a_full_disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object, **__: object) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(Path, "open", full)
    with pytest.raises(
        RunError, match=r"could not write .*: No space left on device\. Free some space and type the com"
    ):
        RunDir(tmp_path).append_history({})


def test_history_that_cannot_be_written_is_no_full_disk(tmp_path: Path) -> None:
    with pytest.raises(RunError) as error:
        RunDir(tmp_path / "absent").append_history({})
    history = tmp_path / "absent" / "history.jsonl"
    assert str(error.value) == (
        f"could not write {history}: No such file or directory. Make sure that it can be written and type the command "
        "again."
    )
    assert translate(str(error.value), "es") == (
        f"no se pudo escribir «{history}»: no existe el archivo o la carpeta. Asegúrate de que se pueda escribir y "
        "repite la orden."
    )


def test_tensorboard_writes_events(start: Start, batches: Batches, tmp_path: Path) -> None:
    train(start(epochs=2), batches, schedule=constant(2), validate=dict, seed=0, callbacks=[TensorBoard(tmp_path)])
    from tensorboard.backend.event_processing.event_accumulator import (  # type: ignore[import-untyped]
        EventAccumulator,
    )

    events = EventAccumulator(str(tmp_path)).Reload()
    assert [event.step for event in events.Scalars("loss")] == [1, 2]
    assert "epoch" not in events.Tags()["scalars"]


class Press(Callback):
    """Sends this process a signal after a step."""

    def __init__(self, number: int, times: int = 1) -> None:
        self.number, self.times = number, times

    def on_step_end(self, training: Training) -> None:
        for _ in range(self.times):
            os.kill(os.getpid(), self.number)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_interrupts_after_the_step(start: Start, batches: Batches, number: int) -> None:
    before = signal.getsignal(number)
    training, stop = start(), StopOnSignal()
    train(training, batches, schedule=constant(5), validate=dict, seed=0, callbacks=[stop, Press(number)])
    assert training.interrupted
    assert (training.epoch, training.step) == (1, 1)
    assert signal.getsignal(number) == before
    assert stop.reason is (Terminated if number == signal.SIGTERM else KeyboardInterrupt)


def test_a_second_signal_ends_at_once(start: Start, batches: Batches) -> None:
    callbacks = [StopOnSignal(), Press(signal.SIGINT, times=2)]
    with pytest.raises(KeyboardInterrupt):
        train(start(), batches, schedule=constant(5), validate=dict, seed=0, callbacks=callbacks)


@pytest.mark.parametrize("left", ["", '{"epoch": 1, "loss": 9.0}\n[]\n', "\xff", '{"epoch": 1, "loss": 0.5}\n'])
def test_a_history_is_written_again_as_the_checkpoint_has_it(tmp_path: Path, left: str) -> None:
    run = RunDir(tmp_path)
    kept = [{"epoch": 1, "loss": 0.5}, {"epoch": 2, "loss": 0.25}]
    run.history.write_bytes(left.encode("latin-1"))
    history = History(run)
    history.restore({"epochs": kept})
    assert history.mended
    assert run.read_history() == kept
    assert history.state() == {"epochs": kept}


def test_epochs_after_the_checkpoint_are_dropped_and_no_damage(tmp_path: Path) -> None:
    run = RunDir(tmp_path)
    run.write_history([{"epoch": 1}, {"epoch": 2}])
    history = History(run)
    history.restore({"epochs": [{"epoch": 1}]})
    assert not history.mended
    assert run.read_history() == [{"epoch": 1}]


def test_no_signals_in_another_thread(start: Start, batches: Batches) -> None:
    training = start(epochs=1)
    arguments = {"schedule": constant(1), "validate": dict, "seed": 0, "callbacks": [StopOnSignal()]}
    thread = threading.Thread(target=train, args=(training, batches), kwargs=arguments)
    thread.start()
    thread.join()
    assert training.epoch == 1


def test_progress_on_a_terminal_and_elsewhere(
    start: Start, batches: Batches, capsys: pytest.CaptureFixture[str]
) -> None:
    def told(listener: type, terminal: bool, code: str = "en") -> str:
        console = Console(force_terminal=terminal, width=140)
        arguments: dict[str, Any] = {
            "schedule": constant(2),
            "validate": lambda: {"val_loss": 1.0, "val_accuracy": 0.25},
            "seed": 0,
        }
        train(
            start(epochs=2), batches, callbacks=[Announcer(listener(console, load_terminal(code)), [1, 1])], **arguments
        )
        return capsys.readouterr().out

    lines = told(ProgressLines, False).splitlines()
    assert len(lines) == 1
    assert lines[0].startswith("  epoch 2/2  loss ")
    assert "validation  25.0 %" in lines[0]
    assert "images/s" in lines[0]
    bar = told(ProgressBar, True)
    assert "epoch 1/2" in bar
    assert "left" in bar
    assert "época 1/2" in (bar := told(ProgressBar, True, "es"))
    assert "restantes" in bar


def test_lines_say_how_long_it_takes_at_most(
    start: Start, batches: Batches, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(progress, "LINE_EVERY", 0)
    for code, worth, left in (
        ("en", [1, 1, 1], "  5 min 00 s left at most"),
        ("es", [1, 1, 1], "  faltan 5 min 00 s como mucho"),
        ("en", [0.5, 1, 1], "  10 min 00 s left at most"),
    ):
        lines = ProgressLines(Console(width=140), load_terminal(code))
        clock = itertools.count(step=50.0)
        monkeypatch.setattr(progress, "time", SimpleNamespace(monotonic=lambda clock=clock: next(clock)))
        announcer = Announcer(lines, worth)
        train(start(epochs=3), batches, schedule=constant(3), validate=dict, seed=0, callbacks=[announcer])
        assert left in capsys.readouterr().out, code


def test_a_resumed_training_has_done_whole_epochs(start: Start, batches: Batches) -> None:
    told: list[float] = []

    class Shares(Events):
        def training_begins(self, progress: Progress) -> None:
            told.append(progress.done)

        def epoch_ends(self, progress: Progress) -> None:
            told.append(progress.done)

    for epoch in (0, 1):
        training = start(epochs=3)
        training.epoch = epoch
        train(
            training, batches, schedule=constant(3), validate=dict, seed=0, callbacks=[Announcer(Shares(), [1, 1, 2])]
        )
    assert told == [0, 0.25, 0.5, 1, 0.25, 0.5, 1]
