"""Where *Model* puts the panel about what is chosen."""

import pytest

from tui.model.arrangement import DETAIL_LINES, Arrangement, arranged


@pytest.mark.parametrize("rows", range(1, 30))
def test_in_a_narrow_terminal_it_stands_below_a_table_that_leaves_it_its_lines(rows: int) -> None:
    found = arranged(80, 22, rows, many_columns=False, valueless=False)
    if found.detail:
        assert found.height == rows + 3, "the table is whole"
        assert 22 - found.height >= DETAIL_LINES
    else:
        assert rows + 3 + DETAIL_LINES > 22
        assert found == Arrangement(False)


def test_in_a_wide_one_it_is_always_there_beside_a_long_table_of_few_columns() -> None:
    assert arranged(140, 43, 60, many_columns=False, valueless=False) == Arrangement(True)
    assert arranged(140, 43, 60, many_columns=True, valueless=False) == Arrangement(True, True, 25)
    assert arranged(140, 43, 8, many_columns=False, valueless=False) == Arrangement(True, True, 11)


def test_without_values_the_table_has_all_but_its_least() -> None:
    assert arranged(140, 43, 60, many_columns=True, valueless=True) == Arrangement(True, True, 43 - DETAIL_LINES)
