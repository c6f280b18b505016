"""Text in a `Static` that is sent only when it changes: an idle screen sends nothing."""

from textual.content import Content
from textual.dom import DOMNode
from textual.widgets import Static


def set_text(widget: Static, text: str | Content) -> None:
    """Show `text` in the widget; nothing happens where the same text is there. A change of style alone is none."""
    if str(widget.content) != str(text):
        widget.update(text)


def update_text(parent: DOMNode, selector: str, text: str | Content) -> None:
    """`set_text` in the widgets that match. Does nothing where there are none, as in a screen that was closed."""
    for widget in parent.query(selector).results(Static):
        set_text(widget, text)
