"""A rung that searches: what its trials are, what they read, what becomes of the best, and what a crash leaves."""

from __future__ import annotations

import csv
import json
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

import escalera as esc
from escalera.core.errors import EscaleraError
from escalera.core.files import plain_yaml, read_json
from escalera.core.rundir import RunDir
from escalera.data.dataset import Dataset, Split
from escalera.experiment import climb as climbing
from escalera.experiment.answers import is_over, set_aside
from escalera.experiment.executors import serial
from escalera.experiment.results import Results
from escalera.experiment.stage import tasks_of
from escalera.experiment.study import JOURNAL
from escalera.ladder.schema import Search
from escalera.run.events import Events
from escalera.run.outcome import Outcome
from escalera.run.perform import perform
from escalera.run.task import Task, data_kept, open_data
from escalera.run.trial import Trial

OVER = {"train.optimizer.lr": {"log": [1e-3, 1e-1]}, "model.dense": [[4], [8], [16]]}
MLP: dict[str, Any] = {"kind": "mlp", "dense": [8]}
DATA = {"source": "digits", "validation": 0.2, "test": 0.4}
TRAIN = {"epochs": 2, "batch_size": 128, "optimizer": {"name": "adam", "lr": 0.01}}
CLOCK = ("seconds", "images_per_second")


def ladder(*others: dict[str, Any], over: Any = None, name: str = "tuned", **search: Any) -> dict[str, Any]:
    """A ladder with a rung that searches, and others after it."""
    wanted = {"over": over or OVER, "trials": 3, **search}
    if wanted.get("method") == "grid":
        del wanted["trials"]
    first = {"name": name, "model": MLP, "search": wanted}
    return {"name": "s", "data": DATA, "train": TRAIN, "rungs": [first, *others]}


@pytest.fixture
def climb(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Results]:
    """Climb a ladder as it is written, without its report."""
    monkeypatch.setattr(climbing, "_report", lambda folder, *_, **__: folder / "report.html")

    def of(written: dict[str, Any], sets: tuple[str, ...] = (), **options: Any) -> Results:
        out = options.pop("out", tmp_path / "runs")
        return climbing.climb(esc.load_ladder(written, sets), out=out, device="cpu", **options)

    return of


def found(folder: Path, rung: str = "tuned") -> dict[str, Any]:
    value: dict[str, Any] = read_json(folder / "runs" / "s" / rung / "search" / "search.json")
    return value


def config_of(folder: Path, rung: str) -> Any:
    return plain_yaml((folder / "runs/s" / rung / "seed-0/config.yaml").read_text())


def outcomes(value: dict[str, Any]) -> list[tuple[Any, ...]]:
    """What came of the trials, but for what a clock says."""
    return [
        tuple(trial[key] for key in ("number", "state", "settings", "value", "curve", "epochs", "same", "error"))
        for trial in value["trials"]
    ]


class Heard(Events):
    """What was said of trials, and which runs were trained."""

    def __init__(self) -> None:
        self.trials: list[Trial] = []
        self.rungs: list[str] = []
        self.failed: dict[str, str] = {}
        self.told = -1

    def search_begins(self, rung: Any, trials: int | None, told: int, rows: int, flattery: float) -> None:
        self.told = told

    def trial_reported(self, trial: Trial, best: Trial | None, trials: int | None) -> None:
        self.trials.append(trial)

    def rung_begins(self, rung: Any, seed: int, place: str) -> None:
        self.rungs.append(f"{rung.name} {seed} {place}")

    def rung_failed(self, rung: Any, message: str, trace: str) -> None:
        self.failed[rung.name] = message


