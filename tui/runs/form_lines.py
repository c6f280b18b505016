"""What the form for a new run draws: its rows, what the chosen setting means, the same in PyTorch and as a command."""

import textwrap
from dataclasses import dataclass, field
from typing import Any

from engine.training.config import option
from engine.training.settings import applies_with
from engine.training.snippet import SnippetLine, snippet
from tui.columns import fit, width_of
from tui.runs import form_fields as fields
from tui.widgets.lines import Line, Lines

LABEL = 18  # columns: the marker and the name of a setting
STARTING = "starting PyTorch, reading the data …"
INDENT = 4  # of what is wrapped, beside its own


@dataclass(frozen=True)
class FormState:
    """What is drawn of the form."""

    values: dict[str, Any]
    chosen: str = ""  # the setting under the cursor; empty on the row that starts the run
    errors: dict[str, str] = field(default_factory=dict)  # of each setting, and under "" of the start as a whole
    editing: bool = False
    starting: bool = False
    command: str = ""


class FormLines(Lines):
    """Draws a part of the form from its state."""

    def __init__(self, *, id: str | None = None) -> None:  # noqa: A002
        super().__init__(id=id)
        self.form = FormState({})

    def show(self, form: FormState) -> None:
        self.form = form
        self.repaint()


class SettingRows(FormLines):
    """The settings under their headings; scrolls where they don't all fit."""

    top = 0  # the first row shown

    def place(self, name: str) -> int:
        """In which row of the widget a setting is."""
        return self._rows(self.size.height).index(name) - self.top

    def name_at(self, y: int) -> str:
        """The setting in a row of the widget; "" where there is none."""
        rows = self._rows(self.size.height)
        name = rows[self.top + y] if self.top + y < len(rows) else ""
        return name if name in self.form.values else ""

    def paint(self, width: int, height: int) -> list[Line]:
        form, rows = self.form, self._rows(height)
        cursor = rows.index(form.chosen) if form.chosen else len(rows) - 1
        room = height - (cursor < len(rows) - 1)  # the row that says what is below
        first = cursor - 1 if cursor == 1 else cursor  # with its heading
        self.top = min(max(self.top, cursor - room + 1), first) if len(rows) > height else 0
        shown = [self._line(name, width) for name in rows[self.top : self.top + height]]
        below = len(rows) - self.top - height
        if below > 0 and len(shown) > 2:
            shown[-1] = [(fit(f"  ↓ {below + 1} more below", width), "dim")]
        return shown

    def _rows(self, height: int) -> list[str]:
        """Names, headings, and empty rows between the groups where there is room for them."""
        groups = fields.headings()
        lines = sum(len(names) + 1 for _, names in groups)
        gap = [""] if lines + len(groups) - 1 <= height else []
        rows: list[str] = []
        for group, names in groups:
            rows += [*(gap if rows else []), group, *names]
        return rows

    def _line(self, name: str, width: int) -> Line:
        form = self.form
        if name not in form.values:
            return [(fit(name, width), "strong")]  # a heading
        setting, chosen, wrong = fields.declared(name), name == form.chosen, name in form.errors
        changed, why = fields.is_changed(name, form.values), fields.why_not(name, form.values)
        off = bool(why) and not changed and not wrong
        value = f"({why})" if off else setting.shown(form.values[name])
        room = width - LABEL - 4
        if len(value) > room:
            value = "…" + value[1 - room :]
        turning = chosen and fields.turns(name) and not form.editing and not off
        marker = "✗ " if wrong else "› " if chosen else "  "
        style = "dim" if off else "bad" if wrong else "strong" if chosen else "edit" if changed else ""
        return [
            (marker, "bad" if wrong else "strong"),
            (f"{setting.title:<{LABEL - 4}}", "strong" if chosen else "dim"),
            ("‹ " if turning else "  ", "dim"),
            (value, style),
            (" ›" if turning else "", "dim"),
            (" *" if changed else "", "edit"),
        ]


