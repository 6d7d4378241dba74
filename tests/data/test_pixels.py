"""Statistics of every pixel column, against pandas' own."""

import io
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from escalera.data.explore import pixels as module
from escalera.data.explore.pixels import class_means, pixel_statistics
from escalera.data.sources.open import open_source


@pytest.mark.parametrize("rows", [1, 2, 3, 4, 5, 6, 12])
def test_it_is_what_pandas_says(pixels: np.ndarray, rows: int) -> None:
    frame = pd.DataFrame(pixels[:rows].reshape(rows, -1)).describe()
    found = pd.read_csv(io.StringIO(pixel_statistics(pixels, np.arange(rows)).csv()), index_col=0)
    assert list(found.index) == list(frame.index)
    assert [int(name) for name in found.columns] == list(frame.columns)
    np.testing.assert_allclose(found.to_numpy(), frame.to_numpy(), rtol=1e-12)


def test_parts_add_up(pixels: np.ndarray, monkeypatch: pytest.MonkeyPatch) -> None:
    whole, means = pixel_statistics(pixels).csv(), class_means(pixels, np.arange(12) % 3, 3)
    monkeypatch.setattr(module, "_AT_ONCE", 100)
    assert pixel_statistics(pixels).csv() == whole
    assert (class_means(pixels, np.arange(12) % 3, 3) == means).all()


def test_some_rows_alone(pixels: np.ndarray) -> None:
    assert pixel_statistics(pixels, np.array([3, 7])).csv() == pixel_statistics(pixels[[3, 7]]).csv()


def test_a_column_that_never_changes_has_no_deviation() -> None:
    found = pixel_statistics(np.full((1000, 2, 2, 1), 253, np.uint8))
    assert found.std.tolist() == [0, 0, 0, 0]
    assert found.facts()["constant"] == 4


def test_channels_over_all_places(pixels: np.ndarray) -> None:
    facts = pixel_statistics(pixels).facts()
    assert (facts["rows"], facts["columns"], len(facts["channels"])) == (12, 72, 3)
    for channel, entry in enumerate(facts["channels"]):
        values = pd.Series(pixels[..., channel].ravel()).describe()
        assert sum(entry["levels"]) == values["count"]
        assert [entry["mean"], entry["std"], entry["min"], *entry["quartiles"], entry["max"]] == pytest.approx(
            [values[key] for key in ("mean", "std", "min", "25%", "50%", "75%", "max")]
        )


def test_sums_beyond_what_64_bits_hold() -> None:
    # 40 million bright values: the square of their sum needs 68 bits.
    found = pixel_statistics(np.full((10_000_000, 2, 2, 1), 255, np.uint8)).facts()["channels"][0]
    assert (found["mean"], found["std"]) == (255, 0)


def test_the_mean_picture_of_each_class(pixels: np.ndarray) -> None:
    labels = np.array([0, 0, 2, 2, 2, 2, 0, 0, 0, 0, 0, 2])
    means = class_means(pixels, labels, 3)
    np.testing.assert_allclose(means[0], pixels[labels == 0].mean(axis=0), rtol=1e-6)
    assert (means[1] == 0).all()


@pytest.mark.slow
@pytest.mark.data
def test_fashion_mnist_as_published(real_data: Path) -> None:
    """The first columns of the first 50,000 rows of train, as a table of pandas gives them."""
    images = open_source("fashion_mnist", data_root=real_data, image_size=None, channels=None).splits["train"].images
    found = pixel_statistics(images, np.arange(50_000))
    assert found.mean[:4].round(6).tolist() == [0.0009, 0.00616, 0.03094, 0.10754]
    assert found.max[:4].tolist() == [16, 36, 119, 164]
    assert len(found.csv().splitlines()[0].split(",")) == 785
    frame = pd.DataFrame(np.asarray(images[:50_000]).reshape(50_000, -1)).describe()
    np.testing.assert_allclose(
        pd.read_csv(io.StringIO(found.csv()), index_col=0).to_numpy(), frame.to_numpy(), rtol=1e-9
    )
