"""How a ladder that built itself came about, in the report: the source, the moves, and what validation said of each."""

import csv
from pathlib import Path
from typing import Any

import pytest

from escalera.core.auto_record import EvidenceRecord
from escalera.core.files import write_sealed
from escalera.experiment.auto.diary import Attempt, Diary
from escalera.experiment.auto.evidence import Evidence
from escalera.report.page import write_report


def evidence(difference: float, **more: float) -> Evidence:
    values = {
        "accuracy": 0.9, "difference": difference, "low": difference - 0.01, "high": difference + 0.01, "loss": -0.1,
        "loss_low": -0.2, "loss_high": 0.1, "loss_before": 1.0, "ratio": 1.0, "rows": 226,
    }  # fmt: skip
    return Evidence(**{**values, **more})  # type: ignore[arg-type]


def attempts() -> list[Attempt]:
    """One of each state."""
    told: list[dict[str, Any]] = [
        {"move": "first", "name": "baseline", "parent": "", "state": "kept", "accuracy": 0.9},
        {"move": "convolutions", "state": "kept", "accuracy": 0.95, "evidence": evidence(0.05)},
        {"move": "schedule", "state": "dropped", "accuracy": 0.94, "evidence": evidence(-0.004)},
        {"move": "wider", "state": "dropped", "accuracy": 0.951, "evidence": evidence(0.02, ratio=4.04)},
        {"move": "deeper", "state": "failed", "error": "<script>alert(1)</script> is not finite"},
        {"move": "mixup", "state": "waits", "accuracy": 0.96, "evidence": evidence(0.03)},
        {"move": "nobody knows it", "state": "running"},
    ]
    return [
        Attempt(**{
            "name": one["move"], "parent": "baseline", "change": {}, "number": number, "seconds": 2.0, "epochs": 36,
            "ended": 10.0 * number, **one,
        })
        for number, one in enumerate(told, 1)
    ]  # fmt: skip


@pytest.fixture
def built(ladder_dir: Path) -> Path:
    """The ladder, as if it had built itself."""
    found: list[list[str | int]] = [["rows", 1797, 10, 8], ["few", "<b>cat</b>", 12], ["what a later version finds", 1]]
    Diary("digits", {}, {}, found, 36, 61.0, 2.0, attempts()).write(ladder_dir / "auto")
    return ladder_dir


def page(folder: Path, language: str = "en") -> str:
    return " ".join(write_report(folder, language).read_text(encoding="utf-8").replace("\xa0", " ").split())


def section(folder: Path, language: str = "en") -> str:
    text = page(folder, language)
    start = text.index('<section id="auto">')
    return text[start : text.index("</section>", start)]


def test_the_moves_in_their_order_with_their_figures(built: Path) -> None:
    """The kept ones in the open, the others folded, each with what validation said of it."""
    text = section(built)
    assert "1,797 rows of 10 classes" in text and "Rows of &#39;&lt;b&gt;cat&lt;/b&gt;&#39; to learn from: 12" in text
    assert "6 moves tried on short trainings of 36 epochs at most, 1 kept, 1 min 01 s altogether." in text
    assert "All were judged on rows of validation" in text
    shown, folded = text.split("<details>")
    assert shown.index(">baseline<") < shown.index(">convolutions<")
    assert "▲ kept" in shown and "+5.0" in shown and "+4.0 to +6.0" in shown and "226" in shown
    places = [
        folded.index(f">{name}<") for name in ("one-cycle schedule", "wider", "deeper", "mixup", "nobody knows it")
    ]
    assert places == sorted(places) and "5 moves" in folded
    assert "○ no evidence that it helps" in folded and "helps too little for 4.0 times the time" in folded
    assert "✕ could not be trained" in folded and "&lt;script&gt;alert(1)&lt;/script&gt; is not finite" in folded
    assert "helps, and waits: another move helped more" in folded and "not finished" in folded
    assert "<script>alert" not in text


def test_in_spanish(built: Path) -> None:
    text = section(built, "es")
    assert "Cómo se construyó sola esta escalera" in text and "6 movimientos en entrenamientos cortos" in text
    assert "▲ se queda" in text and "ayuda demasiado poco para 4,0 veces más tiempo" in text


def test_the_figure_and_its_numbers(built: Path) -> None:
    """Every move that is over, and the best of the rungs at that time."""
    assert "The validation accuracy of each move" in page(built)
    with (built / "figures" / "auto.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert (built / "figures" / "auto.svg").is_file()
    assert [row["move"] for row in rows] == ["first", "convolutions", "schedule", "wider", "deeper", "mixup"]
    assert [row["best"] for row in rows] == ["0.9", *["0.95"] * 5] and rows[4]["accuracy"] == ""


def test_a_ladder_that_somebody_wrote_has_no_such_section(ladder_dir: Path) -> None:
    assert 'id="auto"' not in page(ladder_dir) and 'href="#auto"' not in page(ladder_dir)


@pytest.mark.parametrize(
    ("content", "said"),
    [(None, "auto.json: is not there"), ("{", "auto.json"), ('{"attempts": 3}', "auto.json"), ("[]", "auto.json")],
)
def test_a_damaged_file_is_told(built: Path, content: str | None, said: str) -> None:
    """And the rest of the page is as it was."""
    path = built / "auto" / "auto.json"
    path.unlink()
    if content is not None:
        path.write_text(content)
    text = section(built)
    assert "What was tried while this ladder was built cannot be shown" in text and said.split(":")[0] in text
    assert "moves tried" not in text and 'id="steps"' in page(built)


def test_a_file_that_was_changed_is_told(built: Path) -> None:
    path = built / "auto" / "auto.json"
    path.write_text(path.read_text().replace("0.95", "0.99", 1))
    assert "cannot be shown" in section(built) and "0.99" not in section(built)


def test_values_that_are_none_are_left_out(built: Path) -> None:
    """The rest is shown."""
    value = {
        "found": [["rows", "a"], []],
        "epochs": "x",
        "attempts": [{"move": "wider", "state": "kept", "parent": "a"}],
    }
    write_sealed(built / "auto" / "auto.json", value)
    text = section(built)
    assert "cannot be shown" in text and ">wider<" in text


@pytest.mark.parametrize(
    ("low", "difference", "loss_high"), [(0.001, 0.01, 1), (0, 0, -0.1), (0, 0.1, 0), (0, -0.1, -1)]
)
def test_what_helped_is_judged_as_it_was(low: float, difference: float, loss_high: float) -> None:
    found = evidence(difference, low=low, loss_high=loss_high)
    assert EvidenceRecord(difference=difference, low=low, loss_high=loss_high).helped == found.helps
