"""A first ladder for somebody's own data: a commented file to read, edit and climb, written without any training."""

from __future__ import annotations

import os
import shlex
import textwrap
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from escalera.core.errors import EscaleraError
from escalera.core.language import LANGUAGES, Language
from escalera.core.names import LONGEST, composed, is_name, ladder_fault
from escalera.core.rights import why_shut
from escalera.core.store import was_url
from escalera.experiment.auto.ground import BODIES, Ground
from escalera.experiment.auto.moves import augmentation, convolutions, first, pretrained
from escalera.experiment.auto.text import words_of
from escalera.experiment.plain_yaml import as_yaml, in_a_line
from escalera.experiment.survey import SourceSurvey, sentences_of

_WIDTH = 118
_BESIDE = 30
"""The column of the comments beside short lines."""
_SIDE_OF_PHOTOS = 96
"""Pixels a side from which a body that was trained on photos has something to see."""


def ladder_name(text: str) -> str:
    """A text as the name of a ladder: `my photos` is my-photos."""
    name = "".join(letter if letter.isalnum() or letter in "._-" else "-" for letter in composed(text))
    name = name.strip("._-")[:LONGEST]
    return name if is_name(name) and ladder_fault(name) is None else "mine"


def name_of_source(source: str) -> str:
    """What the ladder of a source is called, unless a person names it: as its folder or file, without the ending."""
    place = Path(source)
    return ladder_name(place.resolve().name if place.is_dir() else place.stem)


def free_file(source: str, file: str | None) -> Path:
    """Where the ladder of a source goes, `<name>.yaml` by default.

    Raises EscaleraError where no file can be written there: nothing is overwritten.
    """
    path = Path(file or f"{name_of_source(source)}.yaml")
    if was_url(path):
        raise EscaleraError(f"{file}: expected a ladder on this machine to write, received a URL.")
    if path.suffix.lower() not in (".yaml", ".yml"):
        raise EscaleraError(f"{path}: expected the ladder to write, a file that ends in .yaml; received '{path.name}'.")
    if path.exists() or path.is_symlink():
        raise EscaleraError(f"{path} exists, and is not overwritten. Give another file after the source.")
    if not path.parent.is_dir():
        raise EscaleraError(f"{path}: expected a folder that exists, received '{path.parent}'. Create it first.")
    if why := why_shut(path.parent):
        raise EscaleraError(f"{path}: could not write in its folder: {why}. Give another place after the source.")
    return path


def write_first_ladder(seen: SourceSurvey, file: Path, language: str) -> None:
    """Write the ladder of a source into a new file; raises EscaleraError where that cannot be done."""
    text = first_ladder(seen, file, language)
    try:
        with file.open("x", encoding="utf-8") as stream:
            stream.write(text)
    except FileExistsError:
        raise EscaleraError(f"{file} exists, and is not overwritten. Give another file after the source.") from None
    except OSError as error:
        raise EscaleraError(f"{file} could not be written: {error.strerror}.") from None


def first_command(seen: SourceSurvey, file: Path) -> str:
    """What to type first: what the ladder would cost, without the pictures that cannot be decoded."""
    skipping = " --skip-bad" if any(key == "bad" for key, *_ in seen.found) else ""
    return f"escalera climb {shlex.quote(str(file))}{skipping} --plan"


def first_ladder(seen: SourceSurvey, file: Path, language: str) -> str:
    """The YAML of a first ladder, its comments in one language and the reasons of its rungs in both."""
    words = words_of(language)
    name = ladder_name(file.stem)
    explore = f"escalera explore {shlex.quote(seen.source)}"
    plan = first_command(seen, file)
    lines = [
        *_prose(words.say("new.header", source=seen.source)),
        f"#   {plan}   {words.say('new.plan')}",
        f"#   {plan.removesuffix(' --plan'):{len(plan)}}   {words.say('new.climb')}",
        *_prose(words.say("new.header.found")),
        *(f"#   {line}" for line in sentences_of(seen.found, words)),
        *_beside(as_yaml({"name": name}), words.say("new.name", name=name)),
        "",
        *_prose(words.say("new.data", command=explore)),
        *_section("data", seen.data | {"source": _source(seen.source, file)}, words),
        "",
        *_prose(words.say("new.train")),
        *_section("train", _train(seen), words),
        "",
        *_prose(words.say("new.rungs")),
        "rungs:",
    ]
    for rung, (why, comment, settings) in _rungs(seen).items():
        reasons = {code: words_of(code).say(why) for code in LANGUAGES}
        lines += _indented(as_yaml([{"name": rung, "why": reasons}]), 2)
        lines += [f"    {line}" for line in _prose(words.say(comment))]
        lines += [*_indented(as_yaml(settings), 4), ""]
    if body := _body(seen):
        lines += [f"  {line}" for line in _prose(words.say("new.pretrained"))]
        lines += [f"  #{line}" for line in as_yaml([body]).splitlines()] + [""]
    paths = "model.batch_norm, model.dropout, train.schedule, train.label_smoothing"
    lines += _prose(words.say("new.more", paths=paths, command=f"escalera auto {shlex.quote(seen.source)}"))
    return "\n".join(lines) + "\n"


