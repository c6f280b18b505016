"""Dialogs that open without a key: a cell calls input(), another program has written the file. What is typed at that
moment was meant for what stood on the screen before."""

from time import monotonic
from typing import TypeVar

from textual import events
from textual.screen import ModalScreen

from tui.textual_private import came_at

Result = TypeVar("Result")


class ByItself(ModalScreen[Result]):
    """A dialog that may open by itself. Then it takes no key that was typed before it stood on the screen."""

    def __init__(self, *, by_itself: bool = False) -> None:
        """`by_itself`: no key of the person's has opened it."""
        super().__init__()
        self._stands_since = float("inf") if by_itself else float("-inf")  # by the monotonic clock

    def on_mount(self) -> None:
        self.call_after_refresh(self._painted)

    def _painted(self) -> None:
        self._stands_since = min(self._stands_since, monotonic())

    @property
    def stands(self) -> bool:
        """Whether the person can see it, and keys are its own from now on."""
        return self._stands_since <= monotonic()

    def is_early(self, typed: events.Key | events.Paste) -> bool:
        """Whether that was typed before the person could see this dialog."""
        return came_at(typed) < self._stands_since
