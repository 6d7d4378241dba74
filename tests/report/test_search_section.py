"""The search of a rung in the report: what was tried and found, its cost, and by how much validation flatters it."""

import json
import re
from pathlib import Path
from typing import Any

import pytest

from escalera.core.files import read_json, write_json, write_sealed
from escalera.evaluate.compare import accuracy_interval, difference_interval
from escalera.experiment.summary import outcome
from escalera.report.axis import Axis, axes, labels, number, plain
from escalera.report.language import load_language
from escalera.report.marks import Scale
from escalera.report.page import write_report
from escalera.report.rung import Rung
from escalera.report.search import read_search
from escalera.report.sections.search import flattery
from escalera.report.story import read_story

OVER = {
    "train.optimizer": {"choice": [{"name": "adam", "lr": {"log": [1e-4, 1e-1]}}, {"name": "sgd", "lr": 0.5}]},
    "model.dropout": [0.0, 0.25, 0.5],
    "train.batch_size": {"int": [16, 256]},
}
EN = load_language("en")


def trial(number: int, state: str = "done", value: float | None = 0.8, **more: Any) -> dict[str, Any]:
    optimizer = {"name": "adam", "lr": 0.01} if number % 2 else {"name": "sgd", "lr": 0.5}
    return {
        "number": number,
        "state": state,
        "settings": {"train.optimizer": optimizer, "model.dropout": 0.25, "train.batch_size": 16 + number},
        "value": value,
        "epochs": 3,
        "seconds": 2.0,
        "ended": 5.0 * (number + 1),
        **more,
    }


def write_search(rung: Path, *, trials: list[dict[str, Any]], best: int | None, **more: Any) -> dict[str, Any]:
    search = {"over": OVER, "method": "tpe", "trials": 6, "epochs": 3, "prune": True, "monitor": "val_accuracy"}
    value = {
        "rung": rung.name,
        "search": {**search, **more.pop("search", {})},
        "state": "done",
        "size": None,
        "rows": 450,
        "elapsed": 31.0,
        "seconds": 2.0 * len(trials),
        "best": best,
        "importance": {"train.optimizer": 0.7, "model.dropout": 0.2, "train.batch_size": 0.1},
        "trials": trials,
        **more,
    }
    write_sealed(rung / "search" / "search.json", value)
    (rung / "search" / "trials.csv").write_text("trial\n")
    return value


TRIALS = [
    trial(0, value=0.9),
    trial(1, value=0.7),
    trial(2, "pruned", 0.2, epochs=1),
    trial(3, "failed", None, error="<script>alert(1)</script> is not finite"),
    trial(4, value=0.9, seconds=0.0, same=0),
    trial(5, "running", None),
]


@pytest.fixture
def searched(ladder_dir: Path) -> Path:
    """The ladder of which 'deeper' has searched."""
    value = read_json(ladder_dir / "ladder.json")
    value["rungs"][1]["search"] = True
    write_json(ladder_dir / "ladder.json", value)
    write_search(ladder_dir / "deeper", trials=TRIALS, best=0)
    return ladder_dir


def rung(folder: Path, name: str = "deeper") -> Rung:
    found = read_story(folder).rung(name)
    assert found is not None
    return found


def page(folder: Path, language: str = "en") -> str:
    text = write_report(folder, language).read_text()
    return " ".join(re.sub(r"\s+", " ", text).split())


def test_the_page_tells_what_was_tried_and_found(searched: Path) -> None:
    text = page(searched)
    assert "5 trials, each drawn where those before it did well (TPE)." in text
    assert "Of these 3 finished, 1 stopped early as worse than others and 1 failed." in text
    assert "Trial 1 is the best: it has 90.0% of the 450 validation images right." in text
    assert '<td>adam, sgd</td><td><span class="strong">sgd, lr 0.5</span></td>' in text
    assert "1e-4 to 0.1, in its logarithm" in text
    assert 'href="deeper/search/trials.csv"' in text
    assert "the settings of trial 1, not trained again" in text
    assert "<script>alert" not in text and "&lt;script&gt;alert(1)&lt;/script&gt; is not finite" in text
    assert "This search is not finished" not in text


