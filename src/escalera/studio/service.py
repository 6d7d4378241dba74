"""What the page and its HTTP interface are made of: runs found, models opened, pictures answered. Knows no web library.

Everything that computes goes through one worker, in the order of arrival, with one core.
"""

from __future__ import annotations

import hashlib
import re
import tempfile
from collections import OrderedDict
from collections.abc import Mapping, Sequence
from concurrent.futures import Future
from pathlib import Path
from typing import TYPE_CHECKING, Any

from escalera.core.errors import EscaleraError, RunError, nearest
from escalera.core.names import is_name
from escalera.core.rundir import RunDir
from escalera.data.sources.locate import data_roots
from escalera.inference.serving.answer import Answer, answer
from escalera.inference.serving.queue import Queue, with_one_core
from escalera.studio.entries import Entry, entry_of, exists, is_run, order_of
from escalera.studio.job import Job
from escalera.studio.pictures.sets import PictureSets

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from escalera.inference.bundle import Trained
    from escalera.inference.predictor import Predictor

_OPEN = 8
"""Models that stay open; the one that was not asked for longest is closed first."""
DATA = Path("data")
"""Where sets are made when no data root is named."""
_FILE = re.compile(r"file:[0-9a-f]{12}")
SHOWN = 320
"""Pixels, about, of the longer side of a picture that is shown as the model sees it."""


class Studio:
    """The runs below a folder, models opened from files, and the one worker that answers."""

    def __init__(self, out: Path, data_root: Path | None = None) -> None:
        self.out = out
        self.data_root = data_root
        self.queue = Queue("studio", with_one_core)
        self.job = Job(out, data_root)
        self.sets = PictureSets(next(filter(None, data_roots(data_root).values()), DATA))
        self._predictors: OrderedDict[tuple[str, int], Predictor] = OrderedDict()
        self._folder = tempfile.TemporaryDirectory(prefix="escalera-studio-")
        self._files: dict[str, Entry] = {}
        self._of_files: dict[str, Trained] = {}

    def new_folder(self) -> Path:
        """An empty folder of its own for files that a page offers; it goes when the studio closes."""
        return Path(tempfile.mkdtemp(dir=self._folder.name))

    def close(self) -> None:
        """Let go of the worker, of the opened files and of those that were offered."""
        self.queue.close()
        self._folder.cleanup()

    def models(self) -> list[Entry]:
        """What can be asked: the finished runs, ladder by ladder in the order of their rungs, then the opened files."""
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
        return [*found, *self._files.values()]

    def ladders(self) -> list[str]:
        """The names of the folders that hold a ladder."""
        found = sorted(path.parent.name for path in self.out.glob("*/ladder.json"))
        return [name for name in found if is_name(name)]

    def sources(self) -> list[str]:
        """The sources by name that are on this machine."""
        from escalera.data.sources.locate import catalogue

        return [str(row["name"]) for row in catalogue(self.data_root) if row["where"]]

    def run(self, key: str) -> RunDir:
        """The folder of a run; raises RunError for a key that is none, or that of no run here."""
        run = RunDir(self.out / key)
        if not is_run(key) or not exists(run.record):
            shown = key if len(key) <= 100 else key[:97] + "..."
            raise RunError(f"there is no run '{shown}'; {nearest(shown, [entry.key for entry in self.models()])}")
        return run

    def trained(self, key: str) -> Trained:
        """A model by its key; raises RunError where there is none, or one that is not finished."""
        from escalera.inference import bundle as trained

        if _FILE.fullmatch(key) and key in self._files:
            return self._of_files[key]  # looked at whole when it was opened; nobody else writes there
        run = self.run(key)
        state = run.read_record().get("state", "absent")
        if state != "done":
            raise RunError(f"the run '{key}' is {state}, not done")
        return trained.of_run(run, key)

    def open_file(self, content: bytes, name: str) -> Entry:
        """Open a model from the content of a file; raises RunError for one that is not as `trained.write_file` writes.

        The same content twice is the same model.
        """
        from escalera.inference import bundle as trained

        key = f"file:{hashlib.sha256(content).hexdigest()[:12]}"
        if key not in self._files:
            path = self._file(key)
            path.write_bytes(content)
            try:
                found = trained.of_file(path)
            except EscaleraError as error:
                path.unlink()
                raise RunError(str(error).replace(path.name, name)) from error
            self._of_files[key] = found
            self._files[key] = Entry(key, "", found.name, 0, None, Path(name).name)
        return self._files[key]

    def _file(self, key: str) -> Path:
        return Path(self._folder.name) / f"{key.removeprefix('file:')}.safetensors"

    def version(self, key: str) -> int:
        """Which training of a run this is: trained again, it is another model."""
        return 0 if key in self._files else self.run(key).record.stat().st_mtime_ns

    def predictor(self, key: str) -> Predictor:
        """A model, opened, or opened before; for the worker alone."""
        from escalera.inference.predictor import Predictor

        version = self.version(key)
        if (key, version) not in self._predictors:
            self._predictors[key, version] = Predictor(self.trained(key))
            while len(self._predictors) > _OPEN:
                self._predictors.popitem(last=False)
        self._predictors.move_to_end((key, version))
        return self._predictors[key, version]

    def classify(
        self, key: str, pictures: Sequence[bytes], attributes: Mapping[str, Any] | None = None
    ) -> Future[Answer]:
        """What a model says of one row, when its turn comes.

        Raises BusyError; the future RunError for a model that is not here, DataError for pictures that are none.
        """
        return self.queue.submit(lambda: answer(key, self.predictor(key), pictures, attributes))

    def explain(self, given: Answer) -> Future[NDArray[np.float32] | None]:
        """Where the model looked when it said what it said (h, w), from 0 to 1; None where it keeps no map."""

        def work() -> NDArray[np.float32] | None:
            from escalera.data.query.images import Seen

            if given.seen is None:
                return None
            maps = self.predictor(given.model).maps(Seen(given.seen[None]), [given.label], given.row)
            return None if maps is None else maps[0]

        return self.queue.submit(work)

    def enlarged(self, key: str, pictures: Sequence[bytes]) -> NDArray[np.uint8]:
        """What a model sees of pictures, large enough for people."""
        from escalera.data.query.images import Intake

        learned = self.trained(key).data
        return Intake(learned).enlarged(max(1, SHOWN // max(learned.shape[:2]))).row(pictures)
