"""Folds: each row is answered once, by a network that has not seen it."""

import sys
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from PIL import Image

import escalera as esc
from escalera import cli
from escalera.core.errors import LadderError, SettingError
from escalera.core.files import read_json, sha256
from escalera.core.predictions import read_answers, read_logits
from escalera.core.rundir import RunDir
from escalera.core.runtime import threads
from escalera.core.translation import translate
from escalera.data.folds import NEVER, TURNS, fold, turned
from escalera.data.images import Images, ImageSet
from escalera.data.splits import split
from escalera.evaluate.metrics import softmax
from escalera.experiment.climb import climb
from escalera.inference.card import card
from escalera.inference.files import predict_files
from escalera.report.runs import read_run
from escalera.report.sections.doubt import _by_folds
from escalera.run.evaluate import evaluate
from escalera.run.events import Events
from escalera.run.folds import _record
from escalera.run.status import finished

LABELS = np.repeat([0, 1, 2], [50, 31, 7])


def images(labels: Any = LABELS, table: pa.Table | None = None, **splits: Images) -> ImageSet:
    labels = np.asarray(labels)
    train = Images(np.zeros((len(labels), 2, 2, 1), np.uint8), labels, table)
    return ImageSet("mine", ["a", "b", "c"], {"train": train, **splits})


def digits(**data: Any) -> dict[str, Any]:
    return {
        "name": "tiny",
        "data": {"source": "digits", "folds": 3, **data},
        "train": {"epochs": 1, "batch_size": 64, "optimizer": {"name": "adam", "lr": 0.01}},
        "rungs": [
            {"name": "base", "model": {"kind": "cnn", "blocks": [[4]]}},
            {"name": "moved", "change": {"model": {"kind": "transfer", "weights": {"from": "base"}}}},
        ],
    }


