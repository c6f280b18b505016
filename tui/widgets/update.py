"""Changing the text of a widget only where it differs: what does not change is not sent to the terminal."""

from textual.content import Content
from textual.dom import DOMNode
from textual.widgets import Static


def update_text(parent: DOMNode, selector: str, text: str | Content) -> None:
    """Show the text in the `Static` widgets that match. Does nothing where there are none, as in a closed screen."""
    for line in parent.query(selector).results(Static):
        if str(line.content) != str(text):
            line.update(text)
