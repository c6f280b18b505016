"""A data frame in the width there is."""

import numpy as np
import pandas as pd  # type: ignore[import-untyped]
import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.cells import cell_len

from engine.lab.html_tables import Table, table_of
from tui.lab.table_lines import table_lines

COLUMNS = [f"column_{at}" for at in range(12)]
WIDE = table_of(pd.DataFrame(np.arange(36).reshape(3, 12) + 1000, columns=COLUMNS).to_html())
assert WIDE is not None
TEXT = st.text(st.sampled_from("ab 가1"), max_size=50)


@pytest.mark.parametrize(("room", "shown"), [(200, 12), (100, 9), (60, 5), (30, 2), (16, 1)])
def test_columns_are_left_out_in_the_middle(room: int, shown: int) -> None:
    assert WIDE is not None
    made = table_lines(WIDE, room)
    assert (made.shown, made.columns) == (shown, 12)
    (head,) = made.heads
    names = head.split()
    assert ("…" in names) == (shown < 12)
    whole = [name for name in names if name != "…"]
    assert whole == (COLUMNS if shown == 12 else [*COLUMNS[: (shown + 1) // 2], *COLUMNS[12 - shown // 2 :]])
    for row, line in enumerate(made.rows):
        numbers = [int(part) for part in line.split() if part != "…"]
        assert numbers == [row, *(1000 + 12 * row + COLUMNS.index(name) for name in whole)]


@given(st.integers(1, 6), st.integers(1, 12), st.integers(0, 3), st.integers(12, 120), st.data())
def test_no_line_is_wider_than_the_room_and_columns_stand_below_each_other(
    rows: int, columns: int, index: int, room: int, data: st.DataObject
) -> None:
    index = min(index, columns)
    texts = [tuple(data.draw(TEXT) for _ in range(columns)) for _ in range(rows + 1)]
    made = table_lines(Table((texts[0],), tuple(texts[1:]), index), room)
    widths = {cell_len(line) for line in (*made.heads, *made.rows)}
    assert max(widths) <= room
    assert len(widths) == 1 or any("…" in line for line in made.rows)
    assert made.shown <= made.columns == columns - index
