"""A hundred losses of each kind of network, on the CPU in fp32 with one thread, against those of an earlier version.

`python tests/train/test_golden.py` writes the file anew, after a change that is meant to alter them. Sums come out
otherwise on processors with other vector units, and a hundred steps enlarge that: hence the tolerance. AlexNet is not
among them: its hundred steps take three quarters of a minute.
"""

import json
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import escalera as esc
from escalera.core import runtime
from escalera.run import fit
from escalera.train import loop

FILE = Path(__file__).with_name("golden.json")
STEPS = 100
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
    "transfer": {"kind": "transfer", "weights": {"from": "cnn"}, "head": {"dense": [8]}},
}


def losses(folder: Path) -> dict[str, list[float]]:
    """What the loop sees after each step: the mean loss of the epoch so far."""
    found: dict[str, list[float]] = {}

    class Watch(fit.History):
        def on_step_end(self, training: loop.Training) -> None:
            found.setdefault(self.run.path.parent.name, []).append(training.loss)

    ladder = {
        "name": "golden",
        "data": {"source": "digits", "validation": 0.1, "test": 0.2, "image_size": 32},
        "train": {
            "epochs": 2,
            "batch_size": 16,
            "optimizer": {"name": "adam", "lr": 0.003},
            "clip_norm": 1.0,
            "precision": "fp32",
        },
        "augment": {"shift": 0.1},
        "rungs": [
            {"name": kind, "model": model} if not n else {"name": kind, "from": "mlp", "change": {"model": model}}
            for n, (kind, model) in enumerate(NETWORKS.items())
        ],
    }
    with pytest.MonkeyPatch.context() as patch, runtime.threads(1):
        patch.setattr(fit, "History", Watch)
        patch.setattr(loop, "CHECK_EVERY", 1)
        results = esc.climb(ladder, out=folder, quiet=True, device="cpu")
    assert results.failed == []
    return {kind: [round(value, 6) for value in values[:STEPS]] for kind, values in found.items()}


@pytest.mark.slow
def test_a_hundred_losses_of_each_kind(tmp_path: Path) -> None:
    golden, found = json.loads(FILE.read_text()), losses(tmp_path)
    assert found.keys() == golden.keys() == NETWORKS.keys()
    for kind, values in found.items():
        assert len(values) == STEPS
        np.testing.assert_allclose(values[:20], golden[kind][:20], rtol=1e-4, err_msg=kind)
        np.testing.assert_allclose(values, golden[kind], rtol=2e-2, err_msg=kind)


if __name__ == "__main__":
    lines = (f'"{kind}": {json.dumps(values)}' for kind, values in losses(Path(sys.argv[1])).items())
    FILE.write_text("{\n" + ",\n".join(lines) + "\n}\n")
