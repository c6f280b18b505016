"""The columns of a table are chosen in a dialog, and kept."""

from pathlib import Path

import pytest
from textual.app import App, ComposeResult
from textual.pilot import Pilot
from textual.widgets import Static

from engine.training.settings import SETTINGS
from tui import run_columns, table_columns
from tui.config.declared import COLUMNS_RUNS
from tui.config.preferences import Preferences
from tui.dialogs.columns import AUTOMATIC, ColumnsDialog
from tui.model import module_table, parameter_table
from tui.weights import checkpoints
from tui.widgets.rows import Column, Row, Rows, chosen_columns

EVERY = {"state": "how it is", "run": "its name", "lr": "learning rate", "best": ""}


class Asking(App[None]):
    def __init__(self, chosen: tuple[str, ...]) -> None:
        super().__init__()
        self.chosen, self.given = chosen, "nothing yet"

    def compose(self) -> ComposeResult:
        yield Static("a table")

    def on_mount(self) -> None:
        dialog = ColumnsDialog("Runs", EVERY, self.chosen, ["run", "best"], "run")
        self.push_screen(dialog, lambda given: setattr(self, "given", given))


def marks(pilot: Pilot[None]) -> list[str]:
    return ["".join(row.cells[:2]) for row in pilot.app.screen.query_one(Rows).rows]


@pytest.mark.parametrize(
    ("chosen", "keys", "given"),
    [
        ((), "enter", ()),
        ((), "escape", None),
        ((), "space enter", ()),  # the name can't be switched off
        ((), "j space enter", ("run",)),
        ((), "j j space K K enter", ("state", "run", "best")),
        ((), "G space J shift+up enter", ("run", "best", "lr")),
        (("lr", "run"), "space enter", ("run",)),
        (("lr", "run"), "J enter", ("run", "lr")),
        (("lr",), "enter", ("run", "lr")),
        (("lr", "run"), "0 enter", ()),
        (("lr", "run"), "0 g j space enter", ("run",)),
        (("lr", "run"), "K j j space space escape", None),
    ],
)
async def test_columns_are_switched_and_moved(
    chosen: tuple[str, ...], keys: str, given: tuple[str, ...] | None
) -> None:
    app = Asking(chosen)
    async with app.run_test(size=(80, 24)) as pilot:
        await pilot.press(*keys.split())
        await pilot.pause()
        assert app.given == given


async def test_what_is_on_stands_first_and_the_choice_is_said() -> None:
    app = Asking(())
    async with app.run_test(size=(80, 24)) as pilot:
        await pilot.pause()
        assert marks(pilot) == ["[x]run", "[x]best", "[ ]state", "[ ]lr"]
        state = pilot.app.screen.query_one("#state", Static)
        assert str(state.content) == AUTOMATIC
        await pilot.press("G", "space")
        assert str(state.content) == "3 of 4 chosen"


def test_every_setting_has_a_column_of_its_own_title() -> None:
    titles = [run_columns.column_of(name) for name in SETTINGS if name not in run_columns.OWN_COLUMNS]
    assert len(titles) + 13 == len(run_columns.columns())
    assert all(len(about) <= 55 for about in run_columns.columns().values())


@pytest.mark.parametrize(
    ("value", "said"),
    [
        ('["run", "lr"]', ""),
        ("[]", ""),
        ('["lrr"]', "there is no 'lrr'; did you mean 'lr'?"),
        ('"lr"', "it must be a list of names"),
        ("[3]", "it must be a list of names"),
    ],
)
def test_the_file_may_list_titles(tmp_path: Path, value: str, said: str) -> None:
    path = tmp_path / "config.toml"
    path.write_text(f"[columns]\nruns = {value}\n")
    read = Preferences.read(path, {})
    assert [problem.what for problem in read.problems] == (
        [f"columns.runs = {value} is not used; {said}"] if said else []
    )
    assert read.get(COLUMNS_RUNS) == (("run", "lr") if '"run"' in value else ())


def test_what_is_chosen_is_in_the_file(tmp_path: Path) -> None:
    path = tmp_path / "config.toml"
    preferences = Preferences.read(path, {})
    preferences.keep(COLUMNS_RUNS, ("run", "at NaN"))
    preferences.close()
    assert Preferences.read(path, {}).get(COLUMNS_RUNS) == ("run", "at NaN")


@pytest.mark.parametrize(
    ("every", "columns", "always"),
    [
        (table_columns.MODULES, module_table.COLUMNS, module_table.NAME),
        (table_columns.PARAMETERS, parameter_table.COLUMNS, parameter_table.NAME),
        (table_columns.CHECKPOINTS, checkpoints.COLUMNS, checkpoints.NAME),
    ],
)
def test_each_column_of_a_table_can_be_chosen(every: dict[str, str], columns: tuple[Column, ...], always: str) -> None:
    assert list(every) == [column.title for column in columns]
    assert always in every


@pytest.mark.parametrize(
    ("titles", "shown"),
    [(("size", "file"), ["2 kB a"]), (("size",), ["a 2 kB"]), (("file",), ["a"]), (("gone", "file"), ["a"])],
)
def test_rows_have_the_cells_of_the_chosen_columns(titles: tuple[str, ...], shown: list[str]) -> None:
    row = Row("a", ("a", "2 kB", "1 h"), "dim")
    columns, made = chosen_columns((Column("file", -5), Column("size", 5), Column("age", 5)), [row], titles, "file")
    assert [" ".join(one.cells) for one in made] == shown
    assert len(columns) == len(made[0].cells)
    assert (made[0].key, made[0].style) == ("a", "dim")
