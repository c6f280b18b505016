"""Keys that come faster than the app: over a slow connection several arrive at once."""

import asyncio
import contextlib
import time
from collections import deque
from collections.abc import Iterator
from functools import partial
from typing import Any
from weakref import WeakKeyDictionary

from textual import events
from textual.app import App
from textual.dom import DOMNode
from textual.screen import Screen
from textual.worker import Worker

from tui.textual_private import came_at

LONGEST_S = 1.0  # that a key waits for those before it
OPENS_S = 0.5  # that a prompt may take to open, of those that read something first
QUIET_S = 0.4  # without a key, after which nobody is typing: more than lies between the keys of a quick hand
POLL_S = 0.005
GROUPS = ("prompt", "export", "stop", "columns", "confusion")  # of the workers that ask the person something


class TypeAhead:
    """Hands out a key when the one before it has done what it does. `/` opens a prompt, and what is typed with it
    belongs there: without this it would go to the screen beneath, where its letters are keys of their own."""

    def __init__(self, app: App[Any]) -> None:
        self._app = app
        self._waiting: deque[events.Key] = deque()
        self._next: events.Key | None = None  # it waited, and is on its way to the app again
        self._workers: set[Worker[Any]] = set()  # that there were before the key
        self._askers: WeakKeyDictionary[Screen[Any], list[Worker[Any]]] = WeakKeyDictionary()  # what opened a screen
        self._busy_since: float | None = None  # with the key before; None: with none
        self._came = float("-inf")  # when the last key did

    def hold(self, key: events.Key) -> bool:
        """Whether the key must wait; it is handed to the app again then."""
        if key is self._next:
            self._next = None
            return False
        self._came = came_at(key)
        if not self._waiting and self._next is None and (self._busy_since is None or self._late()):
            return False
        if not self._waiting:
            self._app.set_timer(LONGEST_S, self._give_up)
        self._waiting.append(key)
        return True

    async def stopped(self) -> None:
        """Wait until nobody is typing, and every key that came has done what it does."""
        while (left := self._came + QUIET_S - time.monotonic()) > 0 or self._waiting or self._at_work:
            await asyncio.sleep(max(left, POLL_S))

    @property
    def _at_work(self) -> bool:
        return self._busy_since is not None and not self._late()

    @contextlib.contextmanager
    def handing(self) -> Iterator[None]:
        """The app hands the key out: to the focused widget, and from there to those above it until one takes it."""
        self._workers = set(self._app.workers)  # those that begin from now on are the key's
        target, screen = self._app.focused or self._app.screen, self._app.screen
        yield
        self._busy_since = time.monotonic()
        # Twice: what a widget tells of the key, as a text field does of enter, stands behind the key.
        self._climb(target, screen, [target])

    def _climb(self, node: DOMNode, screen: Screen[Any], again: list[DOMNode]) -> None:
        """Follow the key: in each node's queue this stands behind it. After the app it has done what it does."""
        above = node.parent
        if above is None and again:
            above = again.pop()
        if above is None:
            self._app.call_later(self._settled, screen)
        elif not node.call_later(self._climb, above, screen, again):
            self._settled(screen)

    def _settled(self, screen: Screen[Any]) -> None:
        """The next key, if this one opens and closes nothing; else when what it opens is there, or what is beneath has
        taken the answer. None where the app has ended meanwhile."""
        if not self._app.screen_stack:
            return
        top = self._app.screen
        opened = top is not screen and screen in self._app.screen_stack
        if opened:
            self._askers[top] = self._begun()
            if not top.call_later(self._free):
                self._free()
        elif self._asks(screen, closed=top is not screen) and not self._late(OPENS_S):
            self._app.set_timer(POLL_S, partial(self._settled, screen))
        else:
            self._free()

    def _asks(self, screen: Screen[Any], *, closed: bool) -> bool:
        """Whether the key has begun to ask the person something; of a screen that it `closed`, whether what opened that
        is still at work."""
        askers = self._askers.get(screen, list(self._app.workers)) if closed else self._begun()
        return any(worker.group in GROUPS and not worker.is_finished for worker in askers)

    def _begun(self) -> list[Worker[Any]]:
        """The workers that the key has begun."""
        return [worker for worker in self._app.workers if worker not in self._workers]

    def _free(self) -> None:
        self._busy_since = None
        if self._waiting and self._next is None:
            self._next = self._waiting.popleft()
            self._app.post_message(self._next)

    def _late(self, seconds: float = LONGEST_S) -> bool:
        return self._busy_since is not None and time.monotonic() - self._busy_since > seconds

    def _give_up(self) -> None:
        """Whatever the key before does, the others do not wait for ever."""
        if self._waiting and self._late():
            self._free()
