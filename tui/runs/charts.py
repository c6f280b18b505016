"""The charts of a run: the training loss as a line, the test results as points, non-finite steps and edits as marks."""

import math

from engine.runs.state import RunState
from tui.widgets.chart import Chart, round_limit


def loss_chart(
    state: RunState, *, log_y: bool = False, parent: RunState | None = None, cursor: float | None = None
) -> Chart:
    """Training and test loss by epoch. `parent`: the run that it branched off from, drawn up to there and beyond."""
    return Chart(
        title="loss by epoch" + (", log scale" if log_y else ""),
        line=tuple((point.x, point.low, point.high) for point in state.curve),
        line_name="train",
        dots=tuple((test.x, test.loss) for test in state.tests if math.isfinite(test.loss)),
        dots_name="test",
        marks=_marks(state, "not finite"),
        edits=_marks(state, "edit"),
        parent=tuple((point.x, point.low, point.high) for point in parent.curve) if parent else (),
        parent_dots=tuple((test.x, test.loss) for test in parent.tests if math.isfinite(test.loss)) if parent else (),
        x_limit=x_limit(state),
        log_y=log_y,
        cursor=cursor,
    )


def accuracy_chart(state: RunState, *, parent: RunState | None = None, cursor: float | None = None) -> Chart:
    """Test accuracy in percent by epoch."""
    return Chart(
        title="test accuracy by epoch, %",
        dots=tuple((test.x, 100 * test.accuracy) for test in state.tests),
        joined=True,
        marks=_marks(state, "not finite"),
        edits=_marks(state, "edit"),
        parent_dots=tuple((test.x, 100 * test.accuracy) for test in parent.tests) if parent else (),
        x_limit=x_limit(state),
        ceiling=100.0,
        cursor=cursor,
    )


def _marks(state: RunState, kind: str) -> tuple[float, ...]:
    """Where the marks of a kind are, in epochs."""
    return tuple(mark.x for mark in state.marks if mark.kind == kind)


def x_limit(state: RunState) -> float:
    """The right end of a run's axis, in epochs."""
    return round_limit(state.epochs, state.x)
