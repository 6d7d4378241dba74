"""Tiny sets of pictures in the form in which the hub publishes them."""

import io
import json
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from PIL import Image

from escalera.data.options import ReadOptions
from escalera.data.sources.open import ImageSet, open_source


def _png(value: int = 0, size: tuple[int, int] = (4, 4), mode: str = "L") -> bytes:
    file = io.BytesIO()
    Image.new(mode, size[::-1], value if mode == "L" else (value, 0, 0)).save(file, "PNG")
    return file.getvalue()


@pytest.fixture
def png() -> Callable[..., bytes]:
    """`png(value, (height, width), mode)`: the bytes of a picture of one grey or red."""
    return _png


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A data root."""
    return tmp_path / "data"


@pytest.fixture
def put(root: Path) -> Callable[..., Path]:
    """`put(name, split, labels, pictures)`: write `<root>/<name>/<split>.parquet`; the pictures are 4x4, grey."""

    def write(
        name: str,
        split: str,
        labels: Any,
        pictures: Sequence[bytes | None] | None = None,
        *,
        names: list[str] | None = None,
        columns: tuple[str, str] = ("image", "label"),
        binary: bool = False,
        more: dict[str, Any] | None = None,
    ) -> Path:
        raws = [_png(row) for row in range(len(labels))] if pictures is None else pictures
        image = (
            pa.array(raws, pa.binary())
            if binary
            else pa.array([raw and {"bytes": raw, "path": None} for raw in raws], STRUCT)
        )
        table = pa.table({columns[0]: image, columns[1]: labels, **(more or {})})
        if names is not None:
            features = {columns[0]: {"_type": "Image"}, columns[1]: {"names": names, "_type": "ClassLabel"}}
            table = table.replace_schema_metadata({"huggingface": json.dumps({"info": {"features": features}})})
        path = root / name / f"{split}.parquet"
        path.parent.mkdir(parents=True, exist_ok=True)
        pq.write_table(table, path)
        return path

    return write


STRUCT = pa.struct([("bytes", pa.binary()), ("path", pa.string())])


@pytest.fixture
def pixels() -> np.ndarray:
    """Twelve pictures (12, 6, 4, 3) that all differ."""
    return np.random.RandomState(0).randint(0, 256, (12, 6, 4, 3)).astype(np.uint8)


@pytest.fixture
def put_all(root: Path, png: Callable[..., bytes]) -> Callable[..., Path]:
    """`put_all({"img/a.png": 1, "t.csv": "image,label\\n..."})`: the folder `mine`; a number is a grey picture."""

    def write(files: Mapping[str, int | str | bytes]) -> Path:
        for name, content in files.items():
            path = root / "mine" / name
            path.parent.mkdir(parents=True, exist_ok=True)
            raw = png(content) if isinstance(content, int) else content
            path.write_bytes(raw.encode() if isinstance(raw, str) else raw)
        return root / "mine"

    return write


@pytest.fixture
def opened(root: Path) -> Callable[..., ImageSet]:
    def read(name: str = "mine", **options: Any) -> ImageSet:
        return open_source(name, ReadOptions(**options), data_root=root, image_size=None, channels=None)

    return read
