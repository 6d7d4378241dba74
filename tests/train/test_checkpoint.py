import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn

from escalera.core.errors import RunError
from escalera.data.batches import Batches
from escalera.train import checkpoint
from escalera.train.callbacks import EarlyStopping
from escalera.train.checkpoint import LastCheckpoint, find_checkpoint, load_weights, save_weights, tidy
from escalera.train.loop import Callback, Training, train
from escalera.train.schedules import cosine

Start = Callable[..., Training]


class InterruptAt(Callback):
    def __init__(self, epoch: int, step: int) -> None:
        self.at = (epoch, step)

    def on_step_end(self, training: Training) -> None:
        training.interrupted = training.interrupted or (training.epoch, training.step) == self.at


def climb(training: Training, batches: Batches, last: LastCheckpoint, *more: Callback) -> None:
    # A validation that depends on the weights, so that early stopping has something to compare.
    def validate() -> dict[str, float]:
        with torch.no_grad():
            training.network.eval()
            return {"val_loss": next(iter(training.network.parameters())).square().sum().item()}

    callbacks = [*last.parts.values(), last, *more]
    train(training, batches, schedule=cosine(6), validate=validate, seed=7, callbacks=callbacks, clip_norm=1.0)


@pytest.mark.parametrize("every", [0.0, 1000.0])
@pytest.mark.parametrize("optimizer", ["adam", "adamw", "sgd"])
@pytest.mark.parametrize("interrupted_at", [(1, 2), (3, 1), (4, 4)])
def test_a_resumed_run_equals_the_whole_one_bit_for_bit(
    start: Start,
    batches: Batches,
    tmp_path: Path,
    optimizer: str,
    interrupted_at: tuple[int, int],
    every: float,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(checkpoint, "WRITE_EVERY", every)

    def parts() -> dict[str, EarlyStopping]:
        return {"stop": EarlyStopping(["val_loss"], 5, None)}

    whole = start(epochs=6, optimizer=optimizer)
    climb(whole, batches, LastCheckpoint(tmp_path / "whole", parts()))

    climb(
        start(epochs=6, optimizer=optimizer),
        batches,
        LastCheckpoint(tmp_path / "cut", parts()),
        InterruptAt(*interrupted_at),
    )
    resumed = start(epochs=6, optimizer=optimizer, seed=99)
    last = LastCheckpoint(tmp_path / "cut", parts())
    found = last.resume(resumed).state
    if interrupted_at[0] == 1:
        assert not found  # no epoch was whole: it starts over, with its own seed
        resumed = start(epochs=6, optimizer=optimizer)
    else:
        assert found
        # Where epochs take less than the time from one checkpoint to the next, it is the first of the process.
        assert resumed.epoch == (1 if every else interrupted_at[0] - 1)
        assert resumed.seconds > 0 and resumed.images_per_second > 0
    climb(resumed, batches, last)

    for key, value in whole.network.state_dict().items():
        assert torch.equal(value, resumed.network.state_dict()[key]), key
    assert last.parts["stop"].state() == LastCheckpointState(tmp_path / "whole")
    names = sorted(path.name for path in (tmp_path / "cut").iterdir())
    first = (1 if interrupted_at[0] == 1 else 2) if every else 5
    assert names == ["before.json", f"epoch-{first}.safetensors", "epoch-6.safetensors", "state.json"]
    tidy(tmp_path / "cut")
    assert sorted(path.name for path in (tmp_path / "cut").iterdir()) == ["epoch-6.safetensors", "state.json"]
    state = find_checkpoint(tmp_path / "cut").state
    assert state is not None and state["epoch"] == 6


def LastCheckpointState(folder: Path) -> dict[str, Any]:  # noqa: N802
    from escalera.core.files import read_json

    stop: dict[str, Any] = read_json(folder / "state.json")["parts"]["stop"]
    return stop


def test_a_stop_is_remembered_but_an_interruption_is_not(start: Start, batches: Batches, tmp_path: Path) -> None:
    class Stop(Callback):
        def on_epoch_end(self, training: Training) -> None:
            training.stop = "early stopping"
            training.interrupted = True

    last = LastCheckpoint(tmp_path, {})
    train(start(), batches, schedule=cosine(5), validate=dict, seed=0, callbacks=[Stop(), last])
    again = start()
    assert last.resume(again).state
    assert (again.epoch, again.stop, again.interrupted) == (1, "early stopping", False)


def flipped(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[-9] ^= 1
    path.write_bytes(content)


def emptied(path: Path) -> None:
    path.write_bytes(b"")


def replaced_by_a_folder(path: Path) -> None:
    path.unlink()
    path.mkdir()


@pytest.fixture
def each_epoch(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every epoch is kept, as where they take longer than a second."""
    monkeypatch.setattr(checkpoint, "WRITE_EVERY", 0.0)


@pytest.mark.usefixtures("each_epoch")
@pytest.mark.parametrize("damage", [flipped, emptied, Path.unlink, replaced_by_a_folder])
@pytest.mark.parametrize("name", ["epoch-3.safetensors", "best-3.safetensors", "state.json"])
def test_a_damaged_checkpoint_falls_back_to_the_one_before(
    start: Start, batches: Batches, tmp_path: Path, damage: Callable[[Path], None], name: str
) -> None:
    def last() -> LastCheckpoint:
        return LastCheckpoint(tmp_path / "cut", {"stop": EarlyStopping(["epoch"], 9, tmp_path / "cut")})

    climb(start(epochs=4), batches, LastCheckpoint(tmp_path / "whole", {}))
    climb(start(epochs=4), batches, last(), InterruptAt(4, 2))
    damage(tmp_path / "cut" / name)
    resumed, again = start(epochs=4, seed=99), last()
    found = again.resume(resumed)
    assert found.state and resumed.epoch == found.state["epoch"] == 2
    if name == "state.json" and damage is Path.unlink:
        assert found.faults == []  # as after a crash between two epochs of the one before
    else:
        assert len(found.faults) == 1 and str(tmp_path / "cut" / name) in found.faults[0]
    climb(resumed, batches, again)
    whole = start(epochs=4)
    LastCheckpoint(tmp_path / "whole", {}).resume(whole)
    for key, value in whole.network.state_dict().items():
        assert torch.equal(value, resumed.network.state_dict()[key]), key


@pytest.mark.usefixtures("each_epoch")
def test_the_checkpoint_that_was_gone_on_from_is_kept_beside_the_next_one(
    start: Start, batches: Batches, tmp_path: Path
) -> None:
    climb(start(epochs=6), batches, LastCheckpoint(tmp_path, {}), InterruptAt(4, 2))
    resumed, last = start(epochs=6, seed=99), LastCheckpoint(tmp_path, {})
    last.resume(resumed)
    climb(resumed, batches, last, InterruptAt(5, 2))
    flipped(tmp_path / "epoch-4.safetensors")
    found = find_checkpoint(tmp_path)
    assert found.state is not None and found.state["epoch"] == 3


def test_where_no_checkpoint_is_whole_each_is_named(start: Start, batches: Batches, tmp_path: Path) -> None:
    climb(start(epochs=2), batches, LastCheckpoint(tmp_path, {}))
    for epoch in (1, 2):
        flipped(tmp_path / f"epoch-{epoch}.safetensors")
    with pytest.raises(RunError) as caught:
        LastCheckpoint(tmp_path, {}).resume(start())
    assert str(caught.value) == (
        f"{tmp_path}/epoch-2.safetensors is not what was written (its SHA-256 differs); "
        f"{tmp_path}/epoch-1.safetensors is not what was written (its SHA-256 differs). "
        "Climb its ladder again to make it anew."
    )
    before = sorted(path.name for path in tmp_path.iterdir())
    tidy(tmp_path)
    assert sorted(path.name for path in tmp_path.iterdir()) == before


def test_a_checkpoint_of_an_earlier_version_is_not_gone_on_with(start: Start, tmp_path: Path) -> None:
    (tmp_path / "state.json").write_text('{"epoch": 3, "tensors": "epoch-3.safetensors"}')
    with pytest.raises(RunError, match=r"its list of files cannot be read"):
        LastCheckpoint(tmp_path, {}).resume(start())


def test_weights_of_another_network_are_refused_with_what_differs(tmp_path: Path) -> None:
    path = tmp_path / "w.safetensors"
    save_weights(nn.Sequential(nn.Linear(3, 4), nn.Linear(4, 2)), path)
    with pytest.raises(RunError) as caught:
        load_weights(nn.Sequential(nn.Linear(5, 4), nn.Linear(4, 2)), path)
    assert str(caught.value) == (
        f"{path} holds the weights of another network: 0.weight is [4, 3] where [4, 5] was expected. "
        "If the data have changed since it was trained, train it again with --fresh."
    )
    with pytest.raises(RunError, match=r"another network: 2.weight \[2, 4\] is absent; 2.bias .* and 1 more. If"):
        load_weights(nn.Sequential(nn.Linear(3, 4), nn.ReLU(), nn.Linear(4, 2)), path)


def test_a_head_for_other_classes_is_told_as_such(tmp_path: Path) -> None:
    path = tmp_path / "w.safetensors"
    save_weights(nn.Sequential(nn.Linear(3, 4), nn.Linear(4, 2)), path)
    text = r"another network: its head is for 2 classes, and 3 are expected. If the data have changed since it was"
    with pytest.raises(RunError, match=text):
        load_weights(nn.Sequential(nn.Linear(3, 4), nn.Linear(4, 3)), path)


def test_a_checkpoint_of_another_network_is_refused(start: Start, batches: Batches, tmp_path: Path) -> None:
    last = LastCheckpoint(tmp_path, {})
    train(start(epochs=1), batches, schedule=cosine(1), validate=dict, seed=0, callbacks=[last])
    other = start()
    other.network = nn.Linear(1, 1)
    with pytest.raises(RunError, match=r"epoch-1.safetensors holds the weights of another network: weight \[1, 1\] is"):
        last.resume(other)


def test_unreadable_weights_say_what_to_do(tmp_path: Path) -> None:
    path = tmp_path / "w.safetensors"
    path.write_bytes(b"no safetensors")
    with pytest.raises(RunError, match=r"could not read .*w.safetensors: .* Climb its ladder again to make it anew"):
        load_weights(nn.Linear(1, 1), path)
    with pytest.raises(RunError, match="could not read"):
        load_weights(nn.Linear(1, 1), tmp_path / "absent.safetensors")


def test_a_full_disk_leaves_the_old_weights(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "w.safetensors"
    net = nn.Linear(2, 2)
    save_weights(net, path)
    before = path.read_bytes()

    def full(descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(RunError, match=r"could not write .*w.safetensors: No space left on device. Free some space"):
        save_weights(nn.Linear(2, 2), path)
    assert path.read_bytes() == before
    assert [file.name for file in tmp_path.iterdir()] == ["w.safetensors"]


def test_what_is_no_folder_is_no_full_disk(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(
        RunError, match=r"could not write .*w.safetensors: (File exists|Not a directory). Give another place"
    ):
        save_weights(nn.Linear(2, 2), tmp_path / "file" / "w.safetensors")


def test_every_file_of_a_checkpoint_that_counts_is_on_the_disk_before_it(
    start: Start, batches: Batches, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The best weights are written without waiting for the disk: whoever names them has to see that they are there."""
    synced: set[int] = set()
    monkeypatch.setattr(checkpoint, "WRITE_EVERY", 0.0)
    monkeypatch.setattr(os, "fsync", lambda descriptor: synced.add(os.fstat(descriptor).st_ino))
    stop = EarlyStopping(["val_loss"], 5, tmp_path)
    climb(start(epochs=3), batches, LastCheckpoint(tmp_path, {"stop": stop}))
    state = find_checkpoint(tmp_path).state
    assert state is not None
    assert len(state["files"]) == 2
    assert {(tmp_path / name).stat().st_ino for name in (*state["files"], "state.json")} <= synced


def test_of_short_epochs_one_a_second_is_kept_and_the_last(
    start: Start, batches: Batches, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whatever ends it: all epochs, early stopping, or a pause."""

    class EndAt(Callback):
        def __init__(self, how: str) -> None:
            self.how = how

        def on_epoch_end(self, training: Training) -> None:
            if training.epoch == 3:
                setattr(training, self.how, self.how if self.how == "stop" else True)

    monkeypatch.setattr(checkpoint, "WRITE_EVERY", 1000.0)
    for how, end in (("", 5), ("stop", 3), ("paused", 3)):
        folder = tmp_path / f"by-{how}"
        callbacks = [*([EndAt(how)] if how else []), LastCheckpoint(folder, {})]
        train(start(epochs=5), batches, schedule=cosine(5), validate=dict, seed=0, callbacks=callbacks)
        assert {path.name for path in folder.glob("*.safetensors")} == {
            "epoch-1.safetensors",
            f"epoch-{end}.safetensors",
        }
        state = find_checkpoint(folder).state
        assert state is not None and state["epoch"] == end
