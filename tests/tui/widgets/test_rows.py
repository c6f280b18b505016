"""The table: which columns are shown, how what does not fit is cut, where the cursor goes."""

import pytest
from textual.app import App, ComposeResult

from tui.widgets.rows import Column, Row, Rows

COLUMNS = (
    Column("tensor", -12, ends=True), Column("shape", 8), Column("mean", 8, right=True), Column("std", 8, right=True),
    Column("norm", 8, right=True),
)  # fmt: skip
ROWS = [Row(f"a.long.prefix.{at}", (f"a.long.prefix.{at}", "2×2", f"m{at}", f"s{at}", f"n{at}")) for at in range(9)]


class TableApp(App[None]):
    def compose(self) -> ComposeResult:
        yield Rows(COLUMNS)

    @property
    def table(self) -> Rows:
        return self.query_one(Rows)

    @property
    def heads(self) -> list[str]:
        return self.table.text().splitlines()[0].split()


async def test_the_columns_that_do_not_fit_come_by_sliding() -> None:
    app = TableApp()
    async with app.run_test(size=(37, 6)):
        app.table.show(ROWS)
        assert app.heads == ["tensor", "shape", "mean", "›"]
        app.table.slide(1)
        assert app.heads == ["tensor", "mean", "std", "‹›"]
        assert "m0        s0" in app.table.text()
        app.table.slide(7)
        assert app.heads == ["tensor", "std", "norm", "‹"]
        app.table.slide(-1)
        assert app.heads == ["tensor", "mean", "std", "‹›"]
        app.table.reveal("norm")
        assert app.heads == ["tensor", "std", "norm", "‹"]
        app.table.reveal("shape")
        assert app.heads == ["tensor", "shape", "mean", "›"]
        app.table.reveal("no such column")
        assert app.heads == ["tensor", "shape", "mean", "›"]


async def test_a_wider_terminal_shows_all_of_them_again() -> None:
    app = TableApp()
    async with app.run_test(size=(37, 6)) as pilot:
        app.table.show(ROWS)
        app.table.slide(2)
        await pilot.resize_terminal(80, 6)
        await pilot.pause()
        assert app.heads == ["tensor", "shape", "mean", "std", "norm"]
        app.table.slide(1)
        assert app.heads == ["tensor", "shape", "mean", "std", "norm"]


async def test_the_end_of_a_name_is_what_is_kept() -> None:
    app = TableApp()
    async with app.run_test(size=(37, 6)):
        app.table.show(ROWS)
        assert app.table.text().splitlines()[1].startswith("▸…ong.prefix.0")


@pytest.mark.parametrize("width", [1, 5, 14, 20])
async def test_no_width_is_too_small(width: int) -> None:
    app = TableApp()
    async with app.run_test(size=(width, 3)):
        app.table.show(ROWS)
        app.table.slide(3)
        app.table.reveal("norm")
        assert app.table.text()
        assert app.table.key == "a.long.prefix.0"


async def test_other_columns_begin_at_their_first() -> None:
    app = TableApp()
    async with app.run_test(size=(37, 6)):
        app.table.show(ROWS)
        app.table.slide(2)
        app.table.show(ROWS)  # the same, as while figures come
        assert app.heads == ["tensor", "std", "norm", "‹"]
        app.table.show([Row("k", ("k", "v"))], (Column("name", -12), Column("value", 20)))
        assert app.heads == ["name", "value"]
