"""Waiting for what a process, a file or a screen is about to do.

No test judges a time: HANG_S only ends one that hangs.
"""

import contextlib
import os
import time
from collections.abc import Callable
from typing import TypeVar

from textual.css.query import NoMatches
from textual.pilot import Pilot

T = TypeVar("T")
# For a machine that others use too; below pytest's own timeout, which says less. `tools.mutants` waits less.
HANG_S = float(os.environ.get("FMNIST_TUI_TESTS_HANG_S", "300"))
POLL_S = 0.02
LONGEST_S = 0.05  # between two looks at a screen
SHORTEST_S = 0.003
LAST_LOOKS = 20  # after the app has ended


def wait_for(condition: Callable[[], T | None], what: str, seconds: float = HANG_S) -> T:
    """The first true value of `condition`. Fails with `what` never came, after `seconds`: a guard against hanging."""
    deadline = time.monotonic() + seconds
    while not (found := condition()):
        if time.monotonic() > deadline:
            raise AssertionError(f"never came: {what} (waited for {seconds:g} s)")
        time.sleep(POLL_S)
    return found


async def until(pilot: Pilot[None], condition: Callable[[], object], seconds: float = HANG_S) -> None:
    """Let the app run until `condition` holds. Fails after `seconds`, a guard against hanging, or soon after the app
    has ended: what ended it is raised where `run_test` is left."""
    deadline, ended, pause = time.monotonic() + seconds, 0, SHORTEST_S
    while time.monotonic() < deadline and ended < LAST_LOOKS:
        with contextlib.suppress(NoMatches):  # a screen that is not composed yet
            if condition():
                return
        await pilot.pause(pause)
        pause = min(2 * pause, LONGEST_S)
        ended += not pilot.app.is_running
    raise AssertionError(f"never came (waited for {seconds:g} s)")
