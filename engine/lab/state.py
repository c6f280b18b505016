"""What a lab's log amounts to: the kernel's phase, and of each cell its last run. A fold, pure."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any, Literal

from engine.lab.events import (
    InputAnswered,
    InputAsked,
    KernelChanged,
    KernelPhase,
    LabEvent,
    RunFinished,
    RunOutput,
    RunOutputs,
    RunQueued,
    RunsForgotten,
    RunStarted,
    RunStatus,
)
from engine.lab.outputs import Outputs

CellPhase = Literal["queued", "running"] | RunStatus


@dataclass(eq=False)
class CellRun:
    """One run of a cell, as far as it has come."""

    run: int
    cell: str
    source: str
    phase: CellPhase = "queued"
    generation: int = 0
    count: int | None = None
    seconds: float = 0.0
    error: str = ""
    line: int | None = None
    asked: InputAsked | None = None  # it waits for a line
    version: int = 0  # counts up with every change
    _outputs: Outputs = field(default_factory=Outputs)
    _nodes: list[dict[str, Any]] | None = None

    @property
    def nodes(self) -> list[dict[str, Any]]:
        """Its outputs, as nbformat has them."""
        return self._outputs.nodes() if self._nodes is None else self._nodes

    @property
    def over(self) -> bool:
        return self.phase not in ("queued", "running")

    def take(self, event: LabEvent) -> None:
        """An event of this run."""
        self.version += 1
        match event:
            case RunStarted():
                self.phase, self.generation = "running", event.generation
            case RunOutput():
                if self._nodes is not None:  # those that go on after all of them were told
                    self._outputs = Outputs(self._nodes)
                    self._nodes = None
                self._outputs.take(event.type, event.content)
            case RunOutputs():
                self._nodes = event.nodes
            case InputAsked():
                self.asked = event
            case InputAnswered():
                self.asked = None
            case RunFinished():
                self.phase, self.count, self.seconds = event.status, event.count, event.seconds
                self.error, self.line, self.asked = event.error, event.line, None


@dataclass(eq=False)
class LabState:
    """A lab, after the events so far."""

    phase: KernelPhase = "starting"
    generation: int = 0
    started: bool = False  # the kernel of this generation could be asked; False: it starts, or has never started
    kernel: str = ""
    why: str = ""  # the kernel is not there
    pid: int = 0
    seq: int = 0
    runs: dict[int, CellRun] = field(default_factory=dict)  # by number; of each cell the last run alone
    cells: dict[str, CellRun] = field(default_factory=dict)  # the last run of each, in the order in which they were run
    finished: int = 0  # runs that have ended so far
    last: int = 0  # the highest number of a run so far
    forgotten: int = 0  # up to which number runs are forgotten

    def add(self, event: LabEvent) -> CellRun | None:
        """Take an event over. Returns the run that it is of."""
        self.seq = max(self.seq, event.seq)
        if isinstance(event, KernelChanged):
            self.phase, self.generation, self.why, self.pid = event.phase, event.generation, event.why, event.pid
            self.started = event.phase != "starting" and (self.started or event.phase in ("ready", "busy"))
            self.kernel = event.name or self.kernel
            return None
        if isinstance(event, RunsForgotten):
            self._forget(event.last)
            return None
        if isinstance(event, RunQueued):
            self.last = max(self.last, event.run)
            before = self.cells.pop(event.cell, None)
            if before is not None:
                self.runs.pop(before.run, None)
            self.cells[event.cell] = self.runs[event.run] = CellRun(event.run, event.cell, event.source)
            return self.cells[event.cell]
        found = self.runs.get(getattr(event, "run", 0))
        self.finished += isinstance(event, RunFinished)
        if found is not None:
            found.take(event)
        return found

    def _forget(self, last: int) -> None:
        self.forgotten, self.last = max(self.forgotten, last), max(self.last, last)
        self.runs = {number: run for number, run in self.runs.items() if number > last}
        self.cells = {cell: run for cell, run in self.cells.items() if run.run > last}

    @property
    def under_way(self) -> list[CellRun]:
        """The runs that are queued or running, in their order."""
        return [one for one in self.runs.values() if not one.over]


def fold(events: Iterable[LabEvent]) -> LabState:
    """The state after all of them."""
    state = LabState()
    for event in events:
        state.add(event)
    return state
