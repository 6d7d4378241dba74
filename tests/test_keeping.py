"""Nothing finished is lost: what a climb replaces is kept, whatever befalls it on the way."""

import io
import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any
from unittest.mock import Mock

import pytest
from rich.console import Console

import escalera as esc
from escalera.cli.terminal import Narrator
from escalera.core.errors import RunError
from escalera.core.files import read_json, read_sealed
from escalera.core.rundir import RunDir
from escalera.experiment import climb as climbing
from escalera.experiment import stage
from escalera.experiment.stage import tasks_of
from escalera.report.story import read_story
from escalera.run import attempt as attempts
from escalera.run import fit as rung
from escalera.run import fit_ensemble, keeping
from escalera.train.callbacks import History

LADDER = """
name: tiny
data: {source: digits, validation: 0.2, test: 0.5}
rungs:
  - name: mlp
    model: {kind: mlp, dense: [8]}
    train: {epochs: 3, batch_size: 256, optimizer: {name: adam, lr: 0.01}}
  - name: wider
    change: {model.dense: [16]}
"""


@pytest.fixture(scope="module")
def climbed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the ladder and its finished runs, to be copied."""
    folder = tmp_path_factory.mktemp("climbed")
    (folder / "tiny.yaml").write_text(LADDER)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(climbing, "_report", lambda folder, *_, **__: folder / "report.html")
        climbing.climb(esc.load_ladder(folder / "tiny.yaml"), out=folder / "runs")
    return folder


class Place:
    """A copy of it, and what a climb there says."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.ladder = folder / "runs" / "tiny"
        self.said = ""

    def climb(self, *sets: str, **more: Any) -> dict[str, esc.Run]:
        file = io.StringIO()
        try:
            reading = esc.load_ladder(self.folder / "tiny.yaml", sets)
            return climbing.climb(reading, out=self.folder / "runs", events=Narrator(Console(file=file)), **more)
        finally:
            self.said = file.getvalue()

    def run(self, name: str) -> RunDir:
        return RunDir(self.ladder / name)

    def names(self, name: str = "wider") -> list[str]:
        return sorted(path.name for path in (self.ladder / name).iterdir())

    def entries(self) -> dict[str, Any]:
        return {entry["name"]: entry for entry in read_sealed(self.ladder / "ladder.json")["rungs"]}


