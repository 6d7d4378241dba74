"""A model as an ONNX file: the same answers without PyTorch, nothing of the machine in it, and no file is believed."""

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

import escalera as esc
from escalera.core.errors import DataError, RunError
from escalera.experiment.climb import climb, load_ladder
from escalera.inference.files import find_trained, predict_files
from escalera.inference.predictor import Predictor

onnx = pytest.importorskip("onnx")
pytest.importorskip("onnxruntime")
pytest.importorskip("onnxscript")
from escalera.inference.onnx_check import Accuracy, Check  # noqa: E402
from escalera.inference.onnx_export import Written, write_onnx  # noqa: E402
from escalera.inference.onnx_model import read_onnx  # noqa: E402
from escalera.inference.onnx_session import unopened  # noqa: E402
from escalera.inference.onnx_summary import summary_of  # noqa: E402

LADDER = """
name: tiny
data: {source: digits, validation: 0.2, test: 0.5, normalize: standard}
rungs:
  - name: cnn
    model: {kind: cnn, blocks: [[4]], head: {dense: [8]}}
    train: {epochs: 1}
    evaluate: {tta: flip, coverage: 0.9}
"""
ALONE = """
import sys
for name in ("torch", "timm", "torchvision", "pyarrow", "pandas"):
    sys.modules[name] = None
from pathlib import Path
from escalera.inference.files import predict_files
from escalera.inference.serving import app, server
from escalera.inference.onnx_model import open_onnx
assert len(predict_files(Path(sys.argv[1]), [Path(sys.argv[2])])) == 1
print(open_onnx(Path(sys.argv[1])).predict([sys.argv[2], sys.argv[3]]).tolist())
"""


SILENT = """
import os, sys
from pathlib import Path
class Watching:
    def find_spec(self, name, *_):
        if name == "onnxruntime":
            print("onnxruntime is told", os.environ.get("ORT_DISABLE_TELEMETRY"))
sys.meta_path.insert(0, Watching())
from escalera.inference.onnx_model import open_onnx
open_onnx(Path(sys.argv[1]))
"""


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("onnx")
    (folder / "tiny.yaml").write_text(LADDER)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("ESCALERA_CACHE", str(folder / "cache"))
        climb(load_ladder(folder / "tiny.yaml"), out=folder / "runs")
    return folder / "runs/tiny/cnn"


