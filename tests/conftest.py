"""What every test stands on: no network, a cache of its own, and the real data where there are any."""

import os
from pathlib import Path

import pytest

# Before torch is imported: on tiny data one thread is faster than two that wait for one another, and adds up alike.
os.environ["OMP_NUM_THREADS"] = "1"
# Read when the hub's library is imported: no test asks the hub, and those that need one start a process of their own.
os.environ["HF_HUB_OFFLINE"] = "1"

REAL_DATA = Path(os.environ.get("ESCALERA_DATA") or Path(__file__).parents[2] / "shared" / "data")


@pytest.fixture(autouse=True)
def own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ESCALERA_CACHE", str(tmp_path / "cache"))
    monkeypatch.delenv("ESCALERA_DATA", raising=False)


@pytest.fixture
def real_data() -> Path:
    """The folder with mnist, fashion_mnist, cifar10 and cifar100."""
    if not (REAL_DATA / "mnist" / "test.parquet").is_file():
        pytest.skip(f"no real data in {REAL_DATA}; name their folder with ESCALERA_DATA")
    return REAL_DATA
