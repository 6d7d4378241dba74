"""What a report shows beyond the files of its runs: test pictures from their source, and where a network looked."""

from __future__ import annotations

import contextlib
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from escalera.core.errors import EscaleraError
from escalera.core.rundir import RunDir
from escalera.ladder.saved import read_config

if TYPE_CHECKING:
    from escalera.data.images import Images
    from escalera.ladder import schema


class Illustrator:
    """Opens the source and the weights of runs, each source once; nothing is opened that nobody asks for."""

    def __init__(self, data_root: Path | None = None, beside: Path | None = None) -> None:
        self._data_root = data_root
        self._beside = beside
        self._opened: dict[str, Images | None] = {}

    def pictures(self, run: Path, rows: Sequence[int], labels: Sequence[int]) -> list[NDArray[np.uint8]] | None:
        """The test pictures (H, W, C) of a run by their row numbers.

        None where the source is not here, or is another than the run was tested on: its labels are then others.
        """
        try:
            data = read_config(RunDir(run).config).data
        except EscaleraError:
            return None
        opened = self._open(data)
        if opened is None or max(rows) >= len(opened.images):
            return None
        # The classes of a target are made after the splits: there the labels of the source say nothing.
        if data.target is None and opened.labels[list(rows)].tolist() != list(labels):
            return None
        return [np.asarray(opened.images[row]) for row in rows]

    def maps(
        self, run: Path, rows: Sequence[int], images: NDArray[np.uint8], classes: NDArray[np.int64]
    ) -> NDArray[np.float32] | None:
        """Grad-CAM (n, h, w) of pictures (n, H, W, C) and the classes that the run said; None for a net without maps.

        The attributes that a network reads are those of the rows. Raises EscaleraError where the weights are not there
        any more.
        """
        from escalera.data.query.images import Seen
        from escalera.inference.predictor import open_run

        predictor = open_run(RunDir(run))
        if predictor.ballot is not None:
            return None
        opened = self._open(predictor.trained.config.data) if predictor.trained.reads_attributes else None
        table = None if opened is None or opened.table is None else opened.table.take(list(rows)).to_pylist()
        return predictor.maps(Seen(images), classes, table)

    def _open(self, data: schema.Data) -> Images | None:
        """The split of a source that the test rows are rows of; None where it cannot be had."""
        key = data.model_dump_json()
        if key not in self._opened:
            from escalera import builders

            self._opened[key] = None
            # Bad pictures were left out or there were none: either way the rows are those of the run.
            with contextlib.suppress(EscaleraError, OSError):
                splits = builders.pictures(data, data_root=self._data_root, beside=self._beside, skip_bad=True).splits
                self._opened[key] = splits.get("test", splits["train"])
        return self._opened[key]
