"""Models that look at several pictures of a row and read its attributes: the form, and an example of the test set."""

import os
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from escalera.experiment.climb import climb, load_ladder
from escalera.studio.i18n import load_words
from escalera.studio.parts import hint_html
from escalera.studio.samples import Samples
from escalera.studio.service import Studio

os.environ.setdefault("GRADIO_ANALYTICS_ENABLED", "False")
WORDS = load_words("en")
LADDER = """
name: rooms
data:
  {source: SOURCE, image_column: [front, back], target: price, bands: 2, validation: 0.2, test: 0.3,
   attributes: {numeric: [area]}, image_size: 8, channels: 3}
rungs:
  - name: table
    model: {kind: table, dense: [4]}
    train: {epochs: 1}
  - name: both
    change:
      model:
        kind: fusion
        branches: {table: {kind: table, dense: [4]}, photos: {kind: cnn, blocks: [[4]]}}
        head: {dense: [4]}
  - name: photos
    change: {model: {kind: cnn, blocks: [[4]], head: {dense: [4]}}}
"""


@pytest.fixture
def rooms(tmp_path: Path, png: Callable[..., bytes], monkeypatch: pytest.MonkeyPatch) -> Iterator[Studio]:
    folder = tmp_path / "rooms"
    folder.mkdir()
    lines = ["front,back,area,price"]
    for n in range(40):
        for side, seed in (("f", n), ("b", 100 + n)):
            (folder / f"{side}{n}.png").write_bytes(png(seed))
        lines.append(f"f{n}.png,b{n}.png,{100 + n},{1000 * (n + 1)}")
    (folder / "rooms.csv").write_text("\n".join(lines) + "\n")
    (tmp_path / "rooms.yaml").write_text(LADDER.replace("SOURCE", str(folder / "rooms.csv")))
    monkeypatch.setenv("ESCALERA_CACHE", str(tmp_path / "cache"))
    climb(load_ladder(tmp_path / "rooms.yaml"), out=tmp_path / "runs")
    made = Studio(tmp_path / "runs")
    yield made
    made.close()


def test_rows_have_their_bands_and_their_attributes(rooms: Studio) -> None:
    samples = Samples(rooms)
    found = samples.some("rooms/both/seed-0", "test", count=100)
    names = rooms.trained("rooms/both/seed-0").classes
    assert len({sample.name for sample in found}) == len(names) == 2
    for sample in found:
        assert sample.attributes["area"] == 100 + sample.row
        assert (sample.name == names[1]) == (1000 * (sample.row + 1) > 20_000)
    (first, *_) = samples.some("rooms/both/seed-0", "test", names[0])
    assert first.name == names[0]


def test_an_example_fills_in_what_each_model_needs(rooms: Studio) -> None:
    from escalera.studio.tabs.asker import Asker

    asker = Asker(rooms, WORDS)
    both, table, photos = (f"rooms/{name}/seed-0" for name in ("both", "table", "photos"))
    _, files, attributes, truth = asker.example(both)
    assert [Path(file).name for file in files] == ["front.png", "back.png"]
    assert [line[0] for line in attributes] == ["area"]
    row = int(attributes[0][1]) - 100
    sample = Samples(rooms).of_rows(both, "test", [row])[0]
    expected = rooms.classify(both, [Path(file).read_bytes() for file in files], {"area": row + 100})
    seen = expected.result().seen
    assert seen is not None
    np.testing.assert_array_equal(seen, sample.pixels)
    known = hint_html(WORDS.say("classify.truth", name=truth[0]))
    for key, says in ((both, True), (table, False), (photos, False)):
        html = asker.ask(key, "", None, files, attributes, False, truth)
        assert 'class="answer"' in html
        assert (known in html) == says, key
    shown = {key: [update["visible"] for update in asker.adapt(key)] for key in (both, table, photos)}
    assert shown == {both: [False, True, True], table: [False, False, True], photos: [False, True, False]}
    # A second model that reads what the first one's form does not ask for is named, and not asked.
    for first, other, reads in ((photos, both, "attributes"), (table, both, "2 images of each row")):
        html = asker.ask(first, other, None, files, [["area", "120", ""]] if first == table else [], False, None)
        assert html.count('class="answer"') == 1
        label = other.removesuffix("/seed-0").replace("/", " / ")
        assert f"{label} reads {reads}; choose it as the first model." in html
    assert asker.ask(both, table, None, files, attributes, False, None).count('class="answer"') == 2
    said = asker.ask(table, "", None, None, [["area", "", ""]], False, None)
    assert "Not known, so filled in as in training: area." in said
    rooms.close()
    assert not any(Path(file).exists() for file in files)


def test_the_form_has_values_as_the_model_reads_them(studio: Studio) -> None:
    """True of a table is its category true; shown as Python writes it, it was a value that no row of train has."""
    import pyarrow as pa

    from escalera.data.table.fitting import fit
    from escalera.studio.tabs.asker import Asker

    train = pa.table({"new": [True, False] * 20, "rooms": [1.0, 2.5] * 20, "brand": ["Acme", "Zed"] * 20})
    fitted = fit(train, {"new": "categorical", "rooms": "numeric", "brand": "categorical"}, {})
    assert fitted is not None
    model: Any = SimpleNamespace(attributes=fitted.to_json())
    rows = Asker(studio, WORDS)._form(model, {"new": True, "rooms": 3.0, "brand": None})
    assert [(column, value) for column, value, _ in rows] == [("rooms", "3"), ("new", "true"), ("brand", "")]
