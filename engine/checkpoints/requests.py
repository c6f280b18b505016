"""What the worker process is asked about whole files of weights. No torch."""

from dataclasses import dataclass
from pathlib import Path

from engine.worker.request import Request


@dataclass(frozen=True)
class VerifyRequest(Request["Verification"]):
    """Whether every byte of a file is as it was written."""

    handler = "engine.checkpoints.verify:compute"
    file: Path


@dataclass(frozen=True)
class Verification:
    """What reading every byte has shown."""

    method: str  # what was compared, in a sentence that holds where nothing is damaged
    damage: tuple[str, ...] = ()
