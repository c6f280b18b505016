"""The runs of a lab's cells: those that wait, the one that runs, and those that may still put something out."""

import asyncio
import time
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from engine.errors import LabError
from engine.lab.events import (
    InputAnswered,
    InputAsked,
    LabEvent,
    RunFinished,
    RunQueued,
    RunStarted,
    RunStatus,
)
from engine.lab.hosted_kernel import HostedKernel, KernelGoneError
from engine.lab.outputs import Failure, failure_of, paged
from engine.lab.recorder import Recorder
from engine.lab.state import LabState
from engine.terminal_text import printable

REMEMBERED = 200  # runs that have ended, whose threads may still print
MOST_WAITING = 20_000  # cells
PRINTED = ("stream", "display_data", "update_display_data")  # what a thread may put out at any time


@dataclass(eq=False)
class Run:
    """One run of a cell."""

    number: int
    cell: str
    source: str
    stop_on_error: bool
    recorder: Recorder | None = None
    began: float = 0.0  # by the monotonic clock
    begun: asyncio.Event = field(default_factory=asyncio.Event)  # in the kernel
    interrupted: bool = False
    asks: bool = False  # for a line
    over: bool = False


class Runs:
    """`tell` writes an event into the log and tells it; `show`: see `Recorder`, with the run's number before."""

    def __init__(
        self, tell: Callable[[LabEvent], None], show: Callable[[object, Callable[[], LabEvent]], bool]
    ) -> None:
        self._tell, self._show = tell, show
        self._waiting: deque[Run] = deque()
        self._by_request: dict[str, Run] = {}  # in the order in which they began
        self._last = 0  # number of a run
        self._latest: Run | None = None  # that has begun in this kernel
        self.running: Run | None = None

    @property
    def waiting(self) -> bool:
        return bool(self._waiting)

    def end_left(self, state: LabState, why: str) -> None:
        """Tell of the runs that the host before this one left under way. Numbers go on after those of the log."""
        self._last = state.last
        for one in state.under_way:
            status: RunStatus = "died" if one.phase == "running" else "skipped"
            self._tell(RunFinished(run=one.run, status=status, error=why))

    def queue(self, cells: Sequence[tuple[str, str]], *, stop_on_error: bool) -> None:
        """Raises LabError where too many would wait."""
        if len(self._waiting) + len(cells) > MOST_WAITING:
            raise LabError(f"{len(self._waiting):,} cells wait already; at most {MOST_WAITING:,} can")
        for cell, source in cells:
            self._last += 1
            self._waiting.append(Run(self._last, cell, source, stop_on_error))
            self._tell(RunQueued(run=self._last, cell=cell, source=source))

    async def run_next(self, kernel: HostedKernel, generation: int) -> None:
        """Run the first of those that wait, to its end."""
        run = self.running = self._latest = self._waiting.popleft()
        run.recorder = Recorder(run.number, self._tell, lambda make: self._show(run.number, make))
        run.began = time.monotonic()
        self._tell(RunStarted(run=run.number, generation=generation))
        try:
            request = kernel.execute(run.source)
            self._remember(request, run)
            content = await kernel.reply(request)
        except KernelGoneError as error:
            self.kernel_gone(error)
        else:
            self._finish(run, content)

    @property
    def last(self) -> int:
        """The number of the run that was queued last."""
        return self._last

    def interrupt(self) -> Run | None:
        """Skip what waits. Returns what runs, which is to be interrupted."""
        self._skip("a cell before it was interrupted")
        if self.running is not None:
            self.running.interrupted = True
        return self.running

    def kernel_gone(self, gone: KernelGoneError) -> None:
        """End what runs and what waits."""
        if (run := self.running) is not None and not run.over:
            self._end(run, "died" if gone.died else "interrupted", error=str(gone))
        self._latest = None
        self._skip(str(gone))

    def put_out(self, request: str, kind: str, content: dict[str, Any]) -> None:
        run = self._by_request.get(request)
        if run is None and kind in PRINTED:
            run = self._latest  # a thread's, which the kernel takes for that of the question that it answered last
        if run is None or run.recorder is None:
            return
        if kind == "execute_input":
            run.begun.set()
        run.recorder.take(kind, content)

    def asked_for_input(self, request: str, content: dict[str, Any]) -> None:
        run = self._by_request.get(request)
        if run is not None and not run.over:
            if run.recorder is not None:
                run.recorder.flush()
            run.asks = True
            prompt, password = str(content.get("prompt", "")), bool(content.get("password"))
            self._tell(InputAsked(run=run.number, prompt=prompt, password=password))

    def answer_input(self, kernel: HostedKernel | None, text: str) -> None:
        """Give the line that the code waits for. Raises LabError."""
        run = self.running
        if kernel is None or run is None or not run.asks:
            raise LabError("no cell waits for a line")
        kernel.answer_input(text)
        run.asks = False
        self._tell(InputAnswered(run=run.number))

    def show_again(self) -> None:
        """For somebody who has begun to follow."""
        for run in self._by_request.values():
            if run.recorder is not None:
                run.recorder.show_again()

    def close(self) -> None:
        for run in self._by_request.values():
            if run.recorder is not None:
                run.recorder.end()
                run.recorder.close()

    def _remember(self, request: str, run: Run) -> None:
        for known, before in list(self._by_request.items()):
            if before.over and (before.cell == run.cell or len(self._by_request) >= REMEMBERED):
                if before.recorder is not None:
                    before.recorder.close()
                del self._by_request[known]
        self._by_request[request] = run

    def _finish(self, run: Run, content: dict[str, Any]) -> None:
        """It has been answered."""
        if run.over:
            return
        count = content.get("execution_count")
        count = count if isinstance(count, int) else None
        if run.recorder is not None:
            for output in paged(content):
                run.recorder.take("display_data", output)
        if content.get("status") == "ok":
            self._end(run, "ok", count=count)
            return
        failure = failure_of(content, count)
        if run.recorder is not None:
            failure = run.recorder.outputs.with_line(failure)
        if run.recorder is not None and run.recorder.outputs.failure is None and "ename" in content:
            run.recorder.take("error", content)  # it was lost in a flood
        self._end(run, "interrupted" if run.interrupted else "error", count=count, failure=failure)
        if run.stop_on_error:
            self._skip(f"a cell before it failed ({failure.name})")

    def _end(
        self,
        run: Run,
        status: RunStatus,
        *,
        count: int | None = None,
        error: str = "",
        failure: Failure | None = None,
    ) -> None:
        run.over, run.asks = True, False
        run.begun.set()
        if run is self.running:
            self.running = None
        if run.recorder is not None:
            run.recorder.end()
        seconds = round(time.monotonic() - run.began, 3) if run.began else 0.0
        line = None
        if failure is not None:
            line = failure.line
            error = str(Failure(failure.name, failure.value))
        error = printable(error, 500)
        self._tell(
            RunFinished(run=run.number, status=status, count=count, seconds=seconds, error=error, line=line)
        )  # fmt: skip

    def _skip(self, why: str) -> None:
        while self._waiting:
            self._end(self._waiting.popleft(), "skipped", error=why)
