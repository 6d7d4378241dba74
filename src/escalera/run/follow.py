"""A process that takes part in the trainings that another one leads: it computes, and neither writes nor tells.

    python -m escalera.run.follow STORE RANK COUNT FIRST

It ends with its parent, whose end closes standard input.
"""

from __future__ import annotations

import itertools
import json
import os
import signal
import sys
import threading
import traceback
from pathlib import Path

import torch

from escalera.core.errors import EscaleraError
from escalera.core.ranks import Meeting, meeting_in
from escalera.core.rundir import RunDir
from escalera.core.runtime import choose_device, threads
from escalera.ladder.schema import Rung
from escalera.run.fit import take_part
from escalera.run.fitting import Fitting, new_network
from escalera.run.gang import END, GO, READY, Part, Place
from escalera.run.task import Task, data_kept, data_of


def follow(meeting: Meeting, first: int = 1) -> None:
    """Take part in one training after the other, from the `first` on, until there are no more."""
    # Who leads has heard it too, and stops all; in a training it is agreed upon.
    for name in ("SIGINT", "SIGTERM"):
        signal.signal(getattr(signal, name), signal.SIG_IGN)
    if torch.cuda.is_available():
        torch.cuda.set_device(int(os.environ.get("LOCAL_RANK", meeting.rank)) % torch.cuda.device_count())
    with data_kept():
        for number in itertools.count(first):
            reply = meeting.hear(f"{number}/part")
            if reply == END:
                return
            try:
                _take_part(meeting, number, Part(**json.loads(reply)))
            except (EscaleraError, KeyboardInterrupt):
                continue  # the one who leads has it too, and tells it
            except Exception:
                traceback.print_exc()


def _take_part(meeting: Meeting, number: int, part: Part) -> None:
    """Prepare what can fail for itself, say so, and compute with the others."""
    with threads(part.threads):
        reply = READY
        try:
            fitting = _prepared(part)
        except Exception as error:
            reply = str(error) if isinstance(error, EscaleraError) else f"unexpected {type(error).__name__}: {error}"
            raise
        finally:
            meeting.say(f"{number}/{meeting.rank}", reply)
        if meeting.hear(f"{number}/go") != GO:
            return
        group = meeting.group(f"{number}/group", fitting.place.device)
        try:
            take_part(fitting.by(group), Task.of(part.task), trained=part.trained)
        finally:
            group.close()


def _prepared(part: Part) -> Fitting:
    """The network as it begins, and its data."""
    task = Task.of(part.task)
    rung = Rung.model_validate_json(task.rung)
    place = Place(choose_device(task.device), part.precision)
    data = data_of(task, rung)
    network = new_network(rung.config, task.seed, data)
    fitting = Fitting(rung.config, task.seed, data, RunDir(Path(part.home)), network, place)
    fitting.start({name: Path(file) for name, file in part.start.items()})
    return fitting


def main() -> None:
    """Follow the parent."""
    file, (rank, count, first) = Path(sys.argv[1]), map(int, sys.argv[2:])

    def end_with_parent() -> None:
        sys.stdin.read()
        os._exit(130)

    threading.Thread(target=end_with_parent, daemon=True).start()
    follow(meeting_in(file, rank, count), first)


if __name__ == "__main__":
    main()
