"""What the page and its HTTP interface are made of: runs found, models opened, pictures answered. Knows no web library.

Everything that computes goes through one worker, in the order of arrival, with one core.
"""

from __future__ import annotations

import contextlib
import shutil
import tempfile
import time
from collections import OrderedDict
from collections.abc import Mapping, Sequence
from concurrent.futures import Future
from pathlib import Path
from typing import TYPE_CHECKING, Any

from escalera.core.errors import AbsentError, nearest
from escalera.core.names import is_name
from escalera.core.rundir import RunDir
from escalera.data.sources.locate import data_roots
from escalera.inference.serving.answer import Answer, answer
from escalera.inference.serving.queue import Queue, with_one_core
from escalera.studio.entries import Entry, entry_of, exists, is_run, order_of
from escalera.studio.job import Job
from escalera.studio.model_files import ModelFiles
from escalera.studio.pictures.sets import PictureSets

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from escalera.inference.bundle import Trained
    from escalera.inference.files import Opened
    from escalera.studio.model_files import Known

_OPEN = 8
"""Models that stay open; the one that was not asked for longest is closed first."""
_OFFERED = 16
"""Folders with files that a page offers; what is older goes, unless somebody may still be writing it."""
_WRITTEN = 3600
"""Seconds after which nobody writes there any more; what is downloaded is a copy that gradio makes at once."""
DATA = Path("data")
"""Where sets are made when no data root is named."""
SHOWN = 320
"""Pixels, about, of the longer side of a picture that is shown as the model sees it."""


class Studio:
    """The runs below a folder, models in files, and the one worker that answers."""

    def __init__(self, out: Path, data_root: Path | None = None) -> None:
        self.out = out
        self.queue = Queue("studio", with_one_core)
        self.job = Job(out, data_root)
        self.sets = PictureSets(next(filter(None, data_roots(data_root).values()), DATA))
        self._predictors: OrderedDict[tuple[str, int], Opened] = OrderedDict()
        self._folder = tempfile.TemporaryDirectory(prefix="escalera-studio-")
        self.files = ModelFiles(out, Path(self._folder.name))
        self.uploads = Path(self._folder.name) / "uploads"
        self._offered = Path(self._folder.name) / "offered"
        for folder in (self.uploads, self._offered):
            folder.mkdir()

    def new_folder(self) -> Path:
        """An empty folder of its own for files that a page offers; it goes when there are many newer ones."""
        ages = {}
        for folder in self._offered.iterdir():
            with contextlib.suppress(OSError):  # another question has removed it just now
                ages[folder] = folder.stat().st_mtime
        for folder in sorted(ages, key=ages.__getitem__, reverse=True)[_OFFERED - 1 :]:
            if time.time() - ages[folder] > _WRITTEN:
                shutil.rmtree(folder, ignore_errors=True)
        return Path(tempfile.mkdtemp(dir=self._offered))

    def close(self) -> None:
        """Let go of the worker, of the opened files and of those that were offered."""
        self.queue.close()
        self._folder.cleanup()

    def models(self) -> list[Entry]:
        """What can be asked: the finished runs, ladder by ladder in the order of their rungs, then models in files."""
        found: list[Entry] = []
        for ladder in sorted(path for path in self.out.glob("*") if is_name(path.name)):
            order = order_of(ladder)
            runs = [run for run in ladder.glob("*/seed-*") if is_run("/".join(run.parts[-3:]))]
            for run in sorted(
                runs, key=lambda run: (order.get(run.parent.name, len(order)), run.parent.name, run.name)
            ):
                entry = entry_of(ladder.name, RunDir(run))
                if entry is not None:
                    found.append(entry)
        return [*found, *self.files.entries()]

    def ladders(self) -> list[str]:
        """The names of the folders that hold a ladder."""
        found = sorted(path.parent.name for path in self.out.glob("*/ladder.json"))
        return [name for name in found if is_name(name)]

    @property
    def data_root(self) -> Path | None:
        """The folder of data that was named, where it is there."""
        return self.job.data_root

    def sources(self) -> list[str]:
        """The sources by name that are on this machine."""
        from escalera.data.sources.locate import catalogue

        return [str(row["name"]) for row in catalogue(self.data_root) if row["where"]]

    def run(self, key: str) -> RunDir:
        """The folder of a run; raises AbsentError for a key that is none, or that of no run here."""
        run = RunDir(self.out / key)
        if not is_run(key) or not exists(run.record):
            shown = key if len(key) <= 100 else key[:97] + "..."
            raise AbsentError(f"there is no run '{shown}'; {nearest(shown, [entry.key for entry in self.models()])}")
        return run

    def trained(self, key: str) -> Known:
        """What a model knows of its data, by its key; raises AbsentError where there is none, or one not finished."""
        path = self.files.find(key)
        return self.of_run(key) if path is None else self.files.trained(path)

    def of_run(self, key: str) -> Trained:
        """The model of a run; raises AbsentError where there is none, or one that is not finished."""
        from escalera.inference import bundle

        run = self.run(key)
        state = run.read_record().get("state", "absent")
        if state != "done":
            raise AbsentError(f"the run '{key}' is {state}, not done")
        return bundle.of_run(run, key)

    def version(self, key: str) -> int:
        """Which training of a run this is: trained again, it is another model."""
        return (self.files.find(key) or self.run(key).record).stat().st_mtime_ns

    def predictor(self, key: str) -> Opened:
        """A model, opened, or opened before; for the worker alone."""
        from escalera.inference.files import opened
        from escalera.inference.predictor import Predictor

        version = self.version(key)
        if (key, version) not in self._predictors:
            path = self.files.find(key)
            self._predictors[key, version] = Predictor(self.of_run(key)) if path is None else opened(path)
            while len(self._predictors) > _OPEN:
                self._predictors.popitem(last=False)
        self._predictors.move_to_end((key, version))
        return self._predictors[key, version]

    def classify(
        self, key: str, pictures: Sequence[bytes], attributes: Mapping[str, Any] | None = None
    ) -> Future[Answer]:
        """What a model says of one row, when its turn comes.

        Raises BusyError; the future AbsentError for a model that is not here, DataError for pictures that are none.
        """
        return self.queue.submit(lambda: answer(key, self.predictor(key), pictures, attributes))

    def explain(self, given: Answer) -> Future[NDArray[np.float32] | None]:
        """Where the model looked when it said what it said (h, w), from 0 to 1; None where it keeps no map."""

        def work() -> NDArray[np.float32] | None:
            from escalera.data.query.images import Seen
            from escalera.inference.predictor import Predictor

            predictor = self.predictor(given.model)
            if given.seen is None or not isinstance(predictor, Predictor):
                return None
            maps = predictor.maps(Seen(given.seen[None]), [given.label], given.row)
            return None if maps is None else maps[0]

        return self.queue.submit(work)

    def enlarged(self, key: str, pictures: Sequence[bytes]) -> NDArray[np.uint8]:
        """What a model sees of pictures, large enough for people."""
        from escalera.data.query.images import Intake

        learned = self.trained(key).data
        return Intake(learned).enlarged(max(1, SHOWN // max(learned.shape[:2]))).row(pictures)
