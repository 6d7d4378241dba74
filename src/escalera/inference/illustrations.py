"""What a report shows beyond the files of its runs: test pictures, what they have in common, where a network looked.

All are made before the page is written, and kept: the few pictures in `pictures.parquet` beside the page, the maps in
`explanations.npz` in each run, and what its test rows have in common in `facets.parquet`.
"""

from __future__ import annotations

import contextlib
import hashlib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from escalera.core.errors import EscaleraError
from escalera.core.rundir import RunDir
from escalera.data.options import ReadOptions
from escalera.ladder.saved import read_config

if TYPE_CHECKING:
    from escalera.core.record import Data
    from escalera.data.facets import Facet
    from escalera.data.images import Images
    from escalera.data.readers.listing import Listing
    from escalera.ladder import schema
    from escalera.report.evidence import Evidence
    from escalera.report.language import Language
    from escalera.report.rung import Rung
    from escalera.report.story import Story


def illustrated_report(
    ladder_dir: Path, language: str = "en", data_root: Path | None = None, ladder_folder: Path | None = None
) -> Path:
    """Write the report of a ladder with all that it can show; its path.

    Raises EscaleraError for a language there is none of, RunError for a folder that holds no ladder or takes no file.
    """
    from escalera.report.language import load_language
    from escalera.report.story import read_story

    words = load_language(language)
    return illustrated_page(read_story(ladder_dir), words, Illustrator(data_root, ladder_folder))


def illustrated_page(story: Story, words: Language, source: Illustrator, *, keep_runs: bool = True) -> Path:
    """Write the page of a story that is read already, with all that it can show; its path.

    Raises RunError where the folder takes no file.
    """
    from escalera.report.page import write_page

    illustrate(story, source)
    return write_page(story, words, keep_runs=keep_runs)


def illustrate(story: Story, source: Illustrator) -> None:
    """Fetch what the page of a story shows and earlier ones have not left, as far as it can be had.

    Raises RunError where the folder takes no file.
    """
    from escalera.report.evidence import gather

    evidence = {rung.name: found for rung in story.rungs if rung.done and (found := gather(rung.done[0]))}
    _pictures(story, evidence, source)
    for rung in story.rungs:
        if rung.name in evidence:
            _maps(rung, evidence[rung.name], source)
            _facets(rung, evidence[rung.name], source)


def _pictures(story: Story, evidence: Mapping[str, Evidence], source: Illustrator) -> None:
    """Keep every picture that the page shows."""
    from escalera.report.album import Album
    from escalera.report.gallery import broken, confident_mistakes, explained, fixed, least_certain

    album = Album(story.path / "pictures.parquet")
    wanted: list[tuple[Data, int]] = []
    added = False
    for rung in story.rungs:
        found = evidence.get(rung.name)
        if found is None:
            continue
        run = rung.done[0]
        step = rung.step
        parent = evidence.get(step.parent) if step and step.comparison else None
        shown = [*confident_mistakes(found), *least_certain(found), *explained(found)]
        if parent is not None:
            shown += [*fixed(parent, found), *broken(parent, found)]
        rows = [row.row for row in shown]
        wanted += [(run.record.data, row) for row in rows]
        missing = album.missing(run.record.data, rows)
        if missing:
            labels = found.labels[np.searchsorted(found.rows, missing)].tolist()
            for row, pixels in zip(missing, source.pictures(run.path, missing, labels) or [], strict=False):
                album.add(run.record.data, row, pixels)
                added = True
    if added:
        album.keep(wanted)


def _maps(rung: Rung, evidence: Evidence, source: Illustrator) -> None:
    """Keep where the network looked in the rows that are explained."""
    from escalera.report.explanations import read_maps, write_maps
    from escalera.report.gallery import explained

    run = rung.done[0]
    rows = [row.row for row in explained(evidence)]
    if not rows or read_maps(run.path, rows) is not None:
        return
    places = np.searchsorted(evidence.rows, rows)
    pixels = source.pictures(run.path, rows, evidence.labels[places].tolist())
    if pixels is None:
        return
    # Weights or settings that are gone or another version's: the page does without.
    with contextlib.suppress(EscaleraError, OSError, KeyError, TypeError, ValueError):
        write_maps(run.path, rows, source.maps(run.path, rows, np.stack(pixels), evidence.predicted[places]))


