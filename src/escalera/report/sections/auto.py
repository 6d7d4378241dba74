"""How a ladder that built itself came about: what its source is, which moves were tried, and why they were kept."""

from __future__ import annotations

from typing import Any

from escalera.core.auto_record import FOLDER, NAME, AutoRecord, MoveRecord
from escalera.core.errors import RunError
from escalera.core.fault import Fault
from escalera.core.files import read_sealed
from escalera.report.figures.auto import auto_figure
from escalera.report.language import NOTHING, Language
from escalera.report.svg import SIGNS
from escalera.report.view import LadderView

_VERDICTS = {"kept": "better", "waits": "no-evidence", "dropped": "no-evidence", "failed": "failed"}
"""The states of moves, and the verdicts whose look they have."""


def section(view: LadderView) -> dict[str, Any] | None:
    """None where a person wrote the ladder; of a file that is damaged, its faults alone."""
    path, faults = view.story.path / FOLDER / NAME, list[Fault]()
    if not path.parent.is_dir():
        return None
    try:
        record = AutoRecord.read(read_sealed(path), NAME, faults)
    except RunError:
        return {"faults": [Fault(NAME, "changed" if path.is_file() else "absent")], "known": False}
    language = view.language
    attempts = [one for one in record.attempts if one.state]
    tried = [one for one in attempts if one.parent]
    others = [_row(one, language) for one in attempts if one.state != "kept"]
    turns = max((one.turns for one in attempts), default=1)
    kept = sum(one.state == "kept" for one in tried)
    return {
        "faults": faults,
        "known": bool(attempts),
        "found": _found(record, language),
        "tried": language.say(
            "auto.tried", moves=language.count(len(tried), "move"), kept=language.number(kept),
            epochs=language.count(record.epochs, "epoch"), time=language.duration(record.elapsed),
        ),
        "judged": language.say("auto.judged_turns" if turns > 1 else "auto.judged", n=language.number(turns)),
        "figure": view.keep(auto_figure(attempts, language)) if attempts else None,
        "kept": [_row(one, language) for one in attempts if one.state == "kept"],
        "others": others,
    }  # fmt: skip


def verdict(move: MoveRecord, language: Language) -> str:
    """What came of a move, in words."""
    if move.state == "failed":
        return language.say("auto.failed", reason="").rstrip(": ")
    if move.state not in _VERDICTS:
        return language.say("auto.unfinished")
    if move.evidence is None:
        return language.say("auto.yardstick")
    # One that would help, and is not kept, takes too long for what it brings.
    dear = move.state == "dropped" and move.evidence.helped
    return language.say(f"auto.{'dear' if dear else move.state}", times=language.number(move.evidence.ratio, 1))


def _found(record: AutoRecord, language: Language) -> list[str]:
    """What the look at the source found; a line of a later version, whose words are not known here, is left out."""
    lines = []
    for key, *values in filter(None, record.found):
        shown = {f"v{n}": language.number(one) if isinstance(one, int) else one for n, one in enumerate(values)}
        try:
            lines.append(language.say(f"found.{key}", **shown))
        except KeyError:
            continue
    return lines


def _row(move: MoveRecord, language: Language) -> dict[str, Any]:
    """A line of the table."""
    found = move.evidence
    look = _VERDICTS.get(move.state, "") if found or move.state == "failed" else ""
    return {
        "name": language.named(f"auto.move.{move.move}"),
        "parent": move.parent,
        "look": look,
        "sign": SIGNS.get(look.replace("-", " "), ""),
        "verdict": verdict(move, language),
        "accuracy": language.percent(move.accuracy),
        "difference": language.points(found.difference, sign=True) if found else NOTHING,
        "low": language.points(found.low, sign=True) if found else "",
        "high": language.points(found.high, sign=True) if found else "",
        "loss": language.number(found.loss, 3, sign=True) if found else NOTHING,
        "rows": language.number(found.rows) if found else NOTHING,
        "seconds": language.duration(move.seconds) if move.seconds else NOTHING,
        "error": move.error,
    }
