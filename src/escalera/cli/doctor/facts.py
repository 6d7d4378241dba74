"""Versions, device, precision, memory and disk, in a few lines a person can paste into an issue."""

from __future__ import annotations

import os
import shutil
from pathlib import Path
from typing import TYPE_CHECKING

from escalera.core.energy import UnmeasuredError, counters
from escalera.core.extras import is_installed
from escalera.core.language import Language, load_words
from escalera.core.runtime import choose_device, choose_precision, describe, machine
from escalera.data.sources.locate import data_roots
from escalera.data.sources.registry import KNOWN

if TYPE_CHECKING:
    import torch


def examine(data_root: Path | None, words: Language) -> dict[str, str]:
    """Versions, device, precision, memory, disk, and which of the known sets are found where, in words."""
    none = words.say("doctor.none")
    if is_installed("torch"):
        device = choose_device("auto")
        facts = describe(device)
        precision, energy = (
            words.say("doctor.auto_means", precision=choose_precision("auto", device)),
            _energy(device, words),
        )
    else:
        facts, precision, energy = {**machine(), "torch": none, "threads": None, "gpu": None}, none, none
    roots = [root for root in data_roots(data_root).values() if root]
    found = [name for name in KNOWN if any((root / name / "train.parquet").exists() for root in roots)]
    cores = [words.count(facts["cores"], "core")]
    if facts["threads"]:
        cores.append(words.count(facts["threads"], "thread"))
    return {
        "escalera": facts["escalera"],
        "python": facts["python"],
        "torch": facts["torch"],
        "platform": facts["platform"],
        "cpu": ", ".join([facts["cpu"], *cores]),
        "memory": gibibytes(facts["memory_bytes"], words),
        "gpu": facts["gpu"] or none,
        "precision": precision,
        "energy": energy,
        "disk": words.say("doctor.free", size=gibibytes(shutil.disk_usage(os.curdir).free, words)),
        "data roots": ", ".join(map(str, roots)) or words.say("doctor.no_roots"),
        "sets here": ", ".join(["digits", *found]),
    }


def gibibytes(size: float, words: Language) -> str:
    """Bytes, in GiB to one decimal."""
    return f"{words.number(size / 1024**3, 1)} GiB"


def _energy(device: torch.device, words: Language) -> str:
    """Of what its counters say how much it takes, or why they do not."""
    core = load_words(words.code, "core", plain=True)
    try:
        return ", ".join(core.say(f"energy.of.{part}") for part in dict.fromkeys(one.of for one in counters(device)))
    except UnmeasuredError as reason:
        return f"{words.say('doctor.none')}: {core.say(f'energy.{reason}')}"
