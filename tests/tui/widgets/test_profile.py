"""The values of a vector as bars."""

import math

from hypothesis import given, settings
from hypothesis import strategies as st

from tui.widgets.profile import MARGIN, profile_lines

FINITE = st.floats(allow_nan=False, allow_infinity=False)


def drawn(values: list[float], width: int, height: int) -> list[str]:
    return ["".join(text for text, _ in line) for line in profile_lines(values, len(values), width, height)]


def test_bars_stand_above_and_below_zero_as_high_as_their_values() -> None:
    lines = drawn([1.0, -1.0, 0.5, 0.0], MARGIN + 4, 10)
    bars = [line[MARGIN:] for line in lines[:-2]]
    assert bars[0].startswith("█ ")
    assert bars[-1][1] in "█▀"
    assert sum(line[0] == "█" for line in bars) > sum(line[2] == "█" for line in bars) > 0
    assert {line[3] for line in bars} == {" "}
    assert [line[:MARGIN].strip() for line in lines if line[:MARGIN].strip()] == ["1", "0", "-1"]
    assert lines[-1].split() == ["0", "3"]


def test_what_is_not_finite_has_a_sign_of_its_own() -> None:
    lines = drawn([1.0, math.nan, math.inf, 2.0], MARGIN + 4, 8)
    assert sum(line.count("!") for line in lines) == 2
    assert drawn([math.nan], 40, 8) == []


@settings(deadline=None)
@given(st.lists(FINITE, min_size=1, max_size=60), st.integers(1, 140), st.integers(0, 40))
def test_it_has_the_size_that_it_was_given_or_none(values: list[float], width: int, height: int) -> None:
    lines = drawn(values, width, height)
    if width >= MARGIN + len(values) and height >= 4:
        assert len(lines) == height
    assert not lines or len(lines) == height
    assert all(len(line) <= width for line in lines)
