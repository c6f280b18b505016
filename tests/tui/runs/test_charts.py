"""What the charts of a run show of its state."""

import pytest

from engine.runs import state as runs
from engine.training.events import Evaluated
from tui.runs.charts import accuracy_chart, loss_chart, x_limit
from tui.widgets.chart import MARK, draw


def test_a_step_that_was_not_finite_is_marked_in_its_place() -> None:
    state = runs.RunState(
        epochs=10,
        steps=100,
        epoch=5,
        curve=(runs.Point(0.5, 2, 2, 2), runs.Point(4.0, 1, 1, 1)),
        marks=(runs.Mark(5.0, "x"),),
    )
    rows = draw(loss_chart(state), 70, 14)
    marked = next(row for row in rows if MARK in row)
    assert rows[-1][marked.index(MARK)] == "5"  # the name of the tick below it


def test_the_axis_is_the_whole_of_a_short_run_and_grows_in_steps_in_a_long_one() -> None:
    assert x_limit(runs.RunState(epochs=10, steps=100, epoch=1, step=1)) == 10
    limits = [x_limit(runs.RunState(epochs=300, steps=100, epoch=epoch, step=50)) for epoch in range(1, 301)]
    assert sorted(set(limits)) == [5, 10, 20, 50, 100, 200, 300]


def test_accuracy_is_in_percent() -> None:
    tests = (Evaluated(epoch=1, loss=2.0, accuracy=0.453, per_class=[], confusion=[], seconds=0.1),)
    assert accuracy_chart(runs.RunState(epochs=10, steps=100, tests=tests)).dots == ((1.0, pytest.approx(45.3)),)
