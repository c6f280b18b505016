from dataclasses import replace
from pathlib import Path

import pytest

from engine.home import Home
from engine.runs import groups
from engine.runs.curve import even
from engine.runs.family import family
from engine.runs.listing import RunSummary, differing
from engine.training.events import SettingValue
from engine.training.settings import defaults
from tui.run_columns import columns
from tui.runs.grouped_rows import of_two
from tui.runs.run_table import in_order, orders, table
from tui.widgets.order import Order
from tui.widgets.rows import Rows
from tui.widgets.sparkline import sparkline


def run(
    name: str, *, parent: str = "", best: float | None = 0.5, loss_value: float = 1.0, **settings: SettingValue
) -> RunSummary:
    return RunSummary(
        id=name, name=name, state="finished", model="mlp", dataset="Fashion-MNIST", demo=False, epoch=1, epochs=1,
        accuracy=best, best_accuracy=best, started=0.0, folder=Home(Path("home")).run(name), parent=parent,
        parent_epoch=1, parent_step=1, loss=loss_value, seconds=5.0, settings={**defaults(), **settings},
        curve=(2.0, 1.0),
    )  # fmt: skip


def names(runs: list[RunSummary], order: Order) -> list[str]:
    made = table(runs, order, 120)
    at = [column.title for column in made.columns].index("run")
    return [row.cells[at] for row in made.rows]


def test_only_the_settings_that_differ_have_columns() -> None:
    runs = [run("a", lr=0.1), run("b", lr=0.01)]
    assert differing(runs) == ("lr",)
    titles = [column.title for column in table(runs, Order(), 120).columns]
    assert "lr" in titles
    assert "optim" not in titles
    assert "lr" not in [column.title for column in table(runs[:1], Order(), 120).columns]


def test_settings_without_room_come_after_the_results() -> None:
    runs = [run("a"), run("b", lr=0.5, optimizer="adam", momentum=0.9, batch_size=128, seed=7, schedule="cosine")]
    titles = [column.title for column in table(runs, Order(), 78).columns]
    results = titles.index("best")
    assert titles.index("batch") < results < len(titles) - 1
    assert {"batch", "seed", "optim", "lr"} & set(titles[results:]), titles


def test_the_columns_that_are_chosen_stand_in_their_order() -> None:
    runs = [run("a", lr=0.1), run("b", lr=0.01, parent="a")]
    made = table(runs, Order(), 120, ["best", "loss_fn", "age", "lr"])
    assert [column.title for column in made.columns] == ["run", "best", "loss_fn", "age", "lr"]
    assert made.fixed == 1
    assert [row.cells[0] for row in made.rows] == ["a", "└ b"]
    assert made.rows[0].cells[1:3] == ("50.0%", "cross_entropy")
    assert table(runs, Order(), 120, ["state", "run", "curve"]).fixed == 2
    assert table(runs, Order(), 120, ["state", "lr", "run"]).fixed == 1
    assert [str(order) for order in orders(runs, ["lr", "best", "age"])] == ["", "run", "lr", "-best"]
    every = list(columns())
    assert [column.title for column in table(runs, Order(), 120, every).columns] == every


def test_the_loss_stays_where_the_runs_have_different_loss_functions() -> None:
    made = table([run("a", loss_value=0.25), run("b", loss="mse")], Order(), 200)
    titles = [column.title for column in made.columns]
    assert [row.cells[titles.index("loss")] for row in made.rows] == ["0.2500", "1.0000"]
    assert [row.cells[titles.index("loss_fn")] for row in made.rows] == ["cross_entropy", "mse"]


def test_branches_stay_below_their_run_whatever_the_order() -> None:
    runs = [run("c", best=0.9), run("b1", parent="a", best=0.2), run("b2", parent="a", best=0.3), run("a", best=0.1)]
    assert names(runs, Order("best", falling=True)) == ["c", "a", "└ b2", "└ b1"]
    assert names(runs, Order("best")) == ["a", "└ b1", "└ b2", "c"]
    assert [one.id for _, one in family(runs)] == ["c", "a", "b1", "b2"]