class StartRow(FormLines):
    """The row that starts the run, always in sight."""

    def paint(self, width: int, height: int) -> list[Line]:
        here = not self.form.chosen
        words = STARTING if self.form.starting else "▶ Start training (s)"
        return [[("› " if here else "  ", "strong"), (fit(words, width - 2), "strong" if here else "good")]]


class AboutSetting(FormLines):
    """What the chosen setting is, and what is wrong."""

    in_pytorch = False  # whether its line of PyTorch is shown here too

    def paint(self, width: int, height: int) -> list[Line]:
        form, chosen = self.form, self.form.chosen
        if form.starting:
            return wrapped(STARTING, width, "strong")
        lines: list[Line] = []
        if "" in form.errors:
            lines += [*wrapped("Not started: " + form.errors[""], width, "bad"), []]
        for name in (chosen, *(name for name in form.errors if name != chosen)):
            if name in form.errors and name:
                lines += [*wrapped(f"{option(name)}: {form.errors[name]}", width, "bad"), []]
        if not chosen:
            words = "Enter or s starts the training. It keeps running when you close this program."
            return lines + wrapped(words, width, "")
        if why := fields.why_not(chosen, form.values):
            depends_on = fields.declared(chosen).depends_on
            of = fields.declared(depends_on) if depends_on else None
            now = f"It applies with {why}."
            if of is not None and form.values[of.name] not in applies_with(chosen):
                now = f"Not with {of.title} {of.typed(form.values[of.name])}: {why}."
            lines += [*wrapped(now, width, "warning"), []]
        lines += wrapped(fields.about(chosen), width, "")
        if self.in_pytorch and (spelled := fields.in_pytorch(chosen, form.values)):
            lines += [[], *wrapped(spelled, width, "train")]
        if fields.is_changed(chosen, form.values):
            setting = fields.declared(chosen)
            there = setting.default if chosen == "recipe" else fields.base(form.values)[chosen]
            whose = "the default is" if chosen == "recipe" or there == setting.default else "the recipe has"
            lines += [[], *wrapped(f"* {whose} {setting.shown(there)}; u takes it", width, "edit")]
        keys = "← → to change · Enter to edit" if fields.turns(chosen) else "Enter to edit"
        keys = "Enter: OK · Esc: revert" if form.editing else keys
        return [*lines, [], [(fit(keys, width), "dim")]]


class Snippet(FormLines):
    """The whole configuration in PyTorch; the lines that the chosen setting is in are bright."""

    def paint(self, width: int, height: int) -> list[Line]:
        if not self.form.values:
            return []
        lines: list[Line] = []
        at = 0
        for one in snippet(self.form.values):
            bright = self.form.chosen in one.settings
            made = self._wrapped(one, width, bright)
            at = len(lines) + len(made) if bright else at
            lines += made
        return lines[max(0, min(at - height, len(lines) - height)) :]

    @staticmethod
    def _wrapped(line: SnippetLine, width: int, bright: bool) -> list[Line]:
        return wrapped(line.text, width, "strong" if bright else "dim", INDENT)


class CommandLine(FormLines):
    """The command line that starts the same run."""

    def needed(self, width: int) -> int:
        """How many rows it takes."""
        return len(wrapped(self.form.command, width, "", INDENT))

    def paint(self, width: int, height: int) -> list[Line]:
        return wrapped(self.form.command, width, "", INDENT)


def wrapped(text: str, width: int, style: str, hanging: int = 0) -> list[Line]:
    """The text in lines of at most `width` cells; the later ones begin `hanging` cells further in."""
    own = len(text) - len(text.lstrip())
    indent = " " * (own + (hanging if width_of([text]) > width else 0))
    lines = textwrap.wrap(text, max(10, width), subsequent_indent=indent, break_on_hyphens=False)
    return [[(line, style)] for line in lines]