def _train(seen: SourceSurvey) -> dict[str, Any]:
    ground = ground_of(seen, BODIES[:1])
    return dict(first(ground, ground.epochs)["train"])


def _rungs(seen: SourceSurvey) -> dict[str, tuple[str, str, dict[str, Any]]]:
    """The rungs by name: the key of the reason, that of the comment, and the settings."""
    ground = ground_of(seen, BODIES[:1])
    start = first(ground, ground.epochs)["model"]
    rungs: dict[str, tuple[str, str, dict[str, Any]]] = {
        "baseline": ("auto.why.first", f"new.model.{start['kind']}", {"model": start})
    }
    photos = convolutions(ground, {"model": {"kind": "mlp"}}) or {}
    if seen.columns:
        both = {"model": {"kind": "fusion", "branches": {"table": start, "photos": photos["model"]}}}
        rungs["photos"] = "new.why.photos", "new.model.cnn", {"change": photos}
        rungs["both"] = "new.why.both", "new.model.fusion", {"change": both}
        return rungs
    rungs["convolutions"] = "auto.why.convolutions", "new.model.cnn", {"change": photos}
    plain = {**photos, "augment": {"shift": 0, "zoom": 0, "rotation": 0}}
    comment = "new.change.mirror" if seen.mirror else "new.change.no_mirror"
    rungs["augmentation"] = "auto.why.augmentation", comment, {"change": augmentation(ground, plain)}
    return rungs


def _body(seen: SourceSurvey) -> dict[str, Any] | None:
    """A rung with a pretrained body, where pictures are large enough for it."""
    if seen.native < _SIDE_OF_PHOTOS or seen.columns:
        return None
    change = pretrained(ground_of(seen, BODIES[:1]), {"model": {"kind": "cnn"}}) or {}
    # What the rung that it starts from has already is no change.
    needless = {"augment", *(["data.channels"] if seen.channels == 3 else [])}
    needless |= {"data.normalize"} if "normalize" not in seen.data else set()
    return {
        "name": "pretrained",
        "from": "convolutions",
        "change": {path: value for path, value in change.items() if path not in needless},
    }


def ground_of(seen: SourceSurvey, bodies: Sequence[str]) -> Ground:
    """What the known moves are chosen by, as far as it is known before the source is cut into splits."""
    size = seen.data.get("image_size", seen.native)
    side = min(size) if isinstance(size, list) else size
    return Ground(
        seen.rows["train"], seen.rows.get("validation", 0), len(seen.classes), (seen.channels, side, side), seen.native,
        attributes=len(seen.columns), pictures=bool(seen.native), mirror=seen.mirror, bodies=bodies,
        uneven=seen.uneven,
    )  # fmt: skip


def _source(source: str, file: Path) -> str:
    """A path as the folder of the ladder has it, where that is another one than this; a name as it is."""
    path, folder = Path(source), file.parent.resolve()
    if not path.exists() or path.is_absolute() or folder == Path.cwd():
        return source
    try:
        relative = Path(os.path.relpath(path.resolve(), folder))
    except ValueError:  # on another drive
        return str(path.resolve())
    # Where a command is typed comes before the folder of the ladder: nothing else may be found there.
    return str(path.resolve()) if relative.exists() else f"./{relative.as_posix()}"


def _section(name: str, values: Mapping[str, Any], words: Language) -> Iterator[str]:
    """A section of the ladder, a key a line, and beside each what it is for."""
    yield f"{name}:"
    for key, value in values.items():
        yield from _beside(f"  {in_a_line({key: value})[1:-1]}", words.messages.get(f"new.{name}.{key}", ""))


def _beside(line: str, comment: str) -> list[str]:
    """A line and its comment: beside it where there is room, else above."""
    beside = f"{line:{_BESIDE}}  # {comment}"
    if not comment:
        return [line]
    if len(beside) <= _WIDTH:
        return [beside]
    indent = line[: len(line) - len(line.lstrip())]
    return [*(f"{indent}{one}" for one in _prose(comment)), line]


def _prose(text: str) -> list[str]:
    return [f"# {line}" for line in textwrap.wrap(text, _WIDTH - 6, break_on_hyphens=False, break_long_words=False)]


def _indented(text: str, spaces: int) -> list[str]:
    return [" " * spaces + line for line in text.splitlines()]
