"""A lab without a kernel: it records what the screens ask of it, and tells what a test has it tell."""

import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from engine.errors import LabError
from engine.inspection.autograd_requests import GraphNode
from engine.inspection.kernel_requests import (
    Evaluated,
    EvaluateRequest,
    KernelGraph,
    KernelGraphNode,
    KernelGraphRequest,
    LeafGradient,
    SavedTensor,
    Storage,
    Variable,
    Variables,
    VariablesRequest,
)
from engine.inspection.tensor_requests import (
    PicturesRequest,
    StatsProgress,
    StatsRequest,
    TensorAbout,
    TensorPictures,
    TensorRequest,
    TensorWindow,
)
from engine.lab import events as ev
from engine.lab.client import Completion
from engine.lab.views import OBJECT
from engine.progress import Progress, silent

Node = dict[str, Any]
FACTS = {"type": "Tensor", "shape": [5], "dtype": "torch.float32", "device": "cpu", "requires_grad": False,
         "grad_fn": None, "images": False}  # fmt: skip


@dataclass
class Script:
    """What a cell does. `waits`: it runs until the test lets it end."""

    outputs: tuple[Node, ...] = ()
    status: ev.RunStatus = "ok"
    error: str = ""
    line: int | None = None
    waits: bool = False
    asks: str | None = None  # input() with that prompt
    password: bool = False
    seconds: float = 0.01


def stream(text: str, name: str = "stdout") -> Node:
    return {"type": "stream", "name": name, "text": text}


def shows(data: Node) -> Node:
    """What `display` puts out."""
    return {"type": "display_data", "data": data, "metadata": {}}


def result(text: str, **facts: Any) -> Node:
    """The value of a cell's last line. `facts`: of a tensor, beside FACTS."""
    data: Node = {"text/plain": text}
    if facts:
        data[OBJECT] = {**FACTS, **facts}
    return {"type": "execute_result", "data": data, "metadata": {}}


def failure(name: str, value: str, *traceback: str) -> Node:
    return {"type": "error", "ename": name, "evalue": value, "traceback": list(traceback)}


