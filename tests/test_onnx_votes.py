"""A vote as one ONNX file: every classifier answers in it as it does by scikit-learn, and no tree in it is believed."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import escalera as esc
from escalera.core.errors import RunError
from escalera.experiment.climb import climb, load_ladder
from escalera.inference.files import find_trained, predict_files

onnx = pytest.importorskip("onnx")
pytest.importorskip("onnxruntime")
pytest.importorskip("onnxscript")
from escalera.inference import onnx_votes  # noqa: E402
from escalera.inference.onnx_check import apart  # noqa: E402
from escalera.inference.onnx_export import write_onnx  # noqa: E402

FIVE = """[{name: logistic_regression}, {name: linear_svm}, {name: nearest_neighbours, k: 5},
        {name: random_forest, trees: 8}, {name: gradient_boosting, iterations: 4}]"""
LADDER = """
name: votes
data: {source: digits, validation: 0.2, test: 0.5, normalize: standard}
rungs:
  - name: cnn
    model: {kind: cnn, blocks: [[4]], head: {dense: [8]}}
    train: {epochs: 1}
  - name: soft
    change: {model: {kind: votes, features: {from: cnn}, pool: flatten, classifiers: FIVE}}
  - name: hard
    from: soft
    change: {model.vote: hard, model.weighting: validation, model.pca: 6, evaluate.coverage: 0.9}
"""
TWO = """
name: two
data: {source: SOURCE, image_size: 8, validation: 0.2, test: 0.2, label_column: label, attributes: [size]}
rungs:
  - name: both
    model: {kind: fusion, branches: {of: {kind: table, dense: [4]}, seen: {kind: cnn, blocks: [[2]]}}}
    train: {epochs: 1}
  - name: votes
    change: {model: {kind: votes, features: {from: both}, classifiers: FIVE}}
"""


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("votes")
    (folder / "votes.yaml").write_text(LADDER.replace("FIVE", FIVE))
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("ESCALERA_CACHE", str(folder / "cache"))
        climb(load_ladder(folder / "votes.yaml"), out=folder / "runs")
    return folder / "runs" / "votes"


@pytest.fixture(scope="module")
def file(runs: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("file") / "soft.onnx"
    check = write_onnx(find_trained(runs / "soft"), path).check
    assert check.split == "test" and check.apart <= check.rows / 100 and check.agreement >= 1 - check.apart / check.rows
    return path


@pytest.mark.slow
def test_a_soft_vote_answers_as_the_run_does(runs: Path, file: Path, tmp_path: Path) -> None:
    from PIL import Image

    pixels = np.random.default_rng(0).integers(0, 256, (40, 8, 8), np.uint8)
    found, expected = (esc.open(one).predict(pixels) for one in (file, runs / "soft"))
    assert apart(found, expected) <= 1
    Image.fromarray(pixels[0]).save(tmp_path / "a.png")
    [said], [own] = (predict_files(one, [tmp_path / "a.png"]) for one in (file, runs / "soft"))
    assert [one["name"] for one in said["classes"]][:1] == [one["name"] for one in own["classes"]][:1]


def test_a_hard_weighted_vote_over_components_with_a_temperature(runs: Path, tmp_path: Path) -> None:
    path = tmp_path / "hard.onnx"
    check = write_onnx(find_trained(runs / "hard"), path).check
    assert check.apart <= check.rows / 100 and check.agreement >= 1 - check.apart / check.rows
    pixels = np.random.default_rng(1).integers(0, 256, (40, 8, 8), np.uint8)
    model, run = esc.open(path), esc.open(runs / "hard")
    found, expected = model.predict(pixels), run.predict(pixels)
    alike = np.abs(found - expected).max(axis=1) < 1e-3
    assert (~alike).sum() <= 1
    assert [model.set_of(row) for row in found[alike]] == [run.set_of(row) for row in expected[alike]]


def test_two_classes_and_a_table(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of two classes boosting and linear classifiers know one margin."""
    from PIL import Image

    monkeypatch.setenv("ESCALERA_CACHE", str(tmp_path / "cache"))
    draw = np.random.default_rng(0)
    lines = ["picture,size,label"]
    for row in range(60):
        Image.fromarray(draw.integers(0, 256, (8, 8, 3), np.uint8)).save(tmp_path / f"{row}.png")
        lines.append(f"{row}.png,{row % 2 + draw.random():.3f},{'ab'[row % 2]}")
    (tmp_path / "rows.csv").write_text("\n".join(lines))
    ladder = TWO.replace("SOURCE", str(tmp_path / "rows.csv")).replace("FIVE", FIVE)
    (tmp_path / "two.yaml").write_text(ladder)
    climb(load_ladder(tmp_path / "two.yaml"), out=tmp_path / "runs")
    run, path = tmp_path / "runs" / "two" / "votes", tmp_path / "two.onnx"
    assert write_onnx(find_trained(run), path).check.apart <= 1
    asked = {"images": draw.integers(0, 256, (20, 8, 8, 3), np.uint8)}
    rows = [{"size": float(value)} for value in draw.random(20)]
    found, expected = (esc.open(one).predict(**asked, attributes=rows) for one in (path, run))
    assert apart(found, expected) <= 1


