"""The trials of one search, as Optuna keeps them: asked for, told of, and taken up again after a crash.

One process writes the journal; whoever holds the ladder's lock may do so.
"""

from __future__ import annotations

import hashlib
import json
import warnings
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from escalera.ladder.schema import Search
from escalera.ladder.space import Range, Space, grid, settings
from escalera.run.trial import Trial

if TYPE_CHECKING:
    import optuna

JOURNAL = "journal.log"
LESS = 3
"""One in so many trials goes on to so many times as many epochs (Li et al. 2018, https://arxiv.org/abs/1810.05934)."""
_TOLD = "told"
"""What an optuna trial has of ours once it is over: all of it, in one line of the journal."""
_STATES: dict[str, Literal["running", "done", "pruned", "failed"]] = {
    "RUNNING": "running", "COMPLETE": "done", "PRUNED": "pruned", "FAIL": "failed",
}  # fmt: skip


class Study:
    """Trials of a search in a folder: each is asked for once, and told of once, however often this is begun anew."""

    def __init__(self, folder: Path, name: str, search: Search, seed: int) -> None:
        self.search, self.seed = search, seed
        self.lowest = search.monitor.endswith("loss")
        self.study = _open(folder, name, "minimize" if self.lowest else "maximize")
        self.combinations = list(grid(search.over)) if search.method == "grid" else []

    @property
    def limit(self) -> int | None:
        """How many trials there are to be; None where only the time limits them."""
        return len(self.combinations) or self.search.limit

    def trials(self) -> list[Trial]:
        """All trials in the order in which they were asked for."""
        return [self._trial(each) for each in self.study.get_trials(deepcopy=False)]

    def ask(self) -> Trial:
        """The next setting to try."""
        return self._drawn(self.study.ask())

    def again(self, trial: Trial) -> Trial:
        """A trial that is not over; what a crash has left undrawn of it is drawn. Why it failed before stays known."""
        drawn = self._drawn(self._live(trial))
        if trial.state == "failed":
            drawn = replace(drawn, error=trial.error)
            self._live(trial).set_user_attr(_TOLD, asdict(drawn))
        return replace(drawn, error=trial.error)

    def goes_on(self, trial: Trial, curve: Sequence[float]) -> bool:
        """Whether a trial that pauses is among the better ones that have come as far; `curve` has its epochs' figures.

        Asked again of the same trials, it answers the same: a crash may have come between an answer and what follows.
        """
        live, known = self._live(trial), self.study.get_trials(deepcopy=False)[trial.number].intermediate_values
        for epoch, value in enumerate(curve, 1):
            if epoch not in known:
                live.report(value, epoch)
        found = [each.intermediate_values.get(len(curve)) for each in self.study.get_trials(deepcopy=False)]
        ranked = sorted((value for value in found if value is not None), reverse=not self.lowest)
        last = ranked[max(0, len(ranked) // LESS - 1)]
        return curve[-1] <= last if self.lowest else curve[-1] >= last

    def tell(self, trial: Trial) -> None:
        """Keep what came of a trial: it is over, unless it failed and is to be tried again, by the next command."""
        import optuna

        self._live(trial).set_user_attr(_TOLD, asdict(trial))
        if trial.again:
            return
        states = {name: optuna.trial.TrialState[key] for key, name in _STATES.items()}
        self.study.tell(trial.number, trial.value if trial.state == "done" else None, state=states[trial.state])

    def best(self) -> Trial | None:
        """The trial that stands first, the earlier of two that are alike; None while none is done."""
        done = [trial for trial in self.trials() if trial.state == "done" and trial.value is not None]
        return min(done, key=lambda one: (self.worth(one), one.number)) if done else None

    def worth(self, trial: Trial) -> float:
        """What a trial is sorted by: the smaller the better."""
        value = float("nan") if trial.value is None else trial.value
        return value if self.lowest else -value

    def importance(self) -> dict[str, float]:
        """The share of the differences that each path explains, as far as a forest finds out; empty for few trials."""
        import optuna
        from optuna.importance import FanovaImportanceEvaluator, get_param_importances

        done = [each for each in self.study.get_trials(deepcopy=False) if each.state.name == "COMPLETE"]
        if len(done) < 2 * LESS or len({each.value for each in done}) < 2:
            return {}
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            try:
                found = get_param_importances(self.study, evaluator=FanovaImportanceEvaluator(seed=0))
            except (ValueError, RuntimeError, optuna.exceptions.OptunaError):
                return {}
        shares: dict[str, float] = dict.fromkeys(self.search.over, 0.0)
        for name, share in found.items():
            path = max((path for path in shares if name == path or name.startswith((f"{path}[", f"{path}."))), key=len)
            shares[path] += share
        return shares

    def _drawn(self, live: optuna.Trial) -> Trial:
        """A trial with its settings, all drawn and kept."""

        def draw(name: str, space: Space) -> float:
            self.study.sampler = self._sampler(live.number, name)
            if not isinstance(space, Range):
                # Numbers and not the values themselves: a value may be a whole section.
                return int(live.suggest_categorical(name, list(range(len(space.options)))))
            if space.whole:
                return live.suggest_int(name, int(space.low), int(space.high))
            return live.suggest_float(name, space.low, space.high, log=space.log)

        return Trial(live.number, "running", settings(self.search.over, draw))

    def _sampler(self, number: int, name: str) -> optuna.samplers.BaseSampler:
        """Who draws a value of a trial: seeded anew for each, since a process that begins again would repeat draws."""
        import optuna

        drawn = int(fingerprint({"seed": self.seed, "trial": number, "name": name})[:8], 16)
        if self.combinations:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)
                return optuna.samplers.PartialFixedSampler(
                    self.combinations[number], optuna.samplers.RandomSampler(seed=drawn)
                )
        if self.search.method == "tpe":
            start = min(10, max(1, (self.search.limit or 20) // 2))
            return optuna.samplers.TPESampler(seed=drawn, n_startup_trials=start)
        return optuna.samplers.RandomSampler(seed=drawn)

    def _trial(self, each: optuna.trial.FrozenTrial) -> Trial:
        state, kept = _STATES.get(each.state.name, "running"), each.user_attrs.get(_TOLD)
        found = Trial(each.number, state, {}) if kept is None else Trial(**kept)
        # A crash may have come before Optuna heard that it is over.
        over = state != "running" or found.again or found.state == "running"
        return found if over else Trial(each.number, "running", {})

    def _live(self, trial: Trial) -> optuna.Trial:
        import optuna

        return optuna.Trial(self.study, self.study.get_trials(deepcopy=False)[trial.number]._trial_id)


def holds(folder: Path, name: str) -> bool:
    """Whether a folder has the trials of a search of this name, finished or not."""
    import optuna

    return (folder / JOURNAL).exists() and name in optuna.get_all_study_names(_storage(folder))


def _open(folder: Path, name: str, direction: Literal["minimize", "maximize"]) -> optuna.Study:
    """The study in a folder, as a process that was killed has left it."""
    import optuna

    folder.mkdir(parents=True, exist_ok=True)
    # Nothing is drawn where a trial is asked for: each of its values has a sampler of its own.
    sampler = optuna.samplers.RandomSampler()
    return optuna.create_study(
        study_name=name, storage=_storage(folder), sampler=sampler, direction=direction, load_if_exists=True
    )


def _storage(folder: Path) -> optuna.storages.JournalStorage:
    import optuna
    from optuna.storages.journal import JournalFileBackend, JournalFileOpenLock

    optuna.logging.set_verbosity(optuna.logging.ERROR)
    journal = folder / JOURNAL
    # Of a process that was killed; nobody else writes here, and Optuna would wait for it for half a minute.
    for left in folder.glob(f"{JOURNAL}.lock*"):
        left.unlink()
    _mend(journal)
    return optuna.storages.JournalStorage(JournalFileBackend(str(journal), JournalFileOpenLock(str(journal))))


def _mend(journal: Path) -> None:
    """Take off what cannot be read, such as a line that was not written to its end: the next would be appended to it.

    The trials that stood behind it are drawn again, with the same settings.
    """
    if not journal.exists():
        return
    with journal.open("rb+") as file:
        whole = 0
        for line in file:
            with suppress(ValueError):
                if line.endswith(b"\n") and isinstance(json.loads(line), dict):
                    whole += len(line)
                    continue
            file.truncate(whole)
            return


def fingerprint(values: Mapping[str, Any]) -> str:
    """The SHA-256 of plain values."""
    return hashlib.sha256(json.dumps(values, sort_keys=True).encode()).hexdigest()
