"""A first ladder for somebody's own data: a commented file to read, edit and climb, written without any training."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

from escalera.core.errors import LadderError, Problem
from escalera.core.language import LANGUAGES, Language, load_words
from escalera.core.names import LONGEST, composed, fault, is_name
from escalera.core.store import was_url
from escalera.experiment.survey import SourceSurvey

_WIDTH = 116


def words_of(code: str) -> Language:
    """The words of a first ladder, in `en` or `es`."""
    return load_words(code, "experiment", plain=True)


def ladder_name(source: str) -> str:
    """A source as the name of a ladder: `./my photos/` is my-photos."""
    path = Path(source)
    stem = path.resolve().name if path.is_dir() else path.stem
    name = "".join(letter if letter.isalnum() or letter in "._-" else "-" for letter in composed(stem))
    name = name.strip("._-")[:LONGEST]
    return name if is_name(name) and fault(name) is None else "mine"


def free_file(name: str, file: Path | None) -> Path:
    """Where the ladder goes, `<name>.yaml` by default. Raises LadderError where it cannot: nothing is overwritten."""
    path = file or Path(f"{name}.yaml")
    if was_url(path):
        raise _refused(path, f"expected a file on this machine, received the URL {path}")
    if path.suffix.lower() not in (".yaml", ".yml"):
        raise _refused(path, f"expected a file that ends in .yaml, received '{path}'")
    if path.exists() or path.is_symlink():
        raise _refused(path, f"there already is '{path}', which is not overwritten: give another name after the source")
    if not path.parent.is_dir():
        raise _refused(path, f"expected a folder that exists, received '{path.parent}': create it first")
    if not os.access(path.parent, os.W_OK):
        raise _refused(path, f"no right to write into '{path.parent}': give another place")
    return path


def write_first_ladder(found: SourceSurvey, file: Path, language: str) -> None:
    """Write the ladder of a source into a new file; a file that came to be meanwhile raises LadderError."""
    text = first_ladder(found, file, language)
    try:
        with file.open("x", encoding="utf-8") as stream:
            stream.write(text)
    except FileExistsError:
        raise _refused(file, f"there already is '{file}', which is not overwritten") from None


def first_ladder(found: SourceSurvey, file: Path, language: str) -> str:
    """The YAML of a first ladder, its comments in one language and the reasons of its rungs in both."""
    words = words_of(language)
    data = found.data | {"source": _beside(found.source, file)}
    lines = [f"# {words.say('new.header', source=found.source)}"]
    lines += [f"# {line}" for line in told(found, words)]
    lines += ["", f"# {words.say('new.name')}", _dumped({"name": ladder_name(str(file))})]
    lines += ["", f"# {words.say('new.data')}", _dumped({"data": data})]
    lines += ["", f"# {words.say('new.train')}", _dumped({"train": _train(found)})]
    lines += ["", f"# {words.say('new.rungs')}", "rungs:"]
    for name, settings in _rungs(found).items():
        if name == "augmented" and found.mirror is None:
            lines.append(f"  # {words.say('new.mirror')}")
        rung = {"name": name, "why": {code: words_of(code).say(f"new.why.{name}") for code in LANGUAGES}, **settings}
        lines += ["  " + _dumped([rung]).replace("\n", "\n  "), ""]
    if found.side >= SIDE_OF_PHOTOS:
        body = {"name": "pretrained", "from": "deeper", "change": _BODY}
        lines.append(f"  # {words.say('new.pretrained')}")
        lines += [f"  # {line}" for line in _dumped([body]).splitlines()]
    return "\n".join(lines).rstrip() + "\n"


SIDE_OF_PHOTOS = 96
"""Pixels a side from which a body that was trained on photos has something to see."""
_BODY = {
    "data.image_size": 224,
    "model": {"kind": "backbone", "name": "tf_efficientnet_lite0", "weights": "imagenet", "trainable": "none"},
}


def told(found: SourceSurvey, words: Language) -> list[str]:
    """What was found, a sentence each."""
    rows = ", ".join(f"{split} {words.number(number)}" for split, number in found.rows.items())
    lines = [words.say("new.found.rows", rows=rows, classes=len(found.classes))]
    if found.side:
        lines.append(words.say("new.found.pictures", side=found.side, channels=found.channels, sizes=found.sizes))
    if found.imbalance > 5:
        lines.append(words.say("new.found.uneven", times=words.number(found.imbalance, 1)))
    for key in ("duplicates", "overlap", "bad"):
        if getattr(found, key):
            lines.append(words.say(f"new.found.{key}", n=words.number(getattr(found, key))))
    if found.attributes:
        lines.append(words.say("new.found.attributes", names=", ".join(found.attributes[:8])))
    return lines


def _train(found: SourceSurvey) -> dict[str, Any]:
    return {
        "epochs": found.epochs,
        "batch_size": found.batch_size,
        "optimizer": {"name": "adam", "lr": 0.001},
        "early_stopping": {"monitor": "val_loss", "patience": 8, "restore_best": True},
    }


def _rungs(found: SourceSurvey) -> dict[str, dict[str, Any]]:
    if not found.side:
        return {
            "table": {"model": {"kind": "table", "dense": [32]}},
            "table-wide": {"change": {"model.dense": [64, 32]}},
            "table-dropout": {"change": {"model.dropout": 0.2}},
        }
    side = found.data.get("image_size", found.side)
    blocks = [[16], [32], [64]] if side >= 16 else [[16], [32]]
    deeper = {"kind": "cnn", "blocks": blocks, "batch_norm": "conv", "dropout": 0.2, "head": {"dense": [64]}}
    augment = {"rotation": 10, "shift": 0.1} | ({"horizontal_flip": True} if found.mirror else {})
    rungs: dict[str, dict[str, Any]] = {
        "baseline": {"model": {"kind": "mlp", "dense": [32]}},
        "deeper": {"change": {"model": deeper}},
        "augmented": {"change": {"augment": augment}},
    }
    if found.attributes:
        photos = {**deeper, "head": {"pool": "average"}}
        branches = {"table": {"kind": "table", "dense": [32]}, "photos": photos}
        rungs["both"] = {"change": {"model": {"kind": "fusion", "branches": branches}}}
    return rungs


def _beside(source: str, file: Path) -> str:
    """A path as the folder of the ladder has it, so that the file can be climbed from anywhere; a name as it is."""
    path = Path(source)
    if not path.exists() or path.is_absolute():
        return source
    relative = os.path.relpath(path.resolve(), file.parent.resolve())
    return Path(relative).as_posix()


def _refused(path: Path, message: str) -> LadderError:
    return LadderError([Problem(message, str(path))])


def _dumped(value: Mapping[str, Any] | list[Any]) -> str:
    return str(yaml.dump(value, Dumper=_Dumper, sort_keys=False, allow_unicode=True, width=_WIDTH)).rstrip()


class _Dumper(yaml.SafeDumper):
    """Lists of numbers on one line."""

    def ignore_aliases(self, data: Any) -> bool:
        """A ladder takes none."""
        return True


def _list(dumper: yaml.SafeDumper, value: list[Any]) -> yaml.SequenceNode:
    plain = not any(isinstance(one, dict) for one in value)
    return dumper.represent_sequence("tag:yaml.org,2002:seq", value, flow_style=plain)


_Dumper.add_representer(list, _list)
