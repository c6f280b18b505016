"""The settings of a new run, changed with the keyboard: arrow keys change a value, Enter edits it."""

import textwrap
from pathlib import Path
from typing import Any, ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Container, Horizontal, Vertical
from textual.message import Message
from textual.widgets import Input

from engine.errors import ConfigError
from engine.training.config import TrainConfig, option
from tui.runs import form_fields as fields
from tui.widgets.lines import Line, Lines, fit

LABEL = 18  # columns: the marker and the name of a setting
WIDTH = 42  # columns of a whole row


class ConfigForm(Vertical, can_focus=True):
    """Holds the values typed so far; posts `Submitted` with a config that is valid as a whole."""

    DEFAULT_CSS = """
    ConfigForm { height: 1fr; }
    ConfigForm #upper { height: 1fr; }
    ConfigForm #settings-box { width: 42; height: 1fr; }
    ConfigForm #settings { height: 1fr; }
    ConfigForm #typing {
        position: absolute; offset: 18 0; width: 24; height: 1; border: none; padding: 0; display: none;
        background: $boost;
    }
    ConfigForm #about { width: 1fr; height: 1fr; margin: 0 1 0 2; }
    ConfigForm #command { height: 4; }
    """
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("up,k", "move(-1)", "Up", show=False, id="form.up"),
        Binding("down,j", "move(1)", "Down", show=False, id="form.down"),
        Binding("home", "move(-99)", "First", show=False, id="form.first"),
        Binding("end", "move(99)", "Last", show=False, id="form.last"),
        Binding("left,h", "turn(-1)", "Less", show=False, id="form.less"),
        Binding("right,l", "turn(1)", "More", show=False, id="form.more"),
        Binding("enter", "edit", "Edit", id="form.edit"),
        Binding("escape", "restore", "Revert", show=False, id="form.restore"),
        Binding("s", "submit", "Start training", id="form.start"),
    ]

    class Submitted(Message):
        """The person wants this run."""

        def __init__(self, config: TrainConfig, name: str) -> None:
            super().__init__()
            self.config = config
            self.name = name

    class DevicesWanted(Message):
        """The device row was reached: `devices` may now be filled in."""

    def __init__(self, values: dict[str, Any], *, data_dir: Path | None = None, id: str | None = None) -> None:  # noqa: A002
        """`values`: of every setting, by name, and the run's name; what is typed is written there."""
        super().__init__(id=id)
        self.values = values
        self._known = dict(values)
        self.errors: dict[str, str] = {}  # of each setting, and under "" of the start as a whole
        self.cursor = 0
        self.starting = False
        self.devices: list[str] = ["cpu"]
        self._data_dir = data_dir
        self._typed_choices: dict[str, str] = {}  # what was typed for Setting.typed_choice, by the setting's name
        self._asked_devices = False

    def compose(self) -> ComposeResult:
        with Horizontal(id="upper"):
            with Container(id="settings-box"):
                yield _Settings(self, id="settings")
                yield Input(id="typing", compact=True)
            yield _About(self, id="about")
        yield _Command(self, id="command")

    def on_mount(self) -> None:
        self._fit_height()

    @property
    def names(self) -> list[str]:
        """The settings that have a row now."""
        return [name for name in fields.all_names() if name in self.errors or fields.is_shown(name, self.values)]

    @property
    def chosen(self) -> str:
        """The setting under the cursor; empty on the row that starts the run."""
        names = self.names
        return names[self.cursor] if self.cursor < len(names) else ""

    @property
    def editing(self) -> bool:
        return bool(self._input.display)

    @property
    def command_line(self) -> str:
        return fields.command_line(self.values, self._data_dir)

    def reread(self) -> None:
        """Check the values again: another screen may have changed one."""
        if self.values != self._known:
            self._validate()

    def refuse(self, error: Exception) -> None:
        """The run could not start: say why, at its setting where it has one. What was typed stays."""
        self.starting = False
        field = error.field if isinstance(error, ConfigError) and error.field in fields.all_names() else ""
        self.errors[field] = str(error).removeprefix(f"{option(field)}: ")
        if field:
            self.cursor = self.names.index(field)
        self._redraw()

    def started(self) -> None:
        """The run trains: the form is ready for another one."""
        self.starting = False
        self._redraw()

    def offer_devices(self, devices: list[str]) -> None:
        """The devices of this machine, for the arrows."""
        self.devices = devices
        self._redraw()

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        if action == "restore":
            return self.editing
        return None if action == "submit" and self.starting else True

    def action_move(self, by: int) -> None:
        if self.editing and not self._accept():
            return
        self.cursor = max(0, min(len(self.names), self.cursor + by))
        if self.chosen == "device" and not self._asked_devices:
            self._asked_devices = True
            self.post_message(self.DevicesWanted())
        self._redraw()

    def action_turn(self, direction: int) -> None:
        name = self.chosen
        if self.editing or not name:
            return
        value = fields.turn(name, self.values[name], direction, self.devices)
        if value == fields.OWN_FILE:
            if name not in self._typed_choices:
                self._begin("")
                return
            value = self._typed_choices[name]
        self._set(name, value)

    def action_edit(self) -> None:
        name = self.chosen
        if not name:
            self.action_submit()
        elif not self.editing:
            self._begin(fields.declared(name).typed(self.values[name]))

    def action_restore(self) -> None:
        self.errors.pop(self.chosen, None)
        self._end()

    def action_submit(self) -> None:
        if self.starting or (self.editing and not self._accept()):
            return
        self.errors.clear()
        try:
            config = fields.config_of(self.values)
        except ConfigError as error:
            self.refuse(error)
            return
        self.starting = True
        self._redraw()
        self.post_message(self.Submitted(config, self.values["name"]))

    def on_input_changed(self, event: Input.Changed) -> None:
        event.stop()
        if self.editing:
            self._check(event.value)
            self._redraw()

    def on_input_submitted(self, event: Input.Submitted) -> None:
        event.stop()
        self._accept()

    @property
    def _input(self) -> Input:
        return self.query_one("#typing", Input)

    def _begin(self, text: str) -> None:
        typing = self._input
        typing.placeholder = fields.declared(self.chosen).typed_choice
        typing.value = text
        typing.styles.offset = (LABEL, self.cursor - self.query_one(_Settings).top)
        typing.display = True
        typing.focus()  # selects what stands there: typing replaces it
        self._redraw()

    def _end(self) -> None:
        self._input.display = False
        self.focus()
        self._redraw()

    def _check(self, text: str) -> Any:
        """The value of what stands in the line, or None; its error is kept either way."""
        name = self.chosen
        try:
            value = fields.read(name, text)
        except ConfigError as error:
            self.errors[name] = str(error).removeprefix(f"{option(name)}: ")
            return None
        self.errors.pop(name, None)
        return value

    def _accept(self) -> bool:
        value = self._check(self._input.value)
        if value is None:
            self._redraw()
            return False
        self._set(self.chosen, value)
        self._end()
        return True

    def _set(self, name: str, value: Any) -> None:
        self.values[name] = value
        setting = fields.declared(name)
        if setting.typed_choice and value not in setting.choices:
            self._typed_choices[name] = value
        self._validate()
        if name in self.names:  # rows above may have come or gone
            self.cursor = self.names.index(name)

    def _validate(self) -> None:
        self._known = dict(self.values)
        self.errors.clear()
        try:
            fields.config_of(self.values)
        except ConfigError as error:
            self.errors[error.field] = str(error).removeprefix(f"{option(error.field)}: ")
        self._redraw()

    def _fit_height(self) -> None:
        height = len(self.names) + 2  # all rows, an empty one, and the start
        upper = self.query_one("#upper")
        if upper.styles.max_height is None or upper.styles.max_height.value != height:
            upper.styles.max_height = height

    def _redraw(self) -> None:
        self._fit_height()
        for widget in self.query(Lines):
            widget.repaint()
        self.refresh_bindings()


