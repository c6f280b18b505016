"""The commands that a session takes, and when."""

import enum
from dataclasses import dataclass
from typing import Any


class CommandKind(enum.Enum):
    """Each takes effect at the next step boundary."""

    PAUSE = "pause"
    UNPAUSE = "unpause"
    STEP = "step"  # one step, then paused
    STOP = "stop"  # save, then end
    CHECKPOINT = "checkpoint"
    SET = "set"  # change a setting


@dataclass(frozen=True)
class Command:
    """A command with what belongs to it."""

    kind: CommandKind
    reason: str = "asked"
    setting: str = ""  # of SET
    value: Any = None
    replayed: bool = False


@dataclass(frozen=True)
class ScheduledCommand:
    """A command for a certain place: after `step` steps of `epoch`."""

    epoch: int
    step: int
    command: Command


@dataclass(frozen=True)
class StepDecision:
    """What is done at a step boundary; where processes train together, the first of them decides it."""

    report: bool = False
    save: bool = False
    commands: tuple[Command, ...] = ()
    steps: int = 1  # until the next decision
