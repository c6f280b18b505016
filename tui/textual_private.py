"""All that the program uses of Textual beyond its public interface. Each function has a canary in
tests/tui/test_textual_private.py that fails where a new version of Textual changes what it stands on."""

import codecs
import sys
from collections.abc import Mapping, Sequence
from functools import cache
from typing import Any

from rich.console import RenderableType
from textual import keys
from textual.app import App
from textual.binding import Binding
from textual.dom import DOMNode
from textual.screen import Screen
from textual.worker import WorkerFailed


class CrashHandlingApp(App[None]):
    """An app that decides itself what happens at an exception which no handler caught: Textual prints a screenful. That
    of a worker is told apart: it does not end the app."""

    def handle_crash(self, error: BaseException) -> None:
        """The app ends after this."""

    def handle_worker_failure(self, error: BaseException) -> None:
        """A worker of some screen failed. The app goes on."""

    def _handle_exception(self, error: Exception) -> None:
        if isinstance(error, WorkerFailed):
            self.handle_worker_failure(error.error)
        else:
            super()._handle_exception(error)

    def _fatal_error(self) -> None:
        error = sys.exception()
        assert error is not None
        self.handle_crash(error)
        self._close_messages_no_wait()


class _TypedText:
    """What is typed, as text: UTF-8, or where it is not that, in the terminal's encoding; never an error."""

    def __init__(self, encoding: str) -> None:
        self._encoding = encoding
        self._utf8 = codecs.getincrementaldecoder("utf-8")()

    def decode(self, data: bytes, final: bool = False) -> str:
        before = self._utf8.getstate()[0]
        try:
            return self._utf8.decode(data, final)
        except UnicodeDecodeError:
            self._utf8.reset()
            encoding = "utf-8" if self._encoding == "ascii" else self._encoding
            return (before + data).decode(encoding, "replace")


def take_any_input(encoding: str) -> None:
    """From now on, an app's keyboard takes text that is not UTF-8 too: a byte of it would end the app. `encoding`: of
    the terminal."""
    from textual.drivers import linux_driver

    linux_driver.getincrementaldecoder = lambda _: lambda: _TypedText(encoding)  # type: ignore[attr-defined, assignment]


def is_exiting(app: App[Any]) -> bool:
    """Whether `App.exit` was called: keys that still arrive were typed after it."""
    return app._exit


def screens_of_mode(app: App[Any], mode: str) -> Sequence[Screen[Any]]:
    """The stack of screens of a mode, which need not be the current one; empty before its first use."""
    return app._screen_stacks.get(mode, ())


def whole_screen(app: App[Any]) -> RenderableType:
    """What the terminal shows now, dialogs and all, for Rich to print: lines that are drawn, and no widgets."""
    update = app.screen._compositor.render_update(full=True, screen_stack=app._background_screens)
    assert update is not None  # it is where all is asked for
    return update


def bindings_of(node: DOMNode) -> Mapping[str, list[Binding]]:
    """The bindings that a node itself holds, those of its keymap included, by their keys. `Screen.active_bindings` has
    only those that do something now, merged over all nodes."""
    if not (keymap := node.app._keymap):
        return node._bindings.key_to_bindings
    bindings = node._bindings.copy()
    bindings.apply_keymap(keymap)
    return bindings.key_to_bindings


def key_name(character: str) -> str:
    """Textual's name of the key that types a character: `full_stop`."""
    return keys._character_to_key(character)


@cache
def key_names() -> frozenset[str]:
    """Textual's names of keys, without a modifier."""
    named = {key.value for key in keys.Keys if not set(key.value) & set("+<-")} - {"return"}
    return frozenset(named | {key_name(chr(code)) for code in range(32, 127)})


class LivingScreen(Screen[Any]):
    """A screen whose widgets go on changing beneath a dialog. Textual's own marks all that a change beneath a dialog
    touched as changed once more, without end."""

    def _compositor_refresh(self) -> None:
        app = self.app
        if self is app.screen or app.is_inline:
            super()._compositor_refresh()
            return
        regions = set(self._compositor._dirty_regions)
        self._compositor._dirty_regions.clear()
        self._dirty_widgets.clear()
        if regions and self in app._background_screens:
            app.screen.refresh(*regions)