def test_the_best_becomes_the_rungs_own_and_its_childrens(climb: Callable[..., Results], tmp_path: Path) -> None:
    """Each trial is tried once; the winner is trained anew, and the same command finds nothing to do."""
    written = ladder({"name": "child", "change": {"train.epochs": 1}}, epochs=1)
    heard = Heard()
    runs = climb(written, events=heard, seeds=2)
    assert not runs.failed
    value = found(tmp_path)
    assert [trial["state"] for trial in value["trials"]] == ["done"] * 3 and value["state"] == "done"
    best = max(value["trials"], key=lambda trial: trial["value"])
    assert (value["best"], value["answer"]) == (best["number"], best["settings"])
    assert heard.rungs == ["tuned 0 1/4", "tuned 1 2/4", "child 0 3/4", "child 1 4/4"] and heard.told == 0
    for rung, epochs in (("tuned", 2), ("child", 1)):
        config = config_of(tmp_path, rung)
        assert config["model"]["dense"] == best["settings"]["model.dense"]
        assert config["train"]["optimizer"]["lr"] == best["settings"]["train.optimizer.lr"]
        assert config["train"]["epochs"] == epochs
    trials = sorted((tmp_path / "runs/s/tuned/search").glob("trial-*/seed-1000"))
    assert [run.parent.name for run in trials] == ["trial-0001", "trial-0002", "trial-0003"]
    # The weights of trials are needed no more, and of the test rows they have no answers.
    assert not any(
        (run / name).exists() for run in trials for name in ("last", "best.safetensors", "predictions.parquet")
    )
    rows = list(csv.reader((tmp_path / "runs/s/tuned/search/trials.csv").read_text().splitlines()))
    assert rows[0] == ["trial", "state", "value", "epochs", "seconds", "same_as", *OVER, "error"] and len(rows) == 4
    before = {path: path.stat().st_mtime_ns for path in (tmp_path / "runs").rglob("*") if path.is_file()}
    again = Heard()
    climb(written, events=again, seeds=2)
    assert (again.trials, again.rungs, again.told) == ([], [], -1)
    after = {path: path.stat().st_mtime_ns for path in (tmp_path / "runs").rglob("*") if path.is_file()}
    assert {path.name for path in after if after[path] != before.get(path)} <= {"ladder.json", ".lock-holder"}


def test_a_search_may_stand_above_the_one_that_finds_its_parents_settings(
    climb: Callable[..., Results], tmp_path: Path
) -> None:
    child = {
        "name": "child",
        "from": "tuned",
        "change": {"train.epochs": 1},
        "search": {"over": {"train.optimizer.lr": [1e-3, 1e-2]}, "method": "grid"},
    }
    written = ladder(over={"model.dense": [[4], [16]]}, method="grid", epochs=1)
    written["rungs"] = [child, {**written["rungs"][0], "from": None}]
    assert not climb(written).failed
    assert config_of(tmp_path, "child")["model"]["dense"] == found(tmp_path)["answer"]["model.dense"]
    heard = Heard()
    assert not climb(written, events=heard).failed
    assert heard.told == -1 and not heard.rungs  # nothing is left to do


def test_the_table_of_trials_has_a_long_section_whole(climb: Callable[..., Results], tmp_path: Path) -> None:
    sections = [{"kind": "mlp", "dense": [4, 4, 4, 4, 4], "activation": "gelu", "dropout": share} for share in (0, 0.2)]
    climb(ladder(over={"model": sections}, method="grid", epochs=1))
    rows = list(csv.DictReader((tmp_path / "runs/s/tuned/search/trials.csv").read_text().splitlines()))
    assert [plain_yaml(row["model"]) for row in rows] == sections


@pytest.mark.slow
@pytest.mark.parametrize("method", ["random", "grid", "tpe"])
def test_side_by_side_is_the_same(method: str, climb: Callable[..., Results], tmp_path: Path) -> None:
    over = {"model.dense": [[4], [8]], "model.dropout": [0.0, 0.5]} if method == "grid" else OVER
    written = ladder(over=over, method=method, epochs=1)
    climb(written)
    one = found(tmp_path)
    assert len(one["trials"]) == (4 if method == "grid" else 3)
    assert one["size"] == (4 if method == "grid" else None)
    if method == "grid":
        assert len({json.dumps(trial["settings"]) for trial in one["trials"]}) == 4
    if method != "tpe":
        climb(written, jobs=2, out=tmp_path / "two/runs")
        assert outcomes(found(tmp_path / "two")) == outcomes(one)


class Counting(Split):
    """The rows of test, of which is counted who looks at them."""

    def __getattribute__(self, name: str) -> Any:
        if name == "images":
            looks[at[0]] += 1
        return super().__getattribute__(name)


