"""What a section sees: the ladder or one rung of it, with all that was gathered for the page."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from escalera.report.album import Album
from escalera.report.evidence import Evidence
from escalera.report.gallery import Shown
from escalera.report.language import Language
from escalera.report.rung import Rung
from escalera.report.runs import Run
from escalera.report.story import Story
from escalera.report.svg import Figure


@dataclass(frozen=True)
class LadderView:
    """A ladder; `evidence` is that of each rung's first finished run, by the rung's name.

    The figures that the sections draw are added to `figures`, to be kept beside the page too.
    """

    story: Story
    language: Language
    evidence: Mapping[str, Evidence]
    figures: list[Figure] = field(default_factory=list)

    def keep(self, figure: Figure) -> Figure:
        """Note a figure as one to be kept."""
        self.figures.append(figure)
        return figure


@dataclass(frozen=True)
class RungView:
    """A rung: its first finished run with its evidence, its parent's evidence, and the pictures there are."""

    ladder: LadderView
    rung: Rung
    album: Album
    maps: NDArray[np.uint8] | None = None
    explained: list[Shown] = field(default_factory=list)
    figures: list[Figure] = field(default_factory=list)

    @property
    def run(self) -> Run | None:
        """The first finished run."""
        return next(iter(self.rung.done), None)

    @property
    def evidence(self) -> Evidence | None:
        """What its predictions say."""
        return self.ladder.evidence.get(self.rung.name)

    @property
    def before(self) -> Evidence | None:
        """What its parent's predictions say, where the two were compared."""
        step = self.rung.step
        return self.ladder.evidence.get(step.parent) if step and step.comparison else None

    @property
    def language(self) -> Language:
        """The page's."""
        return self.ladder.language

    @property
    def name(self) -> str:
        """What the identifiers of its figures end in."""
        return f"{self.rung.slug}-{self.run.seed if self.run else 0}"

    def keep(self, figure: Figure) -> Figure:
        """Note a figure as one to be kept beside the run."""
        self.figures.append(figure)
        return figure
