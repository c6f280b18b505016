"""Numbers as a person reads them."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.digits import four_digits, short_exponent, significant
from engine.training.setting import number_text, numbers_alike


@pytest.mark.parametrize(
    ("value", "count", "shown"),
    [
        (1e-6, 3, "1e-6"),
        (1.25e-5, 3, "1.25e-5"),
        (0.0123456, 3, "0.0123"),
        (2.5e9, 3, "2.5e9"),
        (-3e-12, 2, "-3e-12"),
        (0.0, 3, "0"),
        (float("nan"), 3, "nan"),
        (float("-inf"), 3, "-inf"),
        (1e100, 3, "1e100"),
    ],
)
def test_an_exponent_is_spelled_as_it_is_typed(value: float, count: int, shown: str) -> None:
    assert significant(value, count) == shown


@pytest.mark.parametrize("text", ["epoch-0003.pt", "12.5", "e-05x", ""])
def test_text_without_an_exponent_at_its_end_stays(text: str) -> None:
    assert short_exponent(text) == text


@given(st.floats(allow_nan=False, allow_infinity=False))
def test_it_is_the_same_number(value: float) -> None:
    assert float(four_digits(value)) == float(f"{value:.4g}")


@pytest.mark.parametrize("value", [1e-6, 2e-5, 1e-4, 3e-3, 1e9])
def test_a_setting_and_a_figure_are_spelled_alike(value: float) -> None:
    assert float(significant(value)) == float(number_text(value))
    if "e" in significant(value):
        assert significant(value) == number_text(value)


@pytest.mark.parametrize(
    ("numbers", "shown"),
    [
        ([0.0025, 8.283e-4], ["2.500e-3", "8.283e-4"]),  # never one as 0.0025 beside the other as 8.283e-4
        ([1e-3, 0.01, 0.05], ["1e-3", "1e-2", "5e-2"]),
        ([0.0025, 0.01], ["0.0025", "0.0100"]),
        ([0.9, 0.95, 0.0], ["0.90", "0.95", "0"]),
        ([0.0070712345678901, 0.0304], ["0.007071", "0.030400"]),
        ([0.12345671, 0.12345672, 0.5], ["0.12345671", "0.12345672", "0.50000000"]),  # two that differ look different
        ([600.0, 1000.0], ["600", "1000"]),
        ([1e300, 1e-300], ["1e300", "1e-300"]),
        ([float("nan"), -2.5, float("inf")], ["nan", "-2.5", "inf"]),
        ([0], ["0"]),
        ([], []),
    ],
)
def test_the_numbers_of_a_column_have_one_format(numbers: list[float], shown: list[str]) -> None:
    texts = numbers_alike(iter(numbers))
    assert [texts[number] for number in numbers] == shown


FLOATS = st.floats(min_value=1e-12, max_value=1e12)


@given(st.lists(FLOATS, min_size=1, max_size=8, unique=True))
def test_in_a_column_every_number_is_told_from_the_others(numbers: list[float]) -> None:
    texts = list(numbers_alike(numbers).values())
    assert len(set(texts)) == len(numbers)
    assert len({text.partition("e")[0][::-1].find(".") for text in texts}) == 1  # as many decimals
    assert len({"e" in text for text in texts}) == 1


@given(FLOATS)
def test_a_number_alone_in_its_column_is_the_setting_to_four_digits(number: float) -> None:
    assert numbers_alike([number]) == {number: number_text(float(f"{number:.3e}"))}
