"""Tables of data frames, read from the HTML that pandas writes."""

import numpy as np
import pandas as pd  # type: ignore[import-untyped]
import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.lab.html_tables import LONGEST, Table, table_of
from engine.lab.views import views

WIDE = pd.DataFrame(np.arange(60).reshape(3, 20), columns=[f"column_{at}" for at in range(20)])


def read(frame: pd.DataFrame) -> Table:
    found = table_of(frame.to_html())
    assert found is not None
    return found


def test_a_frame_has_its_heads_its_names_and_its_values() -> None:
    found = read(WIDE)
    assert found.heads == (("", *WIDE.columns),)
    assert found.rows == tuple((str(at), *map(str, row)) for at, row in enumerate(WIDE.to_numpy().tolist()))
    assert found.index == 1


def test_names_of_several_levels_stand_once() -> None:
    levels = pd.MultiIndex.from_product([["a", "b"], [1, 2]], names=["letter", "number"])
    found = read(pd.DataFrame(np.ones((4, 4)), index=levels, columns=levels))
    assert found.index == 2
    assert [row[:2] for row in found.rows] == [("a", "1"), ("", "2"), ("b", "1"), ("", "2")]
    assert found.heads[0][2:] == ("a", "", "b", "")
    assert found.heads[1][2:] == ("1", "2", "1", "2")
    assert found.heads[2] == ("letter", "number", "", "", "", "")
    assert {len(row) for row in (*found.heads, *found.rows)} == {6}


def test_texts_are_what_stands_in_the_frame() -> None:
    assert read(pd.DataFrame({"a<b": ["<b>x</b>", "가&나"]})).rows == (("0", "<b>x</b>"), ("1", "가&나"))
    assert read(pd.DataFrame({"a": [1]}).style.hide().set_table_attributes('class="dataframe"')).rows == (("1",),)


@pytest.mark.parametrize(
    "html",
    [
        "", "<p>no table</p>", "<table><tr><td>1</td></tr></table>", "<table class=dataframe></table>",
        "<table class=dataframe>" + "<tr><td colspan=1000>1" * 200, "<table class=dataframe>" + "<tr><td>1" * LONGEST,
        "<table class=dataframe><tr><td rowspan=999 colspan=999>1" + "<tr>" * 999,
    ],
)  # fmt: skip
def test_what_is_no_table_or_too_large_is_none(html: str) -> None:
    assert table_of(html) is None


@given(st.lists(st.sampled_from([
    "<table class=dataframe>", "</table>", "<thead>", "<tbody>", "<tr>", "</tr>", "<th>", "<td>", "</td>", "x",
    "<td colspan=3 rowspan=2>", "<th rowspan=2>", "<td colspan=-1>", "<br>", "&amp;", "<!--", "<td", "\x1b[31m",
])))  # fmt: skip
def test_nothing_in_html_is_more_than_a_table(parts: list[str]) -> None:
    found = table_of("".join(parts))
    if found is not None:
        assert {len(row) for row in (*found.heads, *found.rows)} == {len(found.rows[0])}
        assert 0 <= found.index <= len(found.rows[0])


def test_an_output_has_the_table_with_as_many_rows_as_are_shown() -> None:
    frame = pd.DataFrame({"text\x1b[31m": [f"row {at}" for at in range(50)]})
    data = {"text/plain": repr(frame), "text/html": frame.to_html(), "application/vnd.fmnist-tui.object+json": {
        "type": "DataFrame", "shape": [50, 1]}}  # fmt: skip
    (view,) = views([{"output_type": "execute_result", "data": data, "metadata": {}, "execution_count": 1}], 1)
    assert view.table is not None
    assert (len(view.table.rows), view.more) == (11, 39)
    assert view.opens
    assert "\x1b" not in "".join("".join(row) for row in view.table.heads)
