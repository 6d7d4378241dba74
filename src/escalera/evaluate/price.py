"""What a training cost in money."""

from __future__ import annotations

from typing import Any


def price(seconds: float, per_hour: float | None, currency: str) -> dict[str, Any] | None:
    """`{amount, currency}` of so many seconds; None where no price per hour is given."""
    return None if per_hour is None else {"amount": round(per_hour * seconds / 3600, 8), "currency": currency}
