"""How a chart is looked at: pure functions."""

from dataclasses import replace

import pytest

from tui.widgets.chart import view as views
from tui.widgets.chart.view import Extent, View, window_of

WHOLE = Extent(0.0, 10.0, 6.0)


def test_smoothing_goes_round() -> None:
    view, seen = View(), []
    for _ in range(4):
        view = views.next_smoothing(view)
        seen.append(view.smoothing)
    assert seen == [0.6, 0.9, 0.99, 0.0]


def test_the_scales_go_through_off_y_x_both() -> None:
    view, seen = View(), []
    for _ in range(4):
        view = views.next_scale(view)
        seen.append((view.log_x, view.log_y))
    assert seen == [(False, True), (True, False), (True, True), (False, False)]


def test_the_axes_go_round() -> None:
    assert [views.next_axis(View(x_axis=axis)) for axis in ("epoch", "step", "time")] == ["step", "time", "epoch"]  # type: ignore[arg-type]


def test_a_zoom_keeps_what_is_at_the_cursor_where_it_is() -> None:
    view = replace(View(), cursor=4.0)
    closer = views.zoomed(view, WHOLE, 2.0)
    assert window_of(closer, WHOLE) == (2.0, 7.0)
    assert window_of(views.zoomed(closer, WHOLE, 2.0), WHOLE) == (3.0, 5.5)
    assert (4.0 - 2.0) / 5.0 == (4.0 - 3.0) / 2.5 == 0.4
    assert views.zoomed(closer, WHOLE, 0.5).window is None


def test_without_a_cursor_it_zooms_at_the_newest_point_and_follows_it() -> None:
    view = views.zoomed(views.zoomed(View(), WHOLE, 4.0), WHOLE, 2.0)
    start, end = window_of(view, WHOLE)
    assert start < 6.0 <= end
    assert view.follow
    later = Extent(0.0, 10.0, 8.0)
    assert window_of(view, later) == pytest.approx((8.0 - (end - start), 8.0))


def test_a_window_in_the_past_stays() -> None:
    view = views.zoomed(replace(View(), cursor=1.0), WHOLE, 8.0)
    assert not view.follow
    assert window_of(view, Extent(0.0, 10.0, 9.0)) == window_of(view, WHOLE)


def test_no_zoom_goes_beyond_the_whole_or_closer_than_a_millionth_of_it() -> None:
    view = replace(View(), cursor=9.99)
    for _ in range(100):
        view = views.zoomed(view, WHOLE, 2.0)
    start, end = window_of(view, WHOLE)
    assert end - start == pytest.approx(1e-5)
    assert 0 <= start < end <= 10.0
    for _ in range(100):
        view = views.zoomed(view, WHOLE, 0.5)
    assert view.window is None


@pytest.mark.parametrize(
    ("part", "window"), [(0.5, (4.0, 8.0)), (-0.25, (1.0, 5.0)), (-9.0, (0.0, 4.0)), (9.0, (6.0, 10.0))]
)
def test_a_pan_stays_within_the_whole(part: float, window: tuple[float, float]) -> None:
    assert views.panned(View(window=(2.0, 6.0)), WHOLE, part).window == window


def test_the_cursor_stays_within_the_data_and_takes_the_window_along() -> None:
    assert views.pointed(View(), WHOLE, 99.0).cursor == 6.0
    assert views.pointed(View(), WHOLE, -1.0).cursor == 0.0
    moved = views.pointed(View(window=(1.0, 3.0), follow=False), WHOLE, 3.2)
    assert moved.window is not None
    assert moved.window[0] < 3.2 < moved.window[1]
    assert moved.window[1] - moved.window[0] == pytest.approx(2.0)
    assert views.pointed(moved, WHOLE, None).cursor is None


def test_another_axis_keeps_the_window_and_the_cursor_at_their_places() -> None:
    view = View(window=(1.0, 3.0), cursor=2.0)
    there = views.converted(view, "step", {1.0: 100.0, 2.0: 200.0, 3.0: 300.0})
    assert (there.x_axis, there.window, there.cursor) == ("step", (100.0, 300.0), 200.0)
