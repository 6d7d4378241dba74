"""A hundred numbers of each kind of model, on the CPU in fp32 with one thread, against those of an earlier version.

Of what is trained they are losses, of `votes` what its classifiers say of the rows of validation.
`python tests/train/test_golden.py <folder>` writes the file anew, after a change that is meant to alter them. Sums come
out otherwise on processors with other vector units, and a hundred steps enlarge that: hence the tolerance. See that the
values keep within it before they are kept, as if the processor had no more than AVX2, and no more than SSE 4.1:
ATEN_CPU_CAPABILITY=avx2 ONEDNN_MAX_CPU_ISA=AVX2 MKL_CBWR=AVX2, and =default, =SSE41, =COMPATIBLE.
"""

import json
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image
from sklearn.datasets import load_digits

import escalera as esc
from escalera.core import runtime
from escalera.ladder.fields import section, tagged
from escalera.models.ensemble.classifiers import CLASSIFIERS, probabilities, temperature
from escalera.run import fit, fit_ensemble
from escalera.train import loop
from escalera.train.callbacks import History

FILE = Path(__file__).with_name("golden.json")
STEPS = 100
ROWS = STEPS // len(CLASSIFIERS)
NETWORKS: dict[str, dict[str, Any]] = {
    "mlp": {"kind": "mlp", "dense": [16], "dropout": 0.2},
    "cnn": {"kind": "cnn", "blocks": [[4], [8], [8]], "batch_norm": "conv", "head": {"dense": [8], "dropout": 0.2}},
    "conv1d": {"kind": "conv1d", "widths": [4, 8]},
    "backbone": {"kind": "backbone", "name": "test_resnet", "weights": "none"},
    "fusion": {
        "kind": "fusion",
        "branches": {"picture": {"kind": "cnn", "blocks": [[4]]}, "vector": {"kind": "conv1d", "widths": [4]}},
        "head": {"dense": [8]},
    },
    "transfer": {"kind": "transfer", "weights": {"from": "mlp"}, "head": {"dense": [8]}},
}
RATE = 0.003
SLOWLY = {"cnn": 0.0003, "backbone": 0.00003}
"""Learning rates, where 0.003 would enlarge the last digits to a tenth of the loss in a hundred steps: batch norm."""
TABLE: dict[str, Any] = {"kind": "table", "dense": [16, 8], "batch_norm": True, "dropout": 0.2}
# Its convolutions cannot be made narrower. On the smallest pictures that it takes, two at a time, and without its dense
# layers of 4096, a hundred steps take 3 seconds; on 32x32, sixteen at a time, they took 47. Two classes, for it learns
# nothing of ten in so few steps; smoothed labels, since a loss near 0 is not known to many digits.
ALEXNET: dict[str, Any] = {"kind": "alexnet", "head": {"dense": [64], "dropout": 0.2}}
ALEXNET_TRAIN: dict[str, Any] = {"batch_size": 2, "optimizer": {"name": "adam", "lr": 0.0001}, "label_smoothing": 0.1}
VOTES: dict[str, Any] = {
    "kind": "votes",
    "features": {"from": "untaught"},
    "classifiers": [
        {"name": "logistic_regression", "max_iter": 20},
        {"name": "linear_svm", "max_iter": 5},
        {"name": "nearest_neighbours", "k": 5},
        {"name": "random_forest", "trees": 20},
        {"name": "gradient_boosting", "iterations": 10},
    ],
}


def rungs(folder: Path) -> list[dict[str, Any]]:
    found = [
        {"name": kind, "model": model}
        if not n
        else {
            "name": kind,
            "from": "mlp",
            "change": {"model": model, "train.optimizer.lr": SLOWLY.get(kind, RATE)},
        }
        for n, (kind, model) in enumerate(NETWORKS.items())
    ]
    # A network that learns next to nothing gives the same features on every processor but for their last digits: a
    # trained one's would differ by as much as its losses, and a tree decides otherwise on such a row.
    untaught = {"model": {"kind": "cnn", "blocks": [[4], [8], [8]]}, "train.optimizer.lr": 1e-9, "train.epochs": 1}
    return [
        *found,
        {"name": "table", "from": None, "model": TABLE, "data": {"source": table(folder), "image_size": None},
         "train": {"batch_size": 8}, "augment": {"shift": 0}},
        {"name": "alexnet", "from": None, "model": ALEXNET, "data": {"source": few_digits(folder), "image_size": 15},
         "train": ALEXNET_TRAIN},
        {"name": "untaught", "from": "mlp", "change": untaught},
        {"name": "votes", "change": {"model": VOTES}},
    ]  # fmt: skip


