"""What is in a document, in lines: its headings, and how each cell of code begins."""

from collections.abc import Sequence
from pathlib import Path

from engine.errors import LabError
from engine.lab.document import Document, open_document
from engine.terminal_text import shown, without_tabs
from tui.columns import fit
from tui.lab.words import ENGLISH, LabWords
from tui.widgets.lines import Line
from tui.widgets.scrolled_lines import ScrolledLines

LARGEST = 4 * 2**20  # bytes of a file that is read for it
WIDEST = 500  # characters of a line of it
INDENT = 2  # cells of a line of code, below its heading


class Outline(ScrolledLines):
    """Shows the parts that it is given."""

    def __init__(self, *, id: str | None = None) -> None:  # noqa: A002
        super().__init__(id=id)
        self.parts: Sequence[tuple[str, bool]] = ()

    def show(self, parts: Sequence[tuple[str, bool]]) -> None:
        """Of another document: each a line, and whether it is a heading."""
        self.parts, self.top = parts, 0
        self.repaint(now=True)

    def all_lines(self, width: int, height: int) -> list[Line]:
        parts = ((shown(without_tabs(text)), heading) for text, heading in self.parts)
        return [
            [(fit(text, width), "strong")] if heading else [(" " * INDENT, ""), (fit(text, width - INDENT), "dim")]
            for text, heading in parts
        ]


def outline(path: Path, words: LabWords = ENGLISH) -> list[tuple[str, bool]]:
    """The parts of the document in a file, for `Outline`. Of a file that can't be read, or is large, why there are
    none. Reads from the disk."""
    try:
        if path.stat().st_size > LARGEST:
            return [(words.large, False)]
        return parts(open_document(path))
    except OSError as error:
        return [(words.unreadable.format(error.strerror), False)]
    except LabError as error:
        return [(str(error), False)]


def parts(document: Document) -> list[tuple[str, bool]]:
    """The headings of its texts, and the first line of each cell of code that is no comment."""
    found: list[tuple[str, bool]] = []
    for cell in document.cells:
        lines = [line.rstrip()[:WIDEST] for line in cell.source.splitlines() if line.strip()]
        if cell.kind == "markdown":
            found += [(line.lstrip("#").strip(), True) for line in lines if line.startswith("#")]
        elif cell.kind == "code" and lines:
            found.append((next((line for line in lines if not line.startswith("#")), lines[0]), False))
    return found
