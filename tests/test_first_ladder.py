"""A first ladder for one's own data: it is read and planned as it stands, and nothing is written over."""

import errno
import json
import os
import re
import sys
import tempfile
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from PIL import Image
from pyarrow import parquet

import escalera as esc
from escalera.cli import main
from escalera.core.errors import EscaleraError
from escalera.core.language import LANGUAGES
from escalera.experiment.auto.moves import PRETRAINED
from escalera.experiment.auto.text import words_of
from escalera.experiment.estimate import plan
from escalera.experiment.first_ladder import first_ladder, free_file, ladder_name, write_first_ladder
from escalera.experiment.survey import SourceSurvey, batch_size, full_epochs, sentences_of, survey_source

RNG = np.random.default_rng(0)


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def escalera(monkeypatch: pytest.MonkeyPatch) -> Callable[..., int]:
    def run(*words: str) -> int:
        monkeypatch.setattr(sys, "argv", ["escalera", *words])
        with pytest.raises(SystemExit) as ended:
            main()
        return int(ended.value.code or 0)

    return run


def picture(height: int = 12, width: int = 9, channels: int = 3) -> Image.Image:
    shape = (height, width, channels) if channels > 1 else (height, width)
    return Image.fromarray(RNG.integers(0, 256, shape, np.uint8))


def folders(place: Path = Path("photos"), rows: int = 40, side: int = 12, channels: int = 3) -> str:
    for number in range(rows):
        path = place / ("wren" if number % 2 else "robin") / f"{number}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        picture(side, side + number % 3, channels).save(path)
    return str(place)


def table() -> str:
    """Pictures, and two columns beside them."""
    Path("img").mkdir()
    lines = ["image,label,area,colour"]
    for number in range(40):
        picture(16, 16).save(f"img/{number}.png")
        lines.append(f"img/{number}.png,{'ab'[number % 2]},{number * 3},{'red' if number % 3 else 'blue'}")
    Path("houses.csv").write_text("\n".join(lines), encoding="utf-8")
    return "houses.csv"


def arrays() -> str:
    np.savez("dots.npz", images=RNG.integers(0, 256, (40, 8, 8), np.uint8), labels=np.arange(40) % 2)
    return "dots.npz"


def rows_of_parquet() -> str:
    Path("set").mkdir()
    for split, count in (("train", 40), ("test", 10)):
        images = []
        for _ in range(count):
            picture(20, 20).save("one.png")
            images.append({"bytes": Path("one.png").read_bytes(), "path": None})
        labels = ["castle" if number % 2 else "bridge" for number in range(count)]
        parquet.write_table(pa.table({"image": images, "label": labels}), f"set/{split}.parquet")
    return "set"


MADE: dict[str, tuple[Callable[[], str], list[str], dict[str, Any]]] = {
    "folders": (folders, ["mlp", "cnn", "cnn"], {"image_size": 12, "validation": 0.25, "test": 0.25}),
    "photos": (lambda: folders(side=100), ["mlp", "cnn", "cnn"], {"image_size": 64, "validation": 0.25, "test": 0.25}),
    "table": (table, ["table", "cnn", "fusion"], {"image_size": None, "validation": 0.25, "test": 0.25}),
    "npz": (arrays, ["mlp", "cnn", "cnn"], {"image_size": None}),
    "parquet": (rows_of_parquet, ["mlp", "cnn", "cnn"], {"image_size": None, "validation": 0.25}),
    "digits": (lambda: "digits", ["mlp", "cnn", "cnn"], {"validation": 0.25, "test": 0.5}),
}


@pytest.mark.parametrize("kind", MADE)
def test_what_is_written_is_read_and_planned_as_it_stands(kind: str, escalera: Callable[..., int]) -> None:
    make, kinds, data = MADE[kind]
    assert escalera("new", make(), "mine.yaml") == 0
    planned(Path("mine.yaml"), kinds, data)


