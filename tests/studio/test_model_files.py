"""Models in files, ONNX as well as safetensors: opened by a person or lying among the runs, and written by the page."""

from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from starlette.applications import Starlette
from starlette.testclient import TestClient

from escalera.core.errors import EscaleraError, RunError
from escalera.inference import bundle
from escalera.inference.files import find_trained
from escalera.studio import model_files
from escalera.studio.api import add_routes
from escalera.studio.i18n import load_words
from escalera.studio.samples import Samples
from escalera.studio.service import Studio
from escalera.studio.start import start

pytest.importorskip("onnx")
pytest.importorskip("onnxruntime")
pytest.importorskip("onnxscript")
from escalera.inference.onnx_export import write_onnx

CNN = "tiny/cnn/seed-0"
Png = Callable[..., bytes]


@pytest.fixture(scope="module")
def onnx_file(climbed_once: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("onnx") / "mine.onnx"
    write_onnx(find_trained(climbed_once / "tiny" / "cnn"), path)
    return path


def test_an_onnx_file_is_opened_and_answers(studio: Studio, onnx_file: Path, png: Png) -> None:
    entry = studio.files.open(onnx_file.read_bytes(), "mine.ONNX")
    assert entry.label == "mine.ONNX" and studio.models()[-1] == entry
    assert studio.files.open(onnx_file.read_bytes(), "again.onnx") == entry
    own, answer = (studio.classify(key, [png()]).result() for key in (CNN, entry.key))
    assert own.predicted == answer.predicted
    assert dict(answer.classes) == pytest.approx(dict(own.classes), abs=1e-4)
    assert studio.explain(answer).result() is None
    assert studio.enlarged(entry.key, [png()]).shape == (320, 320, 1)
    with pytest.raises(RunError, match="a model in a file has left its rows behind"):
        Samples(studio).near(answer)


def test_a_file_that_is_none_is_refused_by_its_own_name(studio: Studio) -> None:
    with pytest.raises(RunError, match=r"bad\.onnx is not a model that Escalera wrote: it cannot be read as ONNX"):
        studio.files.open(b"not at all", "bad.onnx")
    assert [entry.file for entry in studio.models()] == ["", ""]


def test_models_among_the_runs_are_there_too(studio: Studio, onnx_file: Path, png: Png) -> None:
    content = bundle.export(studio.of_run(CNN))
    (studio.out / "mine.onnx").write_bytes(onnx_file.read_bytes())
    (studio.out / "tiny" / "other.safetensors").write_bytes(content)
    (studio.out / ".hidden.onnx").write_bytes(onnx_file.read_bytes())
    keys = [entry.key for entry in studio.models()]
    assert keys == ["tiny/mlp/seed-0", CNN, "mine.onnx", "tiny/other.safetensors"]
    own = studio.classify(CNN, [png()]).result()
    for key in keys[2:]:
        assert studio.classify(key, [png()]).result().predicted == own.predicted
    # Written again, it is another model; and one that is damaged says so when it is asked.
    (studio.out / "mine.onnx").write_bytes(b"cut")
    with pytest.raises(RunError, match=r"mine\.onnx is not a model that Escalera wrote"):
        studio.classify("mine.onnx", [png()]).result()
    for key in ("../mine.onnx", ".hidden.onnx", "tiny/../mine.onnx", f"{studio.out}/mine.onnx"):
        with pytest.raises(RunError, match="there is no run"):
            studio.trained(key)


def test_only_so_many_files_stay_known(studio: Studio, monkeypatch: pytest.MonkeyPatch) -> None:
    read: list[str] = []

    def opened(path: Path) -> SimpleNamespace:
        read.append(path.name)
        return SimpleNamespace(trained=path.name)

    monkeypatch.setattr(model_files, "opened", opened)
    monkeypatch.setattr(model_files, "_KNOWN", 2)
    a, b, c = (studio.out / f"{name}.onnx" for name in "abc")
    for path in (a, b, c):
        path.write_bytes(b"")
    for path in (a, b, a, c, a, b):
        assert str(studio.files.trained(path)) == path.name
    assert read == ["a.onnx", "b.onnx", "c.onnx", "b.onnx"]  # b was not asked for longest when c came
    assert len(studio.files._known) == 2


def test_http_lists_asks_and_hands_out_files(studio: Studio, onnx_file: Path, png: Png) -> None:
    (studio.out / "mine.onnx").write_bytes(onnx_file.read_bytes())
    app = Starlette()
    add_routes(app, studio)
    client = TestClient(app)
    assert client.get("/models").json()["models"][-1]["model"] == "mine.onnx"
    answer = client.post("/predict?model=mine.onnx", content=png()).json()
    assert answer["class"] == studio.classify(CNN, [png()]).result().predicted
    found = client.get("/model/mine.onnx")
    assert found.content == onnx_file.read_bytes()
    assert found.headers["content-disposition"] == 'attachment; filename="mine.onnx"'


def test_the_studio_starts_with_an_onnx_file(onnx_file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from escalera.studio import app

    found: list[str] = []
    monkeypatch.setattr(app, "serve", lambda studio, **_: found.extend(entry.label for entry in studio.models()))
    given: dict[str, Any] = {"host": "127.0.0.1", "port": 0, "auth": None, "i_know": False, "data_root": None}
    start(**given, models=[onnx_file], out=tmp_path, ready=print)
    assert found == ["mine.onnx"]


def test_the_page_answers_with_it_and_says_what_it_cannot(
    studio: Studio, onnx_file: Path, tmp_path: Path, png: Png
) -> None:
    from escalera.studio.tabs.asker import Asker

    (tmp_path / "a.png").write_bytes(png())
    key = studio.files.open(onnx_file.read_bytes(), "mine.onnx").key
    asker = Asker(studio, load_words("es"))
    html = asker.ask(key, "", str(tmp_path / "a.png"), None, [], True, None)
    assert "Un modelo en un archivo ONNX no dice dónde ha mirado" in html
    assert "un modelo en un archivo ya no tiene sus filas" in html
    picture, pictures, attributes = asker.adapt(key)
    assert (picture["visible"], pictures["visible"], attributes["visible"]) == (True, False, False)


@pytest.mark.parametrize("form", ["safetensors", "onnx", "int8"])
def test_a_model_is_written_and_what_was_found_out_is_shown(
    studio: Studio, form: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    import gradio as gr

    from escalera.inference import onnx_check
    from escalera.studio.tabs.export import Exporter

    monkeypatch.setattr(onnx_check, "MARGIN", 1.0)
    exporter = Exporter(studio, load_words("es"))
    told, file = exporter.export(CNN, form)
    path = Path(file["value"])
    assert path.name == {"int8": "tiny-cnn-int8.onnx"}.get(form, f"tiny-cnn.{form}")
    assert find_trained(path).name if form == "safetensors" else path.stat().st_size
    assert "tamaño: " in told["value"]
    if form != "safetensors":
        for text in ("preguntado por las 901 filas de prueba", "exactitud en prueba: ", "filas por segundo"):
            assert text in told["value"]
    assert ("ocho bits frente al modelo entero" in told["value"]) == (form == "int8")
    with pytest.raises(gr.Error, match="Este modelo o ejecución no se puede usar: no existe el entrenamiento"):
        exporter.export("tiny/none/seed-0", form)


def test_a_form_that_there_is_not_and_no_model(studio: Studio) -> None:
    from escalera.studio.tabs.export import Exporter

    exporter = Exporter(studio, load_words("en"))
    with pytest.raises(EscaleraError, match="expected one of safetensors, onnx, int8 as the form of a model"):
        exporter._export(CNN, "pickle")
    with pytest.raises(EscaleraError, match="Train a model first"):
        exporter._export(None, "onnx")
