"""What a run puts out, on its way into the log and to those who follow: joined, and with an end."""

import asyncio
import json
from collections.abc import Callable
from typing import Any

from engine.lab.events import LabEvent, RunOutput, RunOutputs, shallow
from engine.lab.outputs import Outputs, size_of

JOIN_S = 0.05  # parts of a stream that come within it are one event
LINES = 1000  # of a run's outputs that are told one by one …
STREAMED = 1_000_000  # … and characters of its streams …
DISPLAYED = 4 * 2**20  # … and of what it displays; then all outputs so far are told now and then
SHOWS_S = 0.25  # between two times that they are told to those who follow, at least
SHOWN_PER_S = 4 * 2**20  # bytes
LOGS_S = 1.0, 60.0  # the first and the longest pause between two times that they are written into the log
LOGGED_PER_S = 10_000  # bytes


class Recorder:
    """Of one run. `log` writes an event into the log and tells it; `show` tells one that the log does not get, which
    is made where somebody follows alone, and says whether somebody does."""

    def __init__(
        self, run: int, log: Callable[[LabEvent], None], show: Callable[[Callable[[], LabEvent]], bool]
    ) -> None:
        self.outputs = Outputs()
        self._run, self._log, self._show = run, log, show
        self._loop = asyncio.get_running_loop()
        self._pending: tuple[str, list[str]] | None = None  # the name of a stream, and what came
        self._lines = self._streamed = self._displayed = 0
        self._whole = False  # outputs are not told one by one any more
        self._changed = self._unlogged = False
        self._pause = LOGS_S[0]
        self._timers: dict[str, asyncio.TimerHandle] = {}

    def take(self, kind: str, content: dict[str, Any]) -> None:
        """A message of the kernel's iopub channel that is of this run."""
        content = shallow(content)
        if not self.outputs.take(kind, content):
            return
        self._count(kind, content)
        if self._whole:
            self._changed = self._unlogged = True
            self._later("show", SHOWS_S, self._show_all)
            self._later("log", self._pause, self._log_all)
            return
        if kind != "stream":
            self.flush()
            self._log(RunOutput(run=self._run, type=kind, content=content))
            return
        name, text = str(content.get("name", "stdout")), str(content.get("text", ""))
        if self._pending is not None and self._pending[0] != name:
            self.flush()
        if self._pending is None:
            self._pending = name, []
        self._pending[1].append(text)
        self._later("flush", JOIN_S, self.flush)

    def flush(self) -> None:
        """Tell what came of a stream."""
        self._cancel("flush")
        if self._pending is not None:
            name, parts = self._pending
            self._pending = None
            self._log(RunOutput(run=self._run, type="stream", content={"name": name, "text": "".join(parts)}))

    def end(self) -> None:
        """The run is over: tell all that is not told yet. More may come, from threads that it leaves."""
        self.flush()
        self._log_all()

    def show_again(self) -> None:
        """For somebody who has begun to follow."""
        if self._whole and self._unlogged:
            self._changed = True
            self._later("show", 0.0, self._show_all)

    def close(self) -> None:
        """Tell nothing any more."""
        for name in list(self._timers):
            self._cancel(name)

    def _count(self, kind: str, content: dict[str, Any]) -> None:
        text = str(content.get("text", "")) if kind == "stream" else ""
        self._lines += text.count("\n") or (kind != "stream")
        self._streamed += len(text)
        self._displayed += size_of(content.get("data", {})) if kind != "stream" else 0
        if not self._whole and (
            self._lines > LINES or self._streamed > STREAMED or self._displayed > DISPLAYED
        ):  # fmt: skip
            self._cancel("flush")
            self._pending = None  # it is among all of them
            self._whole = True

    def _show_all(self) -> None:
        if not self._changed:
            return
        self._changed = False
        size = 0

        def event() -> LabEvent:
            nonlocal size
            nodes = self.outputs.nodes()
            size = _size(nodes)
            return RunOutputs(run=self._run, nodes=nodes)

        if self._show(event):
            self._later("show", max(SHOWS_S, size / SHOWN_PER_S), self._show_all)

    def _log_all(self) -> None:
        self._cancel("log")
        if not self._unlogged:
            return
        self._unlogged = self._changed = False
        nodes = self.outputs.nodes()
        self._log(RunOutputs(run=self._run, nodes=nodes))
        self._pause = max(min(2 * self._pause, LOGS_S[1]), _size(nodes) / LOGGED_PER_S)

    def _later(self, name: str, seconds: float, act: Callable[[], None]) -> None:
        """Once, unless it is to come already."""
        if name not in self._timers:
            self._timers[name] = self._loop.call_later(seconds, self._now, name, act)

    def _now(self, name: str, act: Callable[[], None]) -> None:
        self._timers.pop(name, None)
        act()

    def _cancel(self, name: str) -> None:
        if timer := self._timers.pop(name, None):
            timer.cancel()


def _size(nodes: list[dict[str, Any]]) -> int:
    return len(json.dumps(nodes))
