"""Where pictures come from: a known set (a library, a folder, the hub) or a folder of the user's own.

images  (N, H, W, C) uint8
labels  (N,) int64
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from escalera.data import cache, hub
from escalera.data.images import Images, ImageSet
from escalera.data.known import KNOWN, KnownSource, native_shape
from escalera.errors import DataError, nearest

if TYPE_CHECKING:
    from escalera.data.decode import Channels

__all__ = ["KNOWN", "ImageSet", "Images", "KnownSource", "data_roots", "native_shape", "open_source"]


def open_source(
    name: str,
    *,
    data_root: Path | None,
    image_size: tuple[int, int] | None,
    channels: Channels | None,
    cache_dir: Path | None = None,
) -> ImageSet:
    """Open a source by name, decoded at `image_size` (height, width) with `channels` 1 or 3; None keeps the source's.

    `<root>/<name>/train.parquet`, and `test.parquet` beside it, are looked for under `data_root`, then ESCALERA_DATA,
    and a known name then on the hub. What was decoded or downloaded is kept in the cache. Raises DataError where the
    source is absent, and for pictures and labels that cannot be used; nothing bad is left out or replaced.
    """
    known = KNOWN.get(name)
    if name == "digits":
        return _digits(image_size, channels)
    root = cache_dir or cache.cache_root()
    folder = _folder(name, known, data_root, root)
    files = [path for split in ("train", "test") if (path := folder / f"{split}.parquet").is_file()]
    settings = {"size": image_size and list(image_size), "channels": channels or (known and known.shape[2])}
    key = cache.key(name, files, **settings)

    def write(aside: Path) -> None:
        from escalera.data.ingest import ingest  # pyarrow and Pillow are needed where nothing is in the cache yet

        ingest(aside, files, known, size=image_size, channels=channels)

    return cache.image_set(root, key, name, write)


def _folder(name: str, known: KnownSource | None, data_root: Path | None, cache_dir: Path) -> Path:
    """The folder that holds `train.parquet`; raises DataError with every place looked at."""
    if Path(name).name != name:
        raise DataError(
            f"data.source: expected a name, received '{name}'. Put the pictures in <data-root>/<name>/train.parquet, "
            "and name <data-root> with --data-root or ESCALERA_DATA."
        )
    roots = data_roots(data_root)
    looked = []
    for option, root in roots.items():
        if root is None:
            looked.append(f"{option}: not given")
        elif (root / name / "train.parquet").is_file():
            return root / name
        else:
            looked.append(f"{option}: no {root / name / 'train.parquet'}")
    if known is None or known.hub is None:
        beside = [path.parent.name for root in roots.values() if root for path in sorted(root.glob("*/train.parquet"))]
        raise _absent(f"unknown source '{name}': {nearest(name, [*KNOWN, *beside])}", name, looked)
    downloaded = cache_dir / f"hub-{name}"
    if downloaded.is_dir():
        return downloaded
    looked.append(f"the cache: no {downloaded}")
    if reason := hub.unreachable(known.hub):
        looked.append(f"the hub: {known.hub}: {reason}")
        raise _absent(f"'{name}' is not on this machine, and the hub cannot be reached.", name, looked)
    try:
        return cache.stored(cache_dir, f"hub-{name}", lambda aside: hub.fetch(known, aside))
    except DataError as error:
        raise _absent(str(error), name, looked) from error


def data_roots(data_root: Path | None) -> dict[str, Path | None]:
    """The folders that may hold sets, in the order in which they are looked at, by the option that names them."""
    named = os.environ.get("ESCALERA_DATA")
    return {"--data-root": data_root, "ESCALERA_DATA": Path(named).expanduser() if named else None}


def _absent(what: str, name: str, looked: list[str]) -> DataError:
    places = "".join(f"\n  {place}" for place in looked)
    return DataError(
        f"{what}\nLooked at:{places}\n"
        f"Put the files in <data-root>/{name}/train.parquet (and test.parquet), "
        "and name <data-root> with --data-root or ESCALERA_DATA."
    )


def _digits(image_size: tuple[int, int] | None, channels: Channels | None) -> ImageSet:
    """The 1,797 digits that come with scikit-learn: 8x8, grey, 0 to 16 scaled to 0 to 255."""
    from PIL import Image
    from sklearn.datasets import load_digits

    from escalera.data.decode import to_array

    digits = load_digits()
    grey = np.rint(digits.images * (255 / 16)).astype(np.uint8)
    images = np.stack([to_array(Image.fromarray(digit), size=image_size, channels=channels) for digit in grey])
    return ImageSet("digits", list(KNOWN["digits"].classes), {"train": Images(images, digits.target.astype(np.int64))})
