"""What a finished run says of pictures in files."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from escalera.errors import DataError, RunError
from escalera.rundir import RunDir, read_json


def find_run(path: Path) -> RunDir:
    """The run in a folder: `runs/digits/cnn/seed-1` itself, or the first seed of `runs/digits/cnn`.

    Raises RunError where there is none, or none that is done.
    """
    seeds = sorted(path.glob("seed-*[0-9]/run.json"), key=lambda file: int(file.parent.name.rpartition("-")[2]))
    folder = path if (path / "run.json").is_file() else seeds[0].parent if seeds else None
    if folder is None:
        below = sorted({file.parent.parent.name for file in path.glob("*/seed-*/run.json")})
        hint = f" It holds the rungs {', '.join(below)}: name one, as {path / below[0]}." if below else ""
        raise RunError(f"expected the folder of a run, as runs/digits/cnn, received {path}.{hint}")
    run = RunDir(folder)
    if run.state() != "done":
        raise RunError(f"{folder} is {run.state()}, not done. Climb its ladder again to finish it.")
    return run


def predict_files(path: Path, files: Sequence[Path], *, top: int = 5) -> list[dict[str, Any]]:
    """The likeliest classes of each picture, best first: {file, classes: [{name, probability}]}.

    Each file is decoded as the run's own pictures were. Raises RunError as find_run does, and DataError with every file
    that cannot be decoded.
    """
    import numpy as np

    from escalera.data.decode import decode
    from escalera.data.listing import shown
    from escalera.rung import probabilities

    run = find_run(path)
    record = read_json(run.record)["data"]
    height, width, channels = record["shape"]
    pictures, bad = [], []
    for file in files:
        try:
            pictures.append(decode(file.read_bytes(), size=(height, width), channels=channels, resize=record["resize"]))
        except (OSError, DataError) as error:
            bad.append(f"{shown(str(file))}: {getattr(error, 'strerror', None) or error}")
    if bad:
        listed = "".join(f"\n  {line}" for line in bad)
        raise DataError(f"{len(bad)} of {len(files)} pictures cannot be decoded; nothing was predicted:{listed}")
    found = probabilities(run, np.stack(pictures))
    return [
        {
            "file": str(file),
            "classes": [
                {"name": record["classes"][i], "probability": float(row[i])}
                for i in np.argsort(-row, kind="stable")[:top]
            ],
        }
        for file, row in zip(files, found, strict=True)
    ]
