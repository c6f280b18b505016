"""Lines of which there may be more than fit: they are scrolled through, and "…" stands where there are more."""

from tui.widgets.lines import Line, Lines


class ScrolledLines(Lines):
    """Shows what `all_lines` gives, from the line `top` on."""

    DEFAULT_CSS = "ScrolledLines { height: 1fr; width: 1fr; }"

    top = 0

    def all_lines(self, width: int, height: int) -> list[Line]:
        """All of them, in `width` cells; `height`: how many fit, for what is laid out by that."""
        raise NotImplementedError

    def scroll_by(self, by: int) -> None:
        """Show what stands further down, or up."""
        self.top = max(0, self.top + by)  # `paint` knows how far down there is something
        self.repaint(now=True)

    def paint(self, width: int, height: int) -> list[Line]:
        lines = self.all_lines(width, height)
        self.top = max(0, min(self.top, len(lines) - height))
        shown = lines[self.top : self.top + height]
        if len(lines) > self.top + height:
            shown[-1] = [("…", "dim")]
        return shown
