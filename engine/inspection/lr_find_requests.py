"""What the worker process is asked about learning rates. No torch."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from engine.sources import RunCheckpoint
from engine.training.config import TrainConfig
from engine.training.lr_sweep import LrCurve, Suggestions, Sweep
from engine.worker.request import Request


@dataclass(frozen=True)
class LrFindRequest(Request["LrFinding"]):
    """A learning-rate range test of a training that would begin with `config`, or that would go on from a run's
    checkpoint, with the settings as of there but for `changes`. Its progress counts steps."""

    handler = "engine.inspection.lr_find:compute"
    start: TrainConfig | RunCheckpoint
    sweep: Sweep = field(default_factory=Sweep)
    data_dir: Path | None = None  # of `config`; a run has its own
    changes: Mapping[str, Any] = field(default_factory=dict)  # of a run's settings, by name


@dataclass(frozen=True)
class LrFinding:
    """What the test has shown."""

    of: str  # what was trained, in words
    data: str  # its title
    demo: bool  # drawn data
    lr: float  # the setting, which the test does not use
    sweep: Sweep
    curve: LrCurve
    suggestions: Suggestions
    notes: tuple[str, ...] = ()  # what was not taken over from the checkpoint, a line each

    def to_dict(self) -> dict[str, Any]:
        """As JSON can hold it (docs/events.md)."""
        return {
            "of": self.of, "data": self.data, "demo": self.demo, "lr": self.lr,
            "from": self.sweep.low, "to": self.sweep.high, "steps": self.sweep.steps, "done": len(self.curve.lrs),
            **asdict(self.curve),
            "suggestions": [
                {"name": one.name, "lr": one.lr, "step": one.at + 1, "reason": one.reason}
                for one in self.suggestions.found
            ],
            "nothing": self.suggestions.nothing, "notes": list(self.notes),
        }  # fmt: skip
