"""`escalera predict` about folders, files and tables: what is answered, what is left out, how answers are written."""

from __future__ import annotations

import csv
import io
import json
import re
import sys
import unicodedata
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from escalera import cli
from escalera.data.cache.decode import FORMATS
from escalera.experiment.climb import climb, load_ladder

LADDER = """
name: bars
data: {source: data, image_size: 12, channels: 3, test: 0.3}
rungs:
  - name: base
    model: {kind: cnn, blocks: [[4]], head: {dense: [8]}}
    train: {epochs: 1, batch_size: 8}
"""


def picture(path: Path, kind: int, seed: int) -> Path:
    pixels = np.random.default_rng(seed).integers(60, 256, (16, 18, 3), dtype=np.uint8)
    pixels[3 * kind : 3 * kind + 6, :, kind] = 255
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(pixels).save(path)
    return path


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("asking")
    for kind, name in enumerate(("=1+1", "b")):  # a class that a spreadsheet would take for a formula
        for seed in range(10):
            picture(folder / "data" / name / f"{seed}.png", kind, seed)
    (folder / "bars.yaml").write_text(LADDER)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("ESCALERA_CACHE", str(folder / "cache"))
        patch.chdir(folder)
        climb(load_ladder("bars.yaml"))
    return folder / "runs"