def test_each_figure_has_its_numbers_beside_it(searched: Path) -> None:
    write_report(searched)
    folder = searched / "deeper" / "seed-0" / "figures"
    names = ["search", *(f"search-setting-{k}" for k in (1, 2, 3, 4)), "search-parallel", "search-importance"]
    assert all((folder / f"{name}.{end}").is_file() for name in names for end in ("svg", "csv"))
    best = (folder / "search.csv").read_text().splitlines()
    assert best[:4] == ["trial,seconds,state,value,best", "1,5.0,done,0.9,0.9", "2,10.0,done,0.7,0.9",
                        "3,15.0,pruned,0.2,0.9"]  # fmt: skip
    assert (folder / "search-setting-2.csv").read_text().splitlines()[0] == "trial,state,value,train.optimizer.lr"
    assert (folder / "search-parallel.csv").read_text().splitlines()[1].startswith("1,done,")
    assert "<circle" in (folder / "search-setting-4.svg").read_text()


def test_a_search_costs_what_its_trials_took(searched: Path) -> None:
    found = rung(searched)
    assert found.search_seconds == 12.0
    price = found.search_price
    assert price is not None and price.currency == "USD"
    assert price.amount == pytest.approx(0.0123 / 45.1 * 12)
    text = page(searched)
    assert text.count("+ search 12.0") == 3  # the table of steps, what it cost, and all together
    assert "Its search took 12.0" in text
    comparison = found.step and found.step.comparison
    assert comparison
    points = 100 * comparison.difference
    each = EN.number((45.1 + 12) / points, 1)
    cost = text[text.index('id="cost"') : text.index('id="data"')]
    assert f'<span class="strong">{each} s</span>' in cost
    assert f"That is {each} s for each point gained." in text
    assert outcome(searched)["rungs"][1]["search"] == {
        "state": "done", "trials": 6, "seconds": 12.0, "best": 1, "settings": TRIALS[0]["settings"],
        "validation_accuracy": 0.9,
    }  # fmt: skip
    assert outcome(searched)["rungs"][0]["search"] is None


@pytest.mark.parametrize(
    ("value", "key"), [(0.9, "Validation flatters the winner by 16.8 points"), (0.76, "agree on the winner"),
                       (0.5, "Validation does not flatter the winner")]
)  # fmt: skip
def test_by_how_much_validation_flatters(searched: Path, value: float, key: str) -> None:
    write_search(searched / "deeper", trials=[trial(0, value=value)], best=0)
    found = rung(searched)
    assert found.search is not None and found.accuracy == pytest.approx(0.732)
    sentences = flattery(found, found.search, EN)
    assert key in sentences[0] and "450 validation images" in sentences[0] and "500 test images" in sentences[0]
    low, high = difference_interval((found.accuracy or 0.0, 500), (value, 450))
    ends = [low, high] if value > 0.6 else [-high, -low]
    assert f"95% interval {' to '.join(EN.points(end, sign=True) for end in ends)}" in sentences[0]
    assert sentences[1] == "The trial was trained for 3 epochs, the rung for 16, which counts for the rung."


def test_the_interval_of_a_difference_is_newcombes() -> None:
    # Newcombe 1998, table II, example (a) by method 10: 56/70 against 48/80.
    low, high = difference_interval((48 / 80, 80), (56 / 70, 70))
    assert (round(low, 4), round(high, 4)) == (0.0524, 0.3339)
    assert accuracy_interval(0.5, 10)[0] < 0.5


def test_a_run_with_other_settings_says_nothing_of_the_winner(searched: Path) -> None:
    value = read_json(searched / "ladder.json")
    value["rungs"][1]["as_asked"] = False
    write_json(searched / "ladder.json", value)
    found = rung(searched)
    assert found.search is not None
    assert flattery(found, found.search, EN) == []


