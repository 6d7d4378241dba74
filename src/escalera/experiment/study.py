"""The trials of one search, as Optuna keeps them: asked for, told of, and taken up again after a crash.

One process writes the journal; whoever holds the ladder's lock may do so.
"""

from __future__ import annotations

import hashlib
import math
import warnings
from collections.abc import Mapping, Sequence
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
_STATES: dict[str, Literal["running", "done", "pruned", "failed"]] = {
    "RUNNING": "running", "COMPLETE": "done", "PRUNED": "pruned", "FAIL": "failed",
}  # fmt: skip


class Study:
    """Trials of a search in a folder: each is asked for once, and told of once, however often this is begun anew."""

    def __init__(self, folder: Path, search: Search, seed: int) -> None:
        self.search, self.seed = search, seed
        self.study = _open(folder, "minimize" if search.monitor.endswith("loss") else "maximize")
        self.lowest = search.monitor.endswith("loss")
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
        number = len(self.study.get_trials(deepcopy=False))
        if self.combinations:
            self.study.enqueue_trial(dict(self.combinations[number]))
        self.study.sampler = _sampler(self.search, self.seed, number)
        return self._drawn(self.study.ask())

    def again(self, trial: Trial) -> Trial:
        """A trial that was asked for and never told of; what a crash has left undrawn of it is drawn."""
        import optuna

        self.study.sampler = _sampler(self.search, self.seed, trial.number)
        return self._drawn(optuna.Trial(self.study, self._id(trial)))

    def goes_on(self, trial: Trial, curve: Sequence[float]) -> bool:
        """Whether a trial that pauses is among the better ones so far; `curve` has its figure after each epoch."""
        import optuna

        live = optuna.Trial(self.study, self._id(trial))
        known = self.study._storage.get_trial(live._trial_id).intermediate_values
        for epoch, value in enumerate(curve, 1):
            if epoch not in known:
                live.report(value, epoch)
        return not live.should_prune()

    def tell(self, trial: Trial) -> None:
        """Keep what came of a trial: it is over."""
        import optuna

        live = optuna.Trial(self.study, self._id(trial))
        for name in ("curve", "epochs", "seconds", "ended", "error", "same", "value", "settings"):
            live.set_user_attr(name, getattr(trial, name))
        states = {name: optuna.trial.TrialState[key] for key, name in _STATES.items()}
        if trial.state == "done" and (trial.value is None or not math.isfinite(trial.value)):
            raise AssertionError("a trial that is done has a value")
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
            if not isinstance(space, Range):
                # Numbers and not the values themselves: a value may be a whole section.
                return int(live.suggest_categorical(name, list(range(len(space.options)))))
            if space.whole:
                return live.suggest_int(name, int(space.low), int(space.high))
            return live.suggest_float(name, space.low, space.high, log=space.log)

        return Trial(live.number, "running", settings(self.search.over, draw))

    def _trial(self, each: optuna.trial.FrozenTrial) -> Trial:
        kept = dict(each.user_attrs)
        return Trial(each.number, _STATES.get(each.state.name, "running"), kept.pop("settings", {}), **kept)

    def _id(self, trial: Trial) -> int:
        return self.study.get_trials(deepcopy=False)[trial.number]._trial_id


def _open(folder: Path, direction: Literal["minimize", "maximize"]) -> optuna.Study:
    """The study in a folder, as a process that was killed has left it."""
    import optuna
    from optuna.storages import JournalStorage
    from optuna.storages.journal import JournalFileBackend, JournalFileOpenLock

    optuna.logging.set_verbosity(optuna.logging.ERROR)
    folder.mkdir(parents=True, exist_ok=True)
    journal = folder / JOURNAL
    # Of a process that was killed; nobody else writes here, and Optuna would wait for it for half a minute.
    for left in folder.glob(f"{JOURNAL}.lock*"):
        left.unlink()
    _mend(journal)
    storage = JournalStorage(JournalFileBackend(str(journal), JournalFileOpenLock(str(journal))))
    pruner = optuna.pruners.SuccessiveHalvingPruner(min_resource=1, reduction_factor=LESS)
    return optuna.create_study(
        study_name="search", storage=storage, direction=direction, pruner=pruner, load_if_exists=True
    )


def _mend(journal: Path) -> None:
    """Take off what a process that was killed had not written to its end: the next line would be appended to it."""
    if not journal.exists():
        return
    with journal.open("rb+") as file:
        written = file.read()
        whole = written.rfind(b"\n") + 1
        if whole < len(written):
            file.truncate(whole)


def _sampler(search: Search, seed: int, number: int) -> optuna.samplers.BaseSampler:
    """Who draws a trial: seeded anew for each, since a process that begins again would repeat its draws."""
    import optuna

    drawn = int.from_bytes(hashlib.sha256(f"{seed}/{number}".encode()).digest()[:4], "big")
    if search.method == "tpe":
        start = min(10, max(1, (search.limit or 20) // 2))
        return optuna.samplers.TPESampler(seed=drawn, n_startup_trials=start)
    return optuna.samplers.RandomSampler(seed=drawn)


def fingerprint(values: Mapping[str, Any]) -> str:
    """The SHA-256 of plain values."""
    import json

    return hashlib.sha256(json.dumps(values, sort_keys=True).encode()).hexdigest()
