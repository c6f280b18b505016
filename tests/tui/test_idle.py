"""What a test of a screen waits for after a key: all that the key sets off, and nothing else."""

import asyncio
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import pytest
import textual.pilot
from textual import work
from textual.app import App, ComposeResult
from textual.widgets import Static

from tests.support import idle as module
from tests.support.idle import SOON_S

pytestmark = pytest.mark.usefixtures("idle")


class Working(App[None]):
    """Does something in another way for each key."""

    BINDINGS = [("t", "timer"), ("f", "far_timer"), ("w", "worker"), ("p", "pool"), ("c", "chain"), ("r", "repaint")]  # type: ignore[assignment]
    done = ""

    def compose(self) -> ComposeResult:
        yield Static("before")

    def finish(self, what: str) -> None:
        self.done += what

    def action_timer(self) -> None:
        self.set_timer(SOON_S / 2, lambda: self.finish("timer"))

    def action_far_timer(self) -> None:
        self.set_timer(3600, lambda: self.finish("too far"))

    @work
    async def action_worker(self) -> None:
        await asyncio.to_thread(time.sleep, SOON_S / 4)
        self.finish("worker")

    def action_pool(self) -> None:
        pool = ThreadPoolExecutor(max_workers=1)
        answer = pool.submit(time.sleep, SOON_S / 4)
        answer.add_done_callback(lambda _: self.call_later(self.finish, "pool"))
        pool.shutdown(wait=False)

    def action_chain(self, links: int = 200) -> None:
        """A message that sends a message, and so on."""
        if links:
            self.screen.call_later(self.action_chain, links - 1)
        else:
            self.finish("chain")

    def action_repaint(self) -> None:
        self.query_one(Static).update("after")
        self.call_after_refresh(self.finish, "repaint")


@pytest.mark.parametrize(
    ("key", "done"), [("t", "timer"), ("w", "worker"), ("p", "pool"), ("c", "chain"), ("r", "repaint")]
)
async def test_what_a_key_sets_off_is_done_when_it_was_pressed(key: str, done: str) -> None:
    app = Working()
    async with app.run_test() as pilot:
        await pilot.press(key)
        assert app.done == done


async def test_what_takes_longer_is_not_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    """Neither a timer nor a thread that stays: one more look, as Textual itself would."""
    looks: list[float] = []

    async def counted(min_sleep: float = 0.0, max_sleep: float = 1.0) -> None:
        looks.append(max_sleep)

    monkeypatch.setattr(module.textual._wait, "wait_for_idle", counted)
    app, end = Working(), threading.Event()
    thread = threading.Thread(target=end.wait)
    async with app.run_test() as pilot:
        await pilot.press("f")
        assert (app.done, looks) == ("", [])
        thread.start()
        await pilot.press("f")
        end.set()
        thread.join()
        assert (app.done, len(looks)) == ("", 2)
    assert textual.pilot.wait_for_idle.__func__ is module.Idle.wait  # type: ignore[attr-defined]
