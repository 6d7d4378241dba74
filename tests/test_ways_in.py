"""Every way into a model (Python, a file, the command line, HTTP, the page) has one decoder and one check: the same
picture has the same answer, and what is no picture is refused with text."""

from __future__ import annotations

import io
import json
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image
from starlette.applications import Starlette
from starlette.testclient import TestClient
from typer.testing import CliRunner

from escalera.cli import app
from escalera.core.errors import DataError
from escalera.core.files import read_json
from escalera.core.rundir import RunDir
from escalera.data.query.images import refuse_bad
from escalera.data.sources.open import open_source
from escalera.experiment.climb import climb, load_ladder
from escalera.experiment.results import Run
from escalera.inference import bundle, files
from escalera.inference.predictor import Predictor
from escalera.studio.api import add_routes
from escalera.studio.i18n import load_words
from escalera.studio.parts import answer_html
from escalera.studio.service import Studio
from escalera.studio.table import table

LADDER = """
name: tiny
data: {source: digits, validation: 0.2, test: 0.5}
rungs:
  - name: grey
    model: {kind: cnn, blocks: [[4]], head: {dense: [8]}}
    train: {epochs: 1}
  - name: colour
    change: {data.channels: 3, data.image_size: [12, 10], data.resize: pad, data.normalize: standard}
"""


@pytest.fixture(scope="module")
def out(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("ways")
    (folder / "tiny.yaml").write_text(LADDER)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("ESCALERA_CACHE", str(folder / "cache"))
        climb(load_ladder(folder / "tiny.yaml"), out=folder / "runs")
    return folder / "runs"


@dataclass
class Ways:
    """A model, and the ways of asking it about one file; each gives {class: probability}."""

    run: Run
    file: Predictor
    studio: Studio
    client: TestClient
    key: str
    folder: Path

    def all(self, raw: bytes, arrays: bool) -> dict[str, dict[str, float]]:
        path = self.folder / "asked.png"
        path.write_bytes(raw)
        shown = CliRunner().invoke(app, ["predict", str(self.run.dir.path), str(path), "--top", "10", "--json"])
        assert shown.exit_code == 0, shown.output
        answer = self.client.post("/predict", params={"model": self.key, "top": "10"}, content=raw)
        given = self.given(path, raw, arrays)
        service = self.studio.classify(self.key, [raw]).result()
        [row] = table(self.studio, self.key, [("asked.png", raw)])
        assert (row["class"], row["error"]) == (service.predicted, None)
        return {
            "command": {row["name"]: row["probability"] for row in json.loads(shown.stdout)[0]["classes"]},
            "http": {row["name"]: row["probability"] for row in answer.json()["classes"]},
            "page": dict(service.classes),
            **{f"python {name}": self.named(self.run.predict(one)) for name, one in given.items()},
            **{f"file {name}": self.named(self.file.predict(one)) for name, one in given.items()},
        }

    def given(self, path: Path, raw: bytes, arrays: bool) -> dict[str, Any]:
        pixels = self.file.intake.rows(raw)
        picture = Image.open(io.BytesIO(raw))
        files = {"path": path, "name": str(path), "bytes": raw, "PIL": picture, "list": [path]}
        return {**files, "array": pixels[0], "arrays": pixels} if arrays else files

    def named(self, found: NDArray[np.float32]) -> dict[str, float]:
        assert found.shape == (1, 10)
        return dict(zip(self.file.classes, map(float, found[0]), strict=True))

    def refusals(self, raw: bytes) -> dict[str, str]:
        """What each way says of a file that is no picture."""
        path = self.folder / "asked.png"
        path.write_bytes(raw)
        shown = CliRunner().invoke(app, ["predict", str(self.run.dir.path), str(path)])
        assert isinstance(shown.exception, DataError)  # main() makes it one line and exit code 2
        answer = self.client.post("/predict", params={"model": self.key}, content=raw)
        assert answer.status_code == 422
        [row] = table(self.studio, self.key, [("asked.png", raw)])
        found = {"command": str(shown.exception), "http": answer.json()["error"], "page": str(row["error"])}
        wrong: dict[str, Any] = {"path": path, "bytes": raw, "list": [raw]}
        for name, given in wrong.items():
            with pytest.raises(DataError) as error:
                self.run.predict(given)
            found[f"python {name}"] = str(error.value)
        return found


@pytest.fixture(params=["grey", "colour"])
def ways(request: pytest.FixtureRequest, out: Path, tmp_path: Path) -> Iterator[Ways]:
    run = Run(RunDir(out / "tiny" / request.param / "seed-0"))
    bundle.write_file(bundle.of_run(run.dir), tmp_path / "model.safetensors")
    studio = Studio(out)
    server = Starlette()
    add_routes(server, studio)
    with TestClient(server) as client:
        file = Predictor(bundle.of_file(tmp_path / "model.safetensors"))
        yield Ways(run, file, studio, client, f"tiny/{request.param}/seed-0", tmp_path)
    studio.close()


def encoded(image: Image.Image, kind: str = "PNG", **options: Any) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, kind, **options)
    return buffer.getvalue()


