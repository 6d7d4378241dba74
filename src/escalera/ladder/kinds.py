"""A kind that is not known: which one was meant, by its spelling, or by what people call it elsewhere."""

from __future__ import annotations

import re
from typing import Any

from escalera.core.errors import nearest
from escalera.ladder.schema import KINDS
from escalera.ladder.shown import show

_NETWORK = re.compile(
    r"vgg|(wide_?|se_?|rep)?(res|dense|mobile|efficient|squeeze|google|ghost|shuffle|dark|mnas|nas|nf|rex)_?(net|next|nest)|"
    r"(x|in)ception|conv_?next|efficientvit|efficientformer|mobilevit|regnet|hrnet|maxvit|(de|be)?i?vit|deit|beit|swin|dpn",
    re.IGNORECASE,
)
"""How the names of networks begin that timm has, and that people write as a kind."""


def unknown_kind(key: str, value: Any, known: list[str]) -> tuple[str, dict[str, str] | None]:
    """The message for a `kind` or `name` that chooses no section, and the keys that were meant, where that is clear."""
    word, message = str(value), f"unknown {key} {show(value)}"
    if "backbone" in known and _NETWORK.match(word.replace("-", "_")):
        name = re.sub(r"[- ]+(?=\d)", "", word.lower()).replace("-", "_")
        meant = {"kind": "backbone", "name": name, "weights": "imagenet"}
        return f"{message}; did you mean {{{', '.join(f'{key}: {word}' for key, word in meant.items())}}}?", meant
    also = _also_called(word.lower())
    if key == "kind" and also in known:
        what = ", any network of timm" if also == "backbone" else ""
        return f"{message}; did you mean '{also}'{what}?", {"kind": str(also)}
    guess = nearest(word, known)
    close = re.fullmatch(r"did you mean '(\w+)'\?", guess)
    return f"{message}; {guess}", {key: close[1]} if close else None


def _also_called(word: str) -> str | None:
    """The kind for which people write a word."""
    return next((kind.word() for kind in KINDS if word in kind.also_called), None)
