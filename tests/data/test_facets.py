"""What rows have in common: attributes, size, brightness and folder."""

from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from PIL import Image

from escalera.data.facets import brightness, facets
from escalera.data.images import Images
from escalera.data.options import ReadOptions
from escalera.data.sources.open import list_source, open_source


def found(part: Images, **more: object) -> dict[str, list[str]]:
    """The value of each row, by the facet; None's place is ''."""
    rows = np.arange(len(part.labels))
    return {
        one.name: [one.values[k] if k >= 0 else "none" for k in one.codes]
        for one in facets(part, rows, None, ["a", "b"], **more)  # type: ignore[arg-type]
    }


def images(values: list[int], channels: int = 1) -> np.ndarray:
    return np.stack([np.full((4, 4, channels), value, np.uint8) for value in values])


def test_numbers_are_cut_into_bins_of_as_many_rows() -> None:
    area = [100 + 2.5 * value for value in range(40)]
    table = pa.table({"area": area, "rooms": [1, 2] * 20, "kind": ["x", "y", "y", None] * 10, "id": list(range(40))})
    part = Images(images([7] * 40), np.arange(40) % 3 % 2, table)
    slices = found(part)
    assert list(slices) == ["attribute:area", "attribute:rooms", "attribute:kind"]
    assert [
        slices["attribute:area"].count(name) for name in ("≤ 122.5", "122.5 – 147.5", "147.5 – 172.5", "> 172.5")
    ] == [10] * 4
    assert slices["attribute:rooms"][:2] == ["1", "2"] and slices["attribute:kind"][:4] == ["x", "y", "y", ""]
    assert "attribute:area" not in found(part, aside=("area",))


def test_missing_numbers_are_a_slice_of_their_own() -> None:
    table = pa.table({"area": [None, *[float(value) / 3 for value in range(39)]]})
    assert found(Images(images([7] * 40), np.arange(40) % 2, table))["attribute:area"][0] == ""


def test_the_class_under_another_name_is_no_facet() -> None:
    labels = np.arange(40) % 2
    table = pa.table({"word": ["cat" if label else "dog" for label in labels]})
    assert found(Images(images([7] * 40), labels, table)) == {}


def test_brightness_is_that_of_grey_pixels() -> None:
    pixels = np.zeros((1, 2, 2, 3), np.uint8)
    pixels[..., 1] = 100
    assert brightness(pixels, np.array([0])) == pytest.approx([58.7])
    assert found(Images(images([10, 10, 200, 200]), np.array([0, 1, 1, 0])))["brightness"] == ["10", "10", "200", "200"]


def test_size_and_folder_come_from_the_files(tmp_path: Path) -> None:
    for label, name in enumerate(("cat", "dog")):
        for row in range(4):
            folder = tmp_path / name / ("north" if row % 2 else "south")
            folder.mkdir(parents=True, exist_ok=True)
            side = (20 if row < 2 else 40) + label
            Image.new("L", (side, side), 90 + 40 * label).save(folder / f"{row}.png")
    name, beside = tmp_path.name, tmp_path.parent
    options = ReadOptions(form="folders")
    [listing] = list_source(name, options, data_root=None, beside=beside)
    part = open_source(name, options, data_root=None, beside=beside, image_size=(8, 8), channels=1).splits["train"]
    # Row 1 was left out as bad: those behind it keep their files.
    kept = np.array([0, 2, 3, 4, 5, 6, 7])
    left = Images(part.images[kept], part.labels[kept], None, kept)
    rows = np.arange(1, 7)
    slices = {one.name: [one.values[k] for k in one.codes] for one in facets(left, rows, listing, ["cat", "dog"])}
    names = [listing.file_name(int(row)) or "" for row in kept[rows]]
    assert slices["folder"] == [name.split("/")[1] for name in names]
    assert slices["size"] == [str((20 if int(name[-5]) < 2 else 40) + ("dog" in name)) for name in names]
    assert "brightness" not in slices  # it is the class
