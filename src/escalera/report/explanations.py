"""Where a network looked, kept beside its run: a small map for each of a few rows."""

from __future__ import annotations

import contextlib
import io
import zipfile
import zlib
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from escalera.core.files import write_aside
from escalera.report.svg import ORANGE

FILE = "explanations.npz"


def read_maps(run: Path, rows: Sequence[int]) -> NDArray[np.uint8] | None:
    """The maps (n, h, w) of these rows, 0 to 255; (n, 0, 0) for a network without any; None where they are not kept."""
    with contextlib.suppress(OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile, zlib.error):
        # From memory: of a broken file numpy would leave the handle open.
        kept = np.load(io.BytesIO((run / FILE).read_bytes()), allow_pickle=False)
        if isinstance(kept, np.lib.npyio.NpzFile) and kept["rows"].tolist() == list(rows):
            maps: NDArray[np.uint8] = kept["maps"]
            return maps if maps.dtype == np.uint8 and maps.ndim == 3 and len(maps) == len(rows) else None
    return None


def write_maps(run: Path, rows: Sequence[int], maps: NDArray[np.floating] | None) -> NDArray[np.uint8]:
    """Keep maps (n, h, w) from 0 to 1, or that there are none; gives them as they will be read."""
    small = np.zeros((len(rows), 0, 0), np.uint8) if maps is None else np.rint(255 * maps).astype(np.uint8)
    buffer = io.BytesIO()
    np.savez_compressed(buffer, rows=np.array(rows, np.int64), maps=small)
    write_aside(run / FILE, lambda file: file.write(buffer.getvalue()))
    return small


def heat(map_: NDArray[np.uint8]) -> bytes:
    """A map (h, w) as a PNG of its own size: orange, the more opaque the more the network looked there."""
    from PIL import Image

    pixels = np.empty((*map_.shape, 4), np.uint8)
    pixels[..., :3] = [int(ORANGE[at : at + 2], 16) for at in (1, 3, 5)]
    pixels[..., 3] = (map_ * 0.8).astype(np.uint8)
    buffer = io.BytesIO()
    Image.fromarray(pixels, "RGBA").save(buffer, "PNG", optimize=True)
    return buffer.getvalue()