@pytest.fixture
def run(trained: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """The run, as seen from the folder where the commands are typed; three pictures are in `new`."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "runs").symlink_to(trained)
    for seed in range(3):
        picture(Path(f"new/{seed}.jpg"), seed % 2, 70 + seed)
    return "runs/bars/base"


Answer = tuple[int, str, str]
ENGLISH = re.compile(r"\b(the|expected|received|there|is|are|which|cannot|its|of|and|not|was)\b")


@pytest.fixture
def ask(run: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Callable[..., Answer]:
    """`ask("new", "--csv")` is the exit code, and what was printed on standard output and error."""

    def predict(*arguments: str, run: str = run) -> Answer:
        monkeypatch.setattr(sys, "argv", ["escalera", "predict", run, *arguments])
        with pytest.raises(SystemExit) as ended:
            cli.main()
        return int(ended.value.code or 0), *capsys.readouterr()

    return predict


def test_a_folder_stands_for_its_pictures(ask: Callable[..., Answer]) -> None:
    picture(Path("new/deeper/9.png"), 0, 1)
    Path("new/notes.txt").write_text("hello")
    Path("new/Thumbs.db").write_text("left by a system")
    code, out, err = ask("new", "--json")
    assert code == 0
    assert err == "new: left out, since they are no pictures: notes.txt.\n"
    answers = json.loads(out)
    assert [answer["file"] for answer in answers] == ["new/0.jpg", "new/1.jpg", "new/2.jpg", "new/deeper/9.png"]
    assert {(answer["row"], answer["error"]) for answer in answers} == {(None, None)}
    # The same as one by one, in the order in which they are named, folders among them.
    one_by_one = json.loads(ask("new/2.jpg", "new/deeper", "new/0.jpg", "--json")[1])
    assert one_by_one == [answers[2], answers[3], answers[0]]


def test_a_bad_picture_stops_all_or_is_left_out(ask: Callable[..., Answer]) -> None:
    Path("new/readme.jpg").write_text("hola")
    Path("new/short.png").write_bytes(picture(Path("whole.png"), 0, 0).read_bytes()[:300])
    code, out, err = ask("new", "--json")
    assert (code, out) == (2, "")
    assert err.splitlines()[:2] == [
        "error: 2 of 5 pictures cannot be taken; nothing was predicted:",
        f"  new/readme.jpg: not a picture of a known format ({', '.join(FORMATS)}), 4 bytes",
    ]
    assert err.endswith("\nAnswer for the others with --skip-bad.\n")
    code, out, err = ask("new", "--skip-bad")
    assert code == 1
    assert err == "2 of 5 could not be answered\n"
    assert "new/2.jpg\n" in out
    assert "new/readme.jpg\n  no answer: not a picture of a known format" in out
    code, out, err = ask("new", "--skip-bad", "--lang", "es")
    assert "new/readme.jpg\n  sin respuesta: no es una imagen" in out
    assert err == "2 de 5 se quedaron sin respuesta\n"
    answers = json.loads(ask("new", "--skip-bad", "--json")[1])
    assert [len(answer["classes"]) for answer in answers] == [2, 2, 2, 0, 0]
    code, out, err = ask("new/readme.jpg", "--skip-bad")
    assert code == 2
    assert "the only picture cannot be taken; nothing was predicted:" in err
    assert "--skip-bad" not in err


def test_many_pictures_are_read_some_at_a_time(ask: Callable[..., Answer], monkeypatch: pytest.MonkeyPatch) -> None:
    def asked(*options: str) -> list[Any]:
        # How many are asked together may change the last digit of a probability.
        rounded = partial(json.loads, parse_float=lambda text: round(float(text), 5))
        found: list[Any] = rounded(ask("new", "--json", *options)[1])
        return found[:3]

    whole = asked()
    monkeypatch.setattr("escalera.data.readers.listing.AT_ONCE", 2)
    assert asked() == whole
    Path("new/3.jpg").write_text("no")
    assert asked("--skip-bad") == whole


def test_answers_as_a_table(ask: Callable[..., Answer]) -> None:
    Path("new/=cmd.jpg").write_text("hola")
    code, out, _ = ask("new", "--skip-bad", "--csv")
    rows = list(csv.reader(io.StringIO(out)))
    assert code == 1
    assert rows[0] == ["file", "class", "probability", "class_2", "probability_2", "error"]
    assert [row[0] for row in rows[1:]] == ["new/0.jpg", "new/1.jpg", "new/2.jpg", "new/=cmd.jpg"]
    assert {row[1] for row in rows[1:4]} <= {"'=1+1", "b"}
    assert rows[4][1:5] == ["", "", "", ""]
    assert rows[4][5].startswith("not a picture")
    assert ask("new", "--skip-bad", "--csv", "--top", "1")[1].splitlines()[0] == "file,class,probability,error"
    code, said, _ = ask("new", "--skip-bad", "--out", "answers.csv")
    assert said == "answers: answers.csv\n"
    assert Path("answers.csv").read_bytes() == b"\xef\xbb\xbf" + out.encode()
    ask("new", "--skip-bad", "--out", "deep/answers.JSON")
    assert [one["file"] for one in json.loads(Path("deep/answers.JSON").read_text())] == [row[0] for row in rows[1:]]


def test_a_table_names_its_pictures(ask: Callable[..., Answer]) -> None:
    name = "new/año.jpg"
    picture(Path(unicodedata.normalize("NFD", name)), 0, 5)
    Path("t.csv").write_text(f"path;note\nnew\\0.jpg;=1\n{unicodedata.normalize('NFC', name)};x\nnew/none.jpg;y\n")
    code, out, err = ask("t.csv", "--csv", "--skip-bad")
    rows = list(csv.DictReader(io.StringIO(out)))
    assert [row["row"] for row in rows] == ["0", "1", "2"]
    assert [unicodedata.normalize("NFC", row["file"].replace("\\", "/")) for row in rows] == [
        "new/0.jpg",
        name,
        "new/none.jpg",
    ]
    assert code == 1
    assert [bool(row["class"]) for row in rows] == [True, True, False]
    assert "backslashes" in err
    one = json.loads(ask("new/0.jpg", "--json")[1])[0]
    assert json.loads(ask("t.csv", "--json", "--skip-bad")[1])[0]["classes"] == one["classes"]
    assert "(row 0)\n" in ask("t.csv", "--skip-bad")[1]


def test_a_table_of_names_without_ending_or_of_bytes(ask: Callable[..., Answer]) -> None:
    import pyarrow as pa
    import pyarrow.parquet as pq

    expected = json.loads(ask("new", "--json")[1])
    Path("ids.csv").write_text("id\n0\n1\n2\n")
    found = json.loads(ask("ids.csv", "--json")[1])
    assert [one["classes"] for one in found] == [one["classes"] for one in expected]
    pq.write_table(pa.table({"image": [Path(f"new/{n}.jpg").read_bytes() for n in range(3)]}), "t.parquet")
    found = json.loads(ask("t.parquet", "--json")[1])
    assert [one["classes"] for one in found] == [one["classes"] for one in expected]
    assert (found[2]["file"], found[2]["row"]) == ("t.parquet", 2)


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (
            ("new/0.jpg", "--out", "new/0.jpg/a.csv"),
            "could not write new/0.jpg/a.csv: Not a directory. Give another file.",
        ),
        (("nwe", "--out", "new/a.csv/"), "could not write new/a.csv: Is a directory. Give another file."),
        (("nwe",), "the only picture cannot be taken; nothing was predicted:\n  nwe: there is no such file"),
        (("new/0.jgp",), "new/0.jgp: there is no such file; did you mean 'new/0.jpg'?"),
        (("empty",), "empty: there is no picture in this folder"),
        (("tables",), "tables: there is no picture in this folder; there is a table, tables/a.csv"),
        (("tables/a.csv",), "tables/a.csv has no first line with the names of the columns."),
        (("tables/b.csv",), "tables/b.csv has 0 rows below its first line."),
        (("tables/c.csv",), "tables/c.csv: there is no such file; did you mean 'tables/b.csv'?"),
        (("tables/a.csv", "new"), "tables/a.csv: a table is asked about alone: expected nothing beside it"),
        (("new", "--attributes", "a=1"), "expected --attributes once for each of 3 rows, received 1"),
        (
            ("new/0.jpg", "--attributes", "a=1"),
            "this run looks at pictures alone: expected no attributes, received some",
        ),
        ((), "this run looks at pictures: expected some, received none"),
        (("new", "--out", "a.xlsx"), "--out a.xlsx: expected a name that ends in .csv or .json"),
        (("new", "--csv", "--json"), "expected --csv or --json, received both; --out takes the other one"),
    ],
)
def test_what_cannot_be_asked(ask: Callable[..., Answer], arguments: tuple[str, ...], told: str) -> None:
    for folder in ("empty", "tables", "new/a.csv"):
        Path(folder).mkdir()
    Path("tables/a.csv").write_text("")
    Path("tables/b.csv").write_text("path\n")
    code, out, err = ask(*arguments)
    assert (code, out) == (2, "")
    assert err.startswith("error: ")
    assert told in err
    _, _, spanish = ask(*arguments, "--lang", "es")
    assert not ENGLISH.search(re.sub("«[^»]*»", "", spanish)), spanish


@pytest.mark.parametrize(
    ("named", "told"),
    [
        ("runs/bars/bsae", "received runs/bars/bsae. Did you mean runs/bars/base?"),
        ("run/bar/base", "received run/bar/base. Did you mean runs/bars/base?"),
        ("bars/base", "received bars/base. Did you mean runs/bars/base?"),
        ("runs/bars/base/sed-0", "received runs/bars/base/sed-0. Did you mean runs/bars/base/seed-0?"),
        ("runs/bars", "received runs/bars. It holds the rungs base: name one, as runs/bars/base."),
        ("runs", "received runs. It holds the ladders bars: name a rung of one, as runs/bars/base."),
        ("new/0.jpg", "received new/0.jpg. It is a picture: the run comes first, then what it is asked about."),
        ("new", "expected the folder of a run, as runs/digits/cnn, received new."),
        (
            "nowhere/at/all",
            "expected the folder of a run, as runs/digits/cnn, received nowhere/at/all. There is no such folder.",
        ),
        (
            "runs/bars/base/seed-0/best.safetensors",
            "It is a file of the run in runs/bars/base/seed-0: name that.",
        ),
        ("runs/bars/base/seed-0/run.json", "It is a file of the run in runs/bars/base/seed-0: name that."),
        ("none.safetensors", "there is no file none.safetensors"),
    ],
)
def test_a_run_that_is_not_there(ask: Callable[..., Answer], named: str, told: str) -> None:
    code, out, err = ask("new/0.jpg", run=named)
    assert (code, out) == (2, "")
    assert err.endswith(f"{told}\n")
    _, _, spanish = ask("new/0.jpg", "--lang", "es", run=named)
    assert not ENGLISH.search(spanish), spanish
