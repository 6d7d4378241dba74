"""What happens in a climb, as it happens: a listener overrides what it shows, keeps, or sends elsewhere.

What failed is in the outcome of an attempt, and not here: who listens to nothing loses nothing.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from escalera.core.errors import EscaleraError, nearest

if TYPE_CHECKING:
    from escalera.data.cache.progress import Step
    from escalera.data.dataset import Dataset
    from escalera.ladder.schema import Ladder, Rung
    from escalera.models.summary import Summary
    from escalera.run.outcome import Outcome
    from escalera.run.trial import Trial


@dataclass(frozen=True)
class Progress:
    """How far a training is: plain values, so that another process or machine may read them.

    `epoch` and `step` count from 1 and are 0 before the first; `done` is the share of all its work that is over, of
    which an epoch of small pictures has less; `val_accuracy` is that of the last validation.
    """

    epoch: int
    epochs: int
    step: int
    steps: int
    done: float
    loss: float
    accuracy: float
    images_per_second: float
    val_accuracy: float | None = None
    stop: str = ""


class Events:
    """Hears all and does nothing. Arguments are plain values, or what the ladder, the data and the network are.

    A listener that overrides what is no event raises EscaleraError, since it would never be heard.
    """

    def __init_subclass__(cls) -> None:
        for name, value in vars(cls).items():
            if callable(value) and not name.startswith("_") and not hasattr(Events, name):
                events = [known for known in vars(Events) if not known.startswith("_")]
                raise EscaleraError(
                    f"{cls.__name__}.{name}: there is no such event; {nearest(name, events)}. A method that is no "
                    "event begins with _."
                )

    def source_read(self, step: Step, done: int, of: int) -> None:
        """So many pictures of a source are through a step that takes long for many; 0 of 0 where no more comes."""

    def ladder_begins(self, ladder: Ladder, folder: Path, runs: int, pending: int) -> None:
        """So many runs of a ladder in a folder, of which `pending` are to do."""

    def remark(self, text: str) -> None:
        """Something that a person should know before anything is trained."""

    def data_opened(self, data: Dataset) -> None:
        """A source is open, before anything is learned from it."""

    def weights_absent(self, names: list[str], message: str) -> None:
        """Rungs lack the weights that they start from; they fail when their turn comes."""

    def workers_begin(self, count: int, threads: int, limit: str, each: int, free: int) -> None:
        """So many runs are trained side by side, with so many threads each.

        `limit` says why not more: `asked`, `runs`, `cores`, `gpus` or `memory`, of which `each` takes about so many
        bytes, and so many are `free`.
        """

    def devices_begin(self, count: int, threads: int) -> None:
        """So many processes compute each training together, with so many threads each."""

    def of_run(self, rung: str, seed: int) -> Events:
        """Who hears what happens in one of several runs that are trained side by side."""
        return self

    def worker_lost(self, rung: str, seed: int, reason: str, again: bool) -> None:
        """A process that trained is gone; its run is taken up `again`, or has failed."""

    def source_sent(self, source: str, size: int, place: str) -> None:
        """A source of so many bytes is put there next, for a machine that does not see it."""

    def workers_end(self) -> None:
        """Nobody trains any more, also after an error."""

    def rung_begins(self, rung: Rung, seed: int, place: str) -> None:
        """A rung's turn has come; `place` is as 2/5."""

    def fold_begins(self, number: int, count: int) -> None:
        """A rung is trained without another part of its rows."""

    def home_chosen(self, home: Path) -> None:
        """The rung is trained in this folder: where its run is to stand, or beside one that is finished."""

    def layers(self, summary: Summary, from_epoch: int | None = None) -> None:
        """The network of the rung, whose body learns `from_epoch` on only, if that is said."""

    def resumes(self, epoch: int) -> None:
        """An interrupted training goes on after this epoch."""

    def training_begins(self, progress: Progress) -> None:
        """The first step is next."""

    def step_ends(self, progress: Progress) -> None:
        """Some steps later, five times a second at the most."""

    def epoch_ends(self, progress: Progress) -> None:
        """An epoch is over and validated."""

    def training_ends(self) -> None:
        """The last step is over, also after an error."""

    def rung_ends(self, record: dict[str, Any], metrics: dict[str, Any]) -> None:
        """A model is fitted and evaluated: what run.json and metrics.json hold."""

    def trial_pauses(self) -> None:
        """A trial has come as far as it was to; somebody else decides whether it goes on."""

    def trial_ends(self, record: dict[str, Any], metrics: dict[str, Any]) -> None:
        """A trial is fitted and judged by validation: what run.json and metrics.json hold."""

    def search_begins(self, rung: Rung, trials: int | None, ended: int, rows: int, flattery: float) -> None:
        """A rung tries settings: so many trials, None for as many as the time allows, some of which have `ended`.

        The best of them will look better on so many validation `rows` than it is, by about `flattery` of accuracy.
        """

    def trial_reported(self, trial: Trial, best: Trial | None, trials: int | None) -> None:
        """What came of a trial, and the best so far."""

    def search_ends(self, rung: str, best: Trial) -> None:
        """Nothing is left to try: the rung is trained with the settings of the best trial."""

    def auto_begins(self, name: str, found: list[str]) -> None:
        """A ladder begins to build itself, or goes on: what was found in its source, in sentences."""

    def move_reported(self, state: str, line: str) -> None:
        """A move was tried, and is `kept`, `dropped`, `failed`, or `waits`: what came of it, in a line."""

    def auto_ends(self, file: Path) -> None:
        """The ladder is written; what follows is the training of its last rung."""

    def branches_evaluated(self) -> None:
        """A fusion has learned; what each branch is worth is computed next."""

    def features_ready(self, columns: int, rows: int, seconds: float) -> None:
        """The features are there that classifiers learn from."""

    def classifier_fitted(self, name: str, accuracy: float, seconds: float) -> None:
        """One classifier of an ensemble is fitted; `accuracy` is that of validation."""

    def rung_failed(self, rung: Rung, message: str, trace: str) -> None:
        """A rung could not be trained; the others go on."""

    def ladder_ends(self, folder: Path, report: Path | str, failed: Sequence[Outcome]) -> None:
        """All is done that could be done, and the report is written, or lies at a URL."""

    def damaged(self, what: str, then: str) -> None:
        """A file of a run is damaged, and is `made_again`, `written_again` or `not_needed`."""

    def put_back(self, kept: Path, place: Path) -> None:
        """A kept run with the settings that are asked for stands in its place again."""

    def kept(self, kept: Path) -> None:
        """The run that another one has replaced is kept there."""

    def begins_anew(self, faults: Sequence[str], kept: Path) -> None:
        """A training that was begun cannot go on, and is kept."""

    def checkpoint_damaged(self, epoch: int, fault: str) -> None:
        """The last checkpoint is damaged; the one before it, after `epoch`, is gone on from."""

    def history_mended(self, file: Path) -> None:
        """The history was not what the checkpoint has of it, and is written again."""

    def threads_kept(self, begun: int, here: int) -> None:
        """A run goes on with the number of threads that it began with."""


def also(listener: Events, **then: Callable[[], object]) -> Events:
    """A listener that tells another one all it hears, and does what stands under the event's name after that."""

    def telling(name: str) -> Callable[..., Any]:
        def tell(self: Events, *args: Any, **kwargs: Any) -> Any:
            found = getattr(listener, name)(*args, **kwargs)
            if name in then:
                then[name]()
            return found

        return tell

    names = [name for name, value in vars(Events).items() if inspect.isfunction(value) and name[0] != "_"]
    made: Events = type("Also", (Events,), {name: telling(name) for name in names})()
    return made


def together(listeners: Sequence[Events]) -> Events:
    """A listener that tells several others all it hears, in their order."""

    def telling(name: str) -> Callable[..., None]:
        def tell(self: Events, *args: Any, **kwargs: Any) -> None:
            for listener in listeners:
                getattr(listener, name)(*args, **kwargs)

        return tell

    def of_run(self: Events, rung: str, seed: int) -> Events:
        return together([listener.of_run(rung, seed) for listener in listeners])

    names = [name for name, value in vars(Events).items() if inspect.isfunction(value) and name[0] != "_"]
    made: Events = type("Together", (Events,), {**{name: telling(name) for name in names}, "of_run": of_run})()
    return made
