"""The words that say which split something is: a row of a table, a table, a folder."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

from escalera.core.errors import closest
from escalera.core.names import composed
from escalera.data.readers.listing import SPLITS, USUAL

_MORE = {
    "publictest": "validation", "privatetest": "test", "holdout": "test", "heldout": "test", "eval": "validation",
    "evaluation": "validation", "validate": "validation", "entrenamiento": "train", "entreno": "train",
    "validacion": "validation", "validación": "validation", "prueba": "test", "pruebas": "test",
    "validierung": "validation", "entraînement": "train",
    "entrainement": "train", "apprentissage": "train", "treino": "train", "treinamento": "train",
    "validação": "validation", "validacao": "validation", "teste": "test", "addestramento": "train",
    "validazione": "validation",
}  # fmt: skip
"""Other words for a split: those of FER2013, of some published tables, and of other languages."""
WORDS = USUAL | _MORE
"""All words for a split, without blanks, signs and capitals."""
_UNSURE = {"prüfung": "test", "pruefung": "test"}
"""Words for a test that may mean the validation where another word says test too."""


def splits_of(values: Sequence[str | None], named: Mapping[str, str] | None = None) -> list[str | None]:
    """The split that each value says; None for one that says none. `named` is the user's own value for each split."""
    words = {bare(word): split for split, word in named.items()} if named else WORDS
    found = {value: words.get(bare(value)) if value else None for value in set(values)}
    if not named and "test" not in found.values():
        found |= {value: _UNSURE[bare(value)] for value in found if value and bare(value) in _UNSURE}
    return [found[value] for value in values]


def meant(names: Sequence[str]) -> dict[str, str]:
    """The name of each split among names that were perhaps meant to be splits: train and others, each once; else none.

    By a word for it, its first letters, or the nearest spelling.
    """
    said = [(_meant(bare(name)), name) for name in names]
    found = {split: name for split, name in said if split}
    return found if len(found) == len(said) > 1 and "train" in found else {}


def _meant(word: str) -> str | None:
    begun = next((split for split in SPLITS if len(word) > 1 and split.startswith(word)), None)
    return WORDS.get(word) or begun or WORDS.get(closest(word, WORDS) or "")


def bare(text: str) -> str:
    """A word to compare: without blanks, signs and capitals."""
    return re.sub(r"[\W_]", "", composed(text).casefold())
