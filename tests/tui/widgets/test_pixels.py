"""Which pixels are in view around a cursor."""

import itertools

import pytest

from tui.widgets.pixels import _first


@pytest.mark.parametrize("seen", [1, 3, 5, 16, 28, 40])
def test_the_cursor_is_in_view_with_what_is_around_it_and_nothing_is_left_free(seen: int) -> None:
    for before, at in itertools.product(range(28), range(28)):
        first = _first(before, at, seen, 28)
        around = min(2, (seen - 1) // 2)
        assert first >= 0
        assert first + seen <= max(28, seen)
        assert first <= max(0, at - around)
        assert first + seen > min(27, at + around)
