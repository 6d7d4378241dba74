"""How `escalera explore` tells of damaged archives: `python benchmarks/damaged_npz.py` makes 60 and counts the answers.

Each has a few bits flipped, is cut short, or has a member that claims too much; the seed is the number.
"""

from __future__ import annotations

import io
import subprocess
import sys
import tempfile
from collections import Counter
from pathlib import Path

import numpy as np
from machine import machine

COUNT = 60


def damaged(number: int) -> bytes:
    random = np.random.RandomState(number)
    file = io.BytesIO()
    images = random.randint(0, 256, (12, 8, 8)).astype(np.uint8)
    (np.savez_compressed if number % 2 else np.savez)(file, x_train=images, y_train=np.arange(12) % 3)
    raw = bytearray(file.getvalue())
    if number % 3 == 0:
        return bytes(raw[: random.randint(1, len(raw))])
    for _ in range(1 + number % 4):
        raw[random.randint(len(raw))] ^= 1 << random.randint(8)
    return bytes(raw)


def main() -> None:
    found: Counter[str] = Counter()
    with tempfile.TemporaryDirectory() as folder:
        for number in range(COUNT):
            path = Path(folder) / f"{number}.npz"
            path.write_bytes(damaged(number))
            command = [sys.executable, "-c", "from escalera.cli import main; main()", "explore", str(path)]
            done = subprocess.run([*command, "--out", folder], capture_output=True, text=True, check=False)
            lines = done.stderr.strip().splitlines()
            if "Traceback" in done.stderr:
                found["traceback"] += 1
            elif done.returncode == 2 and len(lines) == 1 and lines[0].startswith("error: "):
                found["one line, exit 2"] += 1
            else:
                found["read: the bit lay beside what matters" if done.returncode == 0 else "other"] += 1
    print(machine())
    for what, count in found.most_common():
        print(f"{count:4} of {COUNT}  {what}")


if __name__ == "__main__":
    main()
