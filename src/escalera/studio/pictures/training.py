"""What is trained on a set: a quick ladder, one that builds itself, or a first one; each a file that can be climbed."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from threading import Lock
from typing import Literal

from escalera.core.auto_record import FOLDER
from escalera.core.errors import EscaleraError
from escalera.core.files import read_json, write_aside, write_json
from escalera.core.locking import in_turn
from escalera.experiment.auto.diary import read_diary
from escalera.experiment.auto.text import as_file
from escalera.experiment.first_ladder import first_ladder
from escalera.experiment.quick_ladder import quick_ladder
from escalera.experiment.survey import SourceSurvey, survey_source
from escalera.studio.job import Request
from escalera.studio.pictures.sets import PictureSets

Way = Literal["quick", "careful", "ladder"]
WAYS: tuple[Way, ...] = ("quick", "careful", "ladder")
_LOCK = Lock()
"""Who reads, changes and writes the versions, one after the other: each language of the page has a Trainer, and
another studio in the same folder of runs waits for a file beside them."""
_WRITERS: dict[Way, Callable[[SourceSurvey, Path, str], str]] = {"quick": quick_ladder, "ladder": first_ladder}


class Trainer:
    """The ladders of the sets, kept in the hidden folder of the runs.

    A set that has changed since is another one to learn from: its ladder gets another version, so that what was
    trained before stays beside it.
    """

    def __init__(self, sets: PictureSets, out: Path) -> None:
        self._sets = sets
        self._out = out
        self._folder = out / ".studio" / "ladders"

    def request(self, name: str, way: Way, minutes: float, language: str) -> Request:
        """The climb of a set, its ladder written; raises DataError for a set that cannot be learned from."""
        ladder = self.ladder(name, way)
        source = str(self._sets.root / name)
        if way == "careful":
            survey_source(source, [], None)
            return Request(source, minutes=minutes, name=ladder)
        file = self._folder / f"{ladder}.yaml"
        text = self.text(name, way, language)
        assert text is not None
        write_aside(file, lambda stream: stream.write(text.encode()))
        return Request(str(file))

    def text(self, name: str, way: Way, language: str) -> str | None:
        """The YAML of a ladder; None for one that builds itself and has not begun."""
        ladder = self.ladder(name, way)
        if way == "careful":
            diary = read_diary(self._out / ladder / FOLDER)
            return as_file(ladder, diary, language) if diary and diary.kept else None
        seen = survey_source(str(self._sets.root / name), [], None)
        return _WRITERS[way](seen, Path(f"{ladder}.yaml"), language)

    def ladder(self, name: str, way: Way) -> str:
        """The name of a ladder: the set, the version of it that is there now, and the way it is trained."""
        return f"{name}-v{self._version(name)}-{way}"

    def is_of(self, name: str, ladder: str) -> bool:
        """Whether a ladder, by its name, is one of a set, in whatever version."""
        return re.fullmatch(rf"{re.escape(name)}-v\d+-({'|'.join(WAYS)})", ladder) is not None

    def models(self, name: str, keys: list[str]) -> list[str]:
        """Those of some runs, by their keys, that were trained on a set here; the last one is the newest."""
        found = {}
        for key in keys:
            record = self._out / key / "run.json"
            if self.is_of(name, key.split("/")[0]) and record.exists():
                found[key] = record.stat().st_mtime_ns
        return sorted(found, key=found.__getitem__)

    def _version(self, name: str) -> int:
        """How many states of the set have been trained on, or looked at to be; this one is the last, or a known one."""
        file, now = self._folder / "versions.json", self._sets.state(name)
        with _LOCK, in_turn(self._folder / ".versions.lock"):
            try:
                known: dict[str, list[str]] = dict(read_json(file))
            except (EscaleraError, TypeError, ValueError):
                known = {}
            states = known.setdefault(name, [])
            if now not in states:
                states.append(now)
                write_json(file, known, sync=False)
            return states.index(now) + 1
