"""Getting an image set from the hub, once, as the same parquet files that a user may put in a folder."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from escalera.core.errors import DataError
from escalera.core.hub import PATIENCE, offline
from escalera.core.hub import unreachable as no_answer
from escalera.data.readers.listing import SPLITS

_PATIENCE = PATIENCE


def unreachable(hub: str) -> str | None:
    """Why the hub does not give this set now, or None when it does; asks once, and not at all under HF_HUB_OFFLINE."""
    # Offline `load_dataset` answers at once, from what it downloaded before.
    return None if offline() else no_answer(f"datasets/{hub}", _PATIENCE)


def fetch(hub: str, folder: Path) -> None:
    """Download a set into `folder`/<split>.parquet, its pictures as they are published.

    Raises DataError when the hub does not give it, and for a set without pictures or without a split to train on.
    """
    import datasets

    try:
        loaded = datasets.load_dataset(hub)
    except Exception as error:  # it raises errors of half a dozen libraries, and its own
        raise DataError(f"{hub} could not be loaded from the hub: {error}") from error
    for split, rows in _splits(hub, loaded).items():
        pictures = [name for name, feature in rows.features.items() if isinstance(feature, datasets.Image)]
        if not pictures:
            raise DataError(f"{hub} has no column of images; its columns: {', '.join(rows.features)}.")
        for name in pictures:
            rows = rows.cast_column(name, datasets.Image(decode=False))
        rows.to_parquet(folder / f"{split}.parquet")


def _splits(hub: str, loaded: Any) -> dict[str, Any]:
    """The splits of a set by our names, of two for one the more usual; a single one of another name is train."""
    there = {name.casefold(): name for name in loaded}
    called = {split: next((there[word] for word in usual if word in there), None) for split, usual in SPLITS.items()}
    found = {split: loaded[name] for split, name in called.items() if name is not None}
    if not found and len(loaded) == 1:
        return {"train": next(iter(loaded.values()))}
    if "train" not in found:
        raise DataError(f"{hub} has no split called train; its splits: {', '.join(loaded)}.")
    return found
