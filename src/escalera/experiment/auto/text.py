"""The ladder of a diary: as a mapping that is climbed, and as a file that people read, edit and climb again."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from escalera.core.language import LANGUAGES, Language, load_words
from escalera.core.translation import translate
from escalera.experiment.auto.diary import Attempt, Diary
from escalera.experiment.auto.moves import PARENT, final
from escalera.experiment.plain_yaml import as_yaml
from escalera.experiment.survey import sentences_of

FINAL = "final"


def as_ladder(name: str, diary: Diary, last: Attempt | None = None) -> dict[str, Any]:
    """The rungs that are kept, and one more on top, as a ladder file holds them; `why` has the reasons in words."""
    rungs: list[dict[str, Any]] = []
    for attempt in [*diary.kept, *([last] if last is not None else [])]:
        if not rungs:
            rungs.append({"name": attempt.name, "why": _why(attempt), **attempt.change})
            continue
        change = _after(attempt.change, attempt.parent)
        rungs.append({"name": attempt.name, "from": attempt.parent, "why": _why(attempt), "change": change})
    if diary.final and last is None:
        rungs.append(
            {
                "name": FINAL,
                "why": {code: _last_why(diary, words_of(code)) for code in LANGUAGES},
                "change": final(diary.final["epochs"], diary.data.get("validation")),
            }
        )
    title = {code: words_of(code).say("auto.title", source=diary.source) for code in LANGUAGES}
    return {"name": name, "title": title, "data": diary.data, "rungs": rungs}


def as_file(name: str, diary: Diary, language: str) -> str:
    """The YAML of a ladder, with what was found in the source and the moves that were dropped as comments."""
    words = words_of(language)
    ladder = as_ladder(name, diary)
    lines = [_comment(words.say("auto.header", minutes=words.number(diary.elapsed / 60, 1), source=diary.source))]
    lines += [_comment(line) for line in sentences_of(diary.found, words)]
    head = {key: ladder[key] for key in ("name", "title", "data")}
    lines += [as_yaml(head), "rungs:"]
    for rung in ladder["rungs"]:
        block = as_yaml([rung]).replace("\n", "\n  ")
        lines += [f"  {block}", ""]
    dropped = [attempt for attempt in diary.attempts if attempt.state in ("dropped", "failed")]
    if dropped:
        lines.append(_comment(words.say("auto.dropped_title")))
        lines += [_comment(f"- {sentence(attempt, words)}") for attempt in dropped]
    return "\n".join(lines).rstrip() + "\n"


def sentence(attempt: Attempt, words: Language) -> str:
    """What came of a move, in one line."""
    name = words.say(f"auto.move.{attempt.move}")
    if attempt.state == "failed":
        return f"{name}: {words.say('auto.failed', reason=translate(attempt.error, words.code))}"
    return f"{name}: {evidence(attempt, words)}"


def left_out(moves: Sequence[str], words: Language) -> str:
    """Which moves there was no time for, in one line."""
    return words.say("auto.late", moves="; ".join(words.say(f"auto.move.{move}") for move in moves))


def evidence(attempt: Attempt, words: Language) -> str:
    """The figures by which a move was kept or dropped, and why."""
    found = attempt.evidence
    if found is None:
        accuracy = words.percent(attempt.accuracy)
        return words.say("auto.first", accuracy=accuracy, of=_of(attempt, words), time=words.duration(attempt.seconds))
    key = "kept" if attempt.state == "kept" else "waits" if found.kept else "dear" if found.helps else "dropped"
    figures = words.say(
        "auto.figures",
        difference=words.points(found.difference, sign=True),
        low=words.points(found.low, sign=True),
        high=words.points(found.high, sign=True),
        on=_of(attempt, words, found.rows),
        loss=words.number(found.loss, 3, sign=True),
        time=words.duration(attempt.seconds),
    )
    return f"{figures}; {words.say(f'auto.{key}', times=words.number(found.ratio, 1))}"


def _of(attempt: Attempt, words: Language, rows: int = 0) -> str:
    """Whose answers a figure is about: the rows of validation, or all that were left out in turn."""
    key = f"auto.{'turns' if attempt.turns > 1 else 'split'}{'_rows' if rows else ''}"
    return words.say(key, rows=words.number(rows), turns=words.number(attempt.turns))


def _why(attempt: Attempt) -> dict[str, str]:
    """The reason of a rung in both languages: what the move is for, and what validation said."""
    found = {}
    for code in LANGUAGES:
        words = words_of(code)
        found[code] = f"{words.say(f'auto.why.{attempt.move}')} {_capital(evidence(attempt, words))}."
    return found


def _last_why(diary: Diary, words: Language) -> str:
    """What the last rung is for."""
    found = words.say("auto.final", epochs=words.number(diary.final["epochs"]))
    more = "data.validation" in final(1, diary.data.get("validation"))
    return f"{found} {words.say('auto.final_more')}" if more else found


def _after(change: Mapping[str, Any], parent: str) -> dict[str, Any]:
    """A change in which the rung that it starts from has its name."""
    return {path: _named(value, parent) for path, value in change.items()}


def _named(value: Any, parent: str) -> Any:
    if value == PARENT:
        return {"from": parent}
    return {key: _named(inner, parent) for key, inner in value.items()} if isinstance(value, dict) else value


def _comment(text: str) -> str:
    # An error, or the name of a class, may have several lines; none of them may be read as YAML.
    return f"# {' '.join(text.split())}"


def _capital(text: str) -> str:
    return text[:1].upper() + text[1:]


def words_of(code: str) -> Language:
    """The words of a ladder that builds itself, in `en` or `es`."""
    return load_words(code, "report", "experiment", "experiment/auto", plain=True)
