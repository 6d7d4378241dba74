"""Of test pictures planted into train, changed in five ways, how many are found; and how many clean ones are flagged.

    python benchmarks/duplicates.py --data-root /data --source cifar10

A tenth of the test pictures for each way takes the place of train pictures. Clean are those that were not planted and
of which the set as it is holds no twin: CIFAR-10 has such twins of its own (Barz and Denzler 2020, J. Imaging 6(6)),
which a first search counts; `escalera explore` shows them side by side.
"""

import argparse
import io
import os
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
from machine import machine
from numpy.typing import NDArray
from PIL import Image

from escalera.data.duplicates.search import find_duplicates
from escalera.data.sources.open import open_source

Pixels = NDArray[np.uint8]
rng = np.random.default_rng(0)


def squeezed(picture: Pixels) -> Pixels:
    return picture[..., 0] if picture.shape[2] == 1 else picture


def compressed(picture: Pixels) -> Pixels:
    file = io.BytesIO()
    Image.fromarray(squeezed(picture)).save(file, "JPEG", quality=50)
    return np.asarray(Image.open(file)).reshape(picture.shape)


def shifted(picture: Pixels) -> Pixels:
    """By two pixels to one of eight sides; the border is repeated, as a crop from a larger picture would look."""
    down, across = [(-2, -2), (-2, 0), (-2, 2), (0, -2), (0, 2), (2, -2), (2, 0), (2, 2)][rng.integers(8)]
    height, width = picture.shape[:2]
    padded = np.pad(picture, ((2, 2), (2, 2), (0, 0)), "edge")
    return padded[2 + down : 2 + down + height, 2 + across : 2 + across + width]


CHANGES: dict[str, Callable[[Pixels], Pixels]] = {
    "exact copy": lambda picture: picture,
    "JPEG at quality 50": compressed,
    "shifted by 2 pixels": shifted,
    "brighter by 10 %": lambda picture: np.clip(np.rint(picture * 1.1), 0, 255).astype(np.uint8),
    "mirrored": lambda picture: picture[:, ::-1],
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data-root", type=Path, default=os.environ.get("ESCALERA_DATA"))
    parser.add_argument("--source", default="cifar10")
    options = parser.parse_args()
    print(machine())
    opened = open_source(options.source, data_root=options.data_root, image_size=None, channels=None)
    train, test = (np.array(opened.splits[name].images) for name in ("train", "test"))
    own = in_train(train, test, "as it is")
    print(f"{options.source}: {own.sum()} of {len(test)} test pictures have a twin in train as it is")

    of_each = len(test) // 10
    chosen = rng.permutation(np.flatnonzero(~own))[: of_each * len(CHANGES)].reshape(len(CHANGES), of_each)
    places = rng.permutation(len(train))[: chosen.size].reshape(chosen.shape)
    for change, rows, into in zip(CHANGES.values(), chosen, places, strict=True):
        for row, place in zip(rows, into, strict=True):
            train[place] = change(test[row])
    found = in_train(train, test, "with the planted ones")
    for name, rows in zip(CHANGES, chosen, strict=True):
        print(f"  {name:20} {found[rows].sum():5} of {of_each} found, {100 * found[rows].mean():.1f} %")
    clean = ~own
    clean[chosen] = False
    print(f"  flagged of the {clean.sum()} clean ones {found[clean].sum():5}, {100 * found[clean].mean():.2f} %")


def in_train(train: Pixels, test: Pixels, what: str) -> NDArray[np.bool_]:
    start, busy = time.perf_counter(), time.process_time()
    found = find_duplicates({"train": train, "test": test})
    print(f"searched {what}: {time.perf_counter() - start:.1f} s, {time.process_time() - busy:.1f} s of processor time")
    marked = np.arange(len(train) + len(test)) < len(train)
    return found.beside(marked)[len(train) :]


if __name__ == "__main__":
    main()