def test_a_classifier_without_a_form_is_named(runs: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(onnx_votes, "_TREES", {})
    with pytest.raises(RunError, match=r"the classifier random_forest \(RandomForestClassifier\) has no form in ONNX"):
        write_onnx(find_trained(runs / "soft"), tmp_path / "a.onnx")
    assert list(tmp_path.iterdir()) == []


def test_classifiers_that_answer_otherwise_are_named(
    runs: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = onnx_votes.Linear.__init__

    def colder(self: Any, classifier: Any, temperature: float) -> None:
        whole(self, classifier, 2 * temperature)

    monkeypatch.setattr(onnx_votes.Linear, "__init__", colder)
    text = r"otherwise in it than in the run: logistic_regression \(0\.\d+\), linear_svm \(0\.\d+\), expected at most"
    with pytest.raises(RunError, match=text):
        write_onnx(find_trained(runs / "soft"), tmp_path / "a.onnx")
    assert list(tmp_path.iterdir()) == []


def trees_of(model: Any) -> dict[str, Any]:
    node = next(node for node in model.graph.node if node.domain == "ai.onnx.ml")
    return {one.name: one for one in node.attribute}


def far(model: Any) -> None:
    trees_of(model)["nodes_featureids"].ints[0] = 10**9


def before(model: Any) -> None:
    trees_of(model)["nodes_featureids"].ints[0] = -1


def circle(model: Any) -> None:
    trees = trees_of(model)
    place = next(k for k, mode in enumerate(trees["nodes_modes"].strings) if mode == b"BRANCH_LEQ" and k)
    trees["nodes_truenodeids"].ints[place] = 0


def twice(model: Any) -> None:
    trees = trees_of(model)
    trees["nodes_truenodeids"].ints[0] = trees["nodes_falsenodeids"].ints[0]


def outside(model: Any) -> None:
    trees_of(model)["nodes_falsenodeids"].ints[0] = 10**6


def elsewhere(model: Any) -> None:
    trees_of(model)["nodes_treeids"].ints[0] = 7


def short(model: Any) -> None:
    del trees_of(model)["nodes_values"].floats[-1:]


def strange(model: Any) -> None:
    trees_of(model)["nodes_modes"].strings[0] = b"BRANCH_MEMBER"


def classless(model: Any) -> None:
    trees_of(model)["target_ids"].ints[0] = 10


def rootless(model: Any) -> None:
    trees_of(model)["target_nodeids"].ints[0] = 0


def lost(model: Any) -> None:
    trees_of(model)["target_treeids"].ints[0] = -1


def averaged(model: Any) -> None:
    trees_of(model)["aggregate_function"].s = b"MAX"


def baseless(model: Any) -> None:
    del trees_of(model)["base_values"].floats[:]


def more(model: Any) -> None:
    next(node for node in model.graph.node if node.domain == "ai.onnx.ml").attribute.append(
        onnx.helper.make_attribute("post_transform", "SOFTMAX")
    )


def another(model: Any) -> None:
    next(node for node in model.graph.node if node.domain == "ai.onnx.ml").op_type = "StringNormalizer"


DAMAGED = "its trees are damaged"


@pytest.mark.parametrize(
    ("change", "text"),
    [
        *((change, DAMAGED) for change in (far, before, circle, twice, outside, elsewhere, short, strange)),
        *((change, DAMAGED) for change in (classless, rootless, lost, averaged, baseless)),
        (more, "its operator TreeEnsembleRegressor is not such as Escalera writes for trees"),
        (another, "its "),
    ],
)
def test_trees_that_a_runtime_would_lose_its_way_in_are_refused(
    change: Callable[[Any], None], text: str, file: Path, tmp_path: Path
) -> None:
    model = onnx.load_model(file)
    change(model)
    (tmp_path / "bad.onnx").write_bytes(model.SerializeToString())
    with pytest.raises(RunError, match=rf"bad\.onnx is not a model that Escalera wrote: .*{text}"):
        esc.open(tmp_path / "bad.onnx")


def test_a_tree_of_great_depth_is_refused() -> None:
    from escalera.inference import onnx_trees

    nodes = 5001  # every second one a leaf, the other the way down
    own = np.arange(nodes)
    branch = (own % 2 == 0) & (own < nodes - 1)
    tree = onnx_trees.Tree(
        np.where(branch, own + 1, 0), np.where(branch, own + 2, 0), np.zeros(nodes, np.int64), np.zeros(nodes),
        np.ones((nodes, 1)),
    )  # fmt: skip
    node = onnx.helper.make_node("TreeEnsembleRegressor", ["a"], ["b"], domain="ai.onnx.ml")
    onnx_trees.fill(node, [tree], np.zeros(1))
    assert onnx_trees.fault_of_trees(node, 1) == "its trees are deeper than 2,000 nodes"
    assert onnx_trees.fault_of_trees(node, 0) == DAMAGED


def test_trees_are_those_of_a_vote_alone(file: Path, tmp_path: Path) -> None:
    model = onnx.load_model(file)
    entry = model.metadata_props[0]
    start = entry.value.index('"classifiers":[')
    end = entry.value.index("]", start)
    entry.value = entry.value[:start] + '"classifiers":[' + entry.value[end:]
    (tmp_path / "bad.onnx").write_bytes(model.SerializeToString())
    with pytest.raises(RunError, match=r"it has operators that are not ONNX's own: ai\.onnx\.ml"):
        esc.open(tmp_path / "bad.onnx")


def test_thresholds_are_never_rounded_up() -> None:
    from escalera.inference.onnx_trees import _floor

    numbers = np.random.default_rng(0).normal(size=1000)
    floor = _floor(numbers)
    assert (floor <= numbers).all() and (np.nextafter(floor, np.float32(np.inf)) > numbers).all()
    assert np.isinf(_floor(np.array([np.inf]))[0])
