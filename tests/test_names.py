"""Names of ladders and rungs: letters of every alphabet, typed in either way, on every file system."""

import io
import json
import unicodedata
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from starlette.applications import Starlette
from starlette.testclient import TestClient

import escalera as esc
from escalera.core.auto_record import FOLDER
from escalera.core.errors import EscaleraError, LadderError, RunError
from escalera.core.names import COMPARISON, fault, is_name, same, there
from escalera.core.translation import translate
from escalera.experiment import climb
from escalera.inference.files import find_run
from escalera.report.language import load_language
from escalera.report.story import read_story
from escalera.studio.api import add_routes
from escalera.studio.job import Job, Request
from escalera.studio.service import Studio

LADDER = """
name: pájaros
data: {source: digits, validation: 0.2, test: 0.5}
rungs:
  - name: más-honda
    model: {kind: mlp, dense: [8]}
    train: {epochs: 1}
  - name: 二番
    change: {train.epochs: 2}
  - name: voto
    change: {model: {kind: votes, features: {from: más-honda}, classifiers: [{name: nearest_neighbours}]}}
"""


def apart(text: str) -> str:
    """Letters and their marks one after the other, as some keyboards and file systems have them."""
    return unicodedata.normalize("NFD", text)


@pytest.mark.parametrize(
    "name", ["a", "ñ", "más-honda", apart("más-honda"), "字", "हिन्दी", "straße", "3x3", "²", "v1.2_b"]
)
def test_names(name: str) -> None:
    assert is_name(name)
    assert fault(name) is None


@pytest.mark.parametrize(
    "name",
    ["", ".x", "-x", "_x", "a b", "a/b", "a\\b", "..", "a:b", "x∕y", "．．", "a\n", "a\0", "\u0301a", "a\u200bb", "💥"],
)
def test_what_is_no_name(name: str) -> None:
    assert not is_name(name)


@pytest.mark.parametrize(
    ("name", "why"),
    [
        *(
            (name, "is the name of a device on Windows")
            for name in ("con", "AUX", "nul.txt", "com1", "LPT³", "Prn.a.b")
        ),
        ("a.", "ends with a dot, which Windows leaves out"),
        *((name, "is what Escalera calls a file") for name in ("seed-0", "report.html", "Ladder.json", "figures")),
        ("𐌰" * 70, "at most 240 bytes in UTF-8, received 280"),
    ],
)
def test_names_that_some_system_cannot_have(name: str, why: str, tmp_path: Path) -> None:
    assert is_name(name)
    file = tmp_path / "a.yaml"
    for before, place in (("name: más-honda", "rungs[0] ("), ("name: pájaros", "")):
        file.write_text(LADDER.replace(before, f"name: {name}", 1), encoding="utf-8")
        with pytest.raises(LadderError) as caught:
            esc.load_ladder(file)
        assert f"{place}{name + ').' if place else ''}name: " in str(caught.value)
        assert why in str(caught.value)


@pytest.mark.parametrize(
    ("before", "names", "place", "why", "spanish"),
    [
        (
            "name: pájaros",
            (COMPARISON, "Comparison"),
            "",
            "is where escalera compare writes its page, beside the ladders; take another",
            "es donde escalera compare escribe su página, junto a las escaleras; elige otro",
        ),
        (
            "name: más-honda",
            (FOLDER, "Auto"),
            "rungs[0] ({}).",
            "is what Escalera calls a file or folder of its own beside the rungs; take another",
            "es como Escalera llama a un archivo o carpeta suya junto a los peldaños; elige otro",
        ),
    ],
    ids=["a ladder", "a rung"],
)
def test_names_of_folders_that_commands_write_into(
    before: str, names: tuple[str, str], place: str, why: str, spanish: str, tmp_path: Path
) -> None:
    """Where nothing would be overwritten the same names are free: of a class, of a set, and each at the other place."""
    file = tmp_path / "a.yaml"
    for name in names:
        file.write_text(LADDER.replace(before, f"name: {name}", 1), encoding="utf-8")
        with pytest.raises(LadderError) as caught:
            esc.load_ladder(file)
        assert f"{place.format(name)}name: '{name}' {why}" in str(caught.value)
        assert f"«{name}» {spanish}" in translate(str(caught.value), "es")
        assert fault(name) is None
    other = {"name: pájaros": FOLDER, "name: más-honda": COMPARISON}
    text = LADDER
    for key, name in other.items():
        text = text.replace(key, f"name: {name}", 1)
    file.write_text(text.replace("from: más-honda", f"from: {COMPARISON}"), encoding="utf-8")
    assert esc.load_ladder(file).ladder.name == FOLDER


