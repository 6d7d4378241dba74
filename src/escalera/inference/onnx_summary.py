"""What was found out about an ONNX file when it was written, in words: the terminal and the studio say the same."""

from __future__ import annotations

from math import floor, log10
from typing import TYPE_CHECKING

from escalera.core.language import Language, load_words
from escalera.core.translation import translate

if TYPE_CHECKING:
    from escalera.inference.onnx_export import Written

_LEAST = 1e-6
"""A difference of probabilities below which its size says nothing."""


def summary_of(written: Written, language: str, *, plain: bool = False) -> list[str]:
    """Lines in `en` or `es`; `plain` for a terminal."""
    words, check = load_words(language, "inference", plain=plain), written.check
    first = words.say(
        "export.made_up" if check.why else "export.test", rows=words.number(check.rows),
        largest=_largest(check.largest, words),
        agreement=words.percent(check.agreement), why=translate(check.why, language),
    )  # fmt: skip
    lines = [first]
    if check.apart:
        lines.append(words.count(check.apart, "rounded" if written.smaller else "apart"))
    if found := check.accuracy:
        interval = {"low": words.percent(found.low), "high": words.percent(found.high)}
        lines.append(words.say("export.accuracy", accuracy=words.percent(found.accuracy), **interval))
    lines.append(size_of(check.size, words))
    for rows, speed in check.file_speed.items():
        lines.append(
            words.say(
                "export.speed", rows=rows, file=words.number(speed), run=words.number(check.run_speed[rows]),
                times=words.number(speed / check.run_speed[rows], 1),
            )
        )  # fmt: skip
    if smaller := written.smaller:
        lines.append(
            words.say(
                "export.int8", rows=words.number(smaller.whole.rows),
                difference=words.points(smaller.difference, sign=True),
                low=words.points(smaller.low, sign=True), high=words.points(smaller.high, sign=True),
                p=words.p_text(smaller.p),
            )
        )  # fmt: skip
    return lines


def _largest(difference: float, words: Language) -> str:
    """How far probabilities differ, to two figures and six decimals at most."""
    if 0 < difference < _LEAST:
        return words.say("export.less", value=words.number(_LEAST, 6))
    digits = min(6, 1 - floor(log10(difference))) if difference else 0
    return words.say("export.at_most", value=words.number(difference, digits))


def size_of(size: int, words: Language) -> str:
    """How many bytes a file has, in words."""
    return words.say("export.size", size=words.number(size / 1e6, 2))
