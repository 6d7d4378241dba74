"""Runs for the studio to show: a tiny ladder on digits, climbed once."""

from __future__ import annotations

import io
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from escalera.climbing import climb, load_ladder
from escalera.studio.service import Studio

LADDER = """
name: tiny
data: {source: digits, validation: 0.2, test: 0.5}
rungs:
  - name: mlp
    model: {kind: mlp, dense: [16]}
    train: {epochs: 1}
  - name: cnn
    why: {en: "Looks at the picture.", es: "Mira la imagen."}
    change: {model: {kind: cnn, blocks: [[4]], head: {dense: [8]}}}
"""


@pytest.fixture(scope="session")
def climbed_once(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("studio")
    (folder / "tiny.yaml").write_text(LADDER)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("ESCALERA_CACHE", str(folder / "cache"))
        climb(load_ladder(folder / "tiny.yaml"), out=folder / "runs")
    return folder / "runs"


@pytest.fixture
def runs(climbed_once: Path, tmp_path: Path) -> Path:
    """A folder of runs of one's own, to spoil."""
    return Path(shutil.copytree(climbed_once, tmp_path / "runs"))


@pytest.fixture
def studio(runs: Path) -> Iterator[Studio]:
    made = Studio(runs)
    yield made
    made.close()


@pytest.fixture
def png() -> Callable[..., bytes]:
    """`png(seed)` is a file of a picture of 8x8 pixels, drawn by the seed; `png(seed, side)` of another size."""

    def make(seed: int = 0, side: int = 8) -> bytes:
        pixels = np.random.default_rng(seed).integers(0, 256, (side, side), dtype=np.uint8)
        buffer = io.BytesIO()
        Image.fromarray(pixels).save(buffer, "PNG")
        return buffer.getvalue()

    return make
