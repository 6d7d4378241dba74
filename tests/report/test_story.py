"""The ladder as its files tell it, and what becomes of files that people or machines spoilt."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from io import StringIO
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from rich.console import Console
from sklearn.metrics import f1_score

from escalera.cli.terminal import load_terminal, print_rungs
from escalera.core.errors import RunError
from escalera.evaluate.compare import accuracy_interval, compare, holm, verdict
from escalera.evaluate.metrics import measure
from escalera.evaluate.paired import interval
from escalera.report.language import load_language
from escalera.report.page import write_report
from escalera.report.story import Story, read_story
from escalera.report.summary import headline


def correct(run: Path) -> np.ndarray:
    """Which test rows a run has right, in the order of the rows."""
    table = pq.read_table(run / "predictions.parquet").sort_by("row")
    return np.array(
        [
            np.argmax(logits) == label
            for logits, label in zip(table["logits"].to_pylist(), table["label"].to_pylist(), strict=True)
        ]
    )


def change(path: Path, **values: Any) -> None:
    path.write_text(json.dumps(json.loads(path.read_text()) | values))


def column(path: Path, name: str, values: list[Any]) -> None:
    table = pq.read_table(path)
    place = table.column_names.index(name)
    pq.write_table(table.set_column(place, name, pa.array(values, pa.int64())), path)


def faults(story: Story, rung: str) -> str:
    return "\n".join(map(str, next(r for r in story.rungs if r.name == rung).runs[0].faults))


def test_steps_are_those_of_the_predictions(ladder_dir: Path) -> None:
    found = {step.rung: step for step in read_story(ladder_dir).steps}
    assert list(found) == ["deeper", "batch-norm", "vgg16-scratch", "augmentation"]
    pairs = {"deeper": "base", "batch-norm": "deeper", "augmentation": "batch-norm"}
    expected = {
        name: compare(correct(ladder_dir / parent / "seed-0")[None], correct(ladder_dir / name / "seed-0")[None])
        for name, parent in pairs.items()
    }
    assert {name: found[name].comparison for name in pairs} == expected
    assert [found[name].p for name in pairs] == holm([comparison.p for comparison in expected.values()])
    assert [found[name].verdict for name in pairs] == ["better", "no evidence", "better"]
    assert found["deeper"].verdict == verdict(expected["deeper"], found["deeper"].p or 0)
    assert (found["vgg16-scratch"].comparison, found["vgg16-scratch"].obstacle) == (None, "unfinished")


def test_the_story_of_a_ladder(ladder_dir: Path) -> None:
    story = read_story(ladder_dir)
    assert story.name == "cifar10"
    assert [rung.state for rung in story.rungs] == ["done", "done", "done", "failed", "done"]
    assert [rung.outcome for rung in story.rungs] == ["plain", "better", "no evidence", "failed", "better"]
    assert story.best and story.first and story.chosen
    assert (story.first.name, story.best.name, story.chosen.name) == ("base", "augmentation", "augmentation")
    assert story.overall == compare(
        correct(ladder_dir / "base/seed-0")[None], correct(ladder_dir / "augmentation/seed-0")[None]
    )
    assert "not finite" in (story.rungs[3].runs[0].record.error or "")
    assert not [run.faults for rung in story.rungs for run in rung.runs if run.faults]
    assert story.best.deviation is None
    assert story.best.test_rows == 500


def test_several_seeds(build: Callable[..., Path]) -> None:
    folder = build(seeds=3)
    story = read_story(folder)
    base, deeper = story.rungs[0], story.rungs[1]
    assert deeper.step and deeper.step.comparison and deeper.step.comparison.seed_p is not None
    stacks = [np.stack([correct(folder / name / f"seed-{seed}") for seed in range(3)]) for name in ("base", "deeper")]
    assert deeper.step.comparison == compare(*stacks)
    assert base.accuracy == pytest.approx(stacks[0].mean())
    assert base.deviation == pytest.approx(stacks[0].mean(axis=1).std(ddof=1))
    assert base.interval == pytest.approx(accuracy_interval(stacks[0].mean(), 500))


def test_the_images_without_a_duplicate_in_train_have_a_figure_of_their_own(build: Callable[..., Path]) -> None:
    folder = build(seeds=2)
    runs = [folder / "base" / f"seed-{seed}" for seed in (0, 1)]
    twice = np.arange(500) % 5 == 0
    for run in runs:
        table = pq.read_table(run / "predictions.parquet")
        pq.write_table(table.append_column("in_train", pa.array(twice)), run / "predictions.parquet")
    base, deeper = read_story(folder).rungs[:2]
    assert base.unseen is not None and base.unseen[1] == 400
    assert base.unseen[0] == pytest.approx(np.mean([correct(run)[~twice].mean() for run in runs]))
    assert deeper.unseen is None


def test_every_figure_of_a_rung_is_of_the_metric_of_its_ladder(
    build: Callable[..., Path], predictions: Callable[..., None], rungs: list[dict[str, Any]]
) -> None:
    """By accuracy the rung that always answers the frequent class would be the best, on test and validation."""
    folder = build(rungs=rungs[:2], classes=["few", "many"], rows={"train": 400, "validation": 40, "test": 40}, seeds=2)
    change(folder / "ladder.json", metric="macro_f1")
    labels = (np.arange(40) >= 6).astype(int)
    said = {
        ("base", 0): np.ones(40, int), ("base", 1): np.where(np.arange(40) == 0, 0, 1),
        ("deeper", 0): (np.arange(40) >= 13).astype(int), ("deeper", 1): (np.arange(40) >= 16).astype(int),
    }  # fmt: skip
    for (name, seed), answers in said.items():
        run = folder / name / f"seed-{seed}"
        logits = 9 * np.eye(2, dtype=np.float32)[answers]
        predictions(run / "predictions.parquet", labels, logits)
        frequent = name == "base"
        validation = {"accuracy": 0.9 if frequent else 0.8, "macro_f1": (0.5 if frequent else 0.7) + seed / 10}
        change(run / "metrics.json", test=measure(logits, labels, ["few", "many"]), validation=validation)
    story = read_story(folder)
    for rung in story.rungs:
        figures = [f1_score(labels, said[rung.name, seed], average="macro") for seed in (0, 1)]
        assert rung.score == pytest.approx(np.mean(figures))
        assert rung.deviation == pytest.approx(np.std(figures, ddof=1))
        assert rung.validation == pytest.approx(0.55 if rung.name == "base" else 0.75)
        answers = np.stack([said[rung.name, seed] for seed in (0, 1)])
        assert rung.interval == interval("macro_f1", labels, answers, 2)
    base, deeper = story.rungs
    assert base.accuracy and deeper.accuracy and base.accuracy > deeper.accuracy
    assert (story.best, story.chosen) == (deeper, deeper)
    assert deeper.step and deeper.step.comparison and base.score and deeper.score
    assert deeper.step.comparison.difference == pytest.approx(deeper.score - base.score)


def test_the_order_of_the_rows_does_not_matter(ladder_dir: Path) -> None:
    before = read_story(ladder_dir).steps
    path = ladder_dir / "deeper/seed-0/predictions.parquet"
    table = pq.read_table(path)
    pq.write_table(table.take(np.random.default_rng(0).permutation(len(table))), path)
    assert read_story(ladder_dir).steps == before


def test_other_rows_are_not_compared(ladder_dir: Path, predictions: Callable[..., None]) -> None:
    labels, logits = np.zeros(500, int), np.zeros((500, 10), np.float32)
    predictions(ladder_dir / "deeper/seed-0/predictions.parquet", labels, logits)
    obstacles = {step.rung: step.obstacle for step in read_story(ladder_dir).steps}
    assert obstacles == {
        "deeper": "other-rows",
        "batch-norm": "other-rows",
        "vgg16-scratch": "unfinished",
        "augmentation": None,
    }
    assert printed(ladder_dir)[:2] == [
        f"{rung} is not compared with {parent}: they were tested on other rows, as when the source has changed in "
        "between. --fresh trains both on what it holds now."
        for rung, parent in (("deeper", "base"), ("batch-norm", "deeper"))
    ]


def printed(ladder_dir: Path) -> list[str]:
    """What the terminal says of the steps that are not compared."""
    text = StringIO()
    print_rungs(Console(file=text, width=200), read_story(ladder_dir), load_terminal("en"))
    return [line.rstrip() for line in text.getvalue().splitlines() if "not compared" in line]


def test_other_data_are_not_compared(ladder_dir: Path) -> None:
    record = ladder_dir / "base/seed-0/run.json"
    change(record, data=json.loads(record.read_text())["data"] | {"source": "fashion_mnist"})
    assert read_story(ladder_dir).steps[0].obstacle == "other-rows"
    ladder = json.loads((ladder_dir / "ladder.json").read_text())
    ladder["rungs"][1]["change"] = [{"path": "data.source", "before": "fashion_mnist", "after": "cifar10"}]
    change(ladder_dir / "ladder.json", **ladder)
    told = "deeper is not compared with base: with other settings of data it was tested on other rows"
    assert printed(ladder_dir) == [told]


def test_a_parent_that_is_not_there(ladder_dir: Path) -> None:
    ladder = json.loads((ladder_dir / "ladder.json").read_text())
    ladder["rungs"][1]["parent"] = "gone"
    change(ladder_dir / "ladder.json", **ladder)
    assert read_story(ladder_dir).steps[0].obstacle == "no-parent"


@pytest.mark.parametrize(
    ("spoil", "text"),
    [
        (lambda path: path.unlink(), "predictions.parquet: absent"),
        (lambda path: path.write_bytes(b"PAR1 not really"), "predictions.parquet: "),
        (lambda path: pq.write_table(pq.read_table(path).drop(["label"]), path), "predictions.parquet: "),
        (lambda path: pq.write_table(pq.read_table(path).slice(0, 0), path), "predictions.parquet: "),
        (lambda path: column(path, "row", [None] * 500), "predictions.parquet: cannot be read"),
        (lambda path: column(path, "row", [7] * 500), "predictions.parquet: row: 7 does not fit"),
    ],
)
def test_spoilt_predictions(ladder_dir: Path, spoil: Callable[[Path], object], text: str) -> None:
    spoil(ladder_dir / "deeper/seed-0/predictions.parquet")
    story = read_story(ladder_dir)
    assert text in faults(story, "deeper")
    assert [step.obstacle for step in story.steps] == ["no-predictions", "no-predictions", "unfinished", None]
    assert story.rungs[1].accuracy is not None
    told = "deeper is not compared with base: the predictions of one of the two cannot be read"
    assert printed(ladder_dir)[0] == told


def test_predictions_of_another_run_are_noticed(ladder_dir: Path) -> None:
    path = ladder_dir / "deeper/seed-0/predictions.parquet"
    pq.write_table(pq.read_table(path).slice(0, 100), path)
    right = correct(path.parent).mean()
    given = json.loads((path.parent / "metrics.json").read_text())["test"]["accuracy"]
    said = faults(read_story(ladder_dir), "deeper")
    assert "predictions.parquet: rows 100, run.json: 500. They do not agree" in said
    assert f"predictions.parquet: accuracy {right:.4f}, metrics.json: {given:.4f}. They do not agree" in said


def test_without_metrics_the_accuracy_is_that_of_the_predictions(ladder_dir: Path) -> None:
    (ladder_dir / "deeper/seed-0/metrics.json").unlink()
    story = read_story(ladder_dir)
    assert story.rungs[1].accuracy == correct(ladder_dir / "deeper/seed-0").mean()
    assert faults(story, "deeper") == "metrics.json: absent"
    assert story.chosen is None


def test_values_that_do_not_fit_are_left_out_and_named(ladder_dir: Path) -> None:
    run = ladder_dir / "deeper/seed-0"
    change(run / "run.json", seconds="long", best_epoch=-1, layers=[{"name": "a", "output_shape": "wide"}, "b"], data=5)
    change(run / "metrics.json", train={"accuracy": 91.3, "loss": float("nan")}, test=[1])
    change(run / "environment.json", cores="many")
    with (run / "history.jsonl").open("a") as file:
        file.write('{"epoch": 99, "loss": "x"}\nhalf a li')
    story = read_story(ladder_dir)
    record, text = story.rungs[1].runs[0].record, faults(story, "deeper")
    assert (record.seconds, record.best_epoch, record.layers, record.data.source) == (None, None, [], "")
    assert record.epochs == 16
    assert story.rungs[1].runs[0].history[-1].epoch == 99
    for place in (
        "run.json: seconds:",
        "run.json: best_epoch:",
        "run.json: layers.1:",
        "run.json: data:",
        "metrics.json: accuracy:",
        "metrics.json: loss:",
        "metrics.json: test:",
        "environment.json: cores:",
        "history.jsonl: loss:",
    ):
        assert place in text


@pytest.mark.parametrize(
    "name", ["run.json", "metrics.json", "environment.json", "history.jsonl", "config.yaml", "predictions.parquet"]
)
@pytest.mark.parametrize("content", [b"", b"[]", b"null", b"[1]\n", b"\xff\xfe", b'{"state": "done"}'])
def test_any_file_may_hold_anything(ladder_dir: Path, name: str, content: bytes) -> None:
    (ladder_dir / "deeper/seed-0" / name).write_bytes(content)
    assert [rung.name for rung in read_story(ladder_dir).rungs][1] == "deeper"


@pytest.mark.parametrize("seen", [["no"] * 500, [None] * 500, [False] * 499 + [None]])
def test_whether_a_row_is_in_train_too_is_true_or_false(ladder_dir: Path, seen: list[Any]) -> None:
    path = ladder_dir / "deeper/seed-0/predictions.parquet"
    table = pq.read_table(path)
    pq.write_table(table.append_column("in_train", pa.array(seen)), path)
    story = read_story(ladder_dir)
    assert story.rungs[1].runs[0].answers is None
    assert faults(story, "deeper") == "predictions.parquet: cannot be read, or is not what it should be"


def test_states(ladder_dir: Path) -> None:
    change(ladder_dir / "base/seed-0/run.json", state="running")
    change(ladder_dir / "deeper/seed-0/run.json", state="dreaming")
    (ladder_dir / "batch-norm/seed-0/run.json").unlink()
    story = read_story(ladder_dir)
    assert [rung.state for rung in story.rungs] == ["running", "absent", "absent", "failed", "done"]
    assert story.overall is None


def test_a_rung_without_seeds_has_not_run(ladder_dir: Path) -> None:
    ladder = json.loads((ladder_dir / "ladder.json").read_text())
    ladder["rungs"][0]["seeds"] = []
    change(ladder_dir / "ladder.json", **ladder)
    assert read_story(ladder_dir).rungs[0].state == "absent"


@pytest.mark.parametrize(
    ("rungs", "text"),
    [
        ([], "could not use .*ladder.json: it names no rung"),
        ("x", "could not use .*ladder.json: ladder.json: rungs: 'x' does not fit"),
        ([{"name": "../etc"}], "expected every rung to have a name of its own, received '../etc'"),
        ([{"name": ""}], "expected every rung to have a name of its own, received ''"),
        ([{"name": "a"}, {"name": "a"}], "expected every rung to have a name of its own, received 'a'"),
    ],
)
def test_a_ladder_file_that_cannot_be_used(ladder_dir: Path, rungs: Any, text: str) -> None:
    change(ladder_dir / "ladder.json", rungs=rungs)
    with pytest.raises(RunError, match=text):
        read_story(ladder_dir)


def test_a_ladder_file_of_another_shape(ladder_dir: Path) -> None:
    (ladder_dir / "ladder.json").write_text("[1, 2]")
    with pytest.raises(RunError, match=r"ladder.json is not what was written: expected a mapping, received \[1, 2\]"):
        read_story(ladder_dir)


def test_no_ladder_at_all(tmp_path: Path) -> None:
    with pytest.raises(RunError, match=r"expected a ladder's folder of runs, .*, which holds none\.$"):
        read_story(tmp_path)


def test_the_story_needs_nothing_heavy() -> None:
    code = (
        "import sys, escalera.report.story; print([m for m in ('torch', 'matplotlib', 'jinja2') if m in sys.modules])"
    )
    answer = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert answer.stdout.strip() == "[]"


def test_a_rung_that_answered_other_images_does_not_compete(ladder_dir: Path) -> None:
    before = read_story(ladder_dir)
    assert before.elsewhere == []
    lender = before.scored[0]
    run = ladder_dir / lender.name / "seed-0"
    change(run / "run.json", data={**json.loads((run / "run.json").read_text())["data"], "source": "another"})
    change(run / "metrics.json", test={"accuracy": 0.999}, validation={"accuracy": 0.999})
    story = read_story(ladder_dir)
    assert [rung.name for rung in story.elsewhere] == [lender.name]
    assert [rung.name for rung in story.contenders] == [rung.name for rung in before.scored[1:]]
    assert story.best is not None and before.best is not None and story.best.name == before.best.name
    assert story.first is not None and story.first.name == before.scored[1].name
    assert story.chosen is not None and story.chosen.name != lender.name
    page = write_report(ladder_dir).read_text()
    said = "Evaluated on a different test set, and so not compared with the best:"
    assert f'{said} <a href="#rung-{lender.slug}">{lender.name}</a>.' in page
    assert "◇ was evaluated on a different test set." in page


def test_the_rungs_that_compete_answered_what_the_last_answered(ladder_dir: Path) -> None:
    scored = read_story(ladder_dir).scored
    for rung in scored[:-1]:
        data = json.loads((ladder_dir / rung.name / "seed-0/run.json").read_text())["data"]
        change(ladder_dir / rung.name / "seed-0/run.json", data={**data, "source": "another"})
    story = read_story(ladder_dir)
    assert [rung.name for rung in story.contenders] == [scored[-1].name]
    # It is the best of nobody.
    assert headline(story, load_language("en")).endswith(" of the test images right.")
    assert "best" not in headline(story, load_language("en"))
    assert len(story.elsewhere) == len(scored) - 1


def test_other_classes_of_the_same_images_are_another_test(ladder_dir: Path) -> None:
    name = read_story(ladder_dir).scored[0].name
    path = ladder_dir / name / "seed-0/predictions.parquet"
    table = pq.read_table(path)
    place = table.column_names.index("label")
    pq.write_table(table.set_column(place, "label", pa.array([0] * len(table), table["label"].type)), path)
    assert [rung.name for rung in read_story(ladder_dir).elsewhere] == [name]


def test_a_rung_that_does_not_say_what_it_answered_competes(ladder_dir: Path) -> None:
    best = read_story(ladder_dir).best
    assert best is not None
    change(ladder_dir / best.name / "seed-0/run.json", data={})
    story = read_story(ladder_dir)
    assert story.elsewhere == []
    assert story.best is not None and story.best.name == best.name


def test_a_step_between_rungs_of_another_test_keeps_its_verdict(ladder_dir: Path) -> None:
    scored = read_story(ladder_dir).scored
    for rung in scored[:2]:
        data = json.loads((ladder_dir / rung.name / "seed-0/run.json").read_text())["data"]
        change(ladder_dir / rung.name / "seed-0/run.json", data={**data, "source": "another"})
    page = write_report(ladder_dir).read_text()
    outcomes = [line.split(",")[1] for line in (ladder_dir / "figures/climb.csv").read_text().splitlines()[1:3]]
    assert outcomes == ["elsewhere", scored[1].outcome]
    assert scored[1].outcome in ("better", "worse", "no evidence")
    assert "and so not compared with the best:" in page
