"""The confusion matrix with a cursor: a cell leads to its images."""

from typing import ClassVar

from textual import events
from textual.app import ComposeResult
from textual.binding import BindingType
from textual.containers import Vertical
from textual.content import Content
from textual.widgets import Static

from engine.training.events import Evaluated
from tui.dialogs.overlay import Overlay
from tui.format import count
from tui.keys import bind
from tui.runs.confusion import ConfusionMatrix
from tui.widgets.text import set_text

Cell = tuple[int, int]  # true class, predicted class
FRAME = 4  # cells of the frame's border and padding
HEADS = 2  # lines above the matrix
BESIDES = 5  # lines of the frame besides the matrix


class MatrixScreen(Overlay[Cell | None]):
    """Returns the cell whose images to show, or None."""

    BINDINGS: ClassVar[list[BindingType]] = [
        bind("matrix", "back", "Back", action="dismiss"),
        bind("matrix", "open", "These images", "on Data, with this checkpoint's predictions"),
        bind("matrix", "right", "Next predicted class", action="move(0, 1)", show=False),
        bind("matrix", "left", "Previous predicted class", action="move(0, -1)", show=False),
        bind("matrix", "down", "Next true class", action="move(1, 0)", show=False),
        bind("matrix", "up", "Previous true class", action="move(-1, 0)", show=False),
        bind("matrix", "next", "Next mistake", "the most frequent first", action="next(1)"),
        bind("matrix", "previous", "Previous mistake", action="next(-1)", show=False),
    ]

    def __init__(self, result: Evaluated, names: tuple[str, ...]) -> None:
        super().__init__()
        self._result, self._names = result, names
        matrix = result.confusion
        off = [(row, column) for row in range(len(matrix)) for column in range(len(matrix)) if row != column]
        self._mistakes = sorted(off, key=lambda cell: -matrix[cell[0]][cell[1]])
        self._cell = self._mistakes[0] if self._mistakes else (0, 0)

    def compose(self) -> ComposeResult:
        with Vertical(id="frame"):
            yield ConfusionMatrix(id="matrix")
            yield Static(id="cell", markup=False)

    def on_mount(self) -> None:
        self.query_one("#frame").styles.width = ConfusionMatrix.width_for(self._result, self._names) + FRAME
        self.query_one(ConfusionMatrix).show(self._result, self._names)
        self._choose(self._cell)

    def on_resize(self, event: events.Resize) -> None:
        lines = len(self._result.confusion) + HEADS
        self.query_one(ConfusionMatrix).styles.height = max(HEADS + 1, min(lines, event.size.height - BESIDES))

    def action_move(self, rows: int, columns: int) -> None:
        last = len(self._result.confusion) - 1
        row, column = self._cell
        self._choose((max(0, min(last, row + rows)), max(0, min(last, column + columns))))

    def action_next(self, by: int) -> None:
        here = self._mistakes.index(self._cell) if self._cell in self._mistakes else -1
        self._choose(self._mistakes[(here + by) % len(self._mistakes)])

    def action_open(self) -> None:
        self.dismiss(self._cell)

    def _choose(self, cell: Cell) -> None:
        self._cell = cell
        self.query_one(ConfusionMatrix).choose(*cell)
        true, predicted = (self._names[label] if label < len(self._names) else str(label) for label in cell)
        row = self._result.confusion[cell[0]]
        number, total = row[cell[1]], sum(row)
        share = f", {100 * number / total:.1f}% of its {count(total)} images" if total else ""
        words = f"{true} predicted as {predicted}: {count(number)}{share}"
        text = Content.assemble(
            (words, "bold"), ("\nEnter: show these images · n: next mistake · arrows: move · Esc: back", "$text-muted")
        )
        set_text(self.query_one("#cell", Static), text)