def test_the_winner_by_loss_has_the_accuracy_of_its_own_files(searched: Path) -> None:
    trials = [trial(0, value=0.9), trial(1, value=0.4)]
    write_search(searched / "deeper", trials=trials, best=1, search={"monitor": "val_loss"})
    found = rung(searched)
    assert found.search is not None and found.search.accuracy is None
    assert "its loss on the 450 validation images is 0.400" in page(searched)
    run = searched / "deeper" / "search" / "trial-0002" / "seed-1000"
    write_json(run / "run.json", {"state": "done"})
    write_json(run / "metrics.json", {"validation": {"accuracy": 0.88, "loss": 0.4}})
    found = rung(searched)
    assert found.search is not None and found.search.accuracy == 0.88
    assert Scale.of(found.search).at(9.0)[1] == 1


def test_a_winner_by_another_figure_is_told_by_it(searched: Path) -> None:
    """Its macro F1 is no share of the images, and is not compared with the accuracy on test."""
    trials = [trial(0, value=0.6), trial(1, value=0.62)]
    write_search(searched / "deeper", trials=trials, best=1, search={"monitor": "val_macro_f1"})
    found = rung(searched)
    assert found.search is not None and found.search.accuracy is None
    text = page(searched)
    assert "Trial 2 is the best: its macro F1 on the 450 validation images is 62.0%." in text
    assert "Validation, macro F1, %" in text and "validation images right" not in text


def test_what_is_at_work_shows_what_there_is(searched: Path) -> None:
    import shutil

    shutil.rmtree(searched / "deeper" / "seed-0")
    write_search(searched / "deeper", trials=TRIALS, best=0, state="running", importance={})
    text = page(searched)
    assert "This search is not finished" in text and "This run has not been made." in text
    assert "Trial 1 is the best" in text and "flatters" not in text
    assert (searched / "figures" / "search-deeper-0.csv").is_file()
    assert "Esta búsqueda no ha terminado" in page(searched, "es")


def test_a_search_in_which_all_failed(searched: Path) -> None:
    write_search(searched / "deeper", trials=[trial(k, "failed", None) for k in range(3)], best=None, importance={})
    text = page(searched)
    assert "No trial came to its end" in text
    assert "Trial 1 is the best" not in text


def test_a_grid_says_its_size(searched: Path) -> None:
    write_search(searched / "deeper", trials=TRIALS[:2], best=0, size=9, search={"method": "grid"})
    assert "2 trials of 9 combinations, one after the other." in page(searched)


def test_a_damaged_search_is_told(searched: Path) -> None:
    path = searched / "deeper" / "search" / "search.json"
    path.write_text(path.read_text().replace('"rows": 450', '"rows": 45'))
    text = page(searched)
    assert "search.json: not what was written (its SHA-256 differs)" in text
    assert "Trial 1 is the best" not in text
    for spoilt in ("[]", "{", '{"state": 1}'):
        path.write_text(spoilt)
        page(searched)
    path.unlink()
    assert "search.json: absent" in page(searched)


def test_a_search_that_has_not_begun_is_no_fault(searched: Path) -> None:
    assert read_search(searched / "base", finished=False) is None


def test_values_that_do_not_fit_are_left_out_and_told(searched: Path) -> None:
    trials = [{**trial(0), "settings": 7, "value": "high"}, trial(1, value=0.6), trial(2, value=float("inf"))]
    write_search(searched / "deeper", trials=trials, best=1, importance={"model.dropout": -1}, rows="many")
    text = page(searched)
    assert "search.json: rows: &#39;many&#39; does not fit" in text
    assert "Trial 2 is the best: it has 60.0%" in text


