"""What this machine offers, in a few lines a person can paste into an issue."""

from __future__ import annotations

import os
import shutil
from pathlib import Path
from typing import TYPE_CHECKING

from escalera.core.energy import UnmeasuredError, counters
from escalera.core.language import Language, load_words
from escalera.core.runtime import choose_device, choose_precision, describe
from escalera.data.sources.open import KNOWN, data_roots

if TYPE_CHECKING:
    import torch


def examine(data_root: Path | None, words: Language) -> dict[str, str]:
    """Versions, device, precision, memory, disk, and which of the known sets are found where, in words."""
    device = choose_device("auto")
    facts = describe(device)
    roots = [root for root in data_roots(data_root).values() if root]
    found = [name for name in KNOWN if any((root / name / "train.parquet").exists() for root in roots)]
    free = _gibibytes(shutil.disk_usage(os.curdir).free, words)
    return {
        "escalera": facts["escalera"],
        "python": facts["python"],
        "torch": facts["torch"],
        "platform": facts["platform"],
        "cpu": ", ".join([facts["cpu"], words.count(facts["cores"], "core"), words.count(facts["threads"], "thread")]),
        "memory": _gibibytes(facts["memory_bytes"], words),
        "gpu": facts["gpu"] or words.say("doctor.none"),
        "energy": _energy(device, words),
        "precision": words.say("doctor.auto_means", precision=choose_precision("auto", device)),
        "disk": words.say("doctor.free", size=free),
        "data roots": ", ".join(map(str, roots)) or words.say("doctor.no_roots"),
        "sets here": ", ".join(["digits", *found]),
    }


def _energy(device: torch.device, words: Language) -> str:
    """Of what its counters say how much it takes, or why they do not."""
    core = load_words(words.code, "core", plain=True)
    try:
        return ", ".join(core.say(f"energy.of.{part}") for part in dict.fromkeys(one.of for one in counters(device)))
    except UnmeasuredError as reason:
        return f"{words.say('doctor.none')}: {core.say(f'energy.{reason}')}"


def _gibibytes(size: float, words: Language) -> str:
    return f"{words.number(size / 1024**3, 1)} GiB"