looks: Counter[str] = Counter()
at = [""]


@pytest.mark.parametrize("prune", [False, True])
def test_trials_never_read_a_test_row_and_a_rung_does_so_once(
    prune: bool, climb: Callable[..., Results], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Counted in the whole climb, for networks and for classifiers; and how often a model was asked for them."""
    from escalera.run import evaluate

    asked: list[tuple[str, str]] = []
    whole, opened = perform, open_data
    counted: dict[int, Dataset] = {}

    def counting(source: Any) -> Dataset:
        data = opened(source)
        test = Counting(data.test.images, data.test.labels, data.test.rows)
        return counted.setdefault(id(data), replace(data, test=test))

    def watched(task: Any, failed: frozenset[str], events: Events) -> Outcome:
        at[0] = task.name
        try:
            return whole(task, failed, events)
        finally:
            at[0] = "nobody"

    def of(judge: Any, rows: str) -> Any:
        def judged(*given: Any) -> Any:
            asked.append((given[-1].path.relative_to(tmp_path / "runs/s").as_posix(), rows))
            return judge(*given)

        return judged

    from escalera.experiment.executors import serial
    from escalera.run import attempt

    looks.clear()
    monkeypatch.setattr(attempt, "data_of", lambda task, rung: counting(task.source))
    monkeypatch.setattr(serial, "perform", watched)
    monkeypatch.setattr(attempt, "evaluate", of(evaluate.evaluate, "test"))
    monkeypatch.setattr(attempt, "validate", of(evaluate.validate, "validation"))
    votes = {
        "kind": "votes",
        "features": {"from": "tuned"},
        "classifiers": [{"name": "nearest_neighbours"}, {"name": "linear_svm"}],
    }
    over = {"model.classifiers": [[{"name": "nearest_neighbours", "k": n}, {"name": "linear_svm"}] for n in (1, 5)]}
    voting = {"name": "votes", "from": "tuned", "change": {"model": votes}, "search": {"over": over, "method": "grid"}}
    child = {"name": "child", "from": "tuned", "change": {"train.epochs": 3}}
    runs = climb(ladder(voting, child, prune=prune, epochs=3), seeds=2)
    assert not runs.failed
    assert set(looks) == {"tuned", "votes", "child"}
    final = [(f"{rung}/seed-{seed}", "test") for rung in ("tuned", "child", "votes") for seed in (0, 1)]
    assert sorted(one for one in asked if one[1] == "test") == sorted(final)
    assert all("/search/trial-" in run for run, rows in asked if rows == "validation")
    records = {path: read_json(path)["test_looks"] for path in (tmp_path / "runs").rglob("run.json")}
    assert all(count == ("search" not in path.parts) for path, count in records.items()) and len(records) == 6 + 3 + 2
    assert found(tmp_path, "votes")["size"] == 2


HARD: dict[str, Any] = {
    "name": "s",
    "data": DATA,
    "augment": {"rotation": 10, "shift": 0.1},
    "train": {
        **TRAIN, "epochs": 5, "ema": 0.9, "schedule": {"name": "plateau"},
        "early_stopping": {"monitor": "val_loss", "patience": 4},
    },
    "rungs": [{"name": "cnn", "model": {
        "kind": "cnn", "blocks": [[4]], "batch_norm": "conv", "dropout": 0.1, "head": {"dense": [8], "dropout": 0.2}
    }}],
}  # fmt: skip


def history(run: RunDir) -> list[dict[str, Any]]:
    return [{key: value for key, value in epoch.items() if key not in CLOCK} for epoch in run.read_history()]


def test_rows_that_calibrate_sets_judge_no_trial(climb: Callable[..., Results], tmp_path: Path) -> None:
    written = ladder(over={"model.dense": [[4], [8]]}, method="grid") | {"evaluate": {"coverage": 0.9}}
    assert not climb(written).failed
    folder = tmp_path / "runs/s/tuned"
    own = pq.read_table(folder / "seed-0/splits.parquet").to_pandas()
    calibrate = set(own[own["split"] == "calibration"]["row"])
    validate = set(own[own["split"] == "validation"]["row"])
    assert calibrate and not calibrate & validate
    for path in sorted((folder / "search").glob("trial-*/seed-*/splits.parquet")):
        trial = pq.read_table(path).to_pandas()
        assert set(trial[trial["split"] == "validation"]["row"]) == validate
    assert read_json(folder / "search/search.json")["rows"] == len(validate)


def test_a_training_that_pauses_is_the_unbroken_one(tmp_path: Path) -> None:
    reading = esc.load_ladder(HARD)
    pending = [(reading.ladder["cnn"], 0)]
    made = {}
    for name, stops in (("whole", [None]), ("paused", [1, 3, 3, None])):
        [task] = tasks_of(reading, pending, tmp_path / name / "s", None, "cpu", fresh=False, skip_bad=False)
        with data_kept():
            found = [perform(replace(task, on="validation", until=stop), frozenset(), Events()) for stop in stops]
        assert [outcome.state for outcome in found] == [*["paused"] * (len(stops) - 1), "done"]
        made[name] = task.run
    assert history(made["whole"]) == history(made["paused"]) and len(history(made["whole"])) == 5
    for file in ("best.safetensors", "validation.parquet", "metrics.json"):
        assert (made["whole"].path / file).read_bytes() == (made["paused"].path / file).read_bytes(), file
    assert set(read_json(made["paused"].metrics)) == {"validation"}


def test_one_that_is_over_before_it_would_pause_is_done(tmp_path: Path) -> None:
    reading = esc.load_ladder(HARD)
    [task] = tasks_of(reading, [(reading.ladder["cnn"], 0)], tmp_path / "s", None, "cpu", fresh=False, skip_bad=False)
    with data_kept():
        assert perform(replace(task, on="validation", until=5), frozenset(), Events()).state == "done"


def test_the_better_third_goes_on(climb: Callable[..., Results], tmp_path: Path) -> None:
    written = ladder(trials=9, epochs=6, prune=True, method="random")
    heard = Heard()
    climb(written, events=heard)
    value = found(tmp_path)
    spent = Counter(trial["epochs"] for trial in value["trials"])
    assert set(spent) <= {1, 3, 6} and spent[6] < 9 and spent[1] > 0
    for trial in value["trials"]:
        assert (trial["state"] == "done") == (trial["epochs"] == 6) and len(trial["curve"]) == trial["epochs"]
        assert trial["value"] == trial["curve"][-1]
    # In the order in which they came, a trial goes on that stands among the first third of those so far.
    first = [trial["curve"][0] for trial in value["trials"]]
    for number, trial in enumerate(value["trials"], 1):
        better = sum(value > trial["curve"][0] for value in first[:number])
        assert (trial["epochs"] > 1) == (better < max(1, number // 3))


def test_more_trials_later_and_another_space(climb: Callable[..., Results], tmp_path: Path) -> None:
    climb(ladder(epochs=1))
    three = found(tmp_path)
    heard = Heard()
    climb(ladder(epochs=1, trials=5), events=heard)
    five = found(tmp_path)
    assert heard.told == 3 and [trial.number for trial in heard.trials] == [3, 4]
    assert outcomes(five)[:3] == outcomes(three) and len(five["trials"]) == 5
    heard = Heard()
    climb(ladder(epochs=1, over={"model.dense": [[4], [8]]}, method="grid"), events=heard)
    assert heard.told == 0 and len(found(tmp_path)["trials"]) == 2
    kept = read_json(tmp_path / "runs/s/tuned/search.kept-001/search.json")
    assert outcomes(kept) == outcomes(five)
    climb(ladder(epochs=1, over={"model.dense": [[4], [8]]}, method="grid"), fresh=True)
    assert (tmp_path / "runs/s/tuned/search.kept-002").is_dir()


@pytest.mark.parametrize(
    ("before", "now", "over"),
    [
        ({"trials": 5}, {"trials": 5}, True),
        ({"trials": 5}, {"trials": 6}, False),
        ({"trials": 5}, {}, False),  # 20 where nothing is given
        ({}, {"trials": 10}, True),
        ({"minutes": 5.0}, {"minutes": 4.0}, True),
        ({"minutes": 5.0}, {"minutes": 6.0}, False),
        ({"minutes": 5.0}, {}, False),
        ({"trials": 5}, {"minutes": 5.0}, False),
        ({"method": "grid"}, {"method": "grid"}, True),
    ],
)
def test_a_search_is_over_until_it_may_try_more(before: dict[str, Any], now: dict[str, Any], over: bool) -> None:
    """Also where a limit was taken out, and not only where a larger one was written."""
    was, wanted = (Search.model_validate({"over": {"model.dense": [[4], [8]]}, **one}) for one in (before, now))
    assert is_over({"search": was.model_dump(), "state": "done"}, wanted) is over


def test_settings_that_come_again_are_not_trained_again(climb: Callable[..., Results], tmp_path: Path) -> None:
    climb(ladder(over={"model.dense": [[4], [8]]}, trials=6, epochs=1, method="random"))
    trials = found(tmp_path)["trials"]
    assert len(trials) == 6
    for trial in trials:
        twins = [other for other in trials[: trial["number"]] if other["settings"] == trial["settings"]]
        assert trial["same"] == (twins[0]["number"] if twins else None)
        assert trial["epochs"] == (0 if twins else 1)
        assert trial["value"] == (twins[0]["value"] if twins else trial["value"])
    assert len(list((tmp_path / "runs/s/tuned/search").glob("trial-*"))) == 2


def test_a_child_alone_before_the_search(climb: Callable[..., Results], tmp_path: Path) -> None:
    written = ladder({"name": "child", "change": {"train.epochs": 1}}, epochs=1)
    with pytest.raises(EscaleraError) as caught:
        climb(written, rungs=["child"])
    assert str(caught.value) == (
        "--rung child: its settings come from the search of 'tuned', which is still to be done. Climb that one first, "
        "or with it: --rung tuned --rung child."
    )
    climb(written, rungs=["tuned"])
    runs = climb(written, rungs=["child"])
    assert (
        not runs.failed and config_of(tmp_path, "child")["model"]["dense"] == found(tmp_path)["answer"]["model.dense"]
    )


def test_a_trial_that_cannot_be_built_fails_and_the_search_goes_on(
    climb: Callable[..., Results], tmp_path: Path
) -> None:
    """Five poolings do not fit into 8 pixels; a batch of 128 is no 512 shards."""
    over = {"model": [MLP, {"kind": "cnn", "blocks": [[2]] * 5}], "train.shards": [1, 512]}
    heard = Heard()
    runs = climb(ladder(over=over, method="grid", epochs=1), events=heard)
    assert not runs.failed
    states = {json.dumps(trial["settings"]): (trial["state"], trial["error"]) for trial in found(tmp_path)["trials"]}
    assert [state for state, _ in states.values()] == ["done", "failed", "failed", "failed"]
    assert all(error for state, error in states.values() if state == "failed")
    assert [trial.state for trial in heard.trials] == ["done", "failed", "failed", "failed"]


def test_where_all_trials_fail_the_rung_has_failed_and_what_builds_on_it(
    climb: Callable[..., Results], tmp_path: Path
) -> None:
    written = {**ladder(), "train": {**TRAIN, "epochs": 1}, "rungs": [
        {"name": "first", "model": {"kind": "cnn", "blocks": [[2]]}},
        {"name": "tuned", "change": {"model": MLP},
         "search": {"over": {"train.shards": [512, 1024]}, "trials": 30}},
        {"name": "child", "change": {"model.dropout": 0.1}},
        {"name": "grown", "from": "first", "change": {"model": {
            "kind": "fusion", "branches": {"a": {"kind": "mlp", "dense": [4]}, "b": {
                "kind": "transfer", "weights": {"from": "tuned"}}}}}},
        {"name": "second", "from": "first", "change": {"model.blocks": [[4]]}},
    ]}  # fmt: skip
    heard = Heard()
    runs = climb(written, events=heard)
    message = found(tmp_path)["trials"][-1]["error"]
    assert message.startswith("expected shards of equal size, of two rows or more each")
    assert len(found(tmp_path)["trials"]) == 10
    assert heard.failed == {
        "tuned": f"none of 10 trials came to an end; the last one: {message}",
        "child": "its settings come from the search of 'tuned', which found none",
        "grown": "its settings come from the search of 'tuned', which found none",
    }
    assert [outcome.rung for outcome in runs.failed] == ["tuned", "child", "grown"]
    assert read_json(tmp_path / "runs/s/second/seed-0/run.json")["state"] == "done"
    # Settings that make no rung fail for good.
    again = Heard()
    assert [outcome.rung for outcome in climb(written, events=again).failed] == ["tuned", "child", "grown"]
    assert again.failed == heard.failed and again.trials == []


def test_trials_that_fail_alike_twice_are_not_tried_a_third_time(
    climb: Callable[..., Results], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One command tries each once, and the next one once more: nobody knows by a message whether it comes back."""
    reasons = ["the disk is full"]
    monkeypatch.setattr(
        serial, "perform", lambda task, failed, events: Outcome(task.name, task.seed, "failed", reasons[0])
    )
    for reason, tried in (("the disk is full", 3), ("out of memory", 3), ("out of memory", 3), ("out of memory", 0)):
        reasons[0], heard = reason, Heard()
        climb(ladder(over={"model.dense": [[4], [8], [16]]}, method="grid", epochs=1), events=heard)
        assert heard.failed == {"tuned": f"none of 3 trials came to an end; the last one: {reason}"}
        assert len(heard.trials) == tried
    assert [trial["number"] for trial in found(tmp_path)["trials"]] == [0, 1, 2]


def test_a_trial_that_failed_by_chance_is_tried_again_by_the_next_command(
    climb: Callable[..., Results], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Under its own number, and as one that never failed; once the search has ended, what it found stands."""
    written = ladder(over={"model.dense": [[4], [8], [16]]}, method="grid", epochs=1)
    whole, failing = perform, [True]

    def moody(task: Task, failed: frozenset[str], events: Events) -> Outcome:
        if failing[0] and "trial-0002" in task.name:
            return Outcome(task.name, task.seed, "failed", "the disk is full")
        if failing[0] and "trial-0003" in task.name:
            raise KeyboardInterrupt
        return whole(task, failed, events)

    monkeypatch.setattr(serial, "perform", moody)
    with pytest.raises(KeyboardInterrupt):
        climb(written)
    assert [trial["state"] for trial in found(tmp_path)["trials"]] == ["done", "failed"]
    failing[0] = False
    assert not climb(written).failed
    trials = found(tmp_path)["trials"]
    assert [(one["number"], one["state"], one["error"]) for one in trials] == [(n, "done", "") for n in range(3)]
    assert trials[1]["settings"] == {"model.dense": [8]}


def test_too_few_minutes_say_how_many_it_takes(climb: Callable[..., Results], tmp_path: Path) -> None:
    heard = Heard()
    runs = climb(ladder(minutes=1e-5, epochs=1), events=heard)
    assert [outcome.rung for outcome in runs.failed] == ["tuned"] and len(heard.trials) == 1
    said = heard.failed["tuned"].partition("which takes ")
    assert said[0] == "search.minutes: 1e-05 are too few for a single trial, "
    assert float(said[2].partition(";")[0]) > 1e-5
    assert said[2].partition(";")[2] == " give more, or a trial fewer epochs"
    # With more of them the same search goes on.
    heard = Heard()
    assert not climb(ladder(minutes=5, epochs=1), events=heard).failed
    assert heard.told == 1 and [trial.number for trial in heard.trials] == [1, 2]


def test_no_trial_begins_that_would_end_too_late(climb: Callable[..., Results], tmp_path: Path) -> None:
    written = ladder(minutes=0.05, epochs=2)
    del written["rungs"][0]["search"]["trials"]
    began = time.monotonic()
    climb(written)
    trials = found(tmp_path)["trials"]
    assert trials[-1]["ended"] <= 3 + 1 or len(trials) == 1, time.monotonic() - began
    assert found(tmp_path)["search"]["minutes"] == 0.05


def torn(search: Path) -> None:
    with (search / JOURNAL).open("ab") as file:
        file.write(b'{"op_code":8,"worker_id":"x","tri')


def stale(search: Path) -> None:
    (search / f"{JOURNAL}.lock").touch()


def damaged(search: Path) -> None:
    (search / "search.json").write_text((search / "search.json").read_text().replace('"done"', '"dome"'))


def no_json(search: Path) -> None:
    (search / "search.json").write_bytes(b"\xff\x00")


def gone(search: Path) -> None:
    (search / "search.json").unlink()


def torn_within(search: Path) -> None:
    lines = (search / JOURNAL).read_bytes().splitlines(keepends=True)
    (search / JOURNAL).write_bytes(b"".join([*lines[: len(lines) // 2], b"\x00\x01\n", *lines[len(lines) // 2 :]]))


@pytest.mark.parametrize("damage", [torn, stale, damaged, no_json, gone, torn_within])
def test_what_a_crash_leaves_is_mended(
    damage: Callable[[Path], None], climb: Callable[..., Results], tmp_path: Path
) -> None:
    """The search goes on with five trials instead of three, and comes to the same as one that nobody broke."""
    climb(ladder(epochs=1, trials=5, method="random"), out=tmp_path / "whole/runs")
    climb(ladder(epochs=1, method="random"))
    damage(tmp_path / "runs/s/tuned/search")
    began = time.monotonic()
    heard = Heard()
    assert not climb(ladder(epochs=1, trials=5, method="random"), events=heard).failed
    assert time.monotonic() - began < 20, "somebody waits for a lock that nobody holds"
    assert outcomes(found(tmp_path)) == outcomes(found(tmp_path / "whole"))
    assert not list((tmp_path / "runs/s/tuned").glob("search.kept*"))
    if damage is not torn_within:
        assert [trial.number for trial in heard.trials] == [3, 4]


KILLED = """
import os, sys
import escalera as esc
from escalera.experiment.climb import climb
from escalera.experiment.search import _Hunt
from escalera.experiment.study import Study

count, (owner, name) = 0, {where}
whole = getattr(owner, name)

def dies(*given, **options):
    global count
    count += 1
    if count == 3 and {before}:
        os.kill(os.getpid(), 9)
    found = whole(*given, **options)
    if count == 3:
        os.kill(os.getpid(), 9)
    return found

setattr(owner, name, dies)
climb(esc.load_ladder({ladder}), out=sys.argv[1], device="cpu")
"""


@pytest.mark.slow
@pytest.mark.parametrize(
    ("where", "before"),
    [
        ('(Study, "tell")', True),
        ('(Study, "tell")', False),
        pytest.param('(Study, "ask")', False, marks=pytest.mark.slow),
        pytest.param('(Study, "goes_on")', False, marks=pytest.mark.slow),
        pytest.param('(_Hunt, "_begin")', False, marks=pytest.mark.slow),
        pytest.param('(__import__("optuna").Trial, "suggest_float")', False, marks=pytest.mark.slow),
        pytest.param('(__import__("optuna").Trial, "set_user_attr")', False, marks=pytest.mark.slow),
    ],
)
def test_a_search_that_is_killed_goes_on(
    where: str, before: bool, climb: Callable[..., Results], tmp_path: Path
) -> None:
    """No trial is tried twice and none is lost, whatever was written when the kill came."""
    written = ladder(trials=5, epochs=3, prune=True)
    code = KILLED.format(where=where, before=before, ladder=written)
    done = subprocess.run([sys.executable, "-c", code, str(tmp_path / "runs")], capture_output=True, timeout=100)
    assert done.returncode == -signal.SIGKILL, done.stderr.decode()
    search = tmp_path / "runs/s/tuned/search"
    made = {path: path.stat().st_mtime_ns for path in search.glob("trial-*/seed-1000/metrics.json")}
    assert not climb(written).failed
    climb(written, out=tmp_path / "whole/runs")
    assert outcomes(found(tmp_path)) == outcomes(found(tmp_path / "whole"))
    assert all(path.stat().st_mtime_ns == written for path, written in made.items())
    assert not [*search.parent.glob("search.*"), *search.glob("trial-*/seed-1000.*")]


def test_a_search_over_what_starts_from_another_rungs_weights(climb: Callable[..., Results], tmp_path: Path) -> None:
    """Its trials begin with the weights of the rung's first seed, each rung in the end with those of its own."""
    body = {"kind": "transfer", "weights": {"from": "body"}, "head": {"dense": [4]}}
    over = {"model.trainable": ["all", "none"], "model.head.dense": [[4], [8]]}
    written = {**ladder(), "rungs": [
        {"name": "body", "model": {"kind": "cnn", "blocks": [[4]]}},
        {"name": "tuned", "change": {"model": body}, "search": {"over": over, "method": "grid", "epochs": 1}},
        {"name": "twice", "change": {"train.epochs": 1}, "search": {"over": {"train.batch_size": [64, 128]}}},
    ]}  # fmt: skip
    assert not climb(written, seeds=2).failed
    assert [trial["state"] for trial in found(tmp_path)["trials"]] == ["done"] * 4
    assert config_of(tmp_path, "twice")["model"]["head"]["dense"] == found(tmp_path)["answer"]["model.head.dense"]
    starts = {
        run: read_json(tmp_path / "runs/s/tuned" / run / "run.json")["weights"]
        for run in ("search/trial-0001/seed-1000", "seed-0", "seed-1")
    }
    digests = [json.dumps(start, sort_keys=True) for start in starts.values()]
    assert digests[0].replace("seed-1000", "") and len(set(digests)) == 2
    heard = Heard()
    assert not climb(written, seeds=2, events=heard).failed and heard.rungs == [] and heard.trials == []


def test_a_search_at_a_url(climb: Callable[..., Results], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What was tried is there too, so that another machine goes on with it."""
    away = tmp_path / "away"
    climb(ladder(epochs=1, method="random"), out=f"file://{away}")
    assert len(list(away.glob("s/tuned/search/trial-*/seed-1000/run.json"))) == 3
    assert (away / "s/tuned/search" / JOURNAL).exists() and (away / "s/tuned/search/search.json").exists()
    monkeypatch.setenv("ESCALERA_CACHE", str(tmp_path / "another"))
    heard = Heard()
    climb(ladder(epochs=1, method="random", trials=5), out=f"file://{away}", events=heard)
    assert heard.told == 3 and [trial.number for trial in heard.trials] == [3, 4]


@pytest.mark.slow
def test_trials_side_by_side_at_a_url(climb: Callable[..., Results], tmp_path: Path) -> None:
    """Each worker holds the run of its trial, and the search puts there what nobody holds."""
    away = tmp_path / "away"
    written = ladder({"name": "child", "change": {"train.epochs": 1}}, epochs=6, prune=True, method="random", trials=6)
    assert not climb(written, out=f"file://{away}", jobs=2).failed
    value = read_json(away / "s/tuned/search/search.json")
    assert value["state"] == "done" and len(value["trials"]) == 6
    assert {trial["state"] for trial in value["trials"]} <= {"done", "pruned"}
    tried = [f"trial-{trial['number'] + 1:04}" for trial in value["trials"] if trial["same"] is None]
    assert sorted(path.parents[1].name for path in away.glob("s/tuned/search/trial-*/*/run.json")) == tried
    assert (away / "s/child/seed-0/run.json").exists()


@pytest.mark.slow
def test_several_processes_search_together(climb: Callable[..., Results], tmp_path: Path) -> None:
    """Who takes part in a trial pauses with it, and is asked for the rows of validation alone."""
    written = ladder(epochs=3, prune=True, method="random")
    written["train"] = {**TRAIN, "shards": 2}
    climb(written, out=tmp_path / "whole/runs")
    assert not climb(written, devices=2).failed
    assert outcomes(found(tmp_path)) == outcomes(found(tmp_path / "whole"))


def test_a_search_is_kept_under_a_number_that_was_never_given(tmp_path: Path) -> None:
    """One that was removed leaves a gap, which is not the next number."""
    for name in ("search", "search.kept-002"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "search.json").write_text(name)
    set_aside(tmp_path)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["search.kept-002", "search.kept-003"]
    assert (tmp_path / "search.kept-003" / "search.json").read_text() == "search"
