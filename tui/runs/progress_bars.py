"""Where a run is: a bar for the epoch and one for the whole run, each with the time left."""

from engine.runs.state import RunState
from tui import format as fmt
from tui.widgets.lines import Line, Lines

LABEL = 14  # columns for "epoch 10/100"


class RunBars(Lines):
    """Two lines: the epoch and the run. Nothing moves by itself."""

    DEFAULT_CSS = "RunBars { height: 2; width: 1fr; }"

    def __init__(self, *, id: str | None = None) -> None:  # noqa: A002
        super().__init__(id=id)
        self._state = RunState()
        self._alive = True

    def show(self, state: RunState, alive: bool) -> None:
        self._state, self._alive = state, alive
        self.repaint()

    def paint(self, width: int, height: int) -> list[Line]:
        state = self._state
        going = self._alive and not state.done
        epoch_left, run_left = "", ""
        if state.evaluating and going:
            epoch_left = "testing"
        elif going and state.eta_s is not None:
            part = (state.steps - state.step) / max(1, state.steps)
            epoch_left = f"{fmt.duration(part * state.pace_s)} left"
        if going and state.eta_s is not None:
            run_left = f"{fmt.duration(state.eta_s)} left"
        elif state.done or not self._alive:
            run_left = f"took {fmt.duration(state.training_s)}"
        width_label = max(LABEL, len(f"epoch {state.epochs}/{state.epochs} "))
        return [
            bar(f"epoch {state.epoch}/{state.epochs}", state.step, state.steps, epoch_left, width, width_label),
            bar("run", state.steps_done, state.total, run_left, width, width_label),
        ]


def bar(label: str, done: int, total: int, note: str, width: int, width_label: int = LABEL) -> Line:
    """`label ━━━━──── 27%  2,488/9,380 steps  19 s left`, `width` columns wide."""
    fraction = min(1.0, done / total) if total else 0.0
    numbers = f" {int(100 * fraction):3d}%  {fmt.count(done)}/{fmt.count(total)} steps"
    room = width - width_label
    tail = f"{numbers:<29} {note:<18}" if room >= 70 else f"{numbers:<27} {note:<16}"
    length = room - len(tail)
    if length < 8:
        tail = tail.rstrip()
        length = max(0, room - len(tail))
    filled = round(length * fraction)
    return [
        (f"{label:<{width_label}}", ""),
        ("━" * filled, "good"),
        ("─" * (length - filled), "track"),
        (tail[: max(0, room)], ""),
    ]
