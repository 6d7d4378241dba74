"""Features that are kept in the cache: read again to the last bit, made anew when damaged, and never without end."""

import os
from pathlib import Path

import pytest
import torch
from torch import Tensor

from escalera.data.cache import features, inventory
from escalera.data.cache.features import kept


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("ESCALERA_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


def made(times: list[int], rows: int = 3) -> Tensor:
    times.append(rows)
    return torch.arange(rows * 4, dtype=torch.float32).reshape(rows, 4) / 3


def test_they_are_made_once(cache: Path) -> None:
    times: list[int] = []
    one, other = (kept("clothing", ["a"], lambda: made(times)) for _ in range(2))
    assert torch.equal(one, other) and times == [3]
    kept("clothing", ["b"], lambda: made(times))
    assert times == [3, 3]
    assert {entry.source for entry in inventory.entries(cache)} == {"features of clothing"}


def test_a_damaged_file_is_made_anew(cache: Path) -> None:
    times: list[int] = []
    kept("clothing", ["a"], lambda: made(times))
    next(cache.glob("*/features.safetensors")).write_bytes(b"nothing")
    assert torch.equal(kept("clothing", ["a"], lambda: made(times)), made([]))
    assert torch.equal(kept("clothing", ["a"], lambda: made(times)), made([]))
    assert times == [3, 3]


def test_a_cache_that_takes_nothing_is_done_without(cache: Path) -> None:
    cache.write_text("no folder")
    times: list[int] = []
    assert torch.equal(kept("clothing", ["a"], lambda: made(times)), made([]))
    assert times == [3]


def test_those_read_the_longest_ago_go_first(cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    kept("clothing", ["size"], lambda: made([]))
    one = next(cache.glob("*/features.safetensors")).stat().st_size
    inventory.clear(cache)
    monkeypatch.setattr(features, "AT_MOST", 2 * one)
    for state in ("a", "b"):
        kept("clothing", [state], lambda: made([]))
    for number, folder in enumerate(sorted(cache.iterdir(), key=lambda folder: folder.stat().st_mtime_ns)):
        os.utime(folder, (number, number))
    times: list[int] = []
    kept("clothing", ["a"], lambda: made(times))  # read again: b is the older one now
    kept("clothing", ["c"], lambda: made(times))
    kept("clothing", ["a"], lambda: made(times))
    assert times == [3] and len(list(cache.glob("*/features.safetensors"))) == 2
