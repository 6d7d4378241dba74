"""The nearest few of every vector among all of them, by products alone.

vectors  (N, D) float32
"""

from __future__ import annotations

import torch

from escalera.data.cache.progress import tell

_ROWS, _COLUMNS = 512, 8192
"""A tile of products that stays in the processor's cache. Measured on two cores, 60,000 vectors of 64: 3 s in tiles,
19 s in whole rows of the matrix."""
_GROUP = 16


def nearest(vectors: torch.Tensor, count: int) -> tuple[torch.Tensor, torch.Tensor]:
    """For each vector the `count` others with the largest products, largest first: products and rows, both (N, count).

    Fewer where there are fewer others. Exact: nothing is left out.
    """
    rows = len(vectors)
    count = min(count, rows - 1)
    columns = vectors.T.contiguous()
    products, found = torch.empty(rows, count), torch.empty(rows, count, dtype=torch.long)
    for top in range(0, rows, _ROWS):
        mine = vectors[top : top + _ROWS]
        best = torch.full((len(mine), count), -2.0)
        where = torch.zeros(len(mine), count, dtype=torch.long)
        for left in range(0, rows, _COLUMNS):
            tile = mine @ columns[:, left : left + _COLUMNS]
            # A vector is not its own neighbour.
            tile.diagonal(top - left)[:] = -2.0
            value, place = _largest(tile, count)
            value, place = torch.cat([best, value], dim=1), torch.cat([where, left + place], dim=1)
            best, order = value.topk(count, dim=1)
            where = place.gather(1, order)
        products[top : top + _ROWS], found[top : top + _ROWS] = best, where
        tell("comparing", min(rows, top + _ROWS), rows)
    return products, found


def _largest(tile: torch.Tensor, count: int) -> tuple[torch.Tensor, torch.Tensor]:
    """The largest of each row and their columns. The `count` groups with the highest maxima hold them all."""
    rows, width = tile.shape
    groups = width // _GROUP
    if width % _GROUP or groups < count:
        value, place = tile.topk(min(count, width), dim=1)
        return value, place
    # Column g of the maxima stands for the columns g, g + groups, g + 2 * groups, ...
    chosen = tile.view(rows, _GROUP, groups).amax(dim=1).topk(count, dim=1).indices
    members = (chosen[:, None, :] + groups * torch.arange(_GROUP)[:, None]).flatten(1)
    value, order = tile.gather(1, members).topk(count, dim=1)
    return value, members.gather(1, order)
