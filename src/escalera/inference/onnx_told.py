"""What was found out about an ONNX file when it was written, in words: the terminal and the studio say the same."""

from __future__ import annotations

from typing import TYPE_CHECKING

from escalera.core.language import Language, load_words
from escalera.core.translation import translate

if TYPE_CHECKING:
    from escalera.inference.onnx_export import Written


def told(written: Written, language: str, *, plain: bool = False) -> list[str]:
    """Lines in `en` or `es`; `plain` for a terminal."""
    words, check = load_words(language, "inference", plain=plain), written.check
    largest = f"{check.largest:.1e}" if check.largest else "0"
    asked = words.say(
        "export.made_up" if check.why else "export.test", rows=words.number(check.rows), largest=largest,
        agreement=words.percent(check.agreement), why=translate(check.why, language),
    )  # fmt: skip
    lines = [asked]
    if check.apart:
        lines.append(words.count(check.apart, "apart"))
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


def size_of(size: int, words: Language) -> str:
    """How many bytes a file has, in words."""
    return words.say("export.size", size=words.number(size / 1e6, 2))
