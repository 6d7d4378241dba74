"""What a climb would cost: without data where the source is known, without training, without weights."""

import io
import json
import sys
from pathlib import Path
from typing import Any

import pytest
from PIL import Image
from rich.console import Console
from typer.testing import CliRunner

import escalera as esc
from escalera import builders, cli
from escalera.cli.terminal import load_terminal, print_plan
from escalera.core.errors import DataError, EscaleraError, LadderError
from escalera.data.sources.open import open_source
from escalera.experiment import climb, estimate
from escalera.ladder.schema import RungConfig

LADDER = """
name: planned
data: {source: cifar10, validation: 0.1}
rungs:
  - name: base
    model: {kind: cnn, blocks: [[32]], head: {dense: [32]}}
    train: {epochs: 10, batch_size: 64, precision: fp32}
  - name: all-regimes
    change:
      augment: {rotation: 10, random_ops: 1, erasing: 0.5, mixup: 0.2, cutmix: 1.0}
      model.l2: 1e-4
      data.normalize: standard
      train.ema: 0.99
      train.optimizer: {name: sgd, lr: 0.1, momentum: 0.9}
  - name: pretrained
    from: base
    change:
      model: {kind: backbone, name: mobilenetv3_small_050, weights: imagenet, trainable: none, head: {pool: average}}
"""