class TestSplits:
    def test_each_row_is_in_test_once_and_never_learned_from_there(self) -> None:
        parts = [fold(images(), 5, number, validation=0.2, seed=3) for number in range(1, 6)]
        assert sorted(np.concatenate([part.test.rows for part in parts]).tolist()) == list(range(88))
        for part in parts:
            rows = np.concatenate([part.train.rows, part.validation.rows, part.test.rows])
            assert sorted(rows.tolist()) == list(range(88))

    def test_each_class_is_spread_alike(self) -> None:
        counts = np.array([
            np.bincount(LABELS[fold(images(), 5, number, validation=0.2, seed=3).test.rows], minlength=3)
            for number in range(1, 6)
        ])  # fmt: skip
        assert (np.ptp(counts, axis=0) <= 1).all()
        assert np.ptp(counts.sum(axis=1)) <= 1

    def test_the_same_seed_gives_the_same_folds_and_another_others(self) -> None:
        one, same, other = (fold(images(), 5, 2, validation=0.2, seed=seed).test.rows.tolist() for seed in (1, 1, 2))
        assert one == same != other

    def test_groups_stay_whole(self) -> None:
        groups = pa.table({"house": [f"h{row // 4}" for row in range(88)]})
        for number in range(1, 5):
            part = fold(images(table=groups), 4, number, validation=0.2, seed=0, group="house")
            houses = [set((split.rows // 4).tolist()) for split in (part.train, part.validation, part.test)]
            assert all(houses)
            assert not houses[0] & houses[1] and not houses[0] & houses[2] and not houses[1] & houses[2]

    def test_a_test_split_of_the_source_stays_unread_and_a_validation_split_serves_all(self) -> None:
        own = Images(np.zeros((6, 2, 2, 1), np.uint8), np.array([0, 1, 2] * 2), None)
        part = fold(images(validation=own, test=own), 4, 1, validation=0.2, seed=0)
        assert (part.validation.origin, len(part.validation.rows)) == ("validation", 6)
        assert len(part.train.rows) + len(part.test.rows) == 88
        [note] = part.notes
        assert note == "mine: the 6 rows of its test split stay unread: with data.folds each row of train is answered."
        assert translate(note, "es").startswith("mine: las 6 filas de su partición test quedan sin leer")

    def test_too_few_rows_of_classes_are_told_together(self) -> None:
        labels = [0] * 20 + [1] * 4 + [2] * 2
        with pytest.raises(SettingError) as caught:
            fold(images(labels), 5, 1, validation=0.2, seed=0)
        assert str(caught.value) == (
            "data.folds: mine: 2 classes have fewer pictures than there are folds, 5: 'c' (2), 'b' (4). Add pictures, "
            "write data.folds: 2, or write data.rare_classes: train, which keeps them in train alone."
        )
        assert "tienen menos imágenes que pliegues hay" in translate(str(caught.value), "es")

    def test_rare_classes_may_stay_in_train(self) -> None:
        labels = [0] * 20 + [1] * 20 + [2]
        for number in range(1, 6):
            part = fold(images(labels), 5, number, validation=0.2, seed=0, rare_classes="train")
            assert 40 in part.train.rows
        assert NEVER < 0

    def test_too_few_groups(self) -> None:
        groups = pa.table({"house": ["x"] * 44 + ["y"] * 44})
        with pytest.raises(SettingError, match="'house' has 2 groups in train, too few for 3 folds"):
            fold(images(table=groups), 3, 1, validation=0.2, seed=0, group="house")


def test_a_rung_is_trained_for_each_fold_and_answers_every_row(tmp_path: Path) -> None:
    results = esc.climb(digits(), out=tmp_path, quiet=True)
    assert not results.failed
    run = RunDir(tmp_path / "tiny" / "moved" / "seed-0")
    answers = read_answers(run.predictions)
    assert answers.rows.tolist() == list(range(1797))
    parts = [run.fold(number) for number in (1, 2, 3)]
    record, each = run.read_record(), [part.read_record() for part in parts]
    assert record["folds"] == 3
    assert record["seconds"] == pytest.approx(sum(one["seconds"] for one in each))
    for name in ("images_per_second", "inference_images_per_second"):
        rates = [one[name] for one in each if one[name] is not None]
        assert record[name] == (pytest.approx(sum(rates) / len(rates), abs=0.1) if rates else None)
    assert record["data"]["rows"]["test"] == 1797
    metrics = read_json(run.metrics)
    assert metrics["test"]["accuracy"] == pytest.approx(answers.correct.mean())
    validated = [read_json(part.metrics)["validation"]["accuracy"] for part in parts]
    assert metrics["validation"]["accuracy"] == pytest.approx(np.mean(validated))
    # The most frequent class is one answer to all rows, whatever each fold has most of.
    answer = answers.others["baseline:majority"]
    baseline = metrics["baselines"]["majority"]
    assert np.ptp(answer) == 0 and baseline["class"] == str(answer[0, 0])
    assert baseline["accuracy"] == pytest.approx((answers.labels == answer[0]).mean())
    for part in parts:
        splits = pq.read_table(part.splits).to_pandas()
        learned = set(splits[splits["split"] != "test"]["row"])
        own = read_answers(part.predictions)
        assert not learned & set(own.rows.tolist())
        # The weights that it starts from have not seen its rows either.
        before = part.read_record()["weights"]["body"]["file"]
        assert Path(before).parent.name == part.path.name
    page = (tmp_path / "tiny" / "report.html").read_text()
    assert "It was trained 3 times" in page
    assert len(results["moved"].predict(np.full((1, 8, 8), 200, np.uint8))) == 1


def test_what_run_json_says_of_folds_is_of_all_of_them(tmp_path: Path) -> None:
    """Two folds that differ in every figure; the first one's alone would be told of the page's rows, time and price."""

    def fold(of: int) -> dict[str, Any]:
        data = {
            "rows": {"train": 60, "validation": 10, "test": 30 + of}, "class_rows": {"test": [20, 10 + of]},
            "duplicates": {"test": 2 + of, "test_exact": of, "near_searched": True}, "labels": {"test": 3 + of},
        }  # fmt: skip
        return {
            "seconds": 10.0 + of, "test_looks": 1 + of, "peak_memory_bytes": 100 - of, "images_per_second": 50.0 + of,
            "branch_weights": {"table": 0.25 * of, "photo": 1 - 0.25 * of}, "data": data,
        }  # fmt: skip

    home = RunDir(tmp_path)
    home.write_record({"state": "running", "started": "then"})
    ladder = digits() | {"evaluate": {"price_per_hour": 3600}}
    rung = esc.load_ladder(ladder).ladder.rungs[0]
    record = _record(rung, home, [fold(0), fold(2)])
    assert (record["folds"], record["started"], record["seconds"], record["price"]["amount"]) == (2, "then", 22, 22)
    assert (record["test_looks"], record["peak_memory_bytes"], record["images_per_second"]) == (3, 100, 51)
    assert record["branch_weights"] == {"table": 0.25, "photo": 0.75}
    data = record["data"]
    assert (data["rows"]["test"], data["class_rows"]["test"], data["labels"]["test"]) == (62, [40, 22], 8)
    assert data["duplicates"] == {"test": 6, "test_exact": 2, "near_searched": True}
    # Of a fold in which nobody looked for duplicates nothing can be added up.
    unknown = fold(2)
    unknown["data"]["duplicates"] = None
    assert _record(rung, home, [fold(0), unknown])["data"]["duplicates"] is None


def test_of_a_rung_that_searched_it_is_told_that_answered_rows_chose(tmp_path: Path) -> None:
    ladder = digits()
    ladder["rungs"] = [
        *ladder["rungs"][:1],
        {"name": "found", "search": {"over": {"train.optimizer.lr": [0.01, 0.02]}, "method": "grid"}},
    ]
    assert not esc.climb(ladder, out=tmp_path, quiet=True).failed
    page = (tmp_path / "tiny" / "report.html").read_text()
    assert page.count("Its settings were chosen on 120 images, the validation of the first fold.") == 1
    run = RunDir(tmp_path / "tiny" / "found" / "seed-0")
    assert read_answers(run.predictions).rows.tolist() == list(range(1797))


def test_who_asks_a_run_of_folds_is_told_which_network_answers(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    ladder = digits()
    ladder["rungs"] = ladder["rungs"][:1]
    esc.climb(ladder, out=tmp_path, quiet=True)
    Image.fromarray(np.full((8, 8), 200, np.uint8)).save(tmp_path / "one.png")
    rung, told = tmp_path / "tiny" / "base", list[str]()
    whole = predict_files(rung, [tmp_path / "one.png"], tell=told.append)
    [note] = [text for text in told if "folds" in text]
    assert note.startswith("It was trained in 3 folds: the network of the first one answers")
    assert note.endswith(f"Another one is asked as {rung / 'seed-0' / 'fold-2'}.")
    assert "responde la red del primero" in translate(note, "es")
    told.clear()
    first, second = (
        predict_files(rung / "seed-0" / f"fold-{n}", [tmp_path / "one.png"], tell=told.append) for n in (1, 2)
    )
    assert not [text for text in told if "folds" in text]
    assert whole == first != second
    for code, said in (("en", "It was trained 3 times"), ("es", "Se entrenó 3 veces")):
        home = RunDir(rung / "seed-0")
        assert said in card(home, code) and said not in card(home.fold(1), code)
    monkeypatch.setattr(sys, "argv", ["escalera", "export", str(rung), str(tmp_path / "a.safetensors"), "--lang", "es"])
    with pytest.raises(SystemExit) as ended:
        cli.main()
    assert ended.value.code == 0
    assert "responde la red del primero" in capsys.readouterr().err


def test_the_page_says_which_network_answers(tmp_path: Path) -> None:
    from escalera.studio.i18n import load_words
    from escalera.studio.service import Studio
    from escalera.studio.tabs.asker import Asker
    from escalera.studio.tabs.export import Exporter

    ladder, key, said = digits(), "tiny/base/seed-0", "Se entrenó en 3 pliegues: responde la red del primero"
    ladder["rungs"] = ladder["rungs"][:1]
    esc.climb(ladder, out=tmp_path, quiet=True)
    Image.fromarray(np.full((8, 8), 200, np.uint8)).save(tmp_path / "one.png")
    studio = Studio(tmp_path)
    try:
        assert said in Asker(studio, load_words("es")).ask(key, "", str(tmp_path / "one.png"), None, [], False, None)
        assert said in Exporter(studio, load_words("es")).export(key, "safetensors")[0]["value"]
    finally:
        studio.close()


def test_an_interrupted_climb_goes_on_with_the_fold_it_was_at(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    ladder = digits()
    ladder["rungs"] = ladder["rungs"][:1]
    whole, times = evaluate, list[int]()

    def stopped(*args: Any) -> None:
        times.append(1)
        if len(times) == 2:
            raise KeyboardInterrupt
        whole(*args)

    monkeypatch.setattr("escalera.run.folds.evaluate", stopped)
    with pytest.raises(KeyboardInterrupt):
        esc.climb(ladder, out=tmp_path, quiet=True)
    run = RunDir(tmp_path / "tiny" / "base" / "seed-0")
    assert (run.state(), run.fold(1).state(), run.fold(2).state()) == ("running", "done", "running")
    first = run.fold(1).read_record()["finished"]
    monkeypatch.setattr("escalera.run.folds.evaluate", whole)
    assert not esc.climb(ladder, out=tmp_path, quiet=True).failed
    assert run.fold(1).read_record()["finished"] == first
    rung = esc.load_ladder(ladder).ladder.rungs[0]
    assert finished(run, rung)


def test_the_folds_of_a_run_begin_with_the_same_weights(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where the rung they start from was trained anew in between, so are those that are done, which are kept aside."""
    whole = evaluate

    def stopped(fitted: Any, config: Any, data: Any, part: RunDir) -> None:
        if part.path.parts[-3:] == ("moved", "seed-0", "fold-2"):
            raise KeyboardInterrupt
        whole(fitted, config, data, part)

    monkeypatch.setattr("escalera.run.folds.evaluate", stopped)
    with pytest.raises(KeyboardInterrupt):
        esc.climb(digits(), out=tmp_path, quiet=True)
    monkeypatch.setattr("escalera.run.folds.evaluate", whole)
    base, moved = (RunDir(tmp_path / "tiny" / name / "seed-0") for name in ("base", "moved"))
    assert (moved.fold(1).state(), moved.fold(2).state(), moved.fold(3).state()) == ("done", "running", "absent")
    record = moved.fold(1).read_record()
    first = record["weights"]["body"]
    moved.fold(1).write_record({**record, "weights": {"body": {**first, "sha256": "0" * 64}}})
    assert not esc.climb(digits(), out=tmp_path, quiet=True).failed
    assert [part.read_record()["weights"]["body"]["sha256"] for part in moved.folds()] == [
        sha256(base.fold(number).best) for number in (1, 2, 3)
    ]
    [aside] = [path for path in moved.path.parent.iterdir() if path != moved.path]
    assert RunDir(aside).fold(1).read_record()["weights"]["body"]["sha256"] == "0" * 64


def test_seeds_draw_other_folds_of_the_same_rows(tmp_path: Path) -> None:
    ladder = digits()
    ladder["rungs"] = ladder["rungs"][:1]
    esc.climb(ladder, out=tmp_path, seeds=2, quiet=True)
    runs = [RunDir(tmp_path / "tiny" / "base" / f"seed-{seed}") for seed in (0, 1)]
    one, other = (read_answers(run.predictions) for run in runs)
    assert one.same_rows(other)
    parts = [set(read_answers(run.fold(1).predictions).rows.tolist()) for run in runs]
    assert parts[0] != parts[1]


def test_folds_are_repeated_as_the_ladder_says(tmp_path: Path) -> None:
    ladder = digits(repeats=2)
    ladder["rungs"] = ladder["rungs"][:1]
    assert not esc.climb(ladder, out=tmp_path, quiet=True).failed
    rung = esc.load_ladder(ladder).ladder.rungs[0]
    runs = [RunDir(tmp_path / "tiny" / "base" / f"seed-{seed}") for seed in (0, 1)]
    assert all(finished(run, rung) for run in runs)
    # That there are to be more is nothing that a finished run would have to be trained again for.
    ladder["data"]["repeats"] = 3
    assert all(finished(run, esc.load_ladder(ladder).ladder.rungs[0]) for run in runs)


def test_repeats_need_folds() -> None:
    with pytest.raises(LadderError, match=r"expected folds to repeat, received no data\.folds"):
        esc.load_ladder(digits(folds=None, repeats=2))


def test_what_is_wrong_with_folds_is_told_with_what_else_is(tmp_path: Path) -> None:
    path = tmp_path / "tiny.yaml"
    path.write_text(
        "name: tiny\n"
        "rungs:\n"
        "  - name: base\n"
        "    data:\n"
        "      source: digits\n"
        "      folds: 500\n"
        "      repeats: 2\n"
        "      labels: {corrections: fixes.csv}\n"
        "    model: {kind: mlp, dense: [8]}\n"
        "    train: {class_weights: {zero: 2}}\n"
        "  - name: other\n"
        "    change:\n"
        "      data.folds: null\n"
        "      data.labels: null\n"
        "      data.repeats: 1\n"
        "      train.class_weights: {12: 2}\n"
    )
    (tmp_path / "fixes.csv").write_text("row,label\n1,8\n2000,8\n3,nine\n")
    with pytest.raises(LadderError) as caught:
        esc.climb(esc.load_ladder(path), out=tmp_path / "runs", quiet=True)
    told = [str(problem).removeprefix(f"{path}:").replace(f"{tmp_path}/", "") for problem in caught.value.problems]
    few = "digits: 10 classes have fewer pictures than there are folds, 500: '8' (174)"
    assert told[0].startswith(f"6: rungs[0] (base).data.folds: {few}")
    assert told[1:] == [
        "8: rungs[0] (base).data.labels.corrections: 2 lines do not fit digits:\n"
        "fixes.csv:3: expected a row of train from 0 to 1796, received '2000'\n"
        "fixes.csv:4: unknown class 'nine'; known: 0, 1, 2, 3, 4, 5, 6, 7, 8, 9",
        "10: rungs[0] (base).train.class_weights.zero: expected a class of 'digits', received 'zero'; known: 0, 1, 2, "
        "3, 4, 5, 6, 7, 8, 9",
        "16: rungs[1] (other).change.train.class_weights.12: expected a class of 'digits', received '12'; did you mean "
        "'2'?",
    ]


def made(folder: Path) -> dict[str, str]:
    """The SHA-256 of what every run, and every fold, learned and answered."""
    names = ("predictions.parquet", "best.safetensors", "doubt.json")
    return {str(path.relative_to(folder)): sha256(path) for name in names for path in folder.rglob(name)}


@pytest.mark.slow
def test_folds_side_by_side_give_the_bits_of_one_after_the_other(tmp_path: Path) -> None:
    ladder = digits() | {"evaluate": {"coverage": 0.9}}
    with threads(1):
        esc.climb(ladder, out=tmp_path / "one", quiet=True)
    begun: list[str] = []

    class Heard(Events):
        def of_run(self, rung: str, seed: int) -> Events:
            begun.append(rung)
            return self

    results = climb(esc.load_ladder(ladder), out=tmp_path / "two", jobs=2, events=Heard())
    assert not results.failed
    assert {f"{rung}/fold-{n}" for rung in ("base", "moved") for n in (1, 2, 3)} <= set(begun)
    assert made(tmp_path / "two") == made(tmp_path / "one")
    assert len(made(tmp_path / "one")) == 2 * (1 + 3) * 3
    # The same command has nothing to do, and another time everything is trained, each fold beside the others.
    begun.clear()
    climb(esc.load_ladder(ladder), out=tmp_path / "two", jobs=2, events=Heard())
    assert not begun
    climb(esc.load_ladder(ladder), out=tmp_path / "two", rungs=["base"], jobs=2, fresh=True, events=Heard())
    assert "base/fold-3" in begun
    kept = tmp_path / "two" / "tiny" / "base" / "seed-0.kept-001"
    assert made(kept) == made(tmp_path / "one" / "tiny" / "base" / "seed-0")


def test_each_fold_sets_rows_aside_for_its_sets(tmp_path: Path) -> None:
    ladder = digits() | {"evaluate": {"coverage": 0.9}}
    ladder["rungs"] = ladder["rungs"][:1]
    assert not esc.climb(ladder, out=tmp_path, quiet=True).failed
    run = RunDir(tmp_path / "tiny" / "base" / "seed-0")
    for part in [run, run.fold(1), run.fold(2), run.fold(3)]:
        doubt = read_json(part.doubt)
        assert 0 < doubt["least"] < 1 and doubt["rows"] == 60
    assert read_json(run.doubt) == read_json(run.fold(1).doubt)
    # The page judges each row by the sets of its own fold, whatever the order of the rows.
    judged = _by_folds(read_run(run.path, 0))
    assert judged is not None
    labels, held = read_answers(run.predictions).labels, 0
    for part in run.folds():
        own = softmax(read_logits(part.predictions) / read_json(part.doubt)["temperature"])
        truth = own[np.arange(len(own)), read_answers(part.predictions).labels]
        held += int((truth >= read_json(part.doubt)["least"]).sum())
    assert judged[1][np.arange(1797), labels].sum() == held
    page = (tmp_path / "tiny" / "report.html").read_text()
    assert "How far its probabilities can be believed" in page
    assert "Divided by the temperature of their fold" in page
    assert "calibrated on 180 images that chose nothing" in page
    assert "60 images of validation, set aside to calibrate sets of classes" in page


@pytest.mark.slow
def test_a_fold_that_fails_beside_others_fails_the_rung(tmp_path: Path) -> None:
    ladder = digits()
    ladder["rungs"] = [{**ladder["rungs"][0], "train": {"optimizer": {"name": "sgd", "lr": 1e30}, "epochs": 3}}]
    results = climb(esc.load_ladder(ladder), out=tmp_path, jobs=2)
    [failed] = results.failed
    assert (failed.rung, failed.seed) == ("base", 0)
    record = RunDir(tmp_path / "tiny" / "base" / "seed-0").read_record()
    assert record["state"] == "failed" and record["error"] == failed.error


@pytest.mark.slow
def test_devices_share_each_fold_as_one_does(tmp_path: Path) -> None:
    ladder = digits()
    ladder["rungs"] = ladder["rungs"][:1]
    ladder["train"] |= {"shards": 2, "precision": "fp32"}
    with threads(1):
        esc.climb(ladder, out=tmp_path / "one", quiet=True)
    assert not climb(esc.load_ladder(ladder), out=tmp_path / "two", devices=2, device="cpu").failed
    assert made(tmp_path / "two") == made(tmp_path / "one")


@pytest.mark.parametrize("folds", [1, 0, "five", 2.5])
def test_what_is_no_number_of_folds(folds: Any) -> None:
    with pytest.raises(LadderError, match=r"data\.folds: expected a whole number of at least 2"):
        esc.load_ladder(digits(folds=folds))


def test_weights_of_other_folds_are_refused() -> None:
    ladder = digits()
    ladder["rungs"][1]["change"]["data.folds"] = 4
    with pytest.raises(LadderError) as caught:
        esc.load_ladder(ladder)
    assert "expected weights of a rung with the same data.folds, 4, received those of one with 3" in str(caught.value)


def test_in_turn_all_rows_but_test_are_validation_once() -> None:
    """The test rows stay, groups stay together, and a class that validation lacks stays in train."""
    labels = np.array([*[0, 1] * 30, 2])
    rare = images(labels)
    whole = split(rare, validation=0.25, test=0.25, seed=0, rare_classes="train")
    turns = [turned(whole, rare, number, seed=0) for number in range(1, TURNS + 1)]
    pool = {*whole.train.rows.tolist(), *whole.validation.rows.tolist()}
    assert sorted(np.concatenate([one.validation.rows for one in turns]).tolist()) == sorted(pool - {60})
    for one in turns:
        assert np.array_equal(one.test.rows, whole.test.rows)
        assert sorted([*one.train.rows.tolist(), *one.validation.rows.tolist()]) == sorted(pool)
        assert set(labels[one.validation.rows]) == {0, 1} and 60 in one.train.rows
    patients = np.arange(88) // 4
    grouped = images(table=pa.table({"patient": [str(one) for one in patients]}))
    whole = split(grouped, validation=0.25, test=0.25, seed=0, group="patient")
    for number in range(1, TURNS + 1):
        one = turned(whole, grouped, number, seed=0, group="patient")
        assert len(one.validation.rows) and not {*patients[one.train.rows]} & {*patients[one.validation.rows]}