def drawn(*shape: int) -> Image.Image:
    return Image.fromarray(np.random.default_rng(1).integers(0, 256, shape, dtype=np.uint8))


def cut_out() -> Image.Image:
    image = drawn(20, 30, 3).convert("RGBA")
    image.putalpha(drawn(20, 30))
    return image


KINDS: dict[str, Callable[[], bytes]] = {
    "the size of train": lambda: encoded(drawn(8, 8)),
    "grey": lambda: encoded(drawn(20, 30)),
    "colour": lambda: encoded(drawn(30, 20, 3)),
    "transparent": lambda: encoded(cut_out()),
    "palette": lambda: encoded(drawn(20, 30, 3).quantize(8)),
    "16 bits": lambda: encoded(Image.fromarray(np.asarray(drawn(20, 30)).astype(np.uint16) * 257)),
    "JPEG": lambda: encoded(drawn(20, 30, 3), "JPEG"),
    "WebP": lambda: encoded(drawn(20, 30, 3), "WEBP"),
    "dark": lambda: encoded(drawn(20, 30).point(lambda level: level // 20)),
}


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.filterwarnings("ignore:no pixel is above 8, where 99 of 100")
def test_the_same_picture_has_the_same_answer(ways: Ways, kind: str) -> None:
    found = ways.all(KINDS[kind](), arrays=kind != "dark")  # such arrays are refused
    expected = found["python bytes"]
    for name, answer in found.items():
        assert answer == pytest.approx(expected, abs=1e-6), name


BAD: dict[str, tuple[Callable[[], bytes], str]] = {
    "text": (lambda: b"hello", "not a picture of a known format"),
    "svg": (lambda: b"<svg/>", "not a picture of a known format"),
    "cut short": (lambda: KINDS["colour"]()[:200], "truncated"),
    "32 bits": (lambda: encoded(Image.new("F", (8, 8)), "TIFF"), "its pixels are 32-bit (F)"),
}


@pytest.mark.parametrize("kind", BAD)
def test_what_is_no_picture_is_refused_everywhere(ways: Ways, kind: str) -> None:
    raw, told = BAD[kind]
    for name, text in ways.refusals(raw()).items():
        assert told in text, name


def test_the_test_rows_are_answered_as_in_the_climb(ways: Ways) -> None:
    import pyarrow.parquet as pq

    from escalera.evaluate.metrics import softmax

    kept = pq.read_table(ways.run.dir.predictions)
    rows = kept["row"].to_numpy()[:50]
    data = ways.file.trained.config.data
    size = None if data.image_size is None else (data.image_size[0], data.image_size[1])  # type: ignore[index]
    source = open_source("digits", data_root=None, image_size=size, channels=data.channels, resize=data.resize)
    images = source.splits["train"].images[rows]
    stored = softmax(np.stack(kept["logits"].to_numpy()[:50]))
    for given in (images, list(images), images.astype(np.int64)):
        assert ways.run.predict(given) == pytest.approx(stored, abs=1e-5)
    for wrong, told in (
        (images / 255, "(255 * x).round().astype('uint8')"),
        (images / 255 - 0.5, "standardised"),
        (images // 16, "no pixel is above 15"),
        (images.transpose(0, 3, 1, 2), "x.transpose(0, 2, 3, 1)"),
        (images[:, :, :-1], "[Image.fromarray(one) for one in x"),
        (np.where(images > 0, images, np.nan), "not finite"),
        (images.astype(object), "object"),
        (list(images / 255), "images[0]: expected uint8"),
        ([], "empty list"),
    ):
        for asked in (ways.run.predict, ways.file.predict, ways.file.features, lambda x: ways.file.maps(x, [0] * 50)):
            with pytest.raises(DataError) as error:
                asked(wrong)
            assert told in str(error.value)


def test_a_dark_picture_is_answered_with_a_word(ways: Ways) -> None:
    raw = KINDS["dark"]()
    told = r"no pixel is above 8, where 99 of 100 pictures of train reach \d+"
    with pytest.warns(UserWarning, match=told):
        ways.run.predict(raw)
    (ways.folder / "dark.png").write_bytes(raw)
    shown = CliRunner().invoke(app, ["predict", str(ways.run.dir.path), str(ways.folder / "dark.png")])
    assert re.search(told + ": the answers may mean nothing", shown.stderr)
    note = ways.client.post("/predict", params={"model": ways.key}, content=raw).json()["note"]
    assert re.fullmatch(told, note)
    for code, words in (("en", "no pixel is above 8"), ("es", "ningún píxel pasa de 8")):
        answer = ways.studio.classify(ways.key, [raw]).result()
        assert words in answer_html(answer, "x", None, None, load_words(code))
    plain = ways.client.post("/predict", params={"model": ways.key}, content=KINDS["grey"]()).json()
    assert plain["note"] is None


def test_features_and_maps_take_what_predict_takes(ways: Ways) -> None:
    raw = KINDS["colour"]()
    picture = Image.open(io.BytesIO(raw))
    np.testing.assert_array_equal(ways.file.features(raw), ways.file.features([picture]))
    maps = ways.file.maps(raw, [3])
    assert maps is not None
    np.testing.assert_array_equal(maps, ways.file.maps([picture], np.array([3])))
    for classes in ([10], [-1], [0, 1], [0.5], 3, [True], []):
        with pytest.raises(
            DataError, match="classes: expected the number of a class, from 0 to 9, for each of 1 rows; "
        ):
            ways.file.maps(raw, classes)  # type: ignore[arg-type]


def test_attributes_of_a_model_that_reads_none_are_refused(ways: Ways) -> None:
    raw, told = KINDS["grey"](), "this run looks at pictures alone: expected no attributes, received some"
    with pytest.raises(DataError, match=told):
        ways.run.predict(raw, {"area": 3})
    with pytest.raises(DataError, match=told):
        ways.studio.classify(ways.key, [raw], {"area": 3}).result()
    answer = ways.client.post("/predict", params={"model": ways.key, "attributes": '{"area": 3}'}, content=raw)
    assert (answer.status_code, answer.json()["error"]) == (422, told)


def test_a_run_keeps_the_levels_of_train(out: Path) -> None:
    for rung in ("grey", "colour"):
        low, high = read_json(out / "tiny" / rung / "seed-0" / "run.json")["data"]["largest_levels"]
        assert low > 200
        assert high == 255


def test_weights_that_give_no_numbers_are_told(ways: Ways, monkeypatch: pytest.MonkeyPatch) -> None:
    from escalera.core.errors import RunError

    monkeypatch.setattr("escalera.inference.predictor.softmax", lambda logits: logits * np.nan)
    with pytest.raises(RunError, match=r"answers with no numbers \(NaN\): its weights or its data are damaged"):
        ways.file.predict(KINDS["grey"]())


def test_of_many_pictures_the_first_bad_ones_are_listed_and_all_are_counted() -> None:
    with pytest.raises(DataError) as raised:
        refuse_bad([f"{n}.jpg: cut" for n in range(1_500)], 20_000)
    lines = str(raised.value).splitlines()
    assert (lines[0], len(lines)) == ("1,500 of 20,000 pictures cannot be taken; nothing was predicted:", 22)
    assert lines[-1] == "  ... and 1,480 more"


def test_a_thousand_pictures_without_an_answer_are_counted_as_people_write_it(monkeypatch: pytest.MonkeyPatch) -> None:
    answer: dict[str, Any] = {"file": "a.jpg", "row": None, "classes": [], "filled_in": [], "error": "cut"}
    monkeypatch.setattr(files, "predict_files", lambda *_, **__: [answer] * 1_500)
    done = CliRunner().invoke(app, ["predict", "run", "folder", "--csv", "--lang", "en"])
    assert "1,500 of 1,500 could not be answered" in done.output
