"""Where runs go: never within a source, whose next reader would find them, and never taken for one."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from escalera.core.errors import DataError, EscaleraError
from escalera.core.translation import translate
from escalera.experiment.auto.auto import auto
from escalera.experiment.climb import climb, load_ladder

LADDER: dict[str, Any] = {
    "name": "photos",
    "data": {"source": "photos", "validation": 0.25, "test": 0.25},
    "rungs": [
        {"name": "base", "model": {"kind": "mlp", "dense": [4]}, "train": {"epochs": 1, "optimizer": {"name": "adam"}}}
    ],
}


@pytest.fixture
def photos(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder of two classes, from beside which commands are typed."""
    monkeypatch.chdir(tmp_path)
    draw = np.random.default_rng(0)
    for name in ("cats", "dogs"):
        (tmp_path / "photos" / name).mkdir(parents=True)
        for number in range(8):
            pixels = draw.integers(0, 256, (8, 8, 3), dtype=np.uint8)
            Image.fromarray(pixels).save(tmp_path / "photos" / name / f"{number}.png")
    return tmp_path / "photos"


def climb_photos(out: str, data_root: Path | None = None) -> None:
    climb(load_ladder(LADDER, (), data_root), out=out, data_root=data_root, device="cpu")


def build_photos(out: str) -> None:
    auto("photos", out=out, device="cpu")


@pytest.mark.parametrize("begin", [climb_photos, build_photos])
@pytest.mark.parametrize("out", [".", "photos", "photos/runs", "photos/cats"])
def test_no_runs_go_into_the_source(photos: Path, begin: Callable[[str], None], out: str) -> None:
    before = sorted(photos.rglob("*"))
    text = r"expected a folder for the runs outside the source 'photos', received one within photos\. Give another"
    with pytest.raises(EscaleraError, match=text) as caught:
        begin(out)
    assert sorted(photos.rglob("*")) == before and [path.name for path in photos.parent.iterdir()] == ["photos"]
    assert "fuera de la fuente «photos»" in translate(str(caught.value), "es")


def test_beside_a_table_nobody_looks_at_a_folder(photos: Path) -> None:
    rows = [f"{path.relative_to(photos).as_posix()},{path.parent.name}" for path in sorted(photos.rglob("*.png"))]
    (photos / "rows.csv").write_text("\n".join(["image,label", *rows]), encoding="utf-8")
    climb_photos("photos/runs")
    assert (photos / "runs" / "photos" / "report.html").exists()


def test_runs_of_the_sources_name_are_not_taken_for_it(photos: Path, tmp_path: Path) -> None:
    root = tmp_path / "sets"
    root.mkdir()
    photos.rename(root / "photos")
    for _ in range(2):
        climb_photos(".", data_root=root)
    assert (tmp_path / "photos" / "report.html").exists()
    with pytest.raises(DataError, match=r"Looked at:\n  as a path: the runs of a ladder in .*photos\n") as caught:
        climb_photos("elsewhere")
    assert "como ruta: en " in translate(str(caught.value), "es")
