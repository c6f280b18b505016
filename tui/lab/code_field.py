"""Where a cell is edited: highlighting without a parser's library, completion, and the keys of a program's editor."""

import re
from typing import ClassVar

from rich.text import Text
from textual import events
from textual.binding import Binding, BindingType
from textual.message import Message

from tui.lab.highlighting import Lines, edited_lines
from tui.textual_private import KeyedTextArea
from tui.widgets.palette import style_of

INDENT = 4
OPENS_BLOCK = re.compile(r":\s*(#.*)?$")
LEAVES_BLOCK = re.compile(r"^\s*(return|pass|break|continue|raise)\b")


class CodeField(KeyedTextArea):
    """The text of one cell. It sends nothing by itself: the cursor does not blink."""

    DEFAULT_CSS = """
    CodeField {
        border: none;
        padding: 0;
        background: $panel;
        scrollbar-size: 0 0;

        &:focus {
            border: none;
        }
    }
    """
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("f5,ctrl+r", "run", "Run", key_display="F5", id="typing.run", tooltip="and go on in the next cell"),
        Binding("tab", "complete", "Complete", id="typing.complete", tooltip="or indent"),
        Binding("shift+tab", "ask_about", "Signature", id="typing.about",
                tooltip="signature and docstring of the name at the cursor"),
        Binding("ctrl+underscore,ctrl+slash", "comment", "Comment", show=False, id="typing.comment",
                tooltip="or uncomment the lines"),
        Binding("escape", "leave", "End typing", id="typing.back"),
    ]  # fmt: skip

    class Runs(Message):
        """Run the cell."""

    class Ends(Message):
        """No more typing: keys act on the cells again."""

    class Completes(Message):
        """Tab after a name: complete it."""

    class AsksAbout(Message):
        """What is the name at the cursor?"""

    class Leaves(Message):
        """Up in the first line (-1), or down in the last (1)."""

        def __init__(self, by: int) -> None:
            super().__init__()
            self.by = by

    def __init__(self, source: str, *, language: str) -> None:
        """`language`: "python", or what Pygments calls another one; "" for none."""
        super().__init__(source, soft_wrap=not language, compact=True, highlight_cursor_line=False)
        self.cursor_blink = False
        self.indent_width = INDENT
        self._lexer_name = language
        self._highlighted: tuple[str, Lines] = ("", ())

    @property
    def lines(self) -> int:
        """How many lines it takes on the screen."""
        return max(1, self.wrapped_document.height)

    @property
    def offset_in_text(self) -> int:
        """Where the cursor stands, in characters."""
        row, column = self.cursor_location
        return sum(len(line) + 1 for line in self.document.lines[:row]) + column

    def location_of(self, offset: int) -> tuple[int, int]:
        """The line and the column of a character."""
        before = self.text[:offset]
        return before.count("\n"), len(before) - (before.rfind("\n") + 1)

    def replace_part(self, start: int, end: int, text: str) -> None:
        """Put text in place of the characters from `start` to `end`, and the cursor behind it."""
        result = self.replace(text, self.location_of(start), self.location_of(end))
        self.move_cursor(result.end_location)

    def get_line(self, line_index: int) -> Text:
        text = self.text
        if self._highlighted[0] != text or not self._highlighted[1]:
            self._highlighted = (text, edited_lines(*self._highlighted, text, self._lexer_name))
        line = Text(end="", no_wrap=True)
        lines = self._highlighted[1]
        for piece, style in lines[line_index] if line_index < len(lines) else ():
            line.append(piece, style_of(self.app, style))
        if len(line.plain) != len(self.document.get_line(line_index)):  # what a lexer makes of odd line ends
            return super().get_line(line_index)
        return line

    def take_key(self, key: events.Key) -> bool:
        row, column = self.cursor_location
        before = self.document.get_line(row)[:column]
        if key.key == "enter" and self._lexer_name:
            self._break_line(before)
        elif key.key == "backspace" and self.selection.is_empty and before and not before.strip():
            back = (len(before) - 1) % INDENT + 1
            self.delete((row, column - back), (row, column), maintain_selection_offset=False)
        elif key.key == "up" and row == 0 and self.wrapped_document.location_to_offset((row, column)).y == 0:
            self.post_message(self.Leaves(-1))
        elif key.key == "down" and row == self.document.line_count - 1:
            self.post_message(self.Leaves(1))
        else:  # Esc and a letter that come at once are one key to a terminal, which is no letter of the text
            return key.key.startswith("alt+") and key.is_printable
        return True

    def _break_line(self, before: str) -> None:
        """A new line, indented like this one; further in after a colon, further out after a return."""
        indent = len(before) - len(before.lstrip(" "))
        if OPENS_BLOCK.search(before):
            indent += INDENT
        elif LEAVES_BLOCK.match(before):
            indent = max(0, indent - INDENT)
        start, end = sorted(self.selection)
        result = self.replace("\n" + " " * indent, start, end)
        self.move_cursor(result.end_location)

    def _indent(self, by: int) -> None:
        """The lines of the selection further in; without one, up to the next stop."""
        if self.selection.is_empty:
            column = self.cursor_location[1]
            self.insert(" " * (INDENT - column % INDENT))
            return
        first, last = sorted((self.selection.start[0], self.selection.end[0]))
        for row in range(first, last + 1):
            self.insert(" " * INDENT, (row, 0))

    def action_complete(self) -> None:
        """The name before the cursor; where there is none, an indent."""
        row, column = self.cursor_location
        if self.selection.is_empty and re.search(r"[\w.\]\)'\"]$", self.document.get_line(row)[:column]):
            self.post_message(self.Completes())
        else:
            self._indent(1)

    def action_run(self) -> None:
        self.post_message(self.Runs())

    def action_leave(self) -> None:
        self.post_message(self.Ends())

    def action_ask_about(self) -> None:
        self.post_message(self.AsksAbout())

    def action_comment(self) -> None:
        """The lines of the selection, or the cursor's, as comments, or as code again."""
        first, last = sorted((self.selection.start[0], self.selection.end[0]))
        rows = [row for row in range(first, last + 1) if self.document.get_line(row).strip()]
        comments = all(self.document.get_line(row).lstrip().startswith("#") for row in rows)
        for row in rows:
            line = self.document.get_line(row)
            at = len(line) - len(line.lstrip())
            if comments:
                mark = 2 if line[at : at + 2] == "# " else 1
                self.delete((row, at), (row, at + mark))
            else:
                self.insert("# ", (row, at))