def test_names_from_files_are_escaped(searched: Path) -> None:
    over = {"<b>=1": ["<i>x</i>", '"&']}
    trials = [trial(0, settings={"<b>=1": "<i>x</i>"})]
    write_search(searched / "deeper", trials=trials, best=0, search={"over": over, "method": "<u>"}, importance={})
    text = page(searched)
    assert "<b>=1" not in text and "<i>x" not in text and "<u>" not in text
    csv = (searched / "deeper" / "seed-0" / "figures" / "search-setting-1.csv").read_text()
    assert csv.splitlines()[0] == "trial,state,value,<b>=1"


def test_many_trials_are_listed_and_drawn_in_part(searched: Path) -> None:
    trials = [trial(k, value=0.5 + k / 10_000) for k in range(1200)]
    write_search(searched / "deeper", trials=trials, best=1199)
    text = page(searched)
    assert "And 1,000 more." in text and "Drawn are the best 1,000 trials." in text


def test_axes_of_spaces() -> None:
    found = axes(OVER, [])
    assert [axis.name for axis in found] == [
        "train.optimizer", "train.optimizer.lr", "model.dropout", "train.batch_size"
    ]  # fmt: skip
    optimizer, rate, dropout, batch = found
    assert rate.log and rate.of({"train.optimizer": {"name": "adam", "lr": 1e-2}}) == pytest.approx(2 / 3)
    assert rate.of({"train.optimizer": "adam"}) is None
    assert optimizer.of({"train.optimizer": {"name": "adam", "lr": 0.03}}) == 0.25
    assert optimizer.of({"train.optimizer": {"name": "sgd", "lr": 0.5}}) == 0.75
    assert dropout.place(0.5) == pytest.approx(5 / 6)
    assert (dropout.place(0.3), dropout.place(None)) == (None, None)
    assert (batch.place(16), batch.place(256), batch.place(257), batch.place(True)) == (0.0, 1.0, None, None)
    assert [word for _, word in rate.marks(EN)] == ["1e-4", "0.001", "0.01", "0.1"]
    narrow = Axis("lr", 2e-3, 3e-2, log=True)
    assert [word for _, word in narrow.marks(EN)] == ["0.002", "0.005", "0.01", "0.02"]
    assert [axis.options for axis in axes({"x": {"between": [1, 2]}}, [{"x": 3}, {"x": 3}])] == [(3,)]
    assert axes({"x": 5}, [])[0].options == (None,)


def test_two_choices_with_the_same_range_share_an_axis() -> None:
    over = {"o": {"choice": [{"name": "a", "lr": {"log": [1e-4, 1e-2]}}, {"name": "b", "lr": {"log": [1e-3, 1]}}]}}
    inner = axes(over, [])[1]
    assert (inner.low, inner.high, inner.log) == (1e-4, 1, True)


def test_words_of_values() -> None:
    assert labels([{"kind": "cnn"}, {"kind": "cnn", "x": 1}, [64], None, True]) == [
        "cnn (1)", "cnn (2)", "[64]", "null", "true"
    ]  # fmt: skip
    assert plain({"name": "sgd", "lr": 0.1, "steps": [1, 2]}) == "sgd, lr 0.1, steps [1, 2]"
    assert [number(value, EN) for value in (0, 1e-4, 2.5e-5, 0.25, 12, 1e6)] == [
        "0",
        "1e-4",
        "2.5e-5",
        "0.25",
        "12",
        "1e6",
    ]
    assert number(2.5e-5, load_language("es")) == "2,5e-5"


def test_the_scale_shows_the_better_half(searched: Path) -> None:
    trials = [trial(k, value=value) for k, value in enumerate((0.1, 0.12, 0.93, 0.94, 0.96))]
    write_search(searched / "deeper", trials=trials, best=4)
    search = read_search(searched / "deeper", finished=True)
    assert search is not None
    scale = Scale.of(search)
    assert 85 < scale.low < 92 and 96 < scale.high <= 100
    assert scale.at(0.1) == (scale.low, -1) and scale.at(0.95) == (95.0, 0)
    assert json.dumps(search.record.model_dump())
