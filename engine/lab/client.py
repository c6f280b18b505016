"""A lab from outside its host: follow it, and ask things of it."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from engine.home import LabFolder
from engine.lab.events import LabEvent
from engine.progress import Progress, silent
from engine.worker.request import Request

A = TypeVar("A")


@dataclass(frozen=True)
class Completion:
    """What may stand in place of `source[start:end]`. `types`: of each match, as jedi has it, or ""."""

    matches: tuple[str, ...]
    start: int
    end: int
    types: tuple[str, ...] = ()


class LabClient:
    """The lab of one document. Every method may be called from any thread but the event loop's: it waits."""

    def __init__(self, folder: LabFolder) -> None:
        self.folder = folder

    def follow(self, on_events: Callable[[Sequence[LabEvent]], None], on_lost: Callable[[str], None]) -> None:
        """Begin: in a thread of its own, all that the log holds, in parts, and then what comes. `on_lost`: the host is
        gone, with the reason in one line; nothing comes after it."""
        raise NotImplementedError

    def execute(self, cells: Sequence[tuple[str, str]], *, stop_on_error: bool = True) -> None:
        """Queue cells, each its name and its source. Raises LabError."""
        raise NotImplementedError

    def interrupt(self) -> None:
        """End the running cell by a KeyboardInterrupt, and skip those that wait. The kernel is killed, and the lab
        says so, where that has not helped after `OBEYS_S`."""
        raise NotImplementedError

    def restart(self) -> None:
        """Another kernel in place of this one, or of the one that died."""
        raise NotImplementedError

    def shut_down(self) -> None:
        """End the kernel and the host."""
        raise NotImplementedError

    def answer_input(self, text: str) -> None:
        raise NotImplementedError

    def complete(self, source: str, position: int) -> Completion:
        """`position`: in characters."""
        raise NotImplementedError

    def inspect(self, source: str, position: int) -> str:
        """The signature and docstring of the name there, in plain text; "": none is known."""
        raise NotImplementedError

    def ask(self, request: Request[A], progress: Progress = silent) -> A:
        """The answer of `engine.lab.kernel_side` in the kernel; waits while a cell runs. Raises EngineError."""
        raise NotImplementedError

    def cancel(self) -> None:
        """What was asked is not wanted any more: `ask` raises InspectionCancelledError."""
        raise NotImplementedError

    def close(self) -> None:
        """Follow no more. The lab lives on."""
        raise NotImplementedError


def open_lab(
    home: Path, document: Path, *, kernel: str = "", data_dir: Path | None = None, idle: float | None = None
) -> LabClient:
    """The client of the lab of a document: of the one that lives, else of a new host. Raises LabError."""
    raise NotImplementedError


_ = Any
