"""Several processes that compute each training together: the first leads a climb, the others take part when it says so.

For each training the leader says what is to be done, waits until everybody is ready or says why not, and has all join a
group of its own for that one training: whoever fails leaves it, by which the others know, and all of them are free for
the next.
"""

from __future__ import annotations

import contextlib
import json
from collections.abc import Callable, Iterator, Mapping
from contextvars import ContextVar
from dataclasses import asdict, dataclass
from functools import cache
from pathlib import Path
from typing import Any

import torch

from escalera.core.errors import TrainingError
from escalera.core.ranks import ALONE, Meeting, Ranks, meeting_of_launch
from escalera.core.rundir import RunDir

READY, GO, OFF, END = "ready", "go", "off", "end"


@dataclass(frozen=True)
class Place:
    """Where and how a network is computed, and by whom."""

    device: torch.device
    precision: str
    ranks: Ranks = ALONE


@dataclass(frozen=True)
class Part:
    """What another process needs to take part in a training, as plain values: its task, and where it is at home.

    `start` are the files that the weights begin with; a network that is `trained` is only asked.
    """

    task: dict[str, Any]
    home: str
    precision: str
    threads: int
    start: dict[str, str]
    trained: bool


class Leader:
    """What the first process tells the others; `check` raises where one of them has ended."""

    def __init__(self, meeting: Meeting, check: Callable[[], None] = lambda: None) -> None:
        self.meeting = meeting
        self.check = check
        self.number = 0
        self.task: dict[str, Any] = {}
        self.ranks = ALONE

    def begin(self, run: RunDir, place: Place, start: Mapping[str, Path], *, trained: bool) -> Ranks:
        """Have the others take part in the training of the task at hand; raises TrainingError where one cannot."""
        self.number += 1
        files = {name: str(file) for name, file in start.items()}
        part = Part(self.task, str(run.path), place.precision, torch.get_num_threads(), files, trained)
        answer = OFF
        self.meeting.say(f"{self.number}/part", json.dumps(asdict(part)))
        try:
            heard = [self.meeting.hear(f"{self.number}/{rank}", self.check) for rank in range(1, self.meeting.count)]
            if faults := [one for one in heard if one != READY]:
                raise TrainingError(faults[0])
            answer = GO
        finally:
            self.meeting.say(f"{self.number}/go", answer)
        self.ranks = self.meeting.group(f"{self.number}/group", place.device)
        return self.ranks

    def close(self) -> None:
        """The training is over, or has failed: the others wait for the next."""
        self.ranks.close()
        self.ranks = ALONE

    def end(self) -> None:
        """There is no more to do."""
        self.meeting.say(f"{self.number + 1}/part", END)


_leading: ContextVar[Leader | None] = ContextVar("_leading", default=None)


@contextlib.contextmanager
def leading(leader: Leader, task: dict[str, Any]) -> Iterator[None]:
    """Have the others take part in the training of a task, if it comes to one."""
    leader.task = task
    token = _leading.set(leader)
    try:
        yield
    finally:
        _leading.reset(token)
        leader.close()


def turn_to(task: dict[str, Any]) -> None:
    """Have the others take part in the training of another task next: of a fold, whose rows are others."""
    leader = _leading.get()
    if leader is not None:
        leader.close()
        leader.task = task


def begin(run: RunDir, place: Place, start: Mapping[str, Path], *, trained: bool) -> Ranks:
    """Those who compute the training of the task at hand, which now begins; this process alone where nobody leads."""
    leader = _leading.get()
    return ALONE if leader is None else leader.begin(run, place, start, trained=trained)


@cache
def leader_of_launch() -> Leader:
    """Leads the processes that torchrun began, of which this is the first."""
    return Leader(meeting_of_launch())
