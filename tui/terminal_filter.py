"""The last thing before the terminal: whatever a widget draws, nothing in its text commands the terminal, and what the
terminal's encoding lacks has a plain form of the same width."""

from rich.segment import Segment
from textual.color import Color
from textual.filter import LineFilter

from engine.terminal_text import in_cells


class TerminalText(LineFilter):
    """`in_cells` of every line of the app."""

    def apply(self, segments: list[Segment], background: Color) -> list[Segment]:
        texts = [segment.text if segment.control else in_cells(segment.text) for segment in segments]
        if all(text is segment.text for text, segment in zip(texts, segments, strict=True)):
            return segments
        return [Segment(text, segment.style, segment.control) for text, segment in zip(texts, segments, strict=True)]