@dataclass(eq=False)
class FakeLab:
    """One lab, whose log every client that is opened gets. `scripts`: by a cell's source."""

    scripts: dict[str, Script] = field(default_factory=dict)
    variables: Variables = field(default_factory=lambda: Variables(0, (), ()))
    graphs: dict[str, KernelGraph] = field(default_factory=dict)
    values: dict[str, Evaluated] = field(default_factory=dict)
    completion: Completion = field(default_factory=lambda: Completion((), 0, 0))
    signature: str = ""
    trouble: str = ""  # why it can't be opened
    calls: list[tuple[Any, ...]] = field(default_factory=list)  # what was asked of it, but for questions
    questions: list[Any] = field(default_factory=list)
    log: list[ev.LabEvent] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.gate = threading.Event()  # cleared: the lab takes its time to open
        self.gate.set()
        self._lock = threading.RLock()
        self.held: list[ev.LabEvent] | None = None
        self._followers: list[tuple[FakeClient, Callable[[Sequence[ev.LabEvent]], None], Callable[[str], None]]] = []
        self._queue: list[tuple[int, str, Script]] = []  # runs that are not over, the first of them runs
        self._started: set[int] = set()
        self._runs = self._count = 0
        self._stops: dict[int, bool] = {}
        self.generation = 1
        self.kernel = "python3"
        self.phase: ev.KernelPhase = "ready"
        self._tell(ev.KernelChanged(phase="ready", generation=1, name=self.kernel, pid=1))

    # What a test does

    def use(self, kernel: str) -> None:
        """Run another kernel from the beginning."""
        self.kernel = kernel
        self._tell(ev.KernelChanged(phase="ready", generation=1, name=kernel, pid=1))

    def told(self, what: str) -> list[Any]:
        """The arguments of each call of that name."""
        return [call[1:] for call in self.calls if call[0] == what]

    @property
    def ran(self) -> list[str]:
        """The sources of the cells that were to be run, in their order."""
        return [source for (cells, _) in self.told("execute") for _, source in cells]

    def asked(self, kind: type) -> list[Any]:
        return [one for one in self.questions if isinstance(one, kind)]

    def finish(self, **changes: Any) -> None:
        """Let the run that waits end."""
        with self._lock:
            run, _, script = self._queue[0]
            self._end(run, Script(**{**vars(script), **changes}))
            self._go_on()

    def put_out(self, *outputs: Node) -> None:
        """By the run that waits."""
        with self._lock:
            for node in outputs:
                self._tell(self._output(self._queue[0][0], node))

    def die(self, why: str = "the kernel was killed by SIGKILL") -> None:
        with self._lock:
            for run, _, _ in self._queue[:1]:
                self._tell(ev.RunFinished(run=run, status="died", error=why))
            for run, _, _ in self._queue[1:]:
                self._tell(ev.RunFinished(run=run, status="skipped"))
            self._queue.clear()
            self._change("died", why)

    def lose(self, why: str = "the lab's host process has ended") -> None:
        with self._lock:
            followers, self._followers = self._followers, []
        for _, _, on_lost in followers:
            on_lost(why)

    def hold(self) -> None:
        """What is told from now on is on its way until `release`."""
        self.held = []

    def release(self, most: int | None = None) -> None:
        """Let the first of what is on its way come; all of it: and what follows."""
        with self._lock:
            assert self.held is not None
            come, self.held = self.held[:most], None if most is None else self.held[most:]
            for _, on_events, _ in self._followers:
                on_events(come)

    def open(self, home: Path, path: Path, **options: Any) -> "FakeClient":
        """In place of `open_lab`."""
        self.calls.append(("open", path, options))
        self.gate.wait(30)
        if self.trouble:
            raise LabError(self.trouble)
        return FakeClient(self)

    # In a lab's place

    def follow(
        self,
        client: "FakeClient",
        on_events: Callable[[Sequence[ev.LabEvent]], None],
        on_lost: Callable[[str], None],
    ) -> None:
        with self._lock:
            self._followers.append((client, on_events, on_lost))
            on_events(list(self.log))

    def leave(self, client: "FakeClient") -> None:
        with self._lock:
            self._followers = [one for one in self._followers if one[0] is not client]

    def execute(self, cells: Sequence[tuple[str, str]], stop_on_error: bool) -> None:
        with self._lock:
            self.calls.append(("execute", list(cells), stop_on_error))
            if self.phase in ("died", "ended"):
                raise LabError("there is no kernel: restart it")
            for name, source in cells:
                self._runs += 1
                self._tell(ev.RunQueued(run=self._runs, cell=name, source=source))
                self._queue.append((self._runs, source, self.scripts.get(source, Script())))
            self._go_on()

    def interrupt(self) -> None:
        with self._lock:
            self.calls.append(("interrupt",))
            if self._queue:
                self._end(self._queue[0][0], Script(status="interrupted", error="KeyboardInterrupt", seconds=2.0))
            self._skip("a cell before it was interrupted")
            self._change("ready")

    def restart(self, clear: bool = False) -> int:
        with self._lock:
            self.calls.append(("restart", clear))
            last = self._runs
            if self._queue:
                self._end(self._queue[0][0], Script(status="died", error="the kernel was restarted"))
            self._skip("the kernel was restarted")
            self.generation += 1
            self._count = 0
            self.variables = Variables(0, (), ())
            if clear:
                self._tell(ev.RunsForgotten(last=last))
            self._change("starting")
            self._change("ready")
            return last

    def answer(self, text: str) -> None:
        with self._lock:
            self.calls.append(("answer", text))
            run, source, script = self._queue[0]
            self._tell(ev.InputAnswered(run=run))
            self._queue[0] = (run, source, Script(**{**vars(script), "asks": None}))
            self._tell(self._output(run, stream(f"got {text}\n")))
            self._end(run, script)
            self._go_on()

    def ask(self, request: Any) -> Any:
        with self._lock:
            self.questions.append(request)
        match request:
            case VariablesRequest():
                return self.variables
            case KernelGraphRequest():
                return self.graphs.get(request.name, KernelGraph(request.name, (), (), why="it has no graph"))
            case EvaluateRequest():
                return self.values.get(request.expression, Evaluated(None, "NameError", "it is not defined"))
            case TensorRequest():
                return window(request)
            case StatsRequest():
                return StatsProgress(True, 1.0, None, np.zeros(1, np.int64))
            case PicturesRequest():
                return TensorPictures(2, ("[0]", "[1]"), 1.0, False, False, np.ones((2, 4, 4), np.float32))
        raise AssertionError(request)

    # Inside

    def _go_on(self) -> None:
        """Run what is queued, up to what waits."""
        while self._queue:
            run, _, script = self._queue[0]
            if run not in self._started:
                self._started.add(run)
                self._change("busy")
                self._count += 1
                self._tell(ev.RunStarted(run=run, generation=self.generation))
                for node in script.outputs:
                    self._tell(self._output(run, node))
                if script.asks is not None:
                    self._tell(ev.InputAsked(run=run, prompt=script.asks, password=script.password))
            if script.waits or script.asks is not None:
                return
            self._end(run, script)
        self._change("ready")

    def _end(self, run: int, script: Script) -> None:
        self._queue = [one for one in self._queue if one[0] != run]
        self._tell(
            ev.RunFinished(
                run=run, status=script.status, count=self._count, seconds=script.seconds, error=script.error,
                line=script.line,
            )
        )  # fmt: skip
        if script.status == "error":
            self._skip("a cell before it failed")

    def _skip(self, why: str) -> None:
        for run, _, _ in self._queue:
            self._tell(ev.RunFinished(run=run, status="skipped", error=why))
        self._queue.clear()

    def _output(self, run: int, node: Node) -> ev.RunOutput:
        content = {key: value for key, value in node.items() if key != "type"}
        if node["type"] == "execute_result":
            content["execution_count"] = self._count
        return ev.RunOutput(run=run, type=node["type"], content=content)

    def _change(self, phase: ev.KernelPhase, why: str = "") -> None:
        self.phase = phase
        self._tell(ev.KernelChanged(phase=phase, generation=self.generation, name=self.kernel, why=why, pid=1))

    def _tell(self, event: ev.LabEvent) -> None:
        object.__setattr__(event, "seq", len(self.log) + 1)
        self.log.append(event)
        if self.held is not None:
            self.held.append(event)
            return
        for _, on_events, _ in self._followers:
            on_events([event])


