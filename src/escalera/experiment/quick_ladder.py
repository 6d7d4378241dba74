"""A ladder for photos of one's own that is climbed in under a minute: a small network, then a pretrained one."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import Any

from escalera.core.language import LANGUAGES
from escalera.experiment.auto.ground import at_hand
from escalera.experiment.auto.moves import augmentation, convolutions, first, pretrained
from escalera.experiment.auto.text import words_of
from escalera.experiment.first_ladder import ground_of, ladder_name
from escalera.experiment.plain_yaml import as_yaml
from escalera.experiment.survey import SourceSurvey, sentences_of

_EPOCHS = 20
"""Of the small network: half a minute at most for a hundred photos of 64 pixels a side."""
_RATE = 3e-3


def quick_ladder(seen: SourceSurvey, file: Path, language: str) -> str:
    """The YAML of such a ladder, its comments in one language and the reasons of its rungs in both.

    The body comes on top where its weights are at hand: its features are computed once, and one layer learns from them.
    """
    words = words_of(language)
    lines = [
        f"# {words.say('quick.header')}",
        f"#   escalera climb {shlex.quote(file.name)}",
        *(f"# {line}" for line in sentences_of(seen.found, words)),
        as_yaml({"name": ladder_name(file.stem), "data": seen.data, "rungs": _rungs(seen)}),
    ]
    return "\n".join(lines) + "\n"


def _rungs(seen: SourceSurvey) -> list[dict[str, Any]]:
    ground = ground_of(seen, at_hand(seen.native))
    begin = first(ground, min(_EPOCHS, ground.epochs))
    small = (convolutions(ground, begin) or {})["model"] | {"batch_norm": "conv"}
    plain = {"model": small, "augment": {"shift": 0, "zoom": 0, "rotation": 0}}
    train = begin["train"] | {"optimizer": {"name": "adam", "lr": _RATE}, "early_stopping": None}
    train["schedule"] = {"name": "one_cycle"}
    rungs = [
        {
            "name": "small",
            "why": _why("quick.why.small"),
            **begin,
            "model": small,
            **(augmentation(ground, plain) or {}),
            "train": train,
        }
    ]
    change = pretrained(ground, {"model": {"kind": "cnn"}})
    if change is not None:
        change = {path: value for path, value in change.items() if path != "data.normalize"}
        change |= {"train.schedule": {"name": "constant"}}
        rungs.append({"name": "pretrained", "why": _why("auto.why.pretrained"), "change": change})
    return rungs


def _why(key: str) -> dict[str, str]:
    return {code: words_of(code).say(key) for code in LANGUAGES}
