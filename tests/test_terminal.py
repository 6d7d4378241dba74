"""What the terminal makes of figures."""

import pytest

from escalera.terminal import money


@pytest.mark.parametrize(
    ("amount", "text"),
    [(0, "0.00 USD"), (1.5, "1.50 USD"), (0.1, "0.10 USD"), (0.00125, "0.0013 USD"), (8.3e-5, "0.000083 USD")],
)
def test_a_small_price_is_not_nothing(amount: float, text: str) -> None:
    assert money(amount, "USD") == text
