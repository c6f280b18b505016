"""A widget that is drawn line by line."""

from rich.style import Style
from textual.geometry import Region
from textual.strip import Strip
from textual.widget import Widget

from tui.widgets.palette import style_of


class LineWidget(Widget):
    """`base` is the style beneath what `render_line` draws, `aside` that of what is said aside, such as the numbers of
    rows. It is looked up in all the widget's ancestors, which takes as long as drawing a line: so once for the lines
    that are drawn together."""

    base = aside = Style()

    def render_lines(self, crop: Region) -> list[Strip]:
        self.base = self.rich_style
        self.aside = self.base + style_of(self.app, "dim")
        return super().render_lines(crop)
