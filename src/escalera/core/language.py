"""Words and numbers in one language: of the report, the studio and the terminal, each from its own `messages/`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from math import floor, isfinite, log10
from pathlib import Path

import yaml

from escalera.core.errors import EscaleraError

LANGUAGES = ("en", "es")
NOTHING = "–"
NARROW, NO_BREAK = "\u202f", "\u00a0"
_ROOMS = Path(__file__).parents[1]


@dataclass(frozen=True)
class Language:
    """Messages and the way numbers are written. A number that is absent or not finite is a dash everywhere.

    A page has signs of its own for a blank where no line may break, one between thousands, and a minus; a terminal and
    what reads its lines know plain ones better.
    """

    code: str
    messages: Mapping[str, str]
    no_break: str = NO_BREAK
    narrow: str = NARROW
    minus: str = "−"

    def say(self, key: str, **values: object) -> str:
        """The message of a key, filled in; raises KeyError for a key or a value that the messages do not have."""
        return self.messages[key].format(**values)

    def named(self, key: str) -> str:
        """The message of a key that ends in a name which anybody may add; the name itself where it has no words yet."""
        return self.messages.get(key, key.rpartition(".")[2])

    def count(self, number: int | None, unit: str) -> str:
        """A whole number with its noun: `count(1, "epoch")` is "1 epoch"."""
        return self.say(f"unit.{unit}.{'one' if number == 1 else 'other'}", n=self.number(number))

    def listing(self, words: Sequence[str]) -> str:
        """`a`, `a and b`, `a, b and c`."""
        if len(words) < 2:
            return "".join(words)
        return self.say("list.and", some=", ".join(words[:-1]), last=words[-1])

    def number(self, value: float | None, digits: int = 0, *, sign: bool = False) -> str:
        """A number with its separators: 12,345.6 in English, 12 345,6 in Spanish (as the Academy has it)."""
        if value is None or not isfinite(value):
            return NOTHING
        text = f"{abs(value):,.{digits}f}"
        if self.code == "es":
            text = (text.replace(",", "") if abs(value) < 10_000 else text.replace(",", self.narrow)).replace(".", ",")
        zero = not any(figure in text for figure in "123456789")
        return ("" if zero else self.minus if value < 0 else "+" if sign else "") + text

    def loss(self, value: float | None) -> str:
        """A loss to three decimals; one that has grown beyond reason as a power of ten, 4.2e+26."""
        if value is None or not isfinite(value) or abs(value) < 10_000:
            return self.number(value, 3)
        return f"{value:.1e}".replace(".", "," if self.code == "es" else ".")

    def points(self, share: float | None, *, sign: bool = False) -> str:
        """A share in hundredths, to one decimal: 0.8172 is "81.7"."""
        return self.number(None if share is None else 100 * share, 1, sign=sign)

    def percent(self, share: float | None) -> str:
        """A share with its sign: 81.7% in English, 81,7 % in Spanish."""
        return NOTHING if share is None else self.points(share) + ("%" if self.code == "en" else f"{self.no_break}%")

    def p_value(self, p: float | None) -> str:
        """A p-value to three decimals, and no closer to 0 than that."""
        return f"<{self.no_break}{self.number(0.001, 3)}" if p is not None and p < 0.001 else self.number(p, 3)

    def p_text(self, p: float | None) -> str:
        """A p-value in a sentence: `p = 0.031`, `p < 0.001`."""
        text = self.p_value(p)
        return f"p{self.no_break}{text}" if text.startswith("<") else f"p{self.no_break}={self.no_break}{text}"

    def duration(self, seconds: float | None) -> str:
        """Seconds in the two largest units: "8 ms", "47.2 s", "2 min 29 s", "1 h 45 min"."""
        if seconds is None or not isfinite(seconds):
            return NOTHING
        if 0 < seconds < 0.0995:
            return f"{self.number(1000 * seconds, 0 if seconds >= 0.00095 else 2)}{self.no_break}ms"
        if seconds < 59.95:
            return f"{self.number(seconds, 1)}{self.no_break}s"
        minutes, rest = divmod(round(seconds), 60)
        if minutes < 60:
            return f"{minutes}{self.no_break}min{self.no_break}{rest:02}{self.no_break}s"
        hours, minutes = divmod(round(seconds / 60), 60)
        return f"{self.number(hours)}{self.no_break}h{self.no_break}{minutes:02}{self.no_break}min"

    def wait(self, seconds: float) -> str:
        """Seconds that are estimated, in the largest unit that tells enough: "20 s", "3 min", "1 h 45 min"."""
        if seconds < 90:
            return f"{self.number(max(1, seconds))}{self.no_break}s"
        if seconds < 3600:
            return f"{self.number(seconds / 60)}{self.no_break}min"
        return self.duration(seconds)

    def short(self, value: float | None, unit: str = "") -> str:
        """Three figures and a prefix: 3,104,256 FLOPs is "3.10 MFLOPs", 1.24e9 B is "1.24 GB"."""
        if value is None or not isfinite(value):
            return NOTHING
        figures = float(f"{value:.3g}")
        power = min(5, max(0, floor(log10(figures) / 3))) if figures >= 1 else 0
        scaled = figures / 1000**power
        digits = 0 if power == 0 and value == int(value) else max(0, 2 - floor(log10(scaled))) if scaled >= 1 else 2
        return f"{self.number(scaled, digits)}{self.no_break}{' kMGTP'[power].strip()}{unit}".strip()

    def money(self, amount: float, currency: str) -> str:
        """An amount to the cent, or to two figures where it is less than one."""
        cents = 2 if amount >= 0.1 or amount == 0 else min(8, 1 - floor(log10(amount)))
        return f"{self.number(amount, cents)}{self.no_break}{currency}"

    def energy(self, kwh: float | None) -> str:
        """Three figures: "17.2 mWh", "4.20 Wh", "1.31 kWh"."""
        if kwh is None:
            return NOTHING
        return self.short(1e6 * kwh, "mWh") if kwh < 1e-4 else self.short(1e3 * kwh, "Wh")


@cache
def load_words(code: str, *rooms: str, plain: bool = False) -> Language:
    """The words of some rooms in `en` or `es`, `plain` ones for a terminal; raises EscaleraError for another code."""
    if code not in LANGUAGES:
        raise EscaleraError(f"language: expected one of {', '.join(LANGUAGES)}, received {code!r}.")
    messages: dict[str, str] = {}
    for room in rooms:
        messages |= yaml.safe_load((_ROOMS / room / "messages" / f"{code}.yaml").read_text(encoding="utf-8"))
    if plain:
        return Language(code, messages, " ", " ", "-")
    return Language(code, {key: text.replace(" %", f"{NO_BREAK}%") for key, text in messages.items()})
