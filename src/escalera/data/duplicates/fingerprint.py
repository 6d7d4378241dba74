"""A short vector for each picture that a shift, a mirror, the brightness and JPEG change little.

images        (N, H, W, C) uint8
small         (N, h, w) uint8 grey, 32 pixels a side at most
fingerprints  (N, D) float32 of length 1; the product of two is close to 1 for pictures that are nearly the same

The magnitudes of a Fourier transform do not change when a picture is shifted, and a mirror swaps those of (u, v) and
(-u, v): the larger and the smaller of each pair forget which was which. A window lets the borders fade, where a shift
brings in other pixels. Divided by their norm they forget the contrast; whitened, they tell apart what differs among
these pictures and not what all pictures share.
"""

from __future__ import annotations

import math

import numpy as np
import torch
from numpy.typing import NDArray
from torch.nn.functional import interpolate

from escalera.data.rows import Rows

SIDE = 32
_FREQUENCIES = 9
_DIMENSIONS = 64
_AT_ONCE = 16_000_000
"""Bytes of pixels that are looked at together."""
_SAMPLE = 20_000
"""Pictures whose spectra say how to whiten."""
_LENGTH = 1e-6
"""Length below which a spectrum is that of an even surface, which resembles every other one and hence none."""


def small_grey(images: NDArray[np.uint8], rows: NDArray[np.int64]) -> torch.Tensor:
    """Some pictures in grey, (n, h, w) uint8, averaged down to SIDE pixels where a side is longer."""
    height, width, channels = images.shape[1:]
    out = torch.empty(len(rows), min(height, SIDE), min(width, SIDE), dtype=torch.uint8)
    source = Rows(images)
    step = max(1, _AT_ONCE // (height * width * channels))
    for start in range(0, len(rows), step):
        part = source.take(rows[start : start + step]).reshape(-1, height, width, channels)
        # In whole numbers first: the sum of a few bytes, in half the time.
        grey = torch.from_numpy(part).sum(dim=3, dtype=torch.int16).float() / channels
        if out.shape[1:] != grey.shape[1:]:
            grey = interpolate(grey[:, None], out.shape[1:], mode="bilinear", antialias=True)[:, 0]
        out[start : start + step] = grey.round_()
    return out


def fingerprints(small: torch.Tensor) -> torch.Tensor:
    """The fingerprints (N, D) of small grey pictures; an even surface gets zeros."""
    spectra = torch.cat([_spectra(part) for part in small.split(1024)])  # type: ignore[no-untyped-call]
    flat = spectra.norm(dim=1) < _LENGTH
    seen = spectra[~flat]
    if len(seen) < 2:
        return torch.zeros(len(small), 1)
    project, mean = _whitening(seen[:: max(1, len(seen) // _SAMPLE)])
    made = torch.nn.functional.normalize((spectra - mean) @ project)
    made[flat] = 0
    return made


def _spectra(small: torch.Tensor) -> torch.Tensor:
    """Windowed magnitudes of the low frequencies, (n, 2 * K * K - ...), of length 1 before the root is taken."""
    centred = small.float()
    centred -= centred.mean(dim=(1, 2), keepdim=True)
    across_c, across_s = _waves(small.shape[2])
    down_c, down_s = _waves(small.shape[1])
    cos, sin = centred @ across_c, centred @ across_s
    # (n, v, u): the four products of a cosine or a sine down and across.
    cc, cs, sc, ss = down_c.T @ cos, down_c.T @ sin, down_s.T @ cos, down_s.T @ sin
    one = torch.sqrt((cc - ss) ** 2 + (cs + sc) ** 2)
    mirrored = torch.sqrt((cc + ss) ** 2 + (cs - sc) ** 2)
    larger, smaller = torch.maximum(one, mirrored), torch.minimum(one, mirrored)
    # Without a frequency across or down, the two are the same.
    spectra = torch.cat([larger.flatten(1), smaller[:, 1:, 1:].flatten(1)], dim=1)
    length = spectra.norm(dim=1, keepdim=True)
    # The root lets the faint high frequencies have a say beside the strong low ones.
    return torch.where(length > 1.0, spectra / length.clamp_min(1.0), 0.0).sqrt()


def _waves(size: int) -> tuple[torch.Tensor, torch.Tensor]:
    """Cosines and sines under a window, each (size, K)."""
    place = torch.arange(size) + 0.5
    angles = 2 * math.pi / size * torch.outer(place, torch.arange(min(_FREQUENCIES, size // 2 + 1)).float())
    window = torch.sin(math.pi * place / size)[:, None]
    return torch.cos(angles) * window, torch.sin(angles) * window


def _whitening(spectra: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """The projection on the principal components, each divided by its deviation, and the mean."""
    mean = spectra.mean(dim=0)
    covariance = torch.cov((spectra - mean).T.double())
    values, vectors = torch.linalg.eigh(covariance)
    # With few pictures the last components are noise: ten pictures at least for each.
    kept = max(1, min(_DIMENSIONS, len(values), len(spectra) // 10))
    values, vectors = values[-kept:], vectors[:, -kept:]
    return (vectors / values.clamp_min(1e-4 * float(values[-1]) + 1e-30).sqrt()).float(), mean
