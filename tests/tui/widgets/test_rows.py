"""The table: which columns are shown, how what does not fit is cut, where the cursor goes."""

import pytest
from textual import events
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


async def test_another_width_is_told_and_another_height_is_not() -> None:
    told: list[int] = []

    class Told(TableApp):
        def on_rows_widened(self, event: Rows.Widened) -> None:
            told.append(event.width)

    async with Told().run_test(size=(37, 6)) as pilot:
        await pilot.pause()
        await pilot.resize_terminal(37, 9)
        await pilot.pause()
        assert told == [37]
        await pilot.resize_terminal(80, 9)
        await pilot.pause()
        assert told == [37, 80]


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


def numbers(app: TableApp) -> list[int]:
    """Which rows are in view."""
    return [int(line.split()[0].rpartition(".")[2]) for line in app.table.text().splitlines()[1:]]


def marked(app: TableApp) -> list[str]:
    return [line.split()[0] for line in app.table.text().splitlines() if line.startswith("▸")]


async def test_the_cursor_stops_at_the_first_row_and_at_the_last() -> None:
    app = TableApp()
    async with app.run_test(size=(80, 6)):
        table = app.table
        table.show(ROWS)
        table.move(-1)
        assert (table.cursor, marked(app), numbers(app)) == (0, ["▸a.long.prefix.0"], [0, 1, 2, 3, 4])
        table.move(4)
        assert (marked(app), numbers(app)) == (["▸a.long.prefix.4"], [0, 1, 2, 3, 4])
        table.move(1)
        assert (marked(app), numbers(app)) == (["▸a.long.prefix.5"], [1, 2, 3, 4, 5])
        table.move(100)
        assert (table.key, marked(app), numbers(app)) == ("a.long.prefix.8", ["▸a.long.prefix.8"], [4, 5, 6, 7, 8])
        table.move(1)
        assert (table.cursor, numbers(app)) == (8, [4, 5, 6, 7, 8])
        table.move(-4)
        assert (marked(app), numbers(app)) == (["▸a.long.prefix.4"], [4, 5, 6, 7, 8])
        table.move(-1)
        assert (marked(app), numbers(app)) == (["▸a.long.prefix.3"], [3, 4, 5, 6, 7])
        table.move(-100)
        assert (table.cursor, numbers(app)) == (0, [0, 1, 2, 3, 4])
        assert table.room == 5


async def test_an_empty_table_has_no_key_and_moves_nowhere() -> None:
    app = TableApp()
    async with app.run_test(size=(80, 6)):
        for by in (-1, 1, 5):
            app.table.move(by)
            assert (app.table.cursor, app.table.key) == (0, None)
        app.table.show(ROWS)
        app.table.go(8)
        app.table.show([])
        assert (app.table.cursor, app.table.key, app.table.text().count("\n")) == (0, None, 0)


async def test_other_rows_keep_the_cursor_on_its_key_or_at_its_place() -> None:
    app = TableApp()
    async with app.run_test(size=(80, 6)):
        table = app.table
        table.show(ROWS)
        table.go(5)
        table.show(ROWS[::-1])
        assert (table.cursor, marked(app)) == (3, ["▸a.long.prefix.5"])
        table.show([row for row in ROWS if not row.key.endswith("5")])  # its row is gone: the one at its place
        assert (table.cursor, marked(app)) == (3, ["▸a.long.prefix.3"])
        table.show(ROWS[:2])
        assert (table.cursor, marked(app)) == (1, ["▸a.long.prefix.1"])


async def test_a_row_is_found_by_what_it_holds() -> None:
    app = TableApp()
    async with app.run_test(size=(80, 6)):
        app.table.show(ROWS)
        assert app.table.find(lambda row: row.cells[2] > "m6") is True
        assert marked(app) == ["▸a.long.prefix.7"]
        assert app.table.find(lambda row: row.key == "none") is False
        assert marked(app) == ["▸a.long.prefix.7"]


async def test_each_cell_stands_under_its_head_and_keeps_its_style() -> None:
    columns = (Column("name", -6), Column("n", 5, right=True, style="test"), Column("end", 4, ends=True))
    rows = [Row("a", ("a", "12", "…")), Row("b", ("long name of b", "123456", "abcdef"), "dim")]
    table = Rows(columns)
    table.rows = tuple(rows)
    lines = table.paint(24, 9)
    assert ["".join(text for text, _ in line) for line in lines] == [
        " name            n  end ", "▸a              12  …   ", " long name…  1234…  …def",
    ]  # fmt: skip
    assert [style for _, style in lines[1]] == ["chosen"] * 4
    assert [style for _, style in lines[2]] == ["", "dim", "dim", "dim"]
    table.cursor = 1
    lines = table.paint(24, 9)
    assert [style for _, style in lines[1]] == ["", "", "test", ""]
    assert [style for _, style in lines[2]] == ["chosen"] * 4


