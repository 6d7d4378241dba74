"""`evaluate.coverage`, from the ladder to the answers: set aside, calibrated, shown, predicted, exported."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

import escalera as esc
from escalera.cli.terminal.answers import set_in_words
from escalera.cli.terminal.words import load_terminal
from escalera.core.errors import DataError, LadderError
from escalera.core.files import read_json, read_sealed
from escalera.core.translation import translate
from escalera.data.dataset import Dataset, Split
from escalera.data.splits import with_calibration
from escalera.evaluate.compare import accuracy_interval
from escalera.evaluate.doubt import Doubt
from escalera.evaluate.metrics import metrics, softmax, tally, total
from escalera.experiment.climb import load_ladder
from escalera.inference.bundle import of_file, of_run, write_file
from escalera.inference.files import predict_files
from escalera.inference.predictor import Predictor
from escalera.inference.written import as_csv
from escalera.report.album import Album
from escalera.report.evidence import gather
from escalera.report.language import load_language
from escalera.report.page import write_report
from escalera.report.sections.doubt import _sets, section
from escalera.report.story import read_story
from escalera.report.view import LadderView, RungView

LADDER = """
name: sure
data: {source: digits}
model: {kind: mlp, dense: [16]}
train: {epochs: 2, batch_size: 64, optimizer: {name: adam, lr: 0.01}}
evaluate: {coverage: 0.9}
rungs:
  - {name: base}
