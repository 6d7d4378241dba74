"""A run goes on with the number of threads that it began with: with another one, the same training ends otherwise."""

from __future__ import annotations

import contextlib

import torch

from escalera.core.rundir import RunDir
from escalera.core.runtime import threads
from escalera.run.events import Events


def as_begun(run: RunDir, events: Events) -> contextlib.AbstractContextManager[None]:
    """The number of threads of a run that was begun; those that there are for one that is not."""
    here = torch.get_num_threads()
    begun = int(run.read_record().get("threads", here)) if run.record.exists() else here
    if begun != here:
        events.threads_kept(begun, here)
    return threads(begun)
