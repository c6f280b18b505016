"""Text in a `Static` that is sent only when it changes: an idle screen sends nothing."""

import re

from textual.content import Content, Span
from textual.dom import DOMNode
from textual.widgets import Static

from engine.terminal_text import shown, shown_lines


def set_text(widget: Static, text: str | Content) -> None:
    """Show `text` in the widget, as the terminal may have it, nothing in it taken for markup; nothing happens where the
    same text is there. A change of style alone is none."""
    text = shown_content(text) if isinstance(text, Content) else Content(shown_lines(text))
    if str(widget.content) != str(text):
        widget.update(text)


def height_in(widget: Static, width: int) -> int:
    """The lines that the text in the widget takes in so many cells, at most those that its style lets it have; 0 where
    there is none."""
    if not str(widget.content):
        return 0
    room, most = max(1, width - widget.gutter.width), widget.styles.max_height
    lines = widget.get_content_height(widget.screen.size, widget.screen.size, room) + widget.gutter.height
    return lines if most is None or most.cells is None else min(lines, most.cells)


def shown_content(content: Content) -> Content:
    """`shown_lines` of styled text: the styles stay where they are."""
    plain = content.plain
    if shown_lines(plain) == plain:
        return content
    pieces, end = list[Content](), 0
    for other in re.finditer(r"[^ -~\n]", plain):
        escape = shown(other[0])
        if escape != other[0]:
            at = other.start()
            spans = [Span(0, len(escape), span.style) for span in content.spans if span.start <= at < span.end]
            pieces += [content[end:at], Content(escape, spans)]
            end = at + 1
    return Content("").join([*pieces, content[end:]])


def update_text(parent: DOMNode, selector: str, text: str | Content) -> None:
    """`set_text` in the widgets that match. Does nothing where there are none, as in a screen that was closed."""
    for widget in parent.query(selector).results(Static):
        set_text(widget, text)
