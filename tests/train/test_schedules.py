import pytest

from escalera.train.schedules import SCHEDULES, constant, cosine, exponential, linear, one_cycle


def test_constant() -> None:
    assert {constant(5)(position) for position in (0, 2.5, 5)} == {1.0}


def test_exponential_is_the_reference_and_changes_at_epochs() -> None:
    at = exponential(30, factor=0.1, every=10)
    assert at(0.9) == 1.0
    assert at(1) == pytest.approx(0.1 ** (1 / 10))
    assert at(10.99) == pytest.approx(0.1)
    assert at(20) == pytest.approx(0.01)


def test_cosine_with_warm_up() -> None:
    at = cosine(12, warmup=2)
    assert at(0) == 0
    assert at(1) == 0.5
    assert at(2) == 1
    assert at(7) == pytest.approx(0.5)
    assert at(12) == pytest.approx(0, abs=1e-12)
    assert cosine(4)(0) == 1


def test_cosine_that_only_warms_up_stays_finite() -> None:
    assert cosine(2, warmup=2)(1.5) == 0.75


def test_linear_with_warm_up() -> None:
    at = linear(12, warmup=2)
    assert [at(position) for position in (0, 1, 2, 7, 12, 13)] == [0, 0.5, 1, 0.5, 0, 0]
    assert linear(4)(1) == 0.75
    assert linear(2, warmup=2)(1.5) == 0.75


def test_exponential_as_it_is_without_settings() -> None:
    assert exponential(30)(10) == pytest.approx(0.1)


def test_one_cycle() -> None:
    at = one_cycle(10, warmup=0.3)
    assert at(0) == pytest.approx(1 / 25)
    assert at(3) == pytest.approx(1)
    assert at(10) == pytest.approx(1 / 250_000)
    assert at(1.5) == pytest.approx((1 + 1 / 25) / 2)
    rising = [at(3 * share / 50) for share in range(51)]
    assert rising == sorted(rising)
    falling = [at(3 + 7 * share / 50) for share in range(51)]
    assert falling == sorted(falling, reverse=True)


def test_every_schedule_has_the_name_of_its_function() -> None:
    assert [function.__name__ for function in SCHEDULES.values()] == list(SCHEDULES)