@pytest.mark.parametrize("name", ["console", "auxiliary", "nulo", "com", "com12", "lpt", "report", "seed", "seed-a"])
def test_names_that_only_look_like_those(name: str) -> None:
    assert fault(name) is None


def test_names_that_a_file_system_takes_for_one(tmp_path: Path) -> None:
    assert same("MÁS") == same(apart("más")) == same("más")
    file = tmp_path / "a.yaml"
    file.write_text(LADDER.replace("二番", apart("MÁS-honda")), encoding="utf-8")
    with pytest.raises(
        LadderError, match=r"expected a name of its own, capitals aside, received 'MÁS-honda'; line 5 has"
    ):
        esc.load_ladder(file)


@pytest.fixture(scope="module")
def climbed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The ladder, typed with its letters apart."""
    folder = tmp_path_factory.mktemp("names")
    (folder / "pájaros.yaml").write_text(apart(LADDER), encoding="utf-8")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("ESCALERA_CACHE", str(folder / "cache"))
        reading = esc.load_ladder(folder / "pájaros.yaml")
        runs = climb.climb(reading, out=folder / "runs")
        assert list(runs) == ["más-honda", "二番", "voto"]
        assert [run.state for run in runs.values()] == ["done", "done", "done"]
        again = climb.climb(reading, out=folder / "runs", rungs=[apart("más-honda")])
        assert list(again) == ["más-honda"]
        with pytest.raises(
            EscaleraError, match="--rung mas-honda: the ladder 'pájaros' has no such rung; did you mean"
        ):
            climb.climb(reading, out=folder / "runs", rungs=["mas-honda"])
    return folder


def test_folders_are_called_by_composed_letters_and_found_by_both(climbed: Path) -> None:
    folder = climbed / "runs" / "pájaros"
    assert {"más-honda", "二番", "voto"} <= {path.name for path in folder.iterdir()}
    assert there(Path(apart(str(folder)))) == folder
    assert find_run(Path(apart(str(folder / "más-honda")))).path == folder / "más-honda" / "seed-0"
    assert read_story(Path(apart(str(folder)))).name == "pájaros"
    assert there(Path(apart(str(folder / "años")))) == Path(apart(str(folder / "años")))
    with pytest.raises(RunError, match=r"Did you mean .*más-honda"):
        find_run(folder / "mas-honda")


def test_the_report_links_to_them(climbed: Path) -> None:
    page = (climbed / "runs" / "pájaros" / "report.html").read_text(encoding="utf-8")
    for name in ("más-honda", "二番"):
        assert f'href="#rung-{name}"' in page
        assert f'id="rung-{name}"' in page
    assert load_language("en").say("steps.from", parent="más-honda") in page


def test_the_studio_answers_by_them(climbed: Path) -> None:
    picture = io.BytesIO()
    Image.fromarray(np.arange(64, dtype=np.uint8).reshape(8, 8)).save(picture, "PNG")
    studio = Studio(climbed / "runs")
    app = Starlette()
    add_routes(app, studio)
    key = "pájaros/más-honda/seed-0"
    try:
        assert [entry.key for entry in studio.models()] == [
            key, "pájaros/二番/seed-0", "pájaros/voto/seed-0",
        ]  # fmt: skip
        with TestClient(app) as client:
            answer = client.post("/predict", params={"model": key}, content=picture.getvalue())
            assert answer.json()["model"] == key
            file = client.get(f"/model/{key}")
            assert file.headers["content-disposition"] == (
                "attachment; filename*=UTF-8''p%C3%A1jaros-m%C3%A1s-honda.safetensors"
            )
            assert client.get("/report/pájaros").status_code == 200
            assert client.get("/model/pájaros/．．/seed-0").status_code == 404
    finally:
        studio.close()


def test_the_studio_asks_for_them(climbed: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ESCALERA_CACHE", str(climbed / "cache"))
    job = Job(climbed / "runs")
    write = climbed / "runs" / ".studio" / "climb.json"
    write.parent.mkdir(exist_ok=True)
    asked: dict[str, Any] = {"ladder": str(climbed / "pájaros.yaml"), "rungs": ["más-honda"], "seeds": 1, "sets": []}
    write.write_text(json.dumps({"process": 0, "born": None, **asked}), encoding="utf-8")
    progress = job.progress()
    assert progress is not None
    assert [(step.rung, step.standing) for step in progress.steps] == [("más-honda", "done")]
    assert progress.request == Request(**asked)
