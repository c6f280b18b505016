"""A lab for tests: its client, and the state that its events amount to."""

import os
import signal
import threading
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import pytest

from engine.errors import LabError
from engine.hosting import record_file
from engine.hosting.process import HostRecord
from engine.lab import listing
from engine.lab.client import LabClient, open_lab
from engine.lab.events import LabEvent
from engine.lab.kernel import ALONE
from engine.lab.state import CellRun, LabState
from tests.support.waiting import wait_for


@pytest.fixture(scope="module")
def light_kernels() -> Iterator[None]:
    """The kernels that a module's tests start import no torch by themselves, which is most of a kernel's start: for
    tests that ask none of them about its variables. Those of `test_kernel_side.py` and of the screens have all."""
    with pytest.MonkeyPatch.context() as patch:
        for name, value in ALONE.items():
            patch.setenv(name, value)
        yield


class Following:
    """One who follows a lab."""

    def __init__(self, client: LabClient) -> None:
        self.client = client
        self.state = LabState()
        self.events: list[LabEvent] = []
        self.lost: list[str] = []
        self._lock = threading.Lock()
        client.follow(self._take, self.lost.append)

    def _take(self, events: Sequence[LabEvent]) -> None:
        with self._lock:
            for event in events:
                self.state.add(event)
                self.events.append(event)

    @property
    def host(self) -> HostRecord:
        found = record_file.read(self.client.folder.host_json)
        assert found is not None
        return found

    def until(self, condition: Callable[[LabState], object], what: str) -> None:
        def holds() -> bool:
            with self._lock:
                return bool(condition(self.state))

        wait_for(holds, what)

    def ready(self) -> "Following":
        """Wait until the kernel can be asked."""
        self.until(lambda state: state.phase == "ready", "a kernel")
        return self

    def begin(self, *sources: str, stop_on_error: bool = True) -> list[str]:
        """Queue cells. Returns their names, which no cell had before."""
        names = [f"cell-{len(self.events)}-{number}" for number in range(len(sources))]
        self.client.execute(list(zip(names, sources, strict=True)), stop_on_error=stop_on_error)
        return names

    def run(self, *sources: str, stop_on_error: bool = True) -> list[CellRun]:
        """Run cells to their end."""
        names = self.begin(*sources, stop_on_error=stop_on_error)
        for name in names:
            self.ended(name)
        return [self.state.cells[name] for name in names]

    def ended(self, name: str) -> CellRun:
        self.until(lambda state: name in state.cells and state.cells[name].over, f"the end of {name}")
        return self.state.cells[name]

    def says(self, name: str, text: str) -> None:
        """Wait until a cell has put that out."""
        self.until(lambda state: name in state.cells and text in text_of(state.cells[name]), f"{text!r} of {name}")

    def close(self) -> None:
        self.client.close()


def text_of(run: CellRun) -> str:
    """All that it has put out, as text."""
    return "".join(str(node.get("text", node.get("data", {}).get("text/plain"))) for node in run.nodes)


def opened(home: Path, document: Path, *, kernel: str = "", idle: float | None = None) -> Following:
    """Follow the lab of a document, which is made where it is missing."""
    if not document.exists():
        document.write_text("# %%\n1\n")
    return Following(open_lab(home, document, kernel=kernel, idle=idle))


def end(home: Path, document: Path) -> None:
    """End the lab of a document, if it lives: by force, where it does not end as it is told."""
    lab = listing.find(home, str(document))
    if lab is None:
        return
    try:
        listing.stop(home, lab)
    except LabError:
        os.kill(lab.host_pid, signal.SIGKILL)
