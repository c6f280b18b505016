"""What a host says once, in a file, to the program that started it: that it trains, or why it does not."""

import io
from dataclasses import dataclass
from pathlib import Path

from engine import atomic
from engine.errors import RunError
from engine.worker import wire
from engine.worker.messages import Refused  # it can't start, for a reason that a person can mend


@dataclass(frozen=True)
class Started:
    """It trains. `differences`: what is not as it was when the run was begun; `bad`: checkpoints that were passed over;
    both in words."""

    differences: list[str]
    bad: list[str]


@dataclass(frozen=True)
class Failed:
    """It can't start because of a bug, whose traceback is in the run's log."""

    words: str


Answer = Started | Refused | Failed
__all__ = ["Answer", "Failed", "Refused", "Started", "read", "write"]


def write(path: Path, answer: Answer) -> None:
    """Write the answer, whole. Raises OSError where that can't be done."""
    message = io.BytesIO()
    try:
        wire.send(message, answer)
    except TypeError:  # an error that holds what can't be sent is told by its words
        assert isinstance(answer, Refused)
        message = io.BytesIO()
        wire.send(message, Refused(RunError(str(answer.error))))
    atomic.write_bytes(path, message.getvalue())


def read(path: Path) -> Answer:
    """The answer in the file. Raises FileNotFoundError while there is none."""
    answer: Answer = wire.receive(io.BytesIO(path.read_bytes()))
    return answer
