"""What a run did, from its log, so that something else can do it again; and what can't be said of it so. No torch."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from engine.errors import RunError
from engine.home import RunFolder
from engine.progress import Progress, silent
from engine.runs import log, store
from engine.training import events as ev
from engine.training.config import TrainConfig, editable, is_file_reference, option

# What decides no number of the training: it may be another one after a resume.
NEUTRAL = frozenset({
    "device", "threads", "patience", "stop_when", "on_non_finite", "inspect_every", "checkpoint_every", "keep",
    "test_every_epoch", "tta",
})  # fmt: skip
ONLY_OF_PLATEAU = frozenset({"monitor", "min_delta", "lr_patience"})
IDX = "idx:"  # before the name of a data set in four files like Fashion-MNIST's


@dataclass(frozen=True)
class Change:
    """A setting that another value is given to while the run trains."""

    epoch: int
    step: int  # from this one on, counted from 1; of the batch size always 1
    setting: str
    value: float


@dataclass(frozen=True)
class Recipe:
    """A run that began with new weights."""

    run_id: str
    name: str
    config: TrainConfig  # at its beginning
    dataset: Mapping[str, Any]  # of `run_started`
    device: str
    device_name: str
    threads: int
    changes: tuple[Change, ...]  # in their order


SETTLING = (ev.RunStarted, ev.Edited, ev.Branched, ev.Resumed)  # the events that decide what was trained with


def recipe_of(folder: RunFolder, progress: Progress = silent) -> Recipe:
    """Read a run's log. `progress`: in bytes of it. Raises RunError, naming it, for what a script can't do again,
    UnreadableError for a folder that can't be read."""
    request = store.read_run(folder)
    trace = _Trace(folder.id)
    for event in log.events(folder, SETTLING, progress=progress):
        trace.add(event)
    begun = trace.begun
    if begun is None:
        raise RunError(f"{folder.id} has not begun to train yet")
    config = TrainConfig.from_dict(trace.config)
    made = Recipe(
        folder.id, str(request.get("name") or ""), config, begun.dataset, begun.device, begun.device_name,
        begun.threads, tuple(trace.changes),
    )  # fmt: skip
    if why := _refusal(made, request, resumed=trace.resumed):
        raise RunError(f"{folder.id} can't be exported as a script: {why}")
    return made


class _Trace:
    """Follows the settings through a log."""

    def __init__(self, run_id: str) -> None:
        self.begun: ev.RunStarted | None = None
        self.config: dict[str, Any] = {}
        self.changes: list[Change] = []
        self.resumed = False
        self._run_id = run_id
        self._made: list[tuple[tuple[int, int], Change]] = []  # with the place where each was made

    def add(self, event: ev.Event) -> None:
        """Take the next event. Raises RunError for one that no script can do again."""
        match event:
            case ev.RunStarted():
                self.begun, self.config = event, dict(event.config)
                self._made = []
            case ev.Edited():
                if event.setting not in editable() or not math.isfinite(event.after):
                    raise self._cannot(f"its log says that {event.setting!r} was changed to {event.after}")
                change = _change(event.setting, event.after, event.epoch, event.step, event.from_epoch)
                self._made.append(((event.epoch, event.step), change))
            case ev.Branched():
                what = f"is a branch of {event.parent}" if event.parent else "starts from the weights of a file"
                raise self._cannot(f"it {what}; only runs that begin with new weights can be")
            case ev.Resumed():
                self._resume(event)
        self.changes = [change for _, change in self._made]

    def _resume(self, event: ev.Resumed) -> None:
        here = (event.epoch, event.step)
        where = f"at epoch {event.epoch}, step {event.step}"
        if event.differences:
            raise self._cannot(f"it was resumed {where} under other conditions ({'; '.join(event.differences)})")
        if not event.checkpoint:  # from its first step
            self.config, self._made = dict(event.config), []
            return
        self.resumed = True
        self._made = [(place, change) for place, change in self._made if place <= here]
        now = self.config | {change.setting: change.value for _, change in self._made}
        plateau = now.get("schedule") == "plateau"
        for name, value in event.config.items():
            if name not in now or now[name] == value or name in NEUTRAL or (name in ONLY_OF_PLATEAU and not plateau):
                continue
            if name not in editable() or not isinstance(value, int | float):
                raise self._cannot(f"it was resumed {where} with {option(name)} {value} instead of {now[name]}")
            self._made.append((here, _change(name, value, *here, event.epoch + 1)))

    def _cannot(self, why: str) -> RunError:
        return RunError(f"{self._run_id} can't be exported as a script: {why}")


def _change(setting: str, value: float, epoch: int, step: int, from_epoch: int) -> Change:
    if setting in ("batch_size", "epochs", "threads"):
        value = int(value)
    return Change(from_epoch, 1, setting, value) if setting == "batch_size" else Change(epoch, step + 1, setting, value)


def _refusal(made: Recipe, request: Mapping[str, Any], *, resumed: bool) -> str:
    """Why a script can't do the same; empty where it can."""
    config, name = made.config, str(made.dataset.get("name", ""))
    if made.dataset.get("demo"):
        return "it trains on the demo data, which this program draws; train on Fashion-MNIST"
    if name != "fashion-mnist" and not name.startswith(IDX):
        return f"it trains on {name}, which torchvision.datasets.FashionMNIST does not read"
    if is_file_reference(config.model):
        return f"its model is a file of your own ({config.model})"
    if is_file_reference(config.transform):
        return f"its transform is a file of your own ({config.transform})"
    if config.compile:
        return "it was trained with torch.compile, whose kernels decide the last digits"
    if config.amp == "fp16":
        return "it was trained in float16 with a loss scale (--amp fp16)"
    if config.weights:
        return f"it starts from the weights of a file ({config.weights})"
    if int((request.get("environment") or {}).get("processes", request.get("processes") or 1)) > 1:
        return "several processes trained it together"
    if config.schedule == "plateau" and resumed and _of(made.changes, "batch_size"):
        return "its plateau schedule depends on evaluations whose batch size changed with a resume"
    return ""


def _of(changes: Sequence[Change], setting: str) -> list[Change]:
    return [change for change in changes if change.setting == setting]
