"""Getting a known source from the hub, once, as the same parquet files that a user may put in a folder."""

from __future__ import annotations

import threading
import urllib.error
import urllib.request
from pathlib import Path

from escalera.data.known import KnownSource
from escalera.errors import DataError

_PATIENCE = 2.5
"""Seconds for the hub to answer. Without asking first, `load_dataset` tries again for 23 s before it gives up."""


def unreachable(hub: str) -> str | None:
    """Why the hub does not give this set now, or None when it does; asks once, and not at all under HF_HUB_OFFLINE."""
    from huggingface_hub import constants

    if constants.HF_HUB_OFFLINE:
        return None  # load_dataset then answers at once, from what it downloaded before
    answer = [f"no answer in {_PATIENCE} s"]

    def ask() -> None:
        request = urllib.request.Request(f"{constants.ENDPOINT}/api/datasets/{hub}", headers={"User-Agent": "escalera"})
        try:
            with urllib.request.urlopen(request, timeout=_PATIENCE):
                answer[0] = ""
        except urllib.error.HTTPError as error:
            answer[0] = f"it answered {error.code} {error.reason}"
            error.close()
        except (OSError, ValueError) as error:
            answer[0] = str(getattr(error, "reason", error))

    # In a thread, since no timeout covers the search for the host's address.
    thread = threading.Thread(target=ask, daemon=True)
    thread.start()
    thread.join(_PATIENCE)
    return answer[0] or None


def fetch(source: KnownSource, folder: Path) -> None:
    """Download a source into `folder`/{train,test}.parquet; raises DataError when the hub does not give it."""
    import datasets

    try:
        splits = datasets.load_dataset(source.hub)
    except Exception as error:  # it raises errors of half a dozen libraries, and its own
        raise DataError(f"{source.hub} could not be loaded from the hub: {error}") from error
    for split in ("train", "test"):
        pictures = splits[split].select_columns([source.image, source.label])
        pictures = pictures.cast_column(source.image, datasets.Image(decode=False))
        pictures.to_parquet(folder / f"{split}.parquet")
