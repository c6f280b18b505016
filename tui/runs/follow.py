"""Follows one run in a thread: reads its new events, folds them, and posts the state, at most twice a second."""

import threading
import time
from dataclasses import replace

from textual.message import Message
from textual.message_pump import MessagePump

from engine.device import usable_cores
from engine.errors import RunError
from engine.home import RunFolder
from engine.runs import state_file, store
from engine.runs.log import PART_BYTES
from engine.runs.state import RunState
from tui.runs.facts import UNREADABLE

POLL_S = 0.25
POST_S = 0.5  # between two messages at least
POST_SELDOM_S = 1.0  # the same of a run with a thread on every core: each redraw takes one of them away, and all wait
ALIVE_S = 1.0  # between two looks whether the host lives
KEEP_BYTES = 8 * 2**20  # of a log that nobody need read again: then what they come to is written down
KEEP_MORE_BYTES = 256 * 2**20  # while more is to be read, so that a reading that is broken off goes on there
STOP_S = 0.02


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
        """End the thread, which posts nothing more. Waits no longer for it than a screen may."""
        self._stopping.set()
        if self._thread.is_alive():
            self._thread.join(STOP_S)

    def _follow(self) -> None:
        folded = state_file.begun(self.folder)
        kept = folded.end  # bytes of the log that state.json knows
        alive, looked, posted, news, problem = True, float("-inf"), float("-inf"), True, ""
        read = 0.0
        between, cores = POST_S, usable_cores()
        while not self._stopping.is_set():
            now = time.monotonic()
            was = alive
            if now - looked >= ALIVE_S:
                # Before the poll: what a host wrote before it died is read before it is called dead.
                alive, looked = store.alive(self.folder), now
            before, end = problem, folded.end
            try:
                folded, problem = state_file.read_on(self.folder, folded, PART_BYTES), ""
            except RunError as error:
                problem = str(error)
            # Nothing came: all is read, and what may be behind that is half a line.
            share = 1.0 if folded.end == end else _part_read(self.folder, folded.end)
            news = news or folded.end != end or alive != was or problem != before or share != read
            read = share
            if news and now - posted >= between and not self._held.is_set() and not self._stopping.is_set():
                state = folded.fold.snapshot()
                self._target.post_message(RunUpdated(self.folder, state, alive, problem, read))
                posted, news = now, False
                between = POST_S if state.threads < cores else POST_SELDOM_S
            kept = min(kept, folded.end)  # a log that was written anew begins again
            if folded.end - kept >= (KEEP_BYTES if read == 1.0 else KEEP_MORE_BYTES):
                state_file.keep(self.folder, folded)
                kept = folded.end
            if folded.end == end or read == 1.0:  # a long log is read in parts, one after the other
                self._stopping.wait(POLL_S if alive else ALIVE_S)


def _part_read(folder: RunFolder, end: int) -> float:
    """How much of the log was read, with its first `end` bytes: 1.0 is all of it."""
    try:
        return min(1.0, end / max(1, folder.events.stat().st_size))
    except OSError:
        return 1.0
