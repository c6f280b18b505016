"""The settings of a new run, changed with the keyboard: arrow keys change a value, Enter edits it."""

from pathlib import Path
from typing import Any, ClassVar

from textual import events
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Container, Horizontal, Vertical
from textual.message import Message
from textual.widgets import Input

from engine.errors import ConfigError
from engine.training.config import TrainConfig, option
from engine.training.recipes import RECIPES
from tui.keys import bind, move_keys
from tui.runs import form_fields as fields
from tui.runs.form_lines import (
    LABEL,
    AboutSetting,
    CommandLine,
    FormLines,
    FormState,
    SettingRows,
    Snippet,
    StartRow,
)
from tui.runs.rate_preview import RatePreview
from tui.widgets.panel import Panel
from tui.widgets.text_field import TextField

WIDE = 110  # columns from which the whole configuration stands beside the form in PyTorch
TALL = 40  # rows from which the learning rate over the run is drawn there
MOST_COMMAND = 6  # rows


class ConfigForm(Vertical, can_focus=True):
    """Holds the values typed so far; posts `Submitted` with a config that is valid as a whole."""

    DEFAULT_CSS = """
    ConfigForm {
        height: 1fr;

        #settings-panel { width: 1fr; min-width: 44; max-width: 60; }
        &:focus-within #settings-panel > .panel-body {
            border-left: round $text-primary;
            border-right: round $text-primary;
        }
        #settings-box { height: 1fr; }
        #settings { height: 1fr; }
        #start { height: 1; }
        #typing {
            position: absolute; offset: 18 0; width: 24; height: 1; border: none; padding: 0; display: none;
            background: $boost;
        }
        #right { width: 1fr; }
        #about, #snippet, #command { margin: 0 1; }
        #snippet-panel, #rate-panel { display: none; }
        &.-wide.-tall {
            #snippet-panel { height: 2fr; }
            #rate-panel { display: block; height: 1fr; min-height: 9; }
        }
        &.-wide {
            #settings-panel { width: 46; }
            #right { width: 2fr; }
            #about-panel { height: 12; }
            #snippet-panel { display: block; }
        }
    }
    """
    BINDINGS: ClassVar[list[BindingType]] = [
        *move_keys("form"),
        bind("form", "left", "Less", action="turn(-1)", show=False),
        bind("form", "right", "More", action="turn(1)", show=False),
        bind("form", "open", "Edit", action="edit"),
        bind("form", "back", "Revert", "what is being typed", action="restore", show=False),
        bind("form", "undo", "Default", "of this setting", show=False),
        bind("form", "find_lr", "Find lr", "try rising learning rates, and suggest one"),
        Binding("s", "submit", "Start training", id="form.start"),
    ]

    class Submitted(Message):
        """The person wants this run."""

        def __init__(self, config: TrainConfig, name: str, seeds: str = "", *, queue: bool = False) -> None:
            """`seeds`: as typed; empty: one run. `queue`: whether it is to wait its turn."""
            super().__init__()
            self.config = config
            self.name = name
            self.seeds = seeds
            self.queue = queue

    class LrWanted(Message):
        """The person wants a learning rate suggested for this run."""

        def __init__(self, config: TrainConfig) -> None:
            super().__init__()
            self.config = config

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
        with Horizontal():
            with _FormPanel(self, title="New run", id="settings-panel"):
                with Container(id="settings-box"):
                    yield SettingRows(id="settings")
                    yield TextField(id="typing")
                yield StartRow(id="start")
            with Vertical(id="right"):
                with Panel(id="about-panel", focusable=False):
                    yield AboutSetting(id="about")
                with Panel(title="In PyTorch", id="snippet-panel", focusable=False):
                    yield Snippet(id="snippet")
                yield RatePreview(id="rate-panel")
                with Panel(title="On the command line", id="command-panel", focusable=False):
                    yield CommandLine(id="command")

    def on_mount(self) -> None:
        self._redraw()

    def on_resize(self, event: events.Resize) -> None:
        wide = event.size.width >= WIDE
        self.update_classes({"-wide": wide, "-tall": event.size.height >= TALL})
        self.query_one(AboutSetting).in_pytorch = not wide
        self.call_after_refresh(self._redraw)

    def on_focus(self) -> None:
        self._redraw()

    def on_blur(self) -> None:
        self._redraw()

    @property
    def names(self) -> list[str]:
        """The settings, in the order of their rows."""
        return fields.all_names()

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

    def take_lr(self, lr: float) -> None:
        """Put a learning rate into its row, and the cursor there."""
        self._set("lr", lr)
        self.cursor = self.names.index("lr")
        self._redraw()

    def offer_devices(self, devices: list[str]) -> None:
        """The devices of this machine, for the arrows."""
        self.devices = devices
        self._redraw()

    def why_not(self, action: str, parameters: tuple[object, ...]) -> str:
        if action in ("submit", "find_lr") and self.starting:
            return "the run is being started"
        name = self.chosen
        if action in ("turn", "edit", "undo") and name:
            changed = fields.is_changed(name, self.values)
            if action == "undo" and not changed:
                return "it is what the recipe has"
            if not changed and (why := fields.why_not(name, self.values)):
                return why
        return ""

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        if action == "restore":
            return self.editing
        return None if self.why_not(action, parameters) else True

    def on_click(self, event: events.Click) -> None:
        """A click chooses a row; one on Start starts."""
        if event.widget is self.query_one(StartRow):
            self.action_submit()
        elif event.widget is (rows := self.query_one(SettingRows)) and (name := rows.name_at(event.y)):
            self.action_move(self.names.index(name) - self.cursor)

    def action_page(self, by: int) -> None:
        self.action_move(by * max(1, self.query_one(SettingRows).size.height - 2))

    def action_end(self, which: int) -> None:
        self.action_move(which * (len(self.names) + 1))

    def action_undo(self) -> None:
        if name := self.chosen:
            self._set(name, fields.base(self.values)[name] if name != "recipe" else fields.declared(name).default)

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

    def action_find_lr(self) -> None:
        if (config := self._config()) is not None:
            self.post_message(self.LrWanted(config))

    def action_submit(self) -> None:
        if (config := self._config()) is not None:
            self.starting = True
            self._redraw()
            values = self.values
            self.post_message(self.Submitted(config, values["name"], values["seeds"], queue=values["queue"]))

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

    def _config(self) -> TrainConfig | None:
        """What the form describes, with what is being typed; None where that can't be, which its row says then, or
        where a run is being started."""
        if self.starting or (self.editing and not self._accept()):
            return None
        self.errors.clear()
        try:
            return fields.config_of(self.values)
        except ConfigError as error:
            self.refuse(error)
            return None

    def _begin(self, text: str) -> None:
        typing = self._input
        typing.placeholder = fields.declared(self.chosen).typed_choice
        typing.value = text
        rows = self.query_one(SettingRows)
        typing.styles.offset = (LABEL, rows.place(self.chosen))
        typing.styles.width = max(8, rows.size.width - LABEL - 1)
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
        if name == "recipe" and value in RECIPES:
            self.values |= fields.with_recipe(self.values, value)  # in place: other screens read and change them
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

    def _redraw(self) -> None:
        form = FormState(
            dict(self.values), self.chosen, dict(self.errors), self.editing, self.starting, self.command_line
        )
        for widget in self.query(FormLines).results(FormLines):
            widget.show(form)
        self.query_one(RatePreview).show(self.values)
        changed = sum(fields.is_changed(name, self.values) for name in self.names)
        self.query_one("#settings-panel", Panel).describe(
            right="a run is being started …" if self.starting else "",
            below="* differs from the recipe" if changed else "",
            below_right=f"{changed} of {len(self.names)}" if changed else "",
        )
        chosen = self.chosen
        title = fields.declared(chosen).title if chosen else "Start training"
        self.query_one("#about-panel", Panel).describe(title=title)
        command = self.query_one(CommandLine)
        if command.size.width:
            rows = min(MOST_COMMAND, max(1, command.needed(command.size.width)))
            self.query_one("#command-panel").styles.height = rows + 2
        self.refresh_bindings()


class _FormPanel(Panel):
    """Has the focus while the form has it."""

    def __init__(self, form: ConfigForm, *, title: str, id: str) -> None:  # noqa: A002
        super().__init__(title=title, id=id, focusable=False)
        self._form = form

    @property
    def has_focus_within(self) -> bool:
        return self._form.has_focus or self._form.has_focus_within