def table(folder: Path) -> str:
    """A CSV file of 560 rows, which makes 50 batches of 8 in train: whole numbers, words, and some that are missing."""
    random = np.random.RandomState(0)
    Image.fromarray(np.zeros((4, 4), np.uint8)).save(folder / "blank.png")
    lines = ["picture,area,rooms,street,label"]
    for row in range(560):
        area, rooms, street = random.randint(30, 200), random.randint(1, 9), random.randint(3)
        label = (area + 20 * rooms + 60 * street + random.randint(60)) // 180
        lines.append(
            f"blank.png,{area if row % 11 else ''},{rooms},{('north', 'south', 'west')[street]},{'abc'[label]}"
        )
    path = folder / "homes.csv"
    path.write_text("\n".join(lines) + "\n")
    return str(path)


def few_digits(folder: Path) -> str:
    """The first 140 of scikit-learn's zeros and ones, which makes 50 batches of 2 in train."""
    path, digits = folder / "few.npz", load_digits(n_class=2)
    np.savez(path, images=(15 * digits.images[:140]).astype(np.uint8), labels=digits.target[:140])
    return str(path)


def numbers(folder: Path) -> dict[str, list[float]]:
    """What the loop sees after each step: the mean loss of the epoch so far; and what `votes` gives the true class."""
    found: dict[str, list[float]] = {}

    class Watch(History):
        def on_step_end(self, training: loop.Training) -> None:
            found.setdefault(self.run.path.parent.name, []).append(training.loss)

    def watched(classifier: Any, features: NDArray[np.float32], labels: NDArray[np.int64]) -> float:
        degree = temperature(classifier, features, labels)
        said = probabilities(classifier, features[:ROWS], 10, degree)
        found.setdefault("votes", []).extend(said[np.arange(ROWS), labels[:ROWS]].tolist())
        return degree

    ladder = {
        "name": "golden",
        "data": {"source": "digits", "validation": 0.1, "test": 0.2, "image_size": 32},
        "train": {
            "epochs": 2,
            "batch_size": 16,
            "optimizer": {"name": "adam", "lr": RATE},
            "clip_norm": 1.0,
            "precision": "fp32",
        },
        "augment": {"shift": 0.1},
        "rungs": rungs(folder),
    }
    with pytest.MonkeyPatch.context() as patch, runtime.threads(1):
        patch.setattr(fit, "History", Watch)
        patch.setattr(fit_ensemble, "temperature", watched)
        patch.setattr(loop, "CHECK_EVERY", 1)
        results = esc.climb(ladder, out=folder, quiet=True, device="cpu")
    assert results.failed == []
    del found["untaught"]
    return {kind: [round(value, 6) for value in values[:STEPS]] for kind, values in found.items()}


@pytest.mark.slow
def test_a_hundred_numbers_of_each_kind(tmp_path: Path) -> None:
    golden, found = json.loads(FILE.read_text()), numbers(tmp_path)
    choice = tagged(section("RungConfig")["properties"]["model"])
    assert choice is not None
    assert found.keys() == golden.keys() == choice[1].keys()
    for kind, values in found.items():
        assert len(values) == STEPS
        early = STEPS if kind == "votes" else 20  # no step follows upon another there
        np.testing.assert_allclose(values[:early], golden[kind][:early], rtol=1e-4, err_msg=kind)
        np.testing.assert_allclose(values, golden[kind], rtol=2e-2, err_msg=kind)


if __name__ == "__main__":
    lines = (f'"{kind}": {json.dumps(values)}' for kind, values in numbers(Path(sys.argv[1])).items())
    FILE.write_text("{\n" + ",\n".join(lines) + "\n}\n")