@pytest.fixture(scope="module")
def file(run: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("file") / "cnn.onnx"
    written = write_onnx(find_trained(run), path)
    assert written.check.largest < 1e-5 and written.check.agreement == 1
    assert sorted(one.name for one in path.parent.iterdir()) == ["cnn.onnx", "cnn.onnx.json"]
    return path


@pytest.fixture
def pictures(tmp_path: Path) -> list[Path]:
    """Of another size and mode than the model's."""
    draw = np.random.default_rng(1)
    Image.fromarray(draw.integers(0, 256, (30, 21, 3), np.uint8)).save(tmp_path / "colour.png")
    Image.fromarray(draw.integers(0, 256, (9, 14, 4), np.uint8)).save(tmp_path / "clear.png")
    return [tmp_path / "colour.png", tmp_path / "clear.png"]


def test_answers_without_pytorch_as_the_run_does(run: Path, file: Path, pictures: list[Path]) -> None:
    found = subprocess.run(
        [sys.executable, "-c", ALONE, str(file), *map(str, pictures)], capture_output=True, text=True, check=True
    )
    expected = Predictor(find_trained(run)).predict([str(one) for one in pictures])
    assert np.abs(np.array(json.loads(found.stdout)) - expected).max() < 1e-5


def test_it_is_shown_in_a_line(file: Path) -> None:
    assert repr(esc.open(file)) == "OnnxModel(cnn/seed-0: 10 classes)"


def test_python_takes_it(run: Path, file: Path, pictures: list[Path]) -> None:
    found, expected = (esc.open(one).predict([str(one) for one in pictures]) for one in (file, run))
    assert np.abs(found - expected).max() < 1e-5


def test_predict_takes_it(run: Path, file: Path, pictures: list[Path]) -> None:
    said, expected = predict_files(file, pictures), predict_files(run, pictures)
    assert [one["classes"][0]["name"] for one in said] == [one["classes"][0]["name"] for one in expected]
    assert [one["set"] for one in said] == [one["set"] for one in expected]
    with pytest.raises(DataError, match="an ONNX file does not keep how a table is read"):
        predict_files(file, [file.with_suffix(".csv")])
    with pytest.raises(DataError, match="expected no attributes, received some"):
        predict_files(file, pictures[:1], attributes=["area=3"])


def test_nothing_of_the_machine_is_in_the_file(run: Path, file: Path) -> None:
    content = file.read_bytes()
    for text in (str(run), str(Path.home()), str(Path(sys.prefix)), ".py", "Traceback", "stack_trace", "site-packages"):
        assert text.encode() not in content


KINDS = """
name: kinds
data: {source: SOURCE, image_size: 32, validation: 0.2, test: 0.2, label_column: label, image_column: picture,
       attributes: [size]}
rungs:
  - name: backbone
    model: {kind: backbone, name: test_resnet, weights: none}
    train: {epochs: 1}
    evaluate: {tta: flip}
  - name: tiles
    change: {data.image_column: [picture, other]}
  - name: average
    from: null
    model: {kind: cnn, blocks: [[2]], head: {pool: average}}
    train: {epochs: 1}
  - name: table
    from: null
    model: {kind: table, dense: [4]}
    train: {epochs: 1}
  - name: late
    from: null
    model: {kind: fusion, join: late, branches: {of: {kind: table, dense: [4]}, seen: {kind: cnn, blocks: [[2]]}}}
    train: {epochs: 1}
"""


@pytest.mark.slow
def test_other_kinds_answer_alike(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A backbone's graph knows its sizes, of several pictures too; a table's has no pictures, late fusion has both."""
    monkeypatch.setenv("ESCALERA_CACHE", str(tmp_path / "cache"))
    draw = np.random.default_rng(0)
    lines = ["picture,other,size,label"]
    for row in range(40):
        Image.fromarray(draw.integers(0, 256, (8, 8, 3), np.uint8)).save(tmp_path / f"{row}.png")
        lines.append(f"{row}.png,0.png,{row % 2 + draw.random():.3f},{'ab'[row % 2]}")
    (tmp_path / "rows.csv").write_text("\n".join(lines))
    (tmp_path / "kinds.yaml").write_text(KINDS.replace("SOURCE", str(tmp_path / "rows.csv")))
    climb(load_ladder(tmp_path / "kinds.yaml"), out=tmp_path / "runs")
    for rung, asked in (
        ("backbone", {"images": str(tmp_path / "0.png")}),
        ("tiles", {"images": [(str(tmp_path / "0.png"), str(tmp_path / "1.png"))]}),
        ("average", {"images": str(tmp_path / "0.png")}),
        ("table", {"attributes": {"size": 0.3}}),
        ("late", {"images": str(tmp_path / "0.png"), "attributes": {"size": None}}),
    ):
        run = tmp_path / "runs" / "kinds" / rung
        assert write_onnx(find_trained(run), tmp_path / f"{rung}.onnx").check.largest < 1e-5
        found, expected = (esc.open(one).predict(**asked) for one in (tmp_path / f"{rung}.onnx", run))
        assert np.abs(found - expected).max() < 1e-5


def test_questions_are_checked_as_a_run_checks_them(file: Path, run: Path) -> None:
    for model in (esc.open(file), esc.open(run)):
        with pytest.raises(DataError, match="this run looks at pictures: expected some, received none"):
            model.predict()
        with pytest.raises(DataError, match="this run looks at pictures alone: expected no attributes, received some"):
            model.predict(np.zeros((1, 8, 8), np.uint8), {"size": 3})


def outside(model: Any) -> None:
    tensor = model.graph.initializer[0]
    tensor.data_location = onnx.TensorProto.EXTERNAL
    tensor.external_data.add(key="location", value="/etc/passwd")


def custom(model: Any) -> None:
    model.opset_import.add(domain="com.evil", version=1)


def bomb(model: Any) -> None:
    model.graph.node[0].op_type = "ConstantOfShape"


def huge(model: Any) -> None:
    model.graph.initializer[0].dims[:] = [10**6, 10**6]


def unlimited(model: Any) -> None:
    """As many numbers as the length of what it is asked about is squared, and so on."""
    graph = model.graph
    graph.node.insert(0, onnx.helper.make_node("Shape", [graph.input[0].name], ["asked"]))
    graph.node.insert(1, onnx.helper.make_node("Mul", ["asked", "asked"], ["more"]))
    graph.initializer.append(onnx.numpy_helper.from_array(np.zeros((1, 1, 1, 1), np.float32), "nought"))
    graph.node.insert(2, onnx.helper.make_node("Expand", ["nought", "more"], ["grown"]))


def wide(model: Any) -> None:
    """Two short constants, whose sum is a large table."""
    for name, shape in (("tall", (40_000, 1)), ("broad", (1, 40_000))):
        model.graph.initializer.append(onnx.numpy_helper.from_array(np.zeros(shape, np.float32), name))
    model.graph.node.insert(0, onnx.helper.make_node("Add", ["tall", "broad"], ["table"]))


def doubled(model: Any) -> None:
    """What a row is, twice as long again and again."""
    graph = model.graph
    flat = onnx.helper.make_node("Flatten", [graph.input[0].name], ["long0"])
    twice = (onnx.helper.make_node("Concat", [f"long{n}"] * 2, [f"long{n + 1}"], axis=1) for n in range(20))
    for place, node in enumerate((flat, *twice)):
        graph.node.insert(place, node)


def squared(model: Any) -> None:
    """Rows whose number only what they are asked about shows, each times each."""
    graph = model.graph
    graph.node.insert(0, onnx.helper.make_node("Compress", [graph.input[0].name, "chosen"], ["some"]))
    graph.initializer.append(onnx.numpy_helper.from_array(np.ones(64, bool), "chosen"))


def misfit(model: Any) -> None:
    """A matrix of another height than what it is multiplied with."""
    one = next(one for one in model.graph.initializer if len(one.dims) == 2)
    one.dims[:] = [1, one.dims[0] * one.dims[1]]


def future(model: Any) -> None:
    model.opset_import[0].version = 99


def bare(model: Any) -> None:
    del model.metadata_props[:]


def lying(model: Any) -> None:
    one = model.metadata_props[0]
    one.value = one.value.replace('"shape":[8,8,1]', '"shape":[9,8,1]')


def odd(model: Any) -> None:
    model.metadata_props[0].value = "{}"


@pytest.mark.parametrize(
    ("change", "text"),
    [
        (outside, "lies outside the file"),
        (custom, "it has operators that are not ONNX's own: com.evil"),
        (bomb, "it has operators whose output has no limit: ConstantOfShape"),
        (huge, "has 1,000,000,000,000 numbers"),
        (unlimited, "it has operators whose output has no limit: Expand"),
        (wide, "its operator Add makes 1,600,000,000 numbers of 64 rows"),
        (doubled, "its operator Concat makes 1,073,741,824 numbers of 64 rows"),
        (squared, "it has operators whose output has no limit: Compress"),
        (misfit, "its sizes do not fit"),
        (bare, "it holds a graph alone, without its classes"),
        (lying, "which is not what its metadata say"),
        (odd, "its metadata are damaged"),
    ],
)
def test_a_file_that_is_not_such_is_refused(
    change: Callable[[Any], None], text: str, file: Path, tmp_path: Path
) -> None:
    from escalera.inference.onnx_model import open_onnx

    model = onnx.load_model(file)
    change(model)
    (tmp_path / "bad.onnx").write_bytes(model.SerializeToString())
    with pytest.raises(RunError, match=r"bad\.onnx is not a model that Escalera wrote") as caught:
        open_onnx(tmp_path / "bad.onnx")
    assert text in str(caught.value)
    assert str(tmp_path) not in str(caught.value)


def future_trees(model: Any) -> None:
    """The operators of votes have a version of their own."""
    model.opset_import.add(domain="ai.onnx.ml", version=98)


def imported(model: Any) -> None:
    """Of an ONNX that does not exist yet, which onnx lets pass and onnxruntime does not."""
    model.ir_version = 99


@pytest.mark.parametrize(
    ("change", "text"),
    [
        (future, r"onnx \S+ cannot read its opset 99. A newer one may: pip install --upgrade onnx$"),
        (future_trees, r"onnx \S+ cannot read its opset 98. A newer one may: pip install --upgrade onnx$"),
        (
            imported,
            r"onnxruntime \S+ cannot read its IR version 99. A newer one may: pip install --upgrade onnxruntime$",
        ),
    ],
)
def test_a_file_that_is_too_new_here_says_what_is_to_be_upgraded(
    change: Callable[[Any], None], text: str, file: Path
) -> None:
    model = onnx.load_model(file)
    change(model)
    with pytest.raises(RunError, match=r"new\.onnx cannot be opened here: " + text):
        read_onnx(model.SerializeToString(), "new.onnx")


@pytest.mark.parametrize(
    ("said", "text"),
    [
        (
            "[ONNXRuntimeError] : 1 : FAIL : /src/load.h:46 void check(const std::string&, int) ONNX Runtime only "
            "*guarantees* support for models stamped with official released onnx opset versions.",
            "onnxruntime 1.0 cannot read its opset 20. A newer one may: pip install --upgrade onnxruntime",
        ),
        ("bad_alloc", "there is not enough memory for it"),
        ("/src/graph.cc:12 void f(int) Failed to allocate memory for 9 bytes", "there is not enough memory for it"),
        ("[ONNXRuntimeError] : 10 : INVALID_GRAPH : Node input 'q' is absent", "damaged (Node input 'q' is absent)"),
        ("[ONNXRuntimeError] : 1 : FAIL : /src/graph.cc:12 void f(int) It broke\nmore", "damaged (It broke)"),
    ],
)
def test_what_onnxruntime_says_is_told_in_words(said: str, text: str, file: Path) -> None:
    told = str(unopened(RuntimeError(said), onnx.load_model(file), "new.onnx", "onnxruntime 1.0"))
    assert text in told
    assert "/src" not in told


def test_an_operator_that_onnxruntime_lacks_is_told(file: Path) -> None:
    NotImplemented_ = type("NotImplemented", (Exception,), {})
    error = NotImplemented_("[ONNXRuntimeError] : 9 : NOT_IMPLEMENTED : Could not find an implementation for Odd(20)")
    told = str(unopened(error, onnx.load_model(file), "new.onnx", "onnxruntime 1.0"))
    assert "cannot read its operators (Could not find an implementation for Odd(20)). A newer one may" in told


def test_damaged_and_absent_files(file: Path, tmp_path: Path) -> None:
    from escalera.inference.onnx_model import open_onnx

    (tmp_path / "cut.onnx").write_bytes(file.read_bytes()[:-100])
    with pytest.raises(RunError, match=r"cut\.onnx is not a model"):
        open_onnx(tmp_path / "cut.onnx")
    with pytest.raises(RunError, match=r"there is no file none\.onnx"):
        open_onnx(tmp_path / "none.onnx")
    (tmp_path / "text.onnx").write_text("hello " * 100)
    with pytest.raises(RunError, match="it cannot be read as ONNX"):
        open_onnx(tmp_path / "text.onnx")


def test_one_that_answers_otherwise_is_not_written(run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from escalera.inference import onnx_check, onnx_export

    monkeypatch.setattr(onnx_check, "TOLERANCE", -1.0)
    with pytest.raises(RunError, match=r"a\.onnx was not written: its probabilities differ by"):
        onnx_export.write_onnx(find_trained(run), tmp_path / "a.onnx")
    assert list(tmp_path.iterdir()) == []


def test_the_runs_own_test_rows_are_asked(run: Path, tmp_path: Path) -> None:
    written = write_onnx(find_trained(run), tmp_path / "a.onnx")
    check, kept = written.check, json.loads((tmp_path / "a.onnx.json").read_text())
    metrics = json.loads((run / "seed-0" / "metrics.json").read_text())
    assert (check.split, check.rows, check.why) == ("test", 901, "")
    assert check.accuracy is not None
    assert check.accuracy.accuracy == pytest.approx(metrics["test"]["accuracy"], abs=0.002)
    assert check.accuracy.low < check.accuracy.accuracy < check.accuracy.high
    assert set(check.file_speed) == set(check.run_speed) == {"1", "32"}
    assert kept["largest"] == check.largest and kept["int8"] is None and kept["size"] == check.size


@pytest.mark.slow
def test_without_its_source_made_up_rows_are_asked(run: Path, tmp_path: Path) -> None:
    (tmp_path / "runs").mkdir()
    moved = tmp_path / "runs" / "cnn"
    shutil.copytree(run, moved)
    (moved / "seed-0" / "splits.parquet").unlink()
    written, text = write_onnx(find_trained(moved), tmp_path / "a.onnx"), "has no record of its rows"
    assert written.check.split == "made-up" and text in written.check.why and written.check.accuracy is None
    with pytest.raises(RunError, match=f"--int8 measures ranges on train .* which are not here: .*{text}"):
        write_onnx(find_trained(moved), tmp_path / "b.onnx", int8=True)
    assert not (tmp_path / "b.onnx").exists()


def test_another_source_of_the_same_name_is_noticed(run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from escalera import builders
    from escalera.inference.run_rows import RunRows

    predictor = Predictor(find_trained(run))
    found = builders.pictures(predictor.trained.config.data, data_root=None)
    other = {name: replace(part, labels=np.roll(part.labels, 1)) for name, part in found.splits.items()}
    monkeypatch.setattr(builders, "pictures", lambda *_, **__: replace(found, splits=other))
    with pytest.raises(RunError, match="its source is not what it was when the run was tested"):
        RunRows(predictor)


def test_eight_bits(run: Path, file: Path, tmp_path: Path, pictures: list[Path]) -> None:
    written = write_onnx(find_trained(run), tmp_path / "small.onnx", int8=True, force=True)
    assert written.smaller is not None and written.smaller.whole.rows == 90
    assert written.smaller.low <= written.smaller.difference <= written.smaller.high
    kept = json.loads((tmp_path / "small.onnx.json").read_text())
    assert kept["int8"]["margin"] == 0.02 and kept["int8"]["fits"] is written.smaller.fits
    content = (tmp_path / "small.onnx").read_bytes()
    assert str(Path(sys.prefix)).encode() not in content and b"/tmp/" not in content
    said = esc.open(tmp_path / "small.onnx").predict([str(one) for one in pictures])
    expected = esc.open(file).predict([str(one) for one in pictures])
    assert 0 < np.abs(said - expected).max() < 0.3
    assert any(node.op_type == "QuantizeLinear" for node in onnx.load_model(tmp_path / "small.onnx").graph.node)


def test_eight_bits_that_lose_too_much_are_not_written(
    run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from escalera.inference import onnx_check

    monkeypatch.setattr(onnx_check, "MARGIN", -1.0)
    with pytest.raises(
        RunError, match=r"a\.onnx was not written: .* above -2\.0 points\. --force writes it all the same"
    ):
        write_onnx(find_trained(run), tmp_path / "a.onnx", int8=True)
    assert list(tmp_path.iterdir()) == []


def test_the_licence_of_the_weights_is_in_the_file(tmp_path: Path) -> None:
    from escalera.inference.card import licences_of

    body = {"kind": "backbone", "name": "resnet18", "weights": "imagenet"}
    assert licences_of({"model": {"branches": {"one": body}}}) == {"resnet18": "apache-2.0"}
    assert licences_of({"model": {**body, "weights": "none"}}) == {}


def test_onnxruntime_is_told_to_report_nothing(file: Path) -> None:
    """Before it is imported, and by the import of ours, whatever the environment says."""
    environment = {**os.environ, "ORT_DISABLE_TELEMETRY": "0"}
    done = subprocess.run(
        [sys.executable, "-c", SILENT, str(file)], capture_output=True, text=True, check=True, env=environment
    )
    assert "onnxruntime is told 1\n" in done.stdout
    assert "telemetry" not in done.stderr


@pytest.mark.parametrize(
    ("difference", "english", "spanish"),
    [
        (0.0, "at most 0", "como mucho en 0"),
        (3.6e-07, "less than 0.000001", "en menos de 0,000001"),
        (0.0123, "at most 0.012", "como mucho en 0,012"),
        (3.61e-05, "at most 0.000036", "como mucho en 0,000036"),
    ],
)
def test_how_far_probabilities_differ_is_said_in_decimals(difference: float, english: str, spanish: str) -> None:
    check = Check("test", 359, difference, 0.9, Accuracy(359, 0.526, 0.475, 0.578), 12_000, 0, {}, {}, why="")
    told_in = {code: summary_of(Written(check, None), code, plain=True) for code in ("en", "es")}
    assert told_in["en"][0].endswith(f"probabilities differ by {english}")
    assert told_in["es"][0].endswith(f"las probabilidades difieren {spanish}")
    assert "right on test: 52.6% (95% interval 47.5% to 57.8%)" in told_in["en"]
    assert "exactitud en prueba: 52,6 % (intervalo del 95 %: 47,5 % a 57,8 %)" in told_in["es"]