@pytest.fixture
def place(climbed: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Place:
    monkeypatch.setattr(climbing, "_report", lambda folder, *_, **__: folder / "report.html")
    return Place(shutil.copytree(climbed, tmp_path / "place"))


@pytest.fixture
def no_training(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rung, "_train", lambda *_: pytest.fail("trained again"))


def epochs(run: RunDir) -> int:
    assert run.faults() == {}
    return int(run.read_record()["epochs"])


def stop_at(monkeypatch: pytest.MonkeyPatch, epoch: int) -> pytest.MonkeyPatch:
    """Ctrl-C after the first step of an epoch."""

    def step(self: Any, training: Any) -> None:
        training.interrupted = training.interrupted or training.epoch == epoch

    monkeypatch.setattr(History, "on_step_end", step)
    return monkeypatch


def test_two_climbs_with_other_settings_lose_nothing_and_the_first_comes_back(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = place.run("wider/seed-0").best.read_bytes()
    place.climb("train.epochs=2", rungs=["wider"])
    kept = place.run("wider/seed-0.kept-001")
    assert f"the run that stood here is kept; to put it back: escalera runs restore {kept.path}" in place.said
    place.climb("train.epochs=1", rungs=["wider"])
    assert place.names() == ["seed-0", "seed-0.kept-001", "seed-0.kept-002"]
    assert [epochs(place.run(f"wider/{name}")) for name in place.names()] == [1, 3, 2]
    assert kept.best.read_bytes() == first
    # The finished rungs stay in the report, with what tells them apart.
    assert {name: (entry["seeds"], entry["as_asked"]) for name, entry in place.entries().items()} == {
        "mlp": ([0], False), "wider": ([0], True),
    }  # fmt: skip
    changed = {change["path"]: (change["before"], change["after"]) for change in place.entries()["wider"]["change"]}
    assert changed == {"model.dense": ([8], [16]), "train.epochs": (3, 1)}

    monkeypatch.setattr(rung, "_train", lambda *_: pytest.fail("trained again"))
    monkeypatch.setattr(stage, "prepare", lambda *_: pytest.fail("opened the data"))
    place.climb()
    assert (
        f"{kept.path} was made with these settings: it stands at {place.run('wider/seed-0').path} again" in place.said
    )
    assert place.names() == ["seed-0", "seed-0.kept-002", "seed-0.kept-003"]
    assert [epochs(place.run(f"wider/{name}")) for name in place.names()] == [3, 2, 1]
    assert place.run("wider/seed-0").best.read_bytes() == first
    assert place.run("wider/seed-0").read_record()["test_looks"] == 1
    assert all(entry["as_asked"] for entry in place.entries().values())


def test_a_training_that_is_stopped_leaves_what_stands(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        stop_at(patch, 2)
        place.climb("train.epochs=2", rungs=["wider"])
    stands, work = (place.run(f"wider/{name}") for name in place.names())
    assert (stands.path.name, epochs(stands)) == ("seed-0", 3)
    assert (work.state(), work.path.suffix[1:]) == ("running", work.read_record()["settings"][:8])
    story = read_story(place.ladder)
    assert [(rung.name, rung.state, rung.as_asked) for rung in story.rungs] == [
        ("mlp", "done", False), ("wider", "done", False),
    ]  # fmt: skip
    place.climb()
    assert "Every rung is finished" in place.said
    # With other settings again it is left alone, and goes on when it is asked for.
    place.climb("train.epochs=1", rungs=["wider"])
    assert place.names() == sorted(["seed-0", "seed-0.kept-001", work.path.name])
    place.climb("train.epochs=2", rungs=["wider"])
    assert "goes on after epoch 1, where it was interrupted" in place.said
    assert [epochs(place.run(f"wider/{name}")) for name in place.names()] == [2, 3, 1]


def test_a_first_training_that_is_stopped_makes_room_for_another(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    shutil.rmtree(place.ladder / "wider")
    for count in (4, 3):
        with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
            stop_at(patch, 2)
            place.climb(f"train.epochs={count}", rungs=["wider"])
    assert len(place.names()) == 2
    place.climb("train.epochs=4", rungs=["wider"])
    assert "goes on after epoch 1" in place.said
    assert epochs(place.run("wider/seed-0")) == 4
    place.climb("train.epochs=3", rungs=["wider"])
    assert "goes on after epoch 1" in place.said
    assert place.names() == ["seed-0", "seed-0.kept-001"]
    assert [epochs(place.run(f"wider/{name}")) for name in place.names()] == [3, 4]


class CrashError(BaseException):
    """As a process that is killed, nothing catches it."""


@pytest.mark.parametrize("after", [False, True])
@pytest.mark.parametrize("number", [1, 2])
@pytest.mark.parametrize("then", ["train.epochs=2", "train.epochs=3"])
def test_a_crash_between_two_renames_loses_nothing(
    place: Place, monkeypatch: pytest.MonkeyPatch, number: int, after: bool, then: str
) -> None:
    whole, count = Path.rename, 0

    def rename(path: Path, to: Path) -> Path:
        nonlocal count
        count += 1
        if count == number and not after:
            raise CrashError
        found = whole(path, to)
        if count == number:
            raise CrashError
        return found

    with monkeypatch.context() as patch, pytest.raises(CrashError):
        patch.setattr(Path, "rename", rename)
        place.climb("train.epochs=2", rungs=["wider"])
    assert count == number
    monkeypatch.setattr(rung, "_train", lambda *_: pytest.fail("trained again"))
    place.climb(then, rungs=["wider"])
    # A number is taken once: it stays free where the older run was put back from it.
    other = "seed-0.kept-001" if then == "train.epochs=2" or (number == 1 and not after) else "seed-0.kept-002"
    assert place.names() == ["seed-0", other]
    found = [epochs(place.run(f"wider/{name}")) for name in place.names()]
    assert found == ([2, 3] if then == "train.epochs=2" else [3, 2])


def test_a_crash_while_a_run_is_put_back(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    place.climb("train.epochs=2", rungs=["wider"])
    whole = Path.rename
    for crash in (1, 2, 3):
        count = 0

        def rename(path: Path, to: Path, crash: int = crash) -> Path:
            nonlocal count
            count += 1
            if count == crash:
                raise CrashError
            return whole(path, to)

        with monkeypatch.context() as patch, pytest.raises(CrashError):
            patch.setattr(Path, "rename", rename)
            place.climb(rungs=["wider"])
        monkeypatch.setattr(rung, "_train", lambda *_: pytest.fail("trained again"))
        place.climb(rungs=["wider"])
        assert [epochs(place.run(f"wider/{name}")) for name in place.names()] == [3, 2]
        place.climb("train.epochs=2", rungs=["wider"])


def test_a_training_that_fails_leaves_what_stands(place: Place) -> None:
    before = {path: path.read_bytes() for path in (place.ladder / "wider/seed-0").rglob("*") if path.is_file()}
    run = place.climb("train.optimizer.lr=1e30", rungs=["wider"])["wider"]
    assert run.state == "failed"
    assert run.dir.path.name != "seed-0"
    assert "the loss became" in run.dir.read_record()["error"]
    assert {path: path.read_bytes() for path in before} == before
    assert [rung.state for rung in read_story(place.ladder).rungs] == ["done", "done"]
    # What failed before it learned anything is not kept over and over.
    place.climb("train.optimizer.lr=1e30", rungs=["wider"])
    assert len(place.names()) == 2


@pytest.mark.parametrize("times", [1, 2])
def test_fresh_keeps_each(place: Place, times: int) -> None:
    first = place.run("wider/seed-0").best.read_bytes()
    for _ in range(times):
        place.climb(rungs=["wider"], fresh=True)
    assert place.names() == ["seed-0", *(f"seed-0.kept-{number + 1:03}" for number in range(times))]
    assert all(place.run(f"wider/{name}").best.read_bytes() == first for name in place.names())
    assert "is kept; to put it back" in place.said


def test_a_fresh_training_that_is_stopped_goes_on_without_fresh(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        stop_at(patch, 2)
        place.climb(rungs=["wider"], fresh=True)
    assert epochs(place.run("wider/seed-0")) == 3
    place.climb(rungs=["wider"])
    assert "goes on after epoch 1" in place.said
    assert place.names() == ["seed-0", "seed-0.kept-001"]


def test_judged_otherwise_and_back(place: Place, no_training: None) -> None:
    before = place.run("wider/seed-0").predictions.read_bytes()
    place.climb("evaluate.tta=flip", rungs=["wider"])
    assert place.run("wider/seed-0").read_record()["test_looks"] == 2
    assert place.run("wider/seed-0").predictions.read_bytes() != before
    place.climb(rungs=["wider"])
    assert "was made with these settings" in place.said
    assert place.run("wider/seed-0").predictions.read_bytes() == before
    place.climb("evaluate.price_per_hour=2", rungs=["wider"])
    assert place.names() == ["seed-0", "seed-0.kept-002"]
    assert place.run("wider/seed-0").read_record()["price"]["currency"]
    assert epochs(place.run("wider/seed-0")) == 3


def test_a_damaged_history_is_not_handed_on_as_a_whole_one(place: Place, no_training: None) -> None:
    """Judged otherwise, a run would seal what it took over as if it had been written so."""
    run = place.run("wider/seed-0")
    flip(run.history)
    shutil.rmtree(run.last)  # from where it would be written again
    place.climb("evaluate.tta=flip", rungs=["wider"])
    assert run.faults() == {} and not run.history.exists()
    kept = place.run("wider/seed-0.kept-001")
    assert kept.history.name in kept.faults()


def test_a_finished_run_that_is_handed_over_is_not_looked_at_again(place: Place) -> None:
    reading = esc.load_ladder(place.folder / "tiny.yaml")
    run = place.run("wider/seed-0")
    before = run.record.read_bytes()
    wider = reading.ladder["wider"]
    (task,) = tasks_of(reading, [(wider, 0)], place.ladder, None, "cpu", fresh=False, skip_bad=False)
    assert task.run == run
    attempts.attempt(task, wider, (), Narrator())
    assert run.record.read_bytes() == before


def flip(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)


@pytest.mark.parametrize("damage", [flip, Path.unlink])
@pytest.mark.parametrize("name", ["predictions.parquet", "metrics.json", "config.yaml", "splits.parquet"])
def test_damaged_answers_are_made_again_without_training(
    place: Place, no_training: None, name: str, damage: Callable[[Path], None]
) -> None:
    run = place.run("wider/seed-0")
    before = (run.path / name).read_bytes()
    damage(run.path / name)
    place.climb()
    how = "is gone" if damage is Path.unlink else "is not what was written (its SHA-256 differs)"
    assert f"{run.path / name} {how}. It is made again, and what was damaged is kept." in place.said
    assert (run.path / name).read_bytes() == before
    assert epochs(run) == 3
    assert run.read_record()["test_looks"] == 2
    assert list(place.run("wider/seed-0.kept-001").faults()) == [name]
    place.climb()
    assert "Every rung is finished" in place.said


@pytest.mark.parametrize("name", ["best.safetensors", "run.json"])
def test_damaged_weights_are_learned_again(place: Place, name: str) -> None:
    run = place.run("wider/seed-0")
    before = run.best.read_bytes()
    flip(run.path / name)
    place.climb()
    # A flipped bit leaves run.json readable or not, by chance.
    told = f"{run.path / name} is not what was written (its SHA-256 differs)" in place.said
    assert told or f"could not read {run.record}" in place.said
    assert "It is made again" in place.said
    assert run.best.read_bytes() == before
    assert place.names() == ["seed-0", "seed-0.kept-001"]
    assert epochs(run) == 3


def test_a_folder_whose_run_json_is_gone_is_not_written_over(place: Place) -> None:
    run = place.run("wider/seed-0")
    before = run.best.read_bytes()
    run.record.unlink()
    place.climb("train.epochs=1", rungs=["wider"])
    assert place.names() == ["seed-0", "seed-0.kept-001"]
    assert place.run("wider/seed-0.kept-001").best.read_bytes() == before


def test_damage_that_changes_no_answer_is_told_and_the_history_written_again(place: Place, no_training: None) -> None:
    run = place.run("wider/seed-0")
    before = run.history.read_bytes()
    flip(run.history)
    flip(run.environment)
    place.climb()
    assert run.history.read_bytes() == before
    assert f"{run.environment} is not what was written (its SHA-256 differs). No answer depends on it" in place.said
    assert "Every rung is finished" in place.said
    flip(run.last / "state.json")
    flip(run.history)
    place.climb()
    for path in (run.history, run.last / "state.json", run.environment):
        assert f"{path} is not what was written (its SHA-256 differs). No answer depends on it" in place.said
    assert place.names() == ["seed-0"]


def test_a_training_of_which_no_checkpoint_is_whole_begins_anew(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        stop_at(patch, 2)
        place.climb("train.epochs=2", rungs=["wider"])
    work = place.run(f"wider/{place.names()[1]}")
    flip(work.last / "epoch-1.safetensors")
    place.climb("train.epochs=2", rungs=["wider"])
    assert "the training that was begun cannot go on: " in place.said
    assert "epoch-1.safetensors is not what was written (its SHA-256 differs). It begins anew" in place.said
    assert [epochs(place.run(f"wider/{name}")) for name in ("seed-0", "seed-0.kept-002")] == [2, 3]
    assert place.run("wider/seed-0.kept-001").state() == "running"


@pytest.mark.parametrize("chosen", [1, 2])
def test_a_training_that_was_over_does_not_fall_back_to_another_epoch(
    place: Place, monkeypatch: pytest.MonkeyPatch, chosen: int
) -> None:
    """Its best epoch is damaged before the rows were answered; the checkpoint of the last one is left."""
    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr(attempts, "evaluate", Mock(side_effect=KeyboardInterrupt))
        place.climb("train.epochs=2", rungs=["wider"])
    work = place.run(f"wider/{place.names()[1]}")
    record = work.read_record()
    assert record["stopped"] == "all epochs"
    work.write_record({**record, "best_epoch": chosen})
    flip(work.best)
    place.climb("train.epochs=2", rungs=["wider"])
    run = place.run("wider/seed-0")
    assert (epochs(run), run.read_record()["best_epoch"]) == (2, 2)
    anew = f"the training that was begun cannot go on: {work.best} is not what was written (its SHA-256 differs)."
    assert (anew in place.said) == (chosen == 1)
    assert ("seed-0.kept-002" in place.names()) == (chosen == 1)


def test_a_training_whose_checkpoints_are_gone_is_kept_and_said(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    for stopped, kept in ((2, False), (3, True)):
        with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
            stop_at(patch, stopped)
            place.climb("train.epochs=4", rungs=["wider"])
        work = place.run(f"wider/{place.names()[1]}")
        assert len(work.read_history()) == stopped - 1
        shutil.rmtree(work.last)
        with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
            stop_at(patch, 1)
            place.climb("train.epochs=4", rungs=["wider"])
        # One epoch is what a process leaves that ends before its first checkpoint: nothing is lost with it.
        text = f"{work.history} has 2 epochs, and {work.last} no checkpoint. It begins anew, and what there was is kept"
        assert (text in place.said) == kept
    assert len(place.run("wider/seed-0.kept-001").read_history()) == 2


def test_what_a_killed_process_left_is_swept(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        stop_at(patch, 2)
        place.climb("train.epochs=2", rungs=["wider"])
    work = place.run(f"wider/{place.names()[1]}")
    (work.last / ".epoch-1.safetensors.ab12cd34").write_text("half")
    (work.path / ".DS_Store").write_text("not ours")
    (place.ladder / "wider" / ".begun-seed-0.12345678").mkdir()
    (place.ladder / "wider" / ".removed-seed-0").mkdir()
    place.climb("train.epochs=2", rungs=["wider"])
    assert place.names() == ["seed-0", "seed-0.kept-001"]
    left = [path.name for path in (place.ladder / "wider").rglob(".*")]
    assert left == [".DS_Store"]


def test_seeds_with_other_settings_are_not_mixed(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    place.climb(rungs=["wider"], seeds=3)
    assert place.entries()["wider"]["seeds"] == [0, 1, 2]
    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        calls = iter([False, True])
        whole = rung._train

        def train(*arguments: Any) -> Any:
            if next(calls):
                raise KeyboardInterrupt
            return whole(*arguments)

        patch.setattr(rung, "_train", train)
        place.climb("train.epochs=1", rungs=["wider"], seeds=2)
    entry = place.entries()["wider"]
    assert (entry["seeds"], entry["as_asked"]) == ([0], True)
    place.climb("train.epochs=1", rungs=["wider"], seeds=2)
    assert place.entries()["wider"]["seeds"] == [0, 1]


CHAIN = """
name: tiny
data: {source: digits, validation: 0.2, test: 0.5}
train: {epochs: 1, batch_size: 256, optimizer: {name: adam, lr: 0.01}}
rungs:
  - name: first
    model: {kind: cnn, blocks: [[4]], head: {dense: [8]}}
  - name: votes
    change:
      model: {kind: votes, features: {from: first}, classifiers: [{name: nearest_neighbours, k: 3}, {name: linear_svm}]}
"""


def test_what_starts_from_a_rung_that_failed_does_not_start_from_an_older_run_of_it(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    (place.folder / "tiny.yaml").write_text(CHAIN)
    place.climb()
    before = place.run("votes/seed-0").record.read_bytes()
    place.climb("train.optimizer.lr=1e30")
    assert "it starts from the weights of the rung 'first', which failed" in place.said
    assert place.run("votes/seed-0").record.read_bytes() == before
    # The weights are those of the first climb: the votes on them stand as they are.
    place.climb()
    assert "Every rung is finished" in place.said

    # Damaged answers of a vote cost no new fit, damaged classifiers do.
    run = place.run("votes/seed-0")
    whole = run.predictions.read_bytes()
    flip(run.predictions)
    with monkeypatch.context() as patch:
        patch.setattr(fit_ensemble, "fit", lambda *_: pytest.fail("fitted again"))
        place.climb()
    assert run.predictions.read_bytes() == whole
    assert run.faults() == {}
    flip(run.path / "classifiers" / "linear_svm.skops")
    with pytest.raises(RunError, match=r"linear_svm.skops is not what was written"):
        esc.Run(run).predict(None)
    place.climb()
    assert run.predictions.read_bytes() == whole
    assert run.faults() == {}
    assert [name for name in place.names("votes") if "kept" in name] == ["seed-0.kept-001", "seed-0.kept-002"]


def test_a_run_of_an_earlier_version_is_left_as_it_is(place: Place, no_training: None) -> None:
    for name in ("mlp", "wider"):
        run = place.run(f"{name}/seed-0")
        record = {key: value for key, value in run.read_record().items() if key not in ("files", "settings", "threads")}
        run.record.write_text(json.dumps(record))
        shutil.copytree(run.path, run.path.with_name("seed-0.previous"))
    place.climb()
    assert "Every rung is finished" in place.said
    assert place.names() == ["seed-0", "seed-0.previous"]
    shutil.rmtree(place.ladder / "wider" / "seed-0")
    place.climb()
    assert "seed-0.previous was made with these settings" in place.said
    assert place.names() == ["seed-0"]
    assert esc.Run(place.run("wider/seed-0")).metrics == read_json(place.run("wider/seed-0").metrics)


def test_a_folder_that_cannot_be_renamed(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(path: Path, to: Path) -> None:
        raise PermissionError(13, "Permission denied")

    run = place.run("wider/seed-0")
    with monkeypatch.context() as patch:
        patch.setattr(Path, "rename", refuse)
        with pytest.raises(RunError) as caught:
            keeping.set_aside(run)
    assert str(caught.value) == (
        f"could not rename {run.path} to seed-0.kept-001: Permission denied. Nothing of it is lost; close what reads "
        "it, and type the same command again."
    )
    with monkeypatch.context() as patch:
        patch.setattr(Path, "rename", refuse)
        place.climb("train.epochs=2", rungs=["wider"])
    assert "wider failed: could not rename" in place.said
    monkeypatch.setattr(rung, "_train", lambda *_: pytest.fail("trained again"))
    place.climb("train.epochs=2", rungs=["wider"])
    assert epochs(run) == 2