class _Settings(Lines):
    """A row for each setting, and the row that starts; scrolls where they don't all fit."""

    top = 0  # the first row shown

    def __init__(self, form: ConfigForm, *, id: str) -> None:  # noqa: A002
        super().__init__(id=id)
        self._form = form

    def paint(self, width: int, height: int) -> list[Line]:
        form = self._form
        lines: list[Line] = []
        for row, name in enumerate(form.names):
            chosen, wrong = row == form.cursor, name in form.errors
            label = fields.declared(name).title
            value = fields.declared(name).shown(form.values[name])
            room = width - LABEL - 4
            if len(value) > room:
                value = "…" + value[1 - room :]
            turning = chosen and fields.turns(name) and not form.editing
            marker = "✗ " if wrong else "› " if chosen else "  "
            lines.append(
                [
                    (marker, "bad" if wrong else "strong"),
                    (f"{label:<{LABEL - 4}}", "strong" if chosen else "dim"),
                    ("‹ " if turning else "  ", "dim"),
                    (value, "bad" if wrong else "strong" if chosen else ""),
                    (" ›" if turning else "", "dim"),
                ]
            )
        words = "starting… (importing PyTorch, reading the data)" if form.starting else "Start training"
        here = not form.chosen
        start: Line = [("› " if here else "  ", "strong"), (fit(words, width - 2), "good" if not here else "strong")]
        lines += [[], start]
        cursor = form.cursor + here  # the start row has an empty one above it
        room = height - (cursor < len(lines) - 1)  # the row that says what is below
        self.top = min(max(self.top, cursor - room + 1), cursor) if len(lines) > height else 0
        shown = lines[self.top : self.top + height]
        below = len(lines) - self.top - height
        if below > 0 and len(shown) > 2:  # its last row says what is below
            shown[-1] = [(fit(f"  ↓ {below + 1} more below", width), "dim")]
        return shown


