"""The lab of one document, as its screen has it: opened in a thread, followed, and asked."""

import contextlib
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from engine.errors import LabError
from engine.lab.client import Completion, LabClient, open_lab
from engine.lab.events import InputAsked, KernelChanged, KernelPhase, LabEvent, RunFinished, RunStatus
from engine.lab.state import CellPhase, CellRun, LabState
from engine.lab.views import OutputView, views
from engine.progress import Progress, silent
from engine.worker.request import Request

A = TypeVar("A")


@dataclass(frozen=True, eq=False)
class RunView:
    """The last run of a cell, as far as it has come."""

    run: int
    cell: str
    source: str
    phase: CellPhase
    generation: int  # of the kernel that it runs in; 0: not yet
    count: int | None
    seconds: float
    outputs: tuple[OutputView, ...]
    nodes: tuple[dict[str, Any], ...]  # the outputs, once it is over
    over: bool
    error: str
    error_line: int | None
    asked: InputAsked | None


@dataclass(frozen=True, eq=False)
class News:
    """What has changed since the last one."""

    phase: KernelPhase
    why: str
    generation: int
    finished: int  # runs that have ended so far
    runs: tuple[RunView, ...]
    lost: str = ""  # the host is gone: why
    started: bool = True  # the kernel could be asked, until it ended perhaps


class LabSession:
    """What asks the host may wait, and belongs in a thread; `news` is called in one."""

    def __init__(self, home: Path, path: Path, news: Callable[[], None]) -> None:
        """`news`: something has changed; called again only after `take`."""
        self._home, self._path = home, path
        self._news = news
        self._state = LabState()
        self._lock = threading.Lock()
        self._changed: dict[str, CellRun] = {}
        self._told = False
        self._lost = ""
        self._client: LabClient | None = None
        self._opening = threading.Lock()

    @property
    def connected(self) -> bool:
        return self._client is not None and not self._lost

    @property
    def kernel(self) -> str:
        """The name of the kernel that is there, or was there last; empty: none yet."""
        return self._state.kernel

    ready = connected  # for a screen that asks a worker process else

    def open(self, *, kernel: str, data_dir: Path | None, idle: float | None) -> None:
        """Start the lab, or come back to the one that lives. Raises LabError."""
        with self._opening:
            if self.connected:
                return
            client = open_lab(self._home, self._path, kernel=kernel, data_dir=data_dir, idle=idle)
            if self._client is not None:
                self._client.close()
            with self._lock:
                self._state, self._lost = LabState(), ""
                self._changed.clear()
            self._client = client
            client.follow(self._take_events, self._take_lost)

    @property
    def used(self) -> bool:
        """Whether something was run in the kernel that is there."""
        state = self._state
        runs = any(run.generation == state.generation for run in state.runs.values())
        return self.connected and state.phase not in ("ended", "died") and (runs or bool(state.under_way))

    def close(self) -> None:
        """Follow no more. A lab in which nothing was run ends; else it lives on."""
        ends = self.connected and not self.used
        client, self._client = self._client, None
        if client is None:
            return
        if ends:
            with contextlib.suppress(LabError):
                client.shut_down()
        client.close()

    def tell_again(self) -> None:
        """Count all that is known as changed."""
        with self._lock:
            self._changed.update(self._state.cells)
            tell = bool(self._changed) and not self._told
            self._told = self._told or tell
        if tell:
            self._news()

    def take(self) -> News:
        """What has changed since the last call."""
        with self._lock:
            changed, self._changed = list(self._changed.values()), {}
            self._told = False
            alive = self._state.phase not in ("ended", "died") and not self._lost
            runs = tuple(self._view(run, alive) for run in changed if self._state.cells.get(run.cell) is run)
            state = self._state
            return News(
                state.phase, state.why, state.generation, state.finished, runs, self._lost, started=state.started
            )

    def _view(self, run: CellRun, alive: bool) -> RunView:
        live = alive and run.generation == self._state.generation
        nodes = run.nodes
        return RunView(
            run=run.run,
            cell=run.cell,
            source=run.source,
            phase=run.phase,
            generation=run.generation,
            count=run.count,
            seconds=run.seconds,
            outputs=views(nodes, _count_of(run) if live else None, run.line),
            nodes=tuple(nodes) if run.over else (),
            over=run.over,
            error=run.error,
            error_line=run.line,
            asked=run.asked,
        )

    def _take_events(self, events: Sequence[LabEvent]) -> None:
        with self._lock:
            for event in events:
                run = self._state.add(event)
                if run is not None:
                    self._changed[run.cell] = run
                elif isinstance(event, KernelChanged) and event.phase in ("ended", "died"):
                    self._changed.update(self._state.cells)  # what they gave can't be opened any more
            told, self._told = self._told, True
        if not told:
            self._news()

    def _take_lost(self, why: str) -> None:
        with self._lock:
            self._lost = why or "the lab's host ended"
            for run in self._state.under_way:  # nobody is left who could tell
                status: RunStatus = "died" if run.phase == "running" else "skipped"
                run.take(RunFinished(run=run.run, status=status, error=self._lost))
            self._changed.update(self._state.cells)
            told, self._told = self._told, True
        if not told:
            self._news()

    # Asking

    @property
    def _there(self) -> LabClient:
        if self._client is None or self._lost:
            raise LabError(self._lost or "the kernel is not there yet")
        return self._client

    def execute(self, cells: Sequence[tuple[str, str]]) -> None:
        """Run cells, each its name and its source. Raises LabError."""
        self._there.execute(cells)

    def interrupt(self) -> None:
        self._there.interrupt()

    def restart(self, *, clear: bool = False) -> int:
        """Another kernel. `clear`: see `LabClient.restart`. Returns the number of the last run in the one before."""
        return self._there.restart(clear=clear)

    def shut_down(self) -> None:
        """End the kernel and its host: another `open` starts new ones."""
        client, self._client = self._there, None
        client.close()
        client.shut_down()

    def answer_input(self, text: str) -> None:
        self._there.answer_input(text)

    def complete(self, source: str, position: int) -> Completion:
        return self._there.complete(source, position)

    def inspect(self, source: str, position: int) -> str:
        return self._there.inspect(source, position)

    def ask(self, request: Request[A], progress: Progress = silent) -> A:
        """The kernel's answer. Raises EngineError."""
        return self._there.ask(request, progress)

    def cancel(self) -> None:
        if self._client is not None:
            self._client.cancel()


def _count_of(run: CellRun) -> int | None:
    """Of the kernel's executions: that of the result, where the run has not ended yet."""
    if run.count is not None:
        return run.count
    numbers = (node.get("execution_count") for node in run.nodes if node.get("output_type") == "execute_result")
    return next((number for number in numbers if isinstance(number, int)), None)
