"""All that the program uses of Textual beyond its public interface. Each function has a canary in
tests/tui/test_textual_private.py that fails where a new version of Textual changes what it stands on."""

import sys
from collections.abc import Mapping, Sequence
from typing import Any

from textual.app import App
from textual.binding import Binding
from textual.dom import DOMNode
from textual.screen import Screen


class CrashHandlingApp(App[None]):
    """An app that decides itself what happens at an exception which no handler caught: Textual prints a screenful."""

    def handle_crash(self, error: BaseException) -> None:
        """The app ends after this."""

    def _fatal_error(self) -> None:
        error = sys.exception()
        assert error is not None
        self.handle_crash(error)
        self._close_messages_no_wait()


def is_exiting(app: App[Any]) -> bool:
    """Whether `App.exit` was called: keys that still arrive were typed after it."""
    return app._exit


def screens_of_mode(app: App[Any], mode: str) -> Sequence[Screen[Any]]:
    """The stack of screens of a mode, which need not be the current one; empty before its first use."""
    return app._screen_stacks.get(mode, ())


def bindings_of(node: DOMNode) -> Mapping[str, list[Binding]]:
    """The bindings that a node itself holds, those of its keymap included, by their keys. `Screen.active_bindings` has
    only those that do something now, merged over all nodes."""
    return node._bindings.key_to_bindings