async def test_the_rows_in_view_follow_the_cursor_and_fill_the_table() -> None:
    app = TableApp()
    async with app.run_test(size=(80, 5)):
        app.table.show(ROWS)

        def seen() -> str:
            """The rows' numbers, after the heads."""
            return "".join(line.split()[0][-1] for line in app.table.text().splitlines()[1:])

        assert app.table.room == 4
        assert seen() == "0123"
        app.table.go(3)
        assert seen() == "0123"
        app.table.go(4)
        assert seen() == "1234"
        app.table.go(8)
        assert seen() == "5678"
        app.table.go(5)
        assert seen() == "5678"
        app.table.go(4)
        assert seen() == "4567"
        app.table.show(ROWS[:6])  # fewer: no empty lines while there are rows above
        assert seen() == "2345"
        app.table.show(ROWS[:2])
        assert seen() == "01"
        app.table.show(ROWS)
        app.table.go(0)
        assert seen() == "0123"


class MouseApp(TableApp):
    def __init__(self) -> None:
        super().__init__()
        self.again: list[bool] = []

    def on_rows_pointed(self, event: Rows.Pointed) -> None:
        self.again.append(event.again)


async def test_a_click_goes_to_its_row_and_the_wheel_one_row_on() -> None:
    app = MouseApp()
    async with app.run_test(size=(80, 5)) as pilot:
        app.table.show(ROWS)
        app.table.go(6)  # rows 3 to 6 are in view
        await pilot.click(app.table, offset=(3, 1))
        assert (app.table.key, app.again) == ("a.long.prefix.3", [False])
        await pilot.click(app.table, offset=(3, 1))
        assert (app.table.key, app.again) == ("a.long.prefix.3", [False, True])
        await pilot.click(app.table, offset=(3, 4))
        assert app.table.key == "a.long.prefix.6"
        await pilot.click(app.table, offset=(3, 0))  # the heads
        assert (app.table.key, len(app.again)) == ("a.long.prefix.6", 3)
        for kind, key in ((events.MouseScrollDown, "a.long.prefix.7"), (events.MouseScrollUp, "a.long.prefix.6")):
            app.table.post_message(kind(app.table, 3, 2, 0, 0, 0, False, False, False))
            await pilot.pause()
            assert app.table.key == key
        assert app.again == [False, True, False, False, False]
        app.table.show(ROWS[:2])
        await pilot.click(app.table, offset=(3, 4))  # below the rows
        assert (app.table.key, len(app.again)) == ("a.long.prefix.1", 5)


async def test_a_cells_own_style_comes_before_the_rows_and_the_columns() -> None:
    columns = (Column("a", 3, style="train"), Column("b", 3, style="test"), Column("c", 3))
    app = TableApp()
    async with app.run_test(size=(20, 5)):
        app.table.show(
            [
                Row("0", ("a0", "b0", "c0")),
                Row("1", ("a1", "b1", "c1"), styles={"b": "bad"}),
                Row("2", ("a2", "b2", "c2"), "dim", {"b": "bad", "c": ""}),
                Row("3", ("a3", "b3", "c3"), "dim", {"b": "bad"}),
            ],
            columns,
        )
        app.table.go(3)
        styles = [{text.strip(): style for text, style in line} for line in app.table._lines]
        assert [styles[1][f"{name}0"] for name in "abc"] == ["train", "test", ""]
        assert [styles[2][f"{name}1"] for name in "abc"] == ["train", "bad", ""]
        assert [styles[3][f"{name}2"] for name in "abc"] == ["dim", "bad", "dim"]
        assert [styles[4][f"{name}3"] for name in "abc"] == ["chosen"] * 3


async def test_the_gap_between_columns_is_the_tables() -> None:
    table = Rows((Column("a", 2), Column("b", 2), Column("c", 2)), gap=1)
    table.rows = (Row("0", ("a0", "b0", "c0")),)
    assert "".join(text for text, _ in table.paint(9, 3)[1]) == "▸a0 b0 c0"
    assert "".join(text for text, _ in table.paint(8, 3)[0]).split() == ["a", "‹", "›"] or "›" in "".join(
        text for text, _ in table.paint(8, 3)[0]
    )


async def test_the_place_of_the_cursor_has_its_thousands_apart() -> None:
    app = TableApp()
    async with app.run_test(size=(37, 6)):
        assert app.table.place == ""
        app.table.show([Row(str(at), (str(at), "", "", "", "")) for at in range(12_345)])
        assert app.table.place == "1 of 12,345"
        app.table.go(1_233)
        assert app.table.place == "1,234 of 12,345"
