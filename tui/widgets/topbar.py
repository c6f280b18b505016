"""The top line of every screen: the program, its screens with their keys, and which data is browsed.

The app has the reactive `data_shown`: the data's title, and whether it is the demo data.
"""

from textual.content import Content
from textual.widgets import Static

from tui.columns import fit, width_of

SCREENS = (
    ("1", "Data", "data"),
    ("2", "Train", "train"),
    ("3", "Runs", "runs"),
    ("4", "Model", "model"),
    ("5", "Checkpoints", "checkpoints"),
    ("6", "Lab", "lab"),
)


NAME = " fmnist-tui "


class TopBar(Static):
    """`active`: the mode that it stands in, one of SCREENS."""

    DEFAULT_CSS = """
    TopBar {
        dock: top;
        height: 1;
        background: $panel;
        color: $foreground;
    }
    """

    def __init__(self, active: str) -> None:
        super().__init__(markup=False)
        self._active = active
        self._data = ("", False)

    def on_mount(self) -> None:
        self.watch(self.app, "data_shown", self._show_data)

    def on_resize(self) -> None:
        self._show()

    def _show_data(self, shown: tuple[str, bool]) -> None:
        self._data = shown
        self._show()

    def _show(self) -> None:
        """Where there is no room for all, the program's name is left out, then the end of the data's."""
        screens = Content("")
        for key, word, mode in SCREENS:
            screens += Content.styled(f" {key} {word} ", "reverse bold" if mode == self._active else "")
        title, demo = self._data
        name = Content.styled(NAME, "bold")
        room = self.size.width - screens.cell_length - 2
        if room - width_of([title]) < name.cell_length:
            name = Content("")
        title = fit(title, max(0, room - name.cell_length))
        right = Content.styled(f"{title} " if title else "", "$text-warning bold" if demo else "$text-muted")
        line = name + screens
        gap = self.size.width - line.cell_length - right.cell_length
        self.update(line + Content(" " * max(0, gap)) + right)