@pytest.mark.slow
@pytest.mark.data
@pytest.mark.parametrize(
    ("source", "kinds", "data"),
    [
        ("clothing", ["mlp", "cnn", "cnn"], {"image_size": 64}),
        ("houses", ["table", "cnn", "fusion"], {"target": "price", "bands": 4, "image_size": 32, "validation": 0.25}),
        ("cifar10", ["mlp", "cnn", "cnn"], {"validation": 0.1, "image_size": None}),
        ("fashion_mnist", ["mlp", "cnn", "cnn"], {"validation": 0.1}),
    ],
)
def test_known_sets(
    source: str, kinds: list[str], data: dict[str, Any], real_data: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ESCALERA_DATA", str(real_data))
    write_first_ladder(survey_source(source, (), None), Path("mine.yaml"), "en")
    planned(Path("mine.yaml"), kinds, data)


def planned(file: Path, kinds: list[str], data: dict[str, Any]) -> None:
    reading = esc.load_ladder(file)
    rungs = reading.ladder.rungs
    assert [rung.config.model.kind for rung in rungs] == kinds
    for rung in rungs:
        assert {key: getattr(rung.config.data, key) for key in data} == data
        assert rung.why is not None
    assert [row for row in plan(rungs, seed=0, data_root=None, device="cpu") if "error" in row] == []


def test_each_rung_changes_one_thing(escalera: Callable[..., int]) -> None:
    assert escalera("new", folders(), "mine.yaml") == 0
    rungs = [rung.config.model_dump() for rung in esc.load_ladder("mine.yaml").ladder.rungs]
    changed = [[key for key in one if one[key] != two[key]] for one, two in pairwise(rungs)]
    assert changed == [["model"], ["augment"]]


@pytest.mark.parametrize("channels", [1, 3])
def test_the_rung_that_waits_is_right_without_its_sign(channels: int) -> None:
    write_first_ladder(survey_source(folders(side=100, channels=channels), (), None), Path("photos.yaml"), "en")
    text = Path("photos.yaml").read_text(encoding="utf-8")
    assert "#- name: pretrained\n" in text
    Path("photos.yaml").write_text(re.sub(r"(?m)^  #(- |  )", r"  \1", text), encoding="utf-8")
    last = esc.load_ladder("photos.yaml").ladder.rungs[-1]
    assert (last.name, last.config.data.image_size, last.config.data.channels) == (
        "pretrained", PRETRAINED, 3 if channels == 1 else None,
    )  # fmt: skip
    assert last.config.model.kind == "backbone" and not last.config.augment.horizontal_flip


def test_small_pictures_have_no_such_rung() -> None:
    assert "pretrained" not in first_ladder(survey_source(folders(), (), None), Path("a.yaml"), "en")


def test_characters_are_not_mirrored() -> None:
    seen = survey_source("digits", (), None)
    text = first_ladder(seen, Path("a.yaml"), "en")
    assert not seen.mirror
    assert "        horizontal_flip: true" not in text and "horizontal_flip: true, where" in text
    seen = survey_source(folders(), (), None)
    assert seen.mirror and "        horizontal_flip: true" in first_ladder(seen, Path("a.yaml"), "en")


def test_the_comments_teach(escalera: Callable[..., int], capsys: pytest.CaptureFixture[str]) -> None:
    folders(Path("my photos"))
    assert escalera("new", "my photos/") == 0
    out, err = capsys.readouterr()
    text = Path("my-photos.yaml").read_text(encoding="utf-8")
    assert "name: my-photos " in text and "source: my photos/ " in text
    assert "#   escalera climb my-photos.yaml --plan   what each rung costs" in text
    assert "escalera explore 'my photos/'" in text
    assert "image_size: 12                # pixels a side" in text
    assert "#   Classes with fewer than 30 rows to learn from: 2 of 2; 'robin' has the fewest, 20." in text
    assert max(map(len, text.splitlines())) <= 126
    assert out.splitlines()[-2:] == ["Written: my-photos.yaml", "Next: escalera climb my-photos.yaml --plan"]
    assert err.startswith("Looking at my photos/: ")


def test_every_key_that_may_be_there_has_its_comment() -> None:
    text = first_ladder(
        survey_source(table(), ["data.label_column=label", "data.channels=3"], None), Path("a.yaml"), "en"
    )
    inside = text.partition("\nrungs:")[0].partition("\ndata:")[2]
    bare = [line for line in inside.splitlines() if re.match(r"  \w", line) and "#" not in line]
    assert bare == ["  early_stopping: {monitor: val_loss, patience: 10, restore_best: true}"]  # its comment is above


def test_in_spanish(escalera: Callable[..., int], capsys: pytest.CaptureFixture[str]) -> None:
    assert escalera("new", folders(), "--lang", "es") == 0
    out, err = capsys.readouterr()
    text = Path("photos.yaml").read_text(encoding="utf-8")
    assert "# Una primera escalera para photos" in text and "# píxeles de lado" in text
    assert out.splitlines()[-1] == "Ahora: escalera climb photos.yaml --plan" and err.startswith("Se mira photos: ")
    one, two = ([rung.why for rung in esc.load_ladder("photos.yaml").ladder.rungs] for _ in LANGUAGES)
    assert one == two and one[0] is not None and "honrado" in str(one[0])


def test_both_languages_say_the_same() -> None:
    english, spanish = (words_of(code).messages for code in LANGUAGES)
    assert list(english) == list(spanish)
    for key in (one for one in english if one.startswith(("new.", "found.", "auto."))):
        text = english[key]
        assert sorted(re.findall(r"{\w+}", text)) == sorted(re.findall(r"{\w+}", spanish[key])), key


def test_pictures_that_cannot_be_decoded_are_left_out_by_the_command_to_type_next(
    escalera: Callable[..., int], capsys: pytest.CaptureFixture[str]
) -> None:
    (Path(folders()) / "robin" / "bad.png").write_bytes(b"x")
    assert escalera("new", "photos") == 0
    command = "escalera climb photos.yaml --skip-bad --plan"
    assert capsys.readouterr().out.splitlines()[-1] == f"Next: {command}"
    text = Path("photos.yaml").read_text(encoding="utf-8")
    assert f"#   {command}   " in text and "#   escalera climb photos.yaml --skip-bad   " in text


def test_as_json(escalera: Callable[..., int], capsys: pytest.CaptureFixture[str]) -> None:
    assert escalera("new", arrays(), "--json") == 0
    found = json.loads(capsys.readouterr().out)
    assert (found["file"], found["rows"], found["classes"]) == ("dots.yaml", {"train": 40}, ["0", "1"])
    assert found["data"] == {"source": "dots.npz", "validation": 0.25, "test": 0.25}


def test_settings_say_how_it_is_read(escalera: Callable[..., int]) -> None:
    assert escalera("new", table(), "--set", "data.target=area", "--set", "data.bands=2") == 0
    data = esc.load_ladder("houses.yaml").ladder.rungs[0].config.data
    assert (data.target, data.bands, data.validation) == ("area", 2, 0.25)


@pytest.mark.parametrize(
    ("file", "english", "spanish"),
    [
        ("there.yaml", "there.yaml exists, and is not overwritten. Give another file after the source.",
         "there.yaml existe y no se sobrescribe. Indica otro archivo después de la fuente."),
        ("x.txt", "x.txt: expected the ladder to write, a file that ends in .yaml; received 'x.txt'.",
         "x.txt: se esperaba la escalera que se escribe, un archivo que termine en .yaml; se recibió «x.txt»."),
        ("no/x.yaml", "no/x.yaml: expected a folder that exists, received 'no'. Create it first.",
         "no/x.yaml: se esperaba una carpeta que exista, se recibió «no». Créala antes."),
        ("s3://b/x.yaml", "s3://b/x.yaml: expected a ladder on this machine to write, received a URL.",
         "s3://b/x.yaml: se esperaba una escalera que escribir en esta máquina, se recibió una URL."),
        ("shut/x.yaml",
         "shut/x.yaml: could not write in its folder: Read-only file system. Give another place after the source.",
         "shut/x.yaml: no se pudo escribir en su carpeta: el disco es de solo lectura. Indica otro lugar después de la "
         "fuente."),
    ],
)  # fmt: skip
def test_a_file_that_cannot_be_written(
    file: str, english: str, spanish: str, escalera: Callable[..., int], capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    Path("there.yaml").write_text("mine", encoding="utf-8")
    Path("shut").mkdir()
    opened = tempfile.TemporaryFile

    def shut(dir: Path) -> Any:
        if dir == Path("shut"):
            raise OSError(errno.EROFS, os.strerror(errno.EROFS))
        return opened(dir=dir)

    monkeypatch.setattr(tempfile, "TemporaryFile", shut)
    for words, told_ in (((), english), (("--lang", "es"), spanish)):
        assert escalera("new", "digits", file, *words) == 2
        assert capsys.readouterr() == ("", f"error: {told_}\n")
    assert Path("there.yaml").read_text() == "mine" and not list(Path("shut").iterdir())


def test_a_file_that_came_meanwhile_stays(monkeypatch: pytest.MonkeyPatch) -> None:
    seen = survey_source("digits", (), None)
    Path("a.yaml").write_text("mine", encoding="utf-8")
    with pytest.raises(EscaleraError, match=r"^a\.yaml exists, and is not overwritten"):
        write_first_ladder(seen, Path("a.yaml"), "en")
    with pytest.raises(EscaleraError, match=r"^gone.a\.yaml could not be written: No such file or directory\.$"):
        write_first_ladder(seen, Path("gone/a.yaml"), "en")


def test_a_source_that_explore_refuses(escalera: Callable[..., int], capsys: pytest.CaptureFixture[str]) -> None:
    folders(rows=3)
    assert escalera("new", "photos") == 2
    err = capsys.readouterr().err.partition("\n")[2]
    assert "too few pictures in train" in err and err.endswith("Look at it with: escalera explore photos\n")
    assert not Path("photos.yaml").exists()
    assert escalera("new", "nowhere", "--lang", "es") == 2
    assert "fuente desconocida «nowhere»" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("text", "name"),
    [("photos", "photos"), ("my photos", "my-photos"), ("más", "más"), ("con", "mine"), ("12", "12"), ("true", "true"),
     ("a: b", "a--b"), ("...", "mine"), ("comparison", "mine")],
)  # fmt: skip
def test_every_source_has_a_name(text: str, name: str) -> None:
    assert ladder_name(text) == name
    Path(f"{name}.yaml").write_text(
        first_ladder(survey_source("digits", (), None), Path(f"{name}.yaml"), "en"), encoding="utf-8"
    )
    assert esc.load_ladder(f"{name}.yaml").ladder.name == name


def test_the_file_is_called_after_the_source(monkeypatch: pytest.MonkeyPatch) -> None:
    folders()
    assert free_file("photos/", None) == Path("photos.yaml")
    assert free_file("owner/name", None) == Path("name.yaml")
    monkeypatch.chdir("photos")
    assert free_file(".", None) == Path("photos.yaml")


def test_a_ladder_in_another_folder_finds_its_data(monkeypatch: pytest.MonkeyPatch, here: Path) -> None:
    folders()
    Path("ladders").mkdir()
    write_first_ladder(survey_source("photos", (), None), Path("ladders/mine.yaml"), "en")
    assert "source: ./../photos " in Path("ladders/mine.yaml").read_text()
    for place in (here, here / "ladders", here / "photos"):
        monkeypatch.chdir(place)
        rungs = esc.load_ladder(here / "ladders" / "mine.yaml").ladder.rungs[:1]
        rows = plan(rungs, seed=0, data_root=None, device="cpu", beside=here / "ladders")
        assert [row for row in rows if "error" in row] == []


def test_where_something_else_has_that_path_it_is_written_in_full(here: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folders(Path("work/photos"))
    folders(Path("photos"), rows=20)
    monkeypatch.chdir("work")
    Path("ladders").mkdir()
    text = first_ladder(survey_source("photos", (), None), Path("ladders/mine.yaml"), "en")
    assert f"source: {here / 'work' / 'photos'}" in text


def test_twins_are_counted_as_they_are_told() -> None:
    """Rows outside of train that have their picture there too, each once; and pairs within train."""
    for split, rows in (("train", 40), ("test", 10)):
        folders(Path("set") / split, rows=rows, side=24)
    one = Path("set/train/robin/0.png").read_bytes()
    for copy in ("set/test/robin/0.png", "set/test/robin/2.png", "set/train/robin/2.png", "set/train/robin/4.png"):
        Path(copy).write_bytes(one)
    found = survey_source("set", (), None).found
    assert ["duplicates", 2] in found and ["twins", 2] in found
    lines = sentences_of(found, words_of("en"))
    assert any(
        line.startswith("Rows of validation or test whose picture is in train too") and ": 2;" in line for line in lines
    )


def test_the_name_of_a_class_is_no_number_and_stays_on_its_line() -> None:
    """A class called 2019 is not 2,019; the sentence becomes a comment in a ladder, of which the next line is none."""
    found: list[list[str | int]] = [["uneven", "2019", 12_345, "007", 3], ["few", "²", 3], ["few", "a\nrungs: []", 1]]
    uneven, few, broken = sentences_of(found, words_of("en"))
    assert "'2019' has 12,345 rows of train, '007' 3" in uneven and "'²' to learn from: 3" in few
    assert "'a\\nrungs: []'" in broken and "\n" not in broken


def test_small_sets_need_small_steps_and_many_epochs() -> None:
    assert [batch_size(rows) for rows in (100, 2_000, 20_000, 60_000)] == [32, 64, 128, 256]
    assert [full_epochs(rows) for rows in (0, 100, 4_000, 60_000)] == [60, 60, 30, 15]


def test_what_was_found_is_plain() -> None:
    seen = survey_source(arrays(), (), None)
    assert SourceSurvey(**json.loads(json.dumps(seen.facts()))) == seen
