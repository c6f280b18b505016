"""Follows one run in a thread: reads its new events, folds them, and posts the state, at most twice a second."""

import threading
import time
from dataclasses import replace

from textual.message import Message
from textual.message_pump import MessagePump

from engine.errors import RunError
from engine.home import RunFolder
from engine.runs import store
from engine.runs.follower import PART_BYTES, Follower
from engine.runs.state import Fold, RunState
from engine.training.events import Event
from tui.runs.facts import UNREADABLE

POLL_S = 0.25
POST_S = 0.5  # between two messages at least
ALIVE_S = 1.0  # between two looks whether the host lives


class RunUpdated(Message, bubble=False):
    """A watched run has news. The newest one replaces those still waiting in the queue."""

    def __init__(self, folder: RunFolder, state: RunState, alive: bool, problem: str = "", read: float = 1.0) -> None:
        """`alive`: the run's host process lives. `problem`: why its events can't be read. `read`: how much of its log
        the state is of."""
        super().__init__()
        self.folder = folder
        self.problem = problem
        self.read = read
        self.state = replace(state, status=UNREADABLE, reason=problem) if problem else state
        self.alive = alive

    def can_replace(self, message: Message) -> bool:
        return isinstance(message, RunUpdated)


class FollowThread:
    """Watches the run in `folder` for `target` until `stop`. A run without news costs no message."""

    def __init__(self, target: MessagePump, folder: RunFolder) -> None:
        self.folder = folder
        self._target = target
        self._stopping = threading.Event()
        self._held = threading.Event()
        self._thread = threading.Thread(target=self._follow, name=f"follow {folder.id}", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def hold(self) -> None:
        """Post nothing until `release`: the target is out of sight. News is kept, and comes as one message then."""
        self._held.set()

    def release(self) -> None:
        self._held.clear()

    def stop(self) -> None:
        """End the thread and wait for it (a quarter of a second at most)."""
        self._stopping.set()
        if self._thread.is_alive():
            self._thread.join()

    def _follow(self) -> None:
        follower, fold = Follower(self.folder), Fold()
        alive, looked, posted, news, problem = True, float("-inf"), float("-inf"), True, ""
        while not self._stopping.is_set():
            now = time.monotonic()
            was = alive
            if now - looked >= ALIVE_S:
                # Before the poll: what a host wrote before it died is read before it is called dead.
                alive, looked = store.alive(self.folder), now
            events, before = list[Event](), problem
            try:
                events, problem = follower.poll(PART_BYTES), ""
            except RunError as error:
                problem = str(error)
            for event in events:
                fold.add(event)
            news = news or bool(events) or alive != was or problem != before
            if news and now - posted >= POST_S and not self._held.is_set():
                self._target.post_message(RunUpdated(self.folder, fold.snapshot(), alive, problem, follower.read))
                posted, news = now, False
            if not events or follower.read == 1.0:  # a long log is read in parts, one after the other
                self._stopping.wait(POLL_S if alive else ALIVE_S)