"""


@pytest.fixture(scope="module")
def climbed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("sure")
    text = LADDER.replace("model: {kind: mlp, dense: [16]}\n", "").replace(
        "{name: base}", "{name: base, model: {kind: mlp, dense: [16]}}"
    )
    (folder / "sure.yaml").write_text(text, encoding="utf-8")
    esc.climb(folder / "sure.yaml", out=folder / "runs", device="cpu")
    return folder / "runs" / "sure"


def test_every_second_row_of_a_class_is_set_aside() -> None:
    labels = np.array([0, 1, 0, 1, 0, 1, 0, 2])
    part = Split(np.zeros((8, 1, 1, 1), np.uint8), labels, np.arange(8))
    data = Dataset("x", ["a", "b", "c"], part, part, part)
    made = with_calibration(data)
    assert made.calibration is not None
    assert sorted([*made.validation.rows, *made.calibration.rows]) == list(range(8))
    assert np.bincount(labels[made.calibration.rows], minlength=3).tolist() == [2, 1, 1]
    one = Split(part.images, labels, np.arange(1))
    with pytest.raises(DataError, match=r"x: evaluate\.coverage: expected two rows of validation or more"):
        with_calibration(Dataset("x", ["a", "b", "c"], part, one, part))


def test_groups_stay_whole_where_rows_are_set_aside() -> None:
    """Rows of one patient that chose the epoch would not be new to the sets."""
    labels = np.array([0, 1] * 10)
    table = pa.table({"who": [f"p{row // 4}" for row in range(20)]})
    part = Split(np.zeros((20, 1, 1, 1), np.uint8), labels, np.arange(2, 20), table)
    made = with_calibration(Dataset("x", ["a", "b"], part, part, part), "who")
    assert made.calibration is not None
    kept, aside = ({row // 4 for row in found.rows.tolist()} for found in (made.validation, made.calibration))
    assert kept and aside and not kept & aside and kept | aside == {0, 1, 2, 3, 4}
    assert sorted([*made.validation.rows, *made.calibration.rows]) == list(range(2, 20))
    one = replace(part, rows=np.arange(4))
    with pytest.raises(DataError, match=r"expected two groups of data\.group 'who' or more in validation") as caught:
        with_calibration(Dataset("x", ["a", "b"], part, one, part), "who")
    assert "se esperaban en validation dos grupos o más de data.group «who»" in translate(str(caught.value), "es")


def test_a_run_says_what_it_may_be_and_when_it_does_not_know(climbed: Path, tmp_path: Path) -> None:
    run = climbed / "base" / "seed-0"
    doubt = json.loads((run / "doubt.json").read_text())
    assert doubt["coverage"] == 0.9 and 0 < doubt["least"] < 1 and doubt["temperature"] > 0
    record = json.loads((run / "run.json").read_text())
    assert record["data"]["rows"]["validation"] + doubt["rows"] == 145
    assert "doubt.json" in record["files"]
    picture = tmp_path / "grey.png"
    from PIL import Image

    Image.fromarray(np.full((8, 8), 90, np.uint8)).save(picture)
    [answer] = predict_files(run, [picture])
    least = doubt["least"]
    assert answer["set"] == [one["name"] for one in answer["classes"] if one["probability"] >= least]
    assert as_csv([answer], 2).splitlines()[0] == "file,class,probability,class_2,probability_2,set,error"


def test_a_model_in_one_file_keeps_its_doubt(climbed: Path, tmp_path: Path) -> None:
    from escalera.core.rundir import RunDir

    trained = of_run(RunDir(climbed / "base" / "seed-0"))
    write_file(trained, tmp_path / "model.safetensors")
    again = of_file(tmp_path / "model.safetensors")
    assert again.doubt == trained.doubt is not None
    rows = np.random.RandomState(0).randint(0, 256, (3, 8, 8, 1)).astype(np.uint8)
    assert np.allclose(Predictor(trained).predict(rows), Predictor(again).predict(rows))


def test_a_set_is_that_of_one_row(climbed: Path) -> None:
    model = esc.open(climbed / "base")
    probabilities = model.predict(np.zeros((2, 8, 8, 1), np.uint8) + np.arange(8, dtype=np.uint8)[:, None] * 36)
    held = model.set_of(probabilities[0])
    assert held is not None and held == model.set_of(probabilities[0].tolist())
    told = (
        "expected the probabilities of one row, shape (10,); received (2, 10). Type `predict(x)[0]` for the first row."
    )
    for wrong, received in ((probabilities, told), (probabilities[0, :3], "shape (10,); received (3,).")):
        with pytest.raises(DataError) as error:
            model.set_of(wrong)
        assert str(error.value).endswith(received)
        assert translate(str(error.value), "es").startswith(
            "se esperaban las probabilidades de una fila, de forma (10,)"
        )


@pytest.mark.parametrize("code", ["en", "es"])
def test_the_report_shows_it(climbed: Path, code: str) -> None:
    page = write_report(climbed, code).read_text(encoding="utf-8")
    title = {"en": "How far its probabilities can be believed", "es": "Hasta dónde se puede creer"}[code]
    assert title in page
    assert (climbed / "base" / "seed-0" / "figures" / "rejection.csv").exists()


def test_what_is_told_of_sets_by_hand() -> None:
    names, held = list("abcd"), ["a", "ab", "", "b", "a", "ab"]
    sets = np.array([[name in one for name in names] for one in held])
    labels = np.array([0, 0, 0, 1, 1, 2])
    told = _sets([Doubt(1.0, 0.9, 0.1, 30), Doubt(2.0, 0.9, 0.2, 31)], sets, labels, names)
    assert (told["wanted"], told["rows"], told["coverage"], told["size"]) == (0.9, 61, 3 / 6, 7 / 6)
    assert told["interval"] == accuracy_interval(3 / 6, 6)
    # Three sets name one class, of which two the true one; one names none.
    assert (told["one"], told["right"], told["none"]) == (3 / 6, 2 / 3, 1 / 6)
    # The class that is held least often first: its coverage, the mean size of its sets, its rows.
    assert told["classes"] == [("c", 0.0, 2.0, 1), ("b", 1 / 2, 1.0, 2), ("a", 2 / 3, 1.0, 3)]
    assert told["more"] == 0
    many = np.eye(25, dtype=bool)
    told = _sets([Doubt(1.0, 0.9, 0.1, 30)], many, np.arange(25), [str(k) for k in range(25)])
    assert (len(told["classes"]), told["more"]) == (20, 5)


def test_the_report_tells_the_calibration_error_before_and_after(climbed: Path) -> None:
    rung = read_story(climbed).rungs[0]
    run = rung.runs[0]
    evidence = gather(run)
    assert evidence is not None and run.doubt is not None and run.doubt.temperature is not None
    view = RungView(
        LadderView(read_story(climbed), load_language("en"), {"base": evidence}), rung, Album(climbed / "none")
    )
    told = section(view)
    assert told is not None
    scaled = run.logits().astype(np.float64) / run.doubt.temperature
    assert told["before"][0] == evidence.metrics["calibration_error"]
    expected = float(metrics(total(tally(scaled, evidence.labels)))["calibration_error"])
    assert told["after"][0] == pytest.approx(expected)
    assert told["after"][1] <= expected <= told["after"][2]
    # Of the surest half: of 359 rows it is 180, and not the next point of the curve, 162.
    order = np.argsort(-softmax(scaled).max(axis=1), kind="stable")
    assert len(order) == 359
    right = evidence.right[order]
    assert right[:180].mean() != right[:162].mean()
    assert told["half"] == pytest.approx(right[:180].mean())


def test_a_rung_that_cannot_be_calibrated_fails_alone_and_its_change_is_recorded(tmp_path: Path) -> None:
    labels = np.arange(12) % 2
    splits = {"train": slice(0, 8), "validation": slice(8, 9), "test": slice(9, 12)}
    arrays: dict[str, Any] = {}
    for name, part in splits.items():
        arrays |= {f"{name}_images": np.zeros((12, 8, 8), np.uint8)[part], f"{name}_labels": labels[part]}
    np.savez(tmp_path / "few.npz", **arrays)
    path = tmp_path / "few.yaml"
    path.write_text(
        "name: few\ndata: {source: few.npz}\nrungs:\n"
        "  - {name: plain, model: {kind: mlp, dense: [4]}, train: {epochs: 1, batch_size: 4}}\n"
        "  - {name: sure, change: {evaluate.coverage: 0.9}}\n"
        "  - {name: after, from: plain, change: {train.epochs: 2}}\n",
        encoding="utf-8",
    )
    results = esc.climb(path, out=tmp_path / "runs", quiet=True)
    [failed] = results.failed
    assert failed.rung == "sure"
    assert "evaluate.coverage: expected two rows of validation or more" in failed.error
    assert read_json(results["after"].dir.record)["state"] == "done"
    rungs = read_sealed(tmp_path / "runs" / "few" / "ladder.json")["rungs"]
    assert [change["path"] for change in rungs[1]["change"]] == ["evaluate.coverage"]


@pytest.mark.parametrize("value", ["0", "1", "1.5", "-0.1"])
def test_a_coverage_lies_between_none_and_all(tmp_path: Path, value: str) -> None:
    path = tmp_path / "ladder.yaml"
    path.write_text(LADDER.replace("0.9", value), encoding="utf-8")
    with pytest.raises(LadderError, match=r"ladder\.yaml:6: evaluate\.coverage: expected"):
        load_ladder(path)


@pytest.mark.parametrize(
    ("code", "names", "said"),
    [
        ("en", ["cat"], "sure: cat"),
        ("en", ["cat", "dog"], "I don't know: it may be any of cat, dog"),
        ("es", [], "No lo sé: no se parece a ninguna de las clases"),
        ("es", ["gato", "perro"], "No lo sé: puede ser cualquiera de gato, perro"),
    ],
)
def test_a_set_in_words(code: str, names: list[str], said: str) -> None:
    assert set_in_words(names, load_terminal(code)) == said
