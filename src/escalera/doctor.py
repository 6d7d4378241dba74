"""What this machine offers, in a few lines a person can paste into an issue."""

from __future__ import annotations

import os
import shutil
from pathlib import Path
from typing import Any

from escalera.data.sources import KNOWN, data_roots
from escalera.runtime import choose_device, choose_precision, describe


def examine(data_root: Path | None) -> dict[str, Any]:
    """Versions, device, precision, memory, disk, and which of the known sets are found where."""
    device = choose_device("auto")
    facts = describe(device)
    gib = 1024**3
    roots = [root for root in data_roots(data_root).values() if root]
    found = [name for name in KNOWN if any((root / name / "train.parquet").exists() for root in roots)]
    return {
        "escalera": facts["escalera"],
        "python": facts["python"],
        "torch": facts["torch"],
        "platform": facts["platform"],
        "cpu": f"{facts['cpu']}, {facts['cores']} cores, {facts['threads']} threads",
        "memory": f"{facts['memory_bytes'] / gib:.1f} GiB",
        "gpu": facts["gpu"] or "none",
        "precision": f"auto means {choose_precision('auto', device)} here",
        "disk": f"{shutil.disk_usage(os.curdir).free / gib:.1f} GiB free here",
        "data roots": ", ".join(map(str, roots)) or "none (--data-root or ESCALERA_DATA)",
        "sets here": ", ".join(["digits", *found]),
    }
