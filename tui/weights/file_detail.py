"""The panel about a file of weights: what is in it, its settings, its first tensors."""

from engine.weights.requests import FileListing
from tui import format as fmt
from tui.columns import width_of
from tui.detail.subject import fact_lines
from tui.weights import file_facts
from tui.weights.file_facts import Fact
from tui.widgets.lines import Line
from tui.widgets.panel import Panel
from tui.widgets.scrolled_lines import ScrolledLines

TWO = 100  # cells from which on the facts stand in two columns
MOST = 6  # lines of a fact
GAP = 3  # cells between the columns


class FileText(ScrolledLines):
    """What is known of the file, in one column or in two."""

    def __init__(self) -> None:
        super().__init__(id="file-text")
        self.first: list[Fact] = []  # known before the file is read
        self.listing: FileListing | None = None
        self.with_tensors = True

    def all_lines(self, width: int, height: int) -> list[Line]:
        if width < TWO:
            return [*self._facts(width), *self._settings(width), *self._tensors(width)]
        half = (width - GAP) // 2
        left, right = self._facts(half), [*self._settings(half), *self._tensors(half)][1:]
        lines: list[Line] = []
        for at in range(max(len(left), len(right))):
            line = left[at] if at < len(left) else []
            space = half + GAP - sum(width_of([text]) for text, _ in line)
            lines.append([*line, (" " * space, ""), *(right[at] if at < len(right) else [])])
        return lines

    def _facts(self, width: int) -> list[Line]:
        facts = [*self.first, *(file_facts.of_file(self.listing) if self.listing is not None else [])]
        return [line for one in facts for line in fact_lines(one.label, one.text, width, MOST, style=one.style)]

    def _settings(self, width: int) -> list[Line]:
        """A line that is empty, then the settings."""
        if self.listing is None or not self.listing.own:
            return []
        changed = file_facts.changed_settings(self.listing)
        words = "Settings that differ from the defaults" if changed else "Every setting is at its default"
        lines: list[Line] = [[], [(words, "strong")]]
        for title, value in changed:
            lines += fact_lines(title, value, width)
        return lines

    def _tensors(self, width: int) -> list[Line]:
        """A line that is empty, then the tensors."""
        if self.listing is None or not self.with_tensors or not self.listing.tensors:
            return []
        count = fmt.counted(self.listing.counts["tensors"], "tensor")
        lines: list[Line] = [[], [(f"The first of {count}" if len(self.listing.tensors) > 1 else count, "strong")]]
        return [*lines, *file_facts.tensor_lines(file_facts.in_order(self.listing), width)]


class FileDetail(Panel):
    """Shows what it is given; the listing comes later than the rest."""

    DEFAULT_CSS = """
    FileDetail FileText {
        margin: 0 1;
    }
    """

    def __init__(self, *, id: str) -> None:  # noqa: A002
        self._text = FileText()
        super().__init__(self._text, title="In the file", id=id)

    def show(
        self, title: str, first: list[Fact], listing: FileListing | None, *, right: str = "", with_tensors: bool = True
    ) -> None:
        """Another file, or more of it. `first`: what stands above what was found in it. `with_tensors`: whether the
        first ones are listed."""
        text = self._text
        if title != self._title:
            text.top = 0
        text.first, text.listing, text.with_tensors = first, listing, with_tensors
        self.describe(title=title, right=right)
        text.repaint(now=True)
