"""Waiting until the app has done what a key sets off, and no longer.

Textual's Pilot sleeps 40 ms after each key, and longer where the process computes: most of a test's time. Here the
event loop is asked instead: what it would do within those 40 ms is waited for, and nothing else.
"""

import asyncio
import threading
import time
import weakref
from asyncio.events import TimerHandle
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any

import pytest
import textual._wait
import textual.app
import textual.pilot
import textual.screen

SOON_S = 2 * textual._wait.SLEEP_GRANULARITY  # what is due by then is waited for, as Pilot did
PERIOD_S = 1 / 250  # between two paintings of a screen, which has 1/60 otherwise
GLANCE_S = 0.001  # another thread's turn
POOLS = ("ThreadPoolExecutor-", "asyncio_", "pictures_")  # threads that live on without work


class Idle:
    """Knows what the app still does: of its event loop, and of the threads that report to it."""

    def __init__(self, in_threads: "weakref.WeakSet[Future[Any]]") -> None:
        """`in_threads`: what was handed to pools of threads."""
        self._in_threads = in_threads
        self._others = set(threading.enumerate())

    async def wait(self, min_sleep: float = 0.0, max_sleep: float = 1.0) -> None:
        """Wait until nothing is left to do within `SOON_S`, for `max_sleep` seconds at most, as Textual's own
        `wait_for_idle`. It takes over where threads are at work of which nobody knows when they have done."""
        loop = asyncio.get_running_loop()
        begun = time.monotonic()
        looks = 0
        while looks < 2 and time.monotonic() - begun < max_sleep:
            if loop._ready:  # type: ignore[attr-defined]
                looks = 0
                await asyncio.sleep(0)
            elif (due := _next_due(loop)) is not None:
                looks = 0
                await asyncio.sleep(due)
            elif self._threads_work():
                looks = 0
                if not await self._done_soon():
                    await textual._wait.wait_for_idle(min_sleep, max_sleep)
                    return
            else:
                looks += 1
                await asyncio.sleep(GLANCE_S)

    def _threads_work(self) -> bool:
        return any(not future.done() for future in self._in_threads) or any(
            thread not in self._others and not thread.name.startswith(POOLS) for thread in threading.enumerate()
        )

    async def _done_soon(self) -> bool:
        until = time.monotonic() + textual._wait.SLEEP_GRANULARITY
        while time.monotonic() < until:
            await asyncio.sleep(GLANCE_S)
            if not self._threads_work():
                return True
        return False


def _next_due(loop: asyncio.AbstractEventLoop) -> float | None:
    """In how many seconds the loop's next timer is due, if that is soon."""
    handles: list[TimerHandle] = loop._scheduled  # type: ignore[attr-defined]
    due = min((handle.when() for handle in handles if not handle.cancelled()), default=float("inf")) - loop.time()
    return max(0.0, due) if due < SOON_S else None


@pytest.fixture
def idle(monkeypatch: pytest.MonkeyPatch) -> Idle:
    """Let Pilot wait as this module does."""
    in_threads = weakref.WeakSet[Future[Any]]()
    submit: Callable[..., Future[Any]] = ThreadPoolExecutor.submit

    def noted(self: ThreadPoolExecutor, *args: Any, **kwargs: Any) -> Future[Any]:
        future = submit(self, *args, **kwargs)
        in_threads.add(future)
        return future

    monkeypatch.setattr(ThreadPoolExecutor, "submit", noted)
    waiting = Idle(in_threads)
    monkeypatch.setattr(textual.app, "wait_for_idle", waiting.wait)
    monkeypatch.setattr(textual.screen, "UPDATE_PERIOD", PERIOD_S)
    monkeypatch.setattr(textual.pilot, "wait_for_idle", waiting.wait)
    return waiting
