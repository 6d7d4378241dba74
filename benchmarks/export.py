"""Runs as ONNX files: do they answer alike, how fast are they, and what do eight bits cost?

    ESCALERA_DATA=<folder> python benchmarks/export.py runs/digits runs/houses ... [--int8]

Exports the first seed of every rung below the folders that one file can hold, asks each about its own test rows, and
prints for each the largest difference of a probability, the share of rows with the same class, and how many times as
fast as the run it is on one thread, one and 32 rows at a time. With --int8 also how much smaller eight bits are, and
what they lose.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from pathlib import Path

from machine import machine

from escalera.core.errors import EscaleraError
from escalera.inference.files import find_trained
from escalera.inference.onnx_export import write_onnx


def rungs(folders: list[Path]) -> list[Path]:
    """The rungs below the folders of ladders that have a first seed."""
    found = (rung for folder in folders for rung in sorted(folder.iterdir()))
    return [rung for rung in found if (rung / "seed-0" / "run.json").is_file()]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folders", nargs="+", type=Path)
    parser.add_argument("--int8", action="store_true")
    given = parser.parse_args()
    print(machine())
    print(
        "| rung | kind | rows | largest difference | same class | MB | times as fast, 1 | 32 | seconds | eight bits |"
    )
    print("|---|---|---|---|---|---|---|---|---|---|")
    with tempfile.TemporaryDirectory() as folder:
        for rung in rungs(given.folders):
            name = f"{rung.parent.name}/{rung.name}"
            file = Path(folder) / "model.onnx"
            try:
                trained = find_trained(rung)
                began = time.perf_counter()
                check = write_onnx(trained, file).check
                seconds = time.perf_counter() - began
            except EscaleraError as error:
                print(f"| {name} | | | {error} |")
                continue
            times = [check.file_speed[size] / check.run_speed[size] for size in check.file_speed]
            bits = ""
            if given.int8:
                try:
                    small = write_onnx(trained, file, int8=True, force=True)
                    assert small.smaller is not None
                    loss = small.smaller
                    faster = small.check.file_speed["32"] / check.file_speed["32"]
                    bits = (
                        f"{check.size / small.check.size:.2f} times smaller, {faster:.2f} times as fast (32), "
                        f"{100 * loss.difference:+.1f} points [{100 * loss.low:+.1f}, {100 * loss.high:+.1f}], "
                        f"{'written' if loss.fits else 'refused'}"
                    )
                except EscaleraError as error:
                    bits = str(error)
            print(
                f"| {name} | {trained.config.model.kind} | {check.rows} {check.split} | {check.largest:.1e} | "
                f"{100 * check.agreement:.2f} % | {check.size / 1e6:.2f} | {times[0]:.1f} | {times[1]:.1f} | "
                f"{seconds:.1f} | {bits} |",
                flush=True,
            )


if __name__ == "__main__":
    main()
