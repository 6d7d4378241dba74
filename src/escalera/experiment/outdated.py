"""Finished runs whose source holds more or fewer images by now, which nobody trains again unasked."""

from __future__ import annotations

import contextlib
from collections.abc import Mapping
from pathlib import Path

from escalera.core.errors import EscaleraError
from escalera.core.rundir import RunDir
from escalera.data.options import ReadOptions
from escalera.data.sources.locate import at_hand
from escalera.data.sources.open import list_source
from escalera.ladder.schema import Data, Ladder
from escalera.run.outcome import Key


def outdated(ladder: Ladder, finished: Mapping[Key, RunDir], data_root: Path | None, beside: Path | None) -> list[str]:
    """A sentence for each source that has another number of images than runs have learned from; nothing is decoded.

    What is not on this machine is not looked for, and what an earlier version has trained does not say how many it saw.
    """
    now: dict[str, int | None] = {}
    then: dict[tuple[str, int], list[str]] = {}
    for (name, _), run in finished.items():
        data = ladder[name].config.data
        key, listed = data.model_dump_json(), (run.read_record().get("data") or {}).get("listed")
        if key not in now:
            now[key] = _images(data, data_root, beside)
        if listed is not None and now[key] not in (None, listed):
            then.setdefault((key, listed), []).append(name)
    return [
        f"{Data.model_validate_json(key).source} holds {now[key]:,} images now, and held {listed:,} when these learned "
        f"from it: {', '.join(dict.fromkeys(names))}. --fresh trains them on what is there now."
        for (key, listed), names in then.items()
    ]


def _images(data: Data, data_root: Path | None, beside: Path | None) -> int | None:
    if at_hand(data.source, data_root, beside=beside) != "here":
        return None
    with contextlib.suppress(EscaleraError):
        listed = list_source(data.source, ReadOptions.of(data), data_root=data_root, beside=beside)
        return sum(listing.rows for listing in listed) or None
    return None
