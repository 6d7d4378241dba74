"""What a model says of each row, as lines for the terminal."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from escalera.core.language import Language
from escalera.core.translation import translate
from escalera.data.readers.listing import shown


def set_in_words(names: Sequence[str], words: Language) -> str:
    """What a set of classes says: one class, or that the model does not know, and between which it hesitates."""
    if not names:
        return words.say("predict.set_none")
    listed = ", ".join(map(shown, names))
    return words.say("predict.set_one" if len(names) == 1 else "predict.set_some", names=listed)


def print_answers(answers: Sequence[Mapping[str, Any]], write: Callable[[str], object], words: Language) -> None:
    """The name of each row and the likeliest classes below it, or why there is no answer."""
    for answer in answers:
        name = shown(answer["file"])
        write(name if answer["row"] is None else words.say("predict.row", file=name, row=answer["row"]))
        for one in answer["classes"]:
            write(f"  {words.number(100 * one['probability'], 2):>6} %  {shown(one['name'])}")
        if "set" in answer:
            write(f"  {set_in_words(answer['set'], words)}")
        if answer["filled_in"]:
            write(f"  {words.say('predict.filled_in', columns=', '.join(answer['filled_in']))}")
        if answer["error"]:
            write(f"  {words.say('predict.no_answer', error=translate(answer['error'], words.code))}")
