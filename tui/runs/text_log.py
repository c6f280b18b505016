"""The tutorial's log of a run: the loss of every hundredth batch, the test result after each epoch."""

from collections.abc import Sequence

from engine.runs.state import LogEvent
from engine.training import events as ev
from tui import format as fmt
from tui.columns import fit
from tui.widgets.lines import Line, Lines


class TextLog(Lines, can_focus=True):
    """Shows the newest lines; `scroll_back` shows older ones and stays there until it is back at the end."""

    DEFAULT_CSS = "TextLog { width: 1fr; height: 1fr; }"

    def __init__(self, *, id: str | None = None) -> None:  # noqa: A002
        super().__init__(id=id)
        self._events: Sequence[LogEvent] = ()
        self._back = 0  # lines between the last one shown and the newest

    def show(self, log: Sequence[LogEvent]) -> None:
        if log != self._events:
            if self._back:
                self._back += len(log_lines(log)) - len(log_lines(self._events))
            self._events = log
            self.repaint()

    def scroll_back(self, pages: int, lines: int = 0) -> None:
        """Go so far towards the beginning, or with negative numbers towards the end."""
        page = max(1, self.size.height - 1)
        most = max(0, len(log_lines(self._events)) - self.size.height)
        self._back = min(most, max(0, self._back + pages * page + lines))
        self.repaint()

    @property
    def back(self) -> int:
        """Lines between the last one that is shown and the newest."""
        return self._back

    def paint(self, width: int, height: int) -> list[Line]:
        lines = log_lines(self._events)
        if not lines:
            return [[("the first line appears with the first batch", "dim")]]
        end = len(lines) - self._back
        return [[(fit(text, width), style)] for text, style in lines[max(0, end - height) : end]]


def log_lines(log: Sequence[LogEvent]) -> list[tuple[str, str]]:
    """The log as the tutorial prints it: a header where an epoch begins, a line each 100 batches, the test result."""
    lines: list[tuple[str, str]] = []
    epoch = 0
    for event in log:
        if event.epoch != epoch:
            epoch = event.epoch
            lines.append((f"Epoch {epoch}", "dim"))
        match event:
            case ev.Evaluated():
                lines.append((fmt.test_line(event), "test"))
            case ev.BatchLoss():
                lines.append((fmt.batch_line(event), ""))
            case ev.Edited():
                lines.append((fmt.edit_line(event), "edit"))
            case ev.Resumed():
                lines.append((f"resumed {fmt.place_words(event)}", "warning" if event.differences else "good"))
            case ev.Branched():
                branch = f"branch of {event.parent}, {fmt.place_words(event)}"
                lines.append((branch if event.parent else fmt.from_words(event), "good"))
    return lines
