"""The errors a person can mend: each says what was expected, what was received, where, and what to do."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass


class EscaleraError(Exception):
    """A mistake or condition that the user can act on; the command line prints its text without a traceback."""


class DataError(EscaleraError):
    """The data are absent, unreadable, or do not fit the ladder."""


class SettingError(DataError):
    """The data do not fit a setting of their section: `key` names it, and `message` says what is wrong."""

    def __init__(self, key: str, message: str) -> None:
        super().__init__(f"{key}: {message}")
        self.key = key
        self.message = message


class DamagedError(DataError):
    """A file of the data is not whole: nothing in it can be looked at."""


class ModelError(EscaleraError):
    """A network that cannot be built for the pictures; `key` is the setting at fault within the model section."""

    def __init__(self, message: str, key: str) -> None:
        super().__init__(message)
        self.key = key


class TrainingError(EscaleraError):
    """Training cannot go on: a non-finite loss, or a disk that takes no checkpoint."""


class RunError(EscaleraError):
    """A run directory is incomplete, damaged, or in use by another process."""


class AbsentError(RunError):
    """A run or a model that is asked for is not here, or not finished."""


class Terminated(KeyboardInterrupt):
    """SIGTERM: everything ends as by Ctrl-C, and can be gone on with; the exit code tells the two apart."""


@dataclass(frozen=True)
class Problem:
    """One mistake in a ladder.

    `path` is the key as the user typed it (`rungs[1].change.model.blocks`); `line` counts from 1; 0: there is none.
    """

    message: str
    path: str = ""
    file: str = ""
    line: int = 0

    def __str__(self) -> str:
        place = f"{self.file}:{self.line}: " if self.line else f"{self.file}: " if self.file else ""
        return f"{place}{self.path + ': ' if self.path else ''}{self.message}"


LISTED = 50
"""Problems that a message shows; `LadderError.problems` has them all."""
LONGEST = 500
"""Characters of a line of one of them: a key of a megabyte is no help."""


class LadderError(EscaleraError):
    """Every mistake found in a ladder, together."""

    def __init__(self, problems: Sequence[Problem]) -> None:
        self.problems = sorted(problems, key=lambda problem: (problem.file, problem.line))
        count = f"{len(self.problems)} problem{'s' if len(self.problems) > 1 else ''} in the ladder; nothing was run."
        shown = ["\n".join(map(_short, str(problem).split("\n"))) for problem in self.problems[:LISTED]]
        more = [f"... and {len(self.problems) - LISTED:,} more"] if len(self.problems) > LISTED else []
        super().__init__("\n".join([*shown, *more, count]))


def _short(line: str) -> str:
    return line if len(line) <= LONGEST else f"{line[:LONGEST]}..."


def refuse(error: EscaleraError, faults: list[str] | None) -> None:
    """Raise an error, or where faults are gathered to be shown together, take note of it and go on."""
    if faults is None:
        raise error
    faults.append(str(error))


def closest(word: str, choices: Iterable[str]) -> str | None:
    """The choice that a word was meant to be, by its spelling; None where none is near."""
    return next(iter(difflib.get_close_matches(word, list(choices), n=1, cutoff=0.6)), None)


def perhaps(word: str, choices: Iterable[str]) -> str:
    """The end of a message about something that is not there: `; did you mean 'x'?`, or nothing."""
    close = closest(word, choices)
    return f"; did you mean '{close}'?" if close else ""


def nearest(word: str, choices: Iterable[str]) -> str:
    """The end of a message about an unknown word: `did you mean 'x'?`, else the list of what is known."""
    known = list(choices)
    close = closest(word, known)
    if close:
        return f"did you mean '{close}'?"
    return f"known: {', '.join(known)}" if known else "none is known"