class FakeClient:
    """As `LabClient` has it."""

    def __init__(self, lab: FakeLab) -> None:
        self._lab = lab

    def follow(self, on_events: Callable[[Sequence[ev.LabEvent]], None], on_lost: Callable[[str], None]) -> None:
        self._lab.follow(self, on_events, on_lost)

    def execute(self, cells: Sequence[tuple[str, str]], *, stop_on_error: bool = True) -> None:
        self._lab.execute(cells, stop_on_error)

    def interrupt(self) -> None:
        self._lab.interrupt()

    def restart(self, *, clear: bool = False) -> int:
        return self._lab.restart(clear)

    def shut_down(self) -> None:
        self._lab.calls.append(("shut_down",))

    def answer_input(self, text: str) -> None:
        self._lab.answer(text)

    def complete(self, source: str, position: int) -> Completion:
        self._lab.calls.append(("complete", source, position))
        return self._lab.completion

    def inspect(self, source: str, position: int) -> str:
        self._lab.calls.append(("inspect", source, position))
        return self._lab.signature

    def ask(self, request: Any, progress: Progress = silent) -> Any:
        return self._lab.ask(request)

    def cancel(self) -> None:
        self._lab.calls.append(("cancel",))

    def close(self) -> None:
        self._lab.calls.append(("close",))
        self._lab.leave(self)


@pytest.fixture
def lab(monkeypatch: pytest.MonkeyPatch) -> FakeLab:
    """In place of every lab that a screen opens."""
    made = FakeLab()
    monkeypatch.setattr("tui.lab.lab_session.open_lab", made.open)
    return made


def window(request: TensorRequest) -> TensorWindow:
    """Of a tensor [2, 3] of which each value says where it stands."""
    about = TensorAbout("torch.float32", "cpu", "torch.strided", (3, 1), 0, True, 24, False, False, "", True)
    rows = range(request.row, min(2, request.row + request.rows))
    columns = range(request.column, min(3, request.column + request.columns))
    cells = tuple(tuple(f"{row}.{column}" for column in columns) for row in rows)
    return TensorWindow((2, 3), 1, 2, 3, str(request.tensor), about, cells)


def shared_ones() -> Variables:
    """`t = torch.ones(5)`, `n = t.numpy()`, after `t.add_(1)`; and a loss with a graph."""
    common: dict[str, Any] = {"shape": (5,), "storage": 0, "strides": (1,), "offset": 0, "size": 20, "mark": "in place"}
    return Variables(
        3,
        (
            Variable("count", "int", "3"),
            Variable(
                "w", "Tensor", "2.0", (), "torch.float32", "cpu", True, False, "", True, 0, "", None, (), 0, 4, "w"
            ),
            Variable(
                "t", "Tensor", "[2, 2, …]", dtype="torch.float32", device="cpu", requires_grad=False, has_grad=False,
                leaf=True, version=1, opens="t", **common,
            ),
            Variable("n", "ndarray", "[2, 2, …]", dtype="float32", device="cpu", opens="n", **common),
            Variable(
                "loss", "Tensor", "4.0", (), "torch.float32", "cpu", True, False, "MulBackward0", False, 0, "new", None,
                (), 0, 4, "loss",
            ),
        ),
        (Storage(("t", "n"), 20, "cpu"),),
    )  # fmt: skip


def graph_of_loss() -> KernelGraph:
    """`loss = w * 2`."""
    kept = (SavedTensor("self", (), "torch.float32", 4, variable="w"), SavedTensor("other", (), "torch.float32", 4))
    return KernelGraph(
        "loss",
        (
            KernelGraphNode(GraphNode("torch::autograd::MulBackward0", (), "", 0, False), kept),
            KernelGraphNode(GraphNode("torch::autograd::AccumulateGrad", (), "w", 1, False)),
        ),
        (LeafGradient("w", (), "None", opens="w.grad"),),
        saved_bytes=8,
    )