class _About(Lines):
    """What the chosen setting is, and what is wrong."""

    def __init__(self, form: ConfigForm, *, id: str) -> None:  # noqa: A002
        super().__init__(id=id)
        self._form = form

    def paint(self, width: int, height: int) -> list[Line]:
        form = self._form
        lines: list[Line] = []
        if form.starting:
            return _wrapped("starting… (importing PyTorch, reading the data)", width, "strong")
        if "" in form.errors:
            lines += [*_wrapped("Not started: " + form.errors[""], width, "bad"), []]
        chosen = form.chosen
        for name in (chosen, *(name for name in form.errors if name != chosen)):
            if name in form.errors and name:
                lines += [*_wrapped(f"{option(name)}: {form.errors[name]}", width, "bad"), []]
        if not chosen:
            words = "Enter or s starts the training. It keeps running when you close this program."
            return lines + _wrapped(words, width, "")
        lines += _wrapped(fields.about(chosen), width, "")
        spelled = fields.in_pytorch(chosen, form.values)
        if spelled:
            lines += [[], *_wrapped(spelled, width, "train")]
        keys = "← → to change · Enter to edit" if fields.turns(chosen) else "Enter to edit"
        keys = "Enter: OK · Esc: revert" if form.editing else keys
        return [*lines, [], [(fit(keys, width), "dim")]]


class _Command(Lines):
    """The command line that starts the same run."""

    def __init__(self, form: ConfigForm, *, id: str) -> None:  # noqa: A002
        super().__init__(id=id)
        self._form = form

    def paint(self, width: int, height: int) -> list[Line]:
        return [[("  the same on the command line:", "dim")], *_wrapped(f"  {self._form.command_line}", width, "")]


def _wrapped(text: str, width: int, style: str) -> list[Line]:
    indent = " " * (len(text) - len(text.lstrip()))
    lines = textwrap.wrap(text, max(10, width), subsequent_indent=indent, break_on_hyphens=False)
    return [[(line, style)] for line in lines]
