"""What the page and its HTTP interface are made of: runs found, models opened, pictures answered. Knows no web library.

Everything that computes goes through one worker, in the order of arrival: two networks at once would only wait for one
another's cores, and no answer can be another's. It computes with one core, which is as fast for one picture; with more,
each layer would wait for the slowest of them, and where a climb has them all that is the whole time.
"""

from __future__ import annotations

import hashlib
import re
import tempfile
from collections import OrderedDict
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from threading import Lock
from typing import TYPE_CHECKING, Any, TypeVar

from escalera.core.errors import EscaleraError, RunError, nearest
from escalera.core.names import is_name
from escalera.core.rundir import RunDir
from escalera.studio.entries import Entry, entry_of, exists, is_run, order_of

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from escalera.inference.bundle import Trained
    from escalera.inference.predictor import Predictor

LARGEST_UPLOAD = 20_000_000
"""Bytes of a request."""
_OPEN = 8
"""Models that stay open; the one that was not asked for longest is closed first."""
_WAITING = 64
"""Questions that wait for an answer; one more is refused."""
_FILE = re.compile(r"file:[0-9a-f]{12}")
SHOWN = 320
"""Pixels, about, of the longer side of a picture that is shown as the model sees it."""

_Result = TypeVar("_Result")


class BusyError(EscaleraError):
    """Too many questions wait already."""


@dataclass(frozen=True)
class Answer:
    """What a model says of a row: every class with its probability, the likeliest first.

    `seen` (H, W, C) is what it saw, None where it saw no picture; `label` is the place of the likeliest class;
    `row` are the attributes that it was given, and `filled_in` those of them that are not known; `note` is what is odd.
    """

    model: str
    classes: list[tuple[str, float]]
    label: int
    seen: NDArray[np.uint8] | None
    row: Mapping[str, Any] | None = None
    filled_in: Sequence[str] = ()
    note: str = ""

    @property
    def predicted(self) -> str:
        """The likeliest class."""
        return self.classes[0][0]

    def to_json(self, top: int = 5) -> dict[str, Any]:
        """What the HTTP interface answers."""
        return {
            "model": self.model,
            "class": self.predicted,
            "probability": self.classes[0][1],
            "classes": [{"name": name, "probability": share} for name, share in self.classes[:top]],
            "filled_in": list(self.filled_in),
            "note": self.note or None,
        }


class Studio:
    """The runs below a folder, models opened from files, and the one worker that answers."""

    def __init__(self, out: Path, data_root: Path | None = None) -> None:
        self.out = out
        self.data_root = data_root
        self._worker = ThreadPoolExecutor(1, thread_name_prefix="studio", initializer=_with_one_core)
        self._lock = Lock()
        self._waiting = 0
        self._predictors: OrderedDict[tuple[str, int], Predictor] = OrderedDict()
        self._folder = tempfile.TemporaryDirectory(prefix="escalera-studio-")
        self._files: dict[str, Entry] = {}
        self._of_files: dict[str, Trained] = {}

    def new_folder(self) -> Path:
        """An empty folder of its own for files that a page offers; it goes when the studio closes."""
        return Path(tempfile.mkdtemp(dir=self._folder.name))

    def close(self) -> None:
        """Let go of the worker, of the opened files and of those that were offered."""
        self._worker.shutdown(cancel_futures=True)
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

    def submit(self, work: Callable[[], _Result]) -> Future[_Result]:
        """Have something computed when its turn comes; raises BusyError when too many wait already."""
        with self._lock:
            if self._waiting >= _WAITING:
                raise BusyError(f"{self._waiting} questions wait already; ask again in a moment")
            self._waiting += 1
        future = self._worker.submit(work)
        future.add_done_callback(lambda _: self._answered())
        return future

    def _answered(self) -> None:
        with self._lock:
            self._waiting -= 1

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
        return self.submit(lambda: self._classify(key, pictures, attributes))

    def _classify(self, key: str, pictures: Sequence[bytes], attributes: Mapping[str, Any] | None) -> Answer:
        import numpy as np

        from escalera.data.query.images import Seen

        predictor = self.predictor(key)
        seen = _seen(predictor, pictures)
        shares = predictor.predict(None if seen is None else Seen(seen[None]), attributes)[0]
        order = np.argsort(-shares, kind="stable")
        classes = predictor.trained.classes
        ranked = [(classes[k], float(shares[k])) for k in order]
        note = "" if seen is None else predictor.intake.strange(int(seen.max()))
        return Answer(key, ranked, int(order[0]), seen, attributes, predictor.filled_in(attributes), note)

    def explain(self, answer: Answer) -> Future[NDArray[np.float32] | None]:
        """Where the model looked when it said what it said (h, w), from 0 to 1; None where it keeps no map."""

        def work() -> NDArray[np.float32] | None:
            from escalera.data.query.images import Seen

            if answer.seen is None:
                return None
            maps = self.predictor(answer.model).maps(Seen(answer.seen[None]), [answer.label], answer.row)
            return None if maps is None else maps[0]

        return self.submit(work)

    def enlarged(self, key: str, pictures: Sequence[bytes]) -> NDArray[np.uint8]:
        """What a model sees of pictures, large enough for people."""
        from escalera.data.query.images import Intake

        learned = self.trained(key).data
        return Intake(learned).enlarged(max(1, SHOWN // max(learned.shape[:2]))).row(pictures)


def _with_one_core() -> None:
    """For the calling thread alone: a plan that is measured beside it has all of them, as a climb would."""
    import torch
    from threadpoolctl import threadpool_limits

    torch.get_num_threads()  # torch sets a thread's number when it first computes there, and must have done so
    threadpool_limits(1, user_api="openmp")


def _seen(predictor: Predictor, pictures: Sequence[bytes]) -> NDArray[np.uint8] | None:
    """What a model sees of a row; None for one that reads attributes alone."""
    predictor.trained.check_pictures(bool(pictures))
    return predictor.intake.row(pictures) if pictures else None
