"""What stands at the cursor."""

from dataclasses import replace

from tests.tui.widgets.chart.made_up import chart, dots, line
from tui.widgets.chart.readout import readout
from tui.widgets.chart.series import Counted, Mark, Place
from tui.widgets.chart.view import View

TRAIN = line([1.0, 2.0, 3.0], [0.9, 0.6, 0.3])
TEST = dots([1.0, 2.0], [0.8, 0.7])


def test_a_line_is_read_at_its_nearest_point_and_dots_at_the_last_before() -> None:
    at = readout(chart(TRAIN, TEST), View(cursor=2.6), 0.1)
    assert at is not None
    assert at.place == Place(3.0, 300.0, 30.0)
    assert [(one.name, one.words) for one in at.readings] == [("train", "0.3"), ("test", "0.7 (epoch 2)")]
    there = readout(chart(TRAIN, TEST), View(cursor=2.04), 0.1)
    assert there is not None
    assert [one.words for one in there.readings] == ["0.6", "0.7"]


def test_by_step_and_by_time_it_is_the_same_place() -> None:
    for view in (View(x_axis="step", cursor=204.0), View(x_axis="time", cursor=20.4)):
        at = readout(chart(TRAIN), view, 0.1)
        assert at is not None
        assert at.place.epoch == 2.0


def test_a_smoothed_line_says_its_raw_value_too() -> None:
    at = readout(chart(TRAIN), View(cursor=2.0, smoothing=0.6), 0.1)
    assert at is not None
    assert at.readings[0].words == "0.7125 (raw 0.6)"


def test_a_mean_says_of_how_many_runs_it_is_where_some_have_ended() -> None:
    mean = replace(TRAIN, counted=(Counted(-1.0, 5), Counted(2.0, 3)))
    for cursor, words in ((2.0, "0.6, of 5"), (3.0, "0.3, of 3")):
        at = readout(chart(mean), View(cursor=cursor), 0.1)
        assert at is not None
        assert at.readings[0].words == words


def test_a_series_that_has_not_begun_there_or_has_ended_has_no_value() -> None:
    late = line([8.0, 9.0], [1.0, 2.0], name="late")
    at = readout(chart(TRAIN, late), View(cursor=2.0), 0.1)
    assert at is not None
    assert [one.words for one in at.readings] == ["0.6", "–"]
    ended = readout(chart(TRAIN, late), View(cursor=8.5), 0.1)
    assert ended is not None
    assert ended.readings[0].words == "–"


def test_what_is_not_drawn_is_read_out_too_and_marks_in_reach_name_themselves() -> None:
    marks = (
        Mark(Place(2.0, 200, 20), "lr 0.02", "edit"),
        Mark(Place(3.0, 300, 30), "checkpoint epoch 3", "checkpoint"),
    )
    shown = replace(chart(TRAIN, marks=marks), also=(line([1, 2, 3], [0.01, 0.02, 0.02], name="lr"),))
    at = readout(shown, View(cursor=2.05), 0.1)
    assert at is not None
    assert [(one.name, one.words) for one in at.also] == [("lr", "0.02")]
    assert [mark.label for mark in at.marks] == ["lr 0.02"]


def test_without_a_cursor_or_without_points_there_is_nothing() -> None:
    assert readout(chart(TRAIN), View(), 0.1) is None
    assert readout(chart(line([], [])), View(cursor=1.0), 0.1) is None
    assert readout(chart(replace(TRAIN, parent=True)), View(cursor=1.0), 0.1) is None


def test_the_place_is_that_of_the_nearest_point_of_any_series_also_of_those_not_drawn() -> None:
    at = readout(chart(TEST, also=(TRAIN,)), View(cursor=2.9), 0.1)
    assert at is not None
    assert at.place.epoch == 3.0


def test_the_parent_s_values_are_called_that() -> None:
    at = readout(chart(replace(TEST, parent=True), TEST), View(cursor=2.0), 0.1)
    assert at is not None
    assert [one.name for one in at.readings] == ["test (parent)", "test"]
