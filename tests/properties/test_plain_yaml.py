"""Ladders that Escalera writes: what is read back is what was written."""

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from escalera.experiment.plain_yaml import as_yaml, in_a_line


@pytest.mark.parametrize(
    ("value", "text"),
    [(0.0, "0"), (1.0, "1"), (-4095.0, "-4095"), (0.1, "0.1"), (1e-7, "1.0e-07"), (0.12345678, "0.12345678")],
)
def test_numbers_as_people_write_them(value: float, text: str) -> None:
    assert as_yaml({"lr": value}) == f"lr: {text}"
    assert in_a_line([value]) == f"[{text}]"


@given(st.floats(allow_nan=False, allow_infinity=False))
def test_every_number_comes_back(value: float) -> None:
    assert yaml.safe_load(as_yaml({"a": value}))["a"] == value
    assert "!!" not in as_yaml({"a": value})
