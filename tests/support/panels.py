"""What the panels of a screen say."""

from textual.app import App
from textual.widgets import Static

from tui.widgets.panel import Panel


def said(app: App[None]) -> str:
    """What stands in the borders of the panels that are shown, whole, and in `#about`; what is said in place of what is
    in a panel, and what is being done."""
    texts = list[str]()
    for panel in app.screen.query(Panel).results(Panel):
        if panel.display:
            texts += [panel._title, panel._right, panel._below, panel._below_right, panel._doing]
            texts += [str(panel.query_one(".panel-text", Static).content)] if panel.has_class("-text") else []
    texts += [str(static.content) for static in app.screen.query("#about").results(Static)]
    return "\n".join(filter(None, texts))
