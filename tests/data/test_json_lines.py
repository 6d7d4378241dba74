"""Lines of JSON: long ones are read, and nothing is read by threads that would outlive it."""

import json
from collections.abc import Callable
from pathlib import Path

import pyarrow.json as pa_json
import pytest

from escalera.core.errors import DataError
from escalera.core.translation import translate
from escalera.data.readers.json_lines import json_lines
from escalera.data.sources.open import ImageSet


def test_a_long_line_is_read(put_all: Callable[..., Path], opened: Callable[..., ImageSet]) -> None:
    """A mask may take several megabytes, where pyarrow reads one at once."""
    lines = [{"file_name": "a.png", "label": "x", "mask": [0.5] * 800_000}, {"file_name": "b.png", "label": "y"}]
    put_all({"a.png": 1, "b.png": 2, "m.jsonl": "\n".join(map(json.dumps, lines))})
    found = opened()
    assert (found.splits["train"].images[:, 0, 0, 0].tolist(), found.classes) == ([1, 2], ["x", "y"])


def test_a_line_that_is_too_long(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("escalera.data.readers.json_lines._LONGEST", 1_000)
    (tmp_path / "m.jsonl").write_text('{"image": "a.png"}\n' + json.dumps({"text": "x" * 2000}) + "\n")
    with pytest.raises(DataError) as error:
        json_lines(tmp_path / "m.jsonl")
    assert str(error.value) == (
        f"{tmp_path}/m.jsonl: line 2 has 2,013 bytes, expected 1,000 at most. Take long lists and texts out of it: "
        "only an image, a label and attributes are read."
    )
    assert translate(str(error.value), "es") == (
        f"{tmp_path}/m.jsonl: la línea 2 tiene 2.013 bytes, se esperaban 1.000 como mucho. Saca de ella las listas y "
        "los textos largos: solo se leen una imagen, una etiqueta y atributos."
    )


def test_pyarrow_has_no_threads_of_its_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    given: list[pa_json.ReadOptions] = []
    read = pa_json.read_json

    def watched(file: object, read_options: pa_json.ReadOptions) -> object:
        given.append(read_options)
        return read(file, read_options)

    monkeypatch.setattr("pyarrow.json.read_json", watched)
    (tmp_path / "m.jsonl").write_text('{"a": 1}\n')
    assert json_lines(tmp_path / "m.jsonl").rows == 1
    assert [options.use_threads for options in given] == [False]