def test_numbers_are_sorted_as_numbers_and_what_is_unknown_is_last() -> None:
    runs = [run("a", lr=0.5), run("b", lr=1e-3), run("c", lr=10.0, best=None, loss_value=float("nan"))]
    assert [one.id for one in in_order(runs, Order("lr"))] == ["b", "a", "c"]
    assert [one.id for one in in_order(runs, Order("best", falling=True))][-1] == "c"
    assert [one.id for one in in_order(runs, Order("loss", falling=True))][-1] == "c"
    assert all(Order.parse(str(order)) == order for order in orders(runs))


def test_a_curve_in_a_line_falls_from_its_highest_to_its_lowest() -> None:
    assert sparkline([3.0, 2.0, 1.0], 8) == "█▅▁"
    assert sparkline([1.0, float("nan")], 8) == "▁"
    assert len(sparkline(list(range(100)), 8)) == 8
    assert not sparkline([], 8)


def test_the_points_of_a_curve_stand_for_even_stretches() -> None:
    points = [(0.0, 4.0), (0.1, 2.0), (1.0, 1.0)]
    assert even(points, 3) == (4.0, 2.0, 1.0)
    assert even(points, 2) == (3.0, 1.0)


def test_a_name_that_is_too_long_keeps_its_end() -> None:
    made = table([run("a-very-long-name-of-a-run-seed-1"), run("a-very-long-name-of-a-run-seed-2")], Order(), 78)
    cells = [row.cells[1] for row in made.rows]
    assert [cell[-6:] for cell in cells] == ["seed-1", "seed-2"]
    assert all("…" in cell for cell in cells)


def test_a_name_has_what_the_curve_can_spare() -> None:
    runs = [run("20261127-204509-e979"), run("b")]
    for width, whole in ((91, True), (60, False)):
        made = table(runs, Order(), width)
        columns = {column.title: column for column in made.columns}
        at = list(columns).index("run")
        assert (made.rows[0].cells[at] == runs[0].name) is whole
        assert columns["run"].width >= len(made.rows[0].cells[at])
        assert columns["curve"].width == -8, "what is left is still its own"
    short = {column.title: column.width for column in table(runs[1:], Order(), 91).columns}
    assert short["run"] == 11


def test_the_first_columns_stay_where_others_are_passed_over() -> None:
    rows = Rows(fixed=2)
    runs = [run("a", momentum=0.5, lr=0.1), run("b", seed=3, batch_size=2, threads=4, keep="5")]
    made = table(runs, Order(), 40)
    rows.show(made.rows, made.columns)
    rows.slide(3)
    rows._placed(40)
    assert [made.columns[place].title for place, _ in rows._placed(40)][:2] == ["state", "run"]


def test_validation_has_one_format_in_its_column() -> None:
    runs = [run("a", val="10%"), run("b", val="0.1"), run("c", val="5000"), run("d"), run("e", val="somebody's")]
    made = table(runs, Order(), 120)
    at = [column.title for column in made.columns].index("val")
    assert [row.cells[at] for row in made.rows] == ["10%", "10%", "5,000", "–", "somebody's"]


@pytest.mark.parametrize("width", [78, 90, 136])
def test_the_name_of_a_group_has_room_beside_what_stands_around_it(width: int) -> None:
    runs = [replace(run(f"r{at}"), group="g", group_name="rates and sizes") for at in range(2)]
    found = groups.groups(runs)
    made = table(runs, Order(), width, groups=of_two(found))
    at = [column.title for column in made.columns].index("run")
    assert made.rows[0].cells[at] == f"+ {found[0].title} (2)"
    assert made.columns[at].width >= len(made.rows[0].cells[at])