def _facets(rung: Rung, evidence: Evidence, source: Illustrator) -> None:
    """Keep what the rows have in common that a run answered."""
    from escalera.report.slices import read_facets, write_facets

    run = rung.done[0].path
    if read_facets(run, evidence.rows) is None:
        found = source.facets(run, evidence.rows, evidence.labels)
        if found is not None:
            write_facets(run, evidence.rows, found)


class Illustrator:
    """Opens the source and the weights of runs, each source once; nothing is opened that nobody asks for."""

    def __init__(self, data_root: Path | None = None, ladder_folder: Path | None = None) -> None:
        self._data_root = data_root
        self._ladder_folder = ladder_folder
        self._opened: dict[str, Images | None] = {}
        self._facets: dict[str, list[Facet]] = {}

    def pictures(self, run: Path, rows: Sequence[int], labels: Sequence[int]) -> list[NDArray[np.uint8]] | None:
        """The test pictures (H, W, C) of a run by their row numbers.

        None where the source is not here, or is another than the run was tested on: its labels are then others.
        """
        try:
            data = read_config(RunDir(run).config).data
        except EscaleraError:
            return None
        opened = self._open(data)
        if opened is None:
            return None
        return [np.asarray(opened.images[row]) for row in rows] if _fit(data, opened, rows, labels) else None

    def facets(self, run: Path, rows: NDArray[np.int64], labels: NDArray[np.int64]) -> list[Facet] | None:
        """What the test rows (n,) of a run have in common; None where `pictures` gives none.

        Rungs that answered the same rows of a source share them.
        """
        from escalera.data.facets import facets

        try:
            data = read_config(RunDir(run).config).data
        except EscaleraError:
            return None
        opened = self._open(data)
        if opened is None or not _fit(data, opened, rows, labels):
            return None
        key = hashlib.sha256(data.model_dump_json().encode() + rows.tobytes()).hexdigest()
        if key not in self._facets:
            listing = self._listing(data)
            rows_of_it = None if listing is None else listing.rows
            whole = len(opened.labels) if opened.listed is None else int(opened.listed.max()) + 1
            if rows_of_it is not None and rows_of_it < whole:
                listing = None  # the files have changed since they were decoded
            classes = RunDir(run).read_record()["data"]["classes"] if data.target is None else []
            self._facets[key] = facets(opened, rows, listing, classes, (data.target,))
        return self._facets[key]

    def attributes(self, run: Path, rows: NDArray[np.int64]) -> list[dict[str, Any]] | None:
        """{column: value} of test rows of a run, where `pictures` gives theirs; None for a source without a table."""
        opened = self._open(read_config(RunDir(run).config).data)
        return None if opened is None or opened.table is None else opened.table.take(rows).to_pylist()

    def _listing(self, data: schema.Data) -> Listing | None:
        """The files of the split that the test rows are rows of; None where all are of one size, or cannot be had."""
        from escalera.data.sources.open import list_source, native_shape

        if native_shape(data.source):
            return None
        found: dict[str, Listing] = {}
        with contextlib.suppress(EscaleraError, OSError):
            options, where = ReadOptions.of(data), {"data_root": self._data_root, "beside": self._ladder_folder}
            found = {one.split: one for one in list_source(data.source, options, **where)}
        return found.get("train") if data.folds else found.get("test", found.get("train"))

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
        # Of folds the network that is kept has learned from most of the rows, and others have answered them.
        if predictor.ballot is not None or predictor.trained.config.data.folds is not None:
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
                splits = builders.pictures(
                    data, data_root=self._data_root, beside=self._ladder_folder, skip_bad=True
                ).splits
                self._opened[key] = splits["train"] if data.folds else splits.get("test", splits["train"])
        return self._opened[key]


def _fit(
    data: schema.Data,
    opened: Images,
    rows: Sequence[int] | NDArray[np.int64],
    labels: Sequence[int] | NDArray[np.int64],
) -> bool:
    """Whether rows are those of a source that is here, with the labels that a run knows.

    The classes of a target are made after the splits: there the labels of the source say nothing. Nor do they where a
    file changed those of test.
    """
    if max(rows) >= len(opened.images):
        return False
    changed = data.labels is not None and data.labels.test == "change"
    return changed or data.target is not None or opened.labels[list(rows)].tolist() == list(labels)
