"""How long trainings take and how much time is left: all has to be over before the minutes are, the report included."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from escalera.core.errors import EscaleraError
from escalera.experiment.auto.diary import Attempt
from escalera.experiment.auto.ground import Ground
from escalera.experiment.estimate import looks, plan
from escalera.ladder.schema import Rung

SHORT = 0.08
"""The share of the time that one trial may take, of a small convolutional network."""
FEWEST = 5
"""Epochs below which a large network has not shown yet what it can."""
LEFT = 0.3
"""The share that is kept for the training of the last rung to its end, its test and the report."""
CARE = 1.3
"""Trainings take so many times what was estimated, at the worst."""
SLOWEST = 2.0
"""How far what a training took may correct what is estimated of another one: a small network says little of a large."""
AROUND = 3.0
"""Seconds around a training: the pictures are opened, files are written."""
REPORT = 8.0
"""Seconds after the last one beside its answers: how fast it answers is measured, and the report is drawn."""
LONGEST = 2
"""The last rung is trained for so many times a full training's epochs at the most."""


def rests(rung: Rung) -> bool:
    """Whether the bodies of a rung stay as they are: what they find is kept for other runs."""
    parts = rung.config.model.parts.values()
    return bool(parts) and all(part.learns == "none" for part in parts)


@dataclass
class Timing:
    """The clock of an ascent: `before` are the seconds of earlier parts, `minutes` the limit of all together."""

    minutes: float
    before: float
    seed: int
    data_root: Path | None
    device: str
    began: float = field(default_factory=time.monotonic)
    known: dict[str, dict[str, Any]] = field(default_factory=dict)

    @property
    def elapsed(self) -> float:
        """Seconds so far, in all parts."""
        return self.before + time.monotonic() - self.began

    @property
    def left(self) -> float:
        """Seconds until the end."""
        return 60 * self.minutes - self.elapsed

    def epochs(self, rung: Rung, ground: Ground) -> int:
        """Epochs of a trial: so many that a network like this one takes a small share of the time."""
        each = ground.turns * self.seconds(rung) / rung.config.train.epochs
        fits = SHORT * 60 * self.minutes / max(1e-6, each)
        return max(FEWEST, min(ground.epochs, int(fits)))

    def seconds(self, rung: Rung) -> float:
        """What a training of a rung takes here; raises EscaleraError where its network cannot be built."""
        return float(self._measured(rung)["training_seconds"])

    def after(self, rung: Rung, ground: Ground) -> float:
        """Seconds from the end of the last training to the end of all: the rows are answered, the report is drawn."""
        rows = ground.rows_evaluated(kept=rests(rung)) * looks(rung.config)
        return REPORT + CARE * rows / float(self._measured(rung)["answers_per_second"])

    def _measured(self, rung: Rung) -> dict[str, Any]:
        """What `plan` says of a rung, as measured on a few of its steps."""
        key = rung.config.model_dump_json()
        if key not in self.known:
            [row] = plan([rung], seed=self.seed, data_root=self.data_root, device=self.device, skip_bad=True)
            if "error" in row:
                raise EscaleraError(row["error"])
            self.known[key] = row
        return self.known[key]

    def allows(self, rung: Rung, parent: Attempt, before: Rung, ground: Ground) -> bool:
        """Whether a trial would end while there is time left for the last rung, if that became like it."""
        # To measure a move takes seconds too: when the time is up, none is measured any more.
        if self.left < LEFT * 60 * self.minutes + AROUND:
            return False
        # What the parent really took is known; of the probes, whose steps are others', only how they compare.
        each = before.config.train.epochs / max(1, parent.epochs) if parent.epochs else 1.0
        slower = parent.seconds * each / max(1e-6, self.seconds(before))
        takes = self.seconds(rung) * min(SLOWEST, max(1 / SLOWEST, slower)) * CARE
        # What a frozen body finds is kept, so that the last rung has it at once.
        again = 0.0 if rests(rung) else takes + AROUND
        wanted = max(LEFT * 60 * self.minutes, again + self.after(rung, ground))
        return ground.turns * takes + AROUND + wanted < self.left

    def until(self, last: Attempt, after: float) -> float:
        """When the last training has to end, in seconds since 1970; it may always take as long as its trial did.

        Where a busy machine took the time that was kept for it, a network that has learned comes late instead of one
        that has not.
        """
        return time.time() + max(self.left - after, CARE * last.seconds / last.turns)

    def final_epochs(self, last: Attempt, ground: Ground, after: float) -> int:
        """Epochs of the last rung that end in time, by what its trial took; so many seconds are needed `after` them."""
        each = last.seconds / max(1, last.epochs) * CARE
        return max(0, min(LONGEST * ground.epochs, int((self.left - after - AROUND) / max(1e-6, each))))
