"""Where a ladder is climbed: in a folder, or in the mirror of a URL, which one climb at a time brings up to date."""

from __future__ import annotations

import contextlib
from collections.abc import Iterable, Iterator
from pathlib import Path

from escalera.core.errors import EscaleraError, RunError
from escalera.core.interrupt import interrupt_main
from escalera.core.lease import Object, lease
from escalera.core.locking import lock
from escalera.core.mirror import Mirror, by_part
from escalera.core.store import Store, is_url, open_store
from escalera.run.outcome import Outcome

BEAT = 4.0
"""Seconds between two signs of life at a URL."""


def find_place(out: str | Path, ladder: str) -> Place:
    """The place of a ladder's runs in `out`; raises EscaleraError for a URL that nothing here opens."""
    if not is_url(out):
        return Place(Path(out) / ladder)
    # They bring numpy along, which a climb in a folder with nothing left to train does without.
    from escalera.data.cache.folders import cache_root
    from escalera.data.cache.mirrors import mirror_of

    store = open_store(str(out))
    return Away(store, mirror_of(cache_root(), store.url) / ladder)


def keep_apart(place: Place, sources: Iterable[str], data_root: Path | None, beside: Path | None = None) -> None:
    """Raise EscaleraError where the runs would lie within a source, whose next reader would find them there."""
    from escalera.data.sources.locate import around

    for name in dict.fromkeys(sources):
        if place.url is None and (found := around(place.folder, name, data_root, beside)):
            raise EscaleraError(
                f"{place.folder}: expected a folder for the runs outside the source '{name}', received one within "
                f"{found}. Give another place with --out."
            )


class Place:
    """The folder of a ladder."""

    url: str | None = None

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    @contextlib.contextmanager
    def held(self) -> Iterator[None]:
        """Hold it for this climb alone; raises RunError where another one does."""
        with lock(self.folder):
            yield

    def take(self, outcome: Outcome) -> None:
        """Have here what a task has made, wherever it was performed."""

    def give(self, *, at_work: bool = False) -> None:
        """Put what has changed where it is to be.

        Where others are `at_work`, without the runs that they hold and put there themselves.
        """

    def shown(self, path: Path) -> Path | str:
        """Where people find a file of the folder."""
        return path


class Away(Place):
    """The folder of a ladder in the mirror of a URL. Raises EscaleraError where the URL cannot be reached."""

    def __init__(self, store: Store, folder: Path) -> None:
        super().__init__(folder)
        self.store, self.url = store, store.url
        self.mirror = Mirror(store, folder.parent)

    @contextlib.contextmanager
    def held(self) -> Iterator[None]:
        """Hold the mirror, and the URL as far as that can be, and have here what lies there."""
        slip = Object(self.store, f"{self.folder.name}/.climb", self.shown(self.folder))
        with lock(self.folder), lease(slip, lambda: False, interrupt_main, BEAT):
            for part, there in by_part(self.store.listed(self.folder.name)).items():
                self.mirror.pull_idle(part, there)
            yield

    def take(self, outcome: Outcome) -> None:
        """Pull its run."""
        self.mirror.pull_idle(f"{self.folder.name}/{outcome.rung}/seed-{outcome.seed}")

    def give(self, *, at_work: bool = False) -> None:
        """Push runs that have changed, and then what the ladder's folder holds beside them."""
        for part in self.mirror.parts(self.folder.name):
            with contextlib.ExitStack() as stack:
                try:
                    stack.enter_context(self.mirror.held(part))
                except RunError:
                    if at_work:
                        continue
                    raise
                self.mirror.push(part)

    def shown(self, path: Path) -> str:
        """Its URL."""
        return f"{self.url}/{path.relative_to(self.folder.parent).as_posix()}"
