"""A line that can be typed in."""

from typing import Any

from textual.widgets import Input


class TextField(Input):
    """Without a blinking cursor: a screen that waits for a key sends nothing."""

    def __init__(self, value: str | None = None, **options: Any) -> None:
        super().__init__(value, compact=True, **options)
        self.cursor_blink = False