@pytest.fixture(autouse=True)
def short(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(estimate, "PROBE_SECONDS", 0.02)


@pytest.fixture
def ladder(tmp_path: Path) -> Path:
    path = tmp_path / "planned.yaml"
    path.write_text(LADDER)
    return path


def test_a_row_for_each_rung_without_data_or_weights(ladder: Path) -> None:
    rows = climb.plan(esc.load_ladder(ladder))
    assert [row["name"] for row in rows] == ["base", "all-regimes", "pretrained"]
    assert rows[0]["parameters"] == {"total": 263_402, "trainable": 263_402, "non_trainable": 0}
    assert rows[0]["flops_per_image"] == 2 * (32 * 32 * 32 * 27 + 8192 * 32 + 32 * 10)
    assert rows[2]["parameters"]["trainable"] == 288 * 10 + 10
    for row in rows:
        assert row["images_per_second"] > 0
    base, frozen = rows[0], rows[2]
    beside = 10 * (5_000 / base["answers_per_second"] + estimate.OF_AN_EPOCH)
    assert base["training_seconds"] == pytest.approx(10 * 45_000 / base["images_per_second"] + beside, rel=0.01)
    # In the end those of validation and test are asked about, and 10,000 of train.
    answered = 25_000 / base["answers_per_second"] + estimate.OF_A_RUN
    assert base["seconds"] - base["training_seconds"] == pytest.approx(answered, rel=0.01)
    # A frozen body runs over the pictures once, however many the epochs, and then over those of test.
    asked = frozen["seconds"] - estimate.OF_A_RUN - 10 * estimate.OF_AN_EPOCH
    assert 1 <= asked * frozen["answers_per_second"] / 60_000 < 2


def test_memory_is_weights_gradients_moments_and_outputs(ladder: Path) -> None:
    base, regimes, _ = climb.plan(esc.load_ladder(ladder))
    outputs = 2 * 32 * 32 * 32 + 8192 + 8192 + 2 * 32 + 10
    assert base["memory_bytes"] == 4 * 263_402 * 4 + outputs * 64 * 4
    assert regimes["memory_bytes"] == 4 * 263_402 * 4 + outputs * 64 * 4  # one moment less, the average more


def test_muon_keeps_one_moment(ladder: Path) -> None:
    one, other = (
        climb.plan(esc.load_ladder(ladder, [f"train.optimizer={{name: {name}, lr: 0.1, momentum: 0.9}}"]))[0]
        for name in ("sgd", "muon")
    )
    assert one["memory_bytes"] == other["memory_bytes"]


def test_pictures_that_cannot_be_decoded_are_left_out_where_that_is_asked(tmp_path: Path) -> None:
    for label in ("a", "b"):
        (tmp_path / "mine" / label).mkdir(parents=True)
        for number in range(10):
            Image.new("L", (8, 8), number).save(tmp_path / "mine" / label / f"{number}.png")
    (tmp_path / "mine" / "a" / "bad.png").write_text("x")
    path = tmp_path / "ladder.yaml"
    path.write_text("name: l\ndata: {source: mine}\nrungs:\n  - {name: base, model: {kind: mlp, dense: [4]}}\n")
    with pytest.raises(DataError, match="1 of 21 pictures cannot be decoded"):
        climb.plan(esc.load_ladder(path))
    assert climb.plan(esc.load_ladder(path), skip_bad=True)[0]["parameters"]["total"] > 0
    found = CliRunner().invoke(cli.app, ["climb", str(path), "--plan", "--skip-bad", "--json"])
    assert json.loads(found.stdout)[0]["name"] == "base", found.output


def test_the_extent_of_what_is_known_is_that_of_the_data() -> None:
    data = esc.load_ladder("digits").ladder.rungs[0].config.data
    known = estimate.extent(data, seed=0, data_root=None)
    images = open_source("digits", data_root=None, image_size=None, channels=None)
    assert known.shape == (1, 8, 8)
    assert known.classes == len(images.classes)
    found = builders.dataset(data, seed=0, data_root=None)
    assert abs(known.train - len(found.train.rows)) <= 10
    assert abs(known.validation - len(found.validation.rows)) <= 10
    assert abs(known.test - len(found.test.rows)) <= 10


def test_a_source_that_is_not_known_is_opened(ladder: Path, tmp_path: Path) -> None:
    ladder.write_text(LADDER.replace("source: cifar10", f"source: {tmp_path / 'absent'}"))
    with pytest.raises(DataError):
        climb.plan(esc.load_ladder(ladder), rungs=["base"])


def test_a_rung_that_cannot_be_built_is_told_before(ladder: Path) -> None:
    ladder.write_text(LADDER.replace("[[32]]", "[[8], [8], [8], [8], [8], [8]]"))
    with pytest.raises(LadderError, match="the feature map vanishes at the pooling of block 6"):
        climb.plan(esc.load_ladder(ladder))
    with pytest.raises(EscaleraError, match="did you mean 'base'"):
        climb.plan(esc.load_ladder(ladder), rungs=["bas"])


def test_an_error_of_one_rung_leaves_the_others(
    ladder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    row = estimate._row

    def fail(config: RungConfig, *rest: Any) -> dict[str, Any]:
        if config.train.ema:
            raise EscaleraError("no such luck")
        return row(config, *rest)

    monkeypatch.setattr(estimate, "_row", fail)
    rows = climb.plan(esc.load_ladder(ladder), rungs=["base", "all-regimes"])
    assert rows[1] == {"name": "all-regimes", "error": "no such luck"}
    assert "seconds" in rows[0]
    monkeypatch.setattr(sys, "argv", ["escalera", "climb", str(ladder), "--plan", "--rung", "all-regimes"])
    monkeypatch.setenv("COLUMNS", "120")
    with pytest.raises(SystemExit):
        cli.main()
    out = capsys.readouterr().out
    assert "all-regimes cannot be built here: no such luck" in out


def test_the_command_prints_a_table_or_json_and_leaves_nothing(
    ladder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "120")
    for more in ([], ["--json"]):
        monkeypatch.setattr(sys, "argv", ["escalera", "climb", str(ladder), "--plan", "--rung", "base", *more])
        with pytest.raises(SystemExit) as ended:
            cli.main()
        assert not ended.value.code
        out = capsys.readouterr().out
        if more:
            assert json.loads(out)[0]["name"] == "base"
        else:
            assert "263,402" in out
            assert "start and report" in out
            assert "2.29 M" in out
            assert "≈ time" in out
    assert not (tmp_path / "runs").exists()


def printed(rows: list[dict[str, Any]], *, width: int, terminal: bool, seeds: int = 1) -> str:
    file = io.StringIO()
    console = Console(file=file, width=width, force_terminal=terminal, color_system=None)
    print_plan(console, rows, seeds, load_terminal("en"))
    return file.getvalue()


def planned(name: str, **more: object) -> dict[str, Any]:
    parameters = {"total": 14_881_738, "trainable": 14_880_970, "non_trainable": 768}
    row = {"flops_per_image": 627_000_000, "memory_bytes": 1_440_000_000, "images_per_second": 22.4, "epochs": 100}
    return {"name": name, "parameters": parameters, **row, "seconds": 5106.0, **more}


@pytest.mark.parametrize("width", [46, 60, 72, 80, 100])
def test_no_terminal_is_so_narrow_that_a_column_is_cut(width: int) -> None:
    rows = [planned("transfer-trainable"), planned("votes", epochs=0)]
    lines = printed(rows, width=width, terminal=True).splitlines()
    text = "\n".join(lines)
    assert "…" not in text
    assert max(map(len, lines)) <= width
    for needed in ("rung", "parameters", "FLOPs", "≈ time", "14,881,738", "627 M", "1 h 25 min", "2 h 50 min"):
        assert needed in text
    assert (" trainable FLOPs" in text) == (width >= 72)
    assert ("images/s" in text) == (width >= 100)
    assert ("1.44 GB" in text) == (width >= 60)


def test_a_pipe_is_as_wide_as_the_plan_and_breaks_no_sentence() -> None:
    name = "a-rung-whose-name-is-longer-than-any-terminal-would-like-it-to-be"
    out = printed([planned(name), {"name": "absent", "error": "no [such] luck"}], width=80, terminal=False)
    assert f"{name} 14,881,738 14,880,970 627 M 1.44 GB       22    100 1 h 25 min" in out
    assert "absent cannot be built here: no [such] luck" in out
    folded = printed([planned(name)], width=80, terminal=True)
    assert "".join(line[:12].strip() for line in folded.splitlines()[1:]).startswith(name[:12])
    assert "…" not in folded


def test_of_several_seeds_it_says_which_times_are_of_one() -> None:
    said = "The times of the rungs are those of one seed each; that of all is the time of 5 seeds."
    assert said in printed([planned("mlp")], width=100, terminal=False, seeds=5)
    assert "seed" not in printed([planned("mlp")], width=100, terminal=False)


def test_a_rung_that_is_only_judged_otherwise_costs_no_training(ladder: Path) -> None:
    ladder.write_text(LADDER + "  - name: both-sides\n    from: base\n    change: {evaluate.tta: flip}\n")
    with ladder.open("a") as file:
        file.write("  - name: sets\n    from: base\n    change: {evaluate.coverage: 0.9}\n")
    base, both, sets = climb.plan(esc.load_ladder(ladder), rungs=["base", "both-sides", "sets"])
    # It answers by two views.
    seconds = pytest.approx(50_000 / base["answers_per_second"] + estimate.OF_A_RUN, rel=0.01)
    assert both == {**base, "name": "both-sides", "training_seconds": 0.0, "seconds": seconds}
    # Rows set aside to calibrate by choose no epoch.
    assert sets["training_seconds"] > 0
    assert climb.plan(esc.load_ladder(ladder), rungs=["both-sides"])[0]["seconds"] > 0


def test_a_rung_may_stand_above_the_parent_whose_training_it_takes_over() -> None:
    root = {"name": "root", "from": None, "model": {"kind": "mlp", "dense": [8]}, "train": {"epochs": 2}}
    mirrored = {"name": "mirrored", "from": "root", "change": {"evaluate.tta": "flip"}}
    rows = climb.plan(esc.load_ladder({"name": "x", "data": {"source": "digits"}, "rungs": [mirrored, root]}))
    assert [row["name"] for row in rows] == ["mirrored", "root"]
    assert rows[0]["training_seconds"] == 0 < rows[1]["training_seconds"]


@pytest.mark.parametrize(
    ("flops", "once", "each", "asked", "planned"),
    [
        (1, 0.5, 0.01, [64], 0.5 + 64 * 0.01),
        (1e12, 0.5, 0.01, [8, 2], 0.5 + 64 * 0.01),
        (1e12, 0.8, 0.0, [8, 2], 0.72 + 64 * 0.01),  # by chance the smaller batch took as long
    ],
)
def test_what_a_step_takes_whatever_its_batch_comes_once_in_a_whole_one(
    flops: float, once: float, each: float, asked: list[int], planned: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Muon took 3 s of a step; measured with 12 images of 1,960, an hour was planned as eleven."""
    batches: list[int] = []

    def step(*given: Any) -> float:
        batches.append(given[-1])
        return once + each * float(given[-1])

    monkeypatch.setattr(estimate, "_step_seconds", step)
    monkeypatch.setattr(estimate, "flops_per_image", lambda *given: flops)
    base = {"name": "base", "model": {"kind": "mlp", "dense": [4]}, "train": {"epochs": 1, "batch_size": 64}}
    [row] = climb.plan(esc.load_ladder({"name": "one", "data": {"source": "cifar10"}, "rungs": [base]}))
    assert batches == asked
    assert row["images_per_second"] == pytest.approx(64 / planned, abs=0.1)
