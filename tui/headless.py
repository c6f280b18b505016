"""`fmnist-tui train` and `stop` without the app: a run as progress bars, as one line an epoch, or as JSON lines."""

import shutil
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from engine.errors import EngineError
from engine.runs import client, store
from engine.runs.follow import Follower
from engine.runs.state import Fold, RunState
from engine.training import events as ev
from engine.training.config import TrainConfig
from tui.format import count, duration, percent

if TYPE_CHECKING:
    from rich.progress import TaskID

Listener = Callable[[ev.Event], None]


def train(home: Path, config: TrainConfig, *, name: str, data_dir: Path | None, as_json: bool) -> int:
    """Be the host of a new run, in the foreground. Raises EngineError where it can't start; then no folder is left.

    Returns 0 done, 1 failed while running, 128 + signal when one stopped it (after saving).
    """
    folder = store.create(home, client.request(config, name=name, data_dir=data_dir))
    if sys.stderr.isatty():
        print("importing PyTorch, reading the data …", file=sys.stderr)
    try:
        from engine.runs.host import Host, prepare_run  # torch: seconds

        prepared = prepare_run(folder)
    except (EngineError, KeyboardInterrupt):
        shutil.rmtree(folder, ignore_errors=True)
        raise
    if as_json:
        return Host(folder, prepared, listener=_print_json).serve()
    if sys.stdout.isatty():
        with TerminalReport(folder) as report:
            return Host(folder, prepared, listener=report.hear).serve()
    return Host(folder, prepared, listener=LineReport(folder, print_line).hear).serve()


def wait_for_end(folder: Path) -> int:
    """Wait until the run, which was told to stop, has saved and ended; say what came of it. 0, or 1 where it failed."""
    follower, fold, ended = Follower(folder), Fold(), ""
    report = LineReport(folder, lambda line: None)
    while not ended:
        living = store.alive(folder)
        for event in follower.poll():
            fold.add(event)
            report.hear(event)
        run = fold.snapshot()
        if run.done or not living:
            ended = report.ending(run)
        elif run.status == "paused" and run.reason == "cannot_write":
            print(f"fmnist-tui: {folder.name} did not stop: {run.warnings[-1].message}", file=sys.stderr)
            return 1
        else:
            time.sleep(0.1)
    print(ended)
    return 0 if run.done and run.status != "failed" else 1


class LineReport:
    """A run as lines: what it is, one an epoch, what goes wrong, how it ended."""

    def __init__(self, folder: Path, write: Callable[[str], None]) -> None:
        self.folder = folder
        self._write = write
        self._fold = Fold()
        self._losses: dict[int, ev.EpochFinished] = {}

    def hear(self, event: ev.Event) -> None:
        self._fold.add(event)
        match event:
            case ev.RunStarted():
                self._write(self.opening(event))
            case ev.EpochFinished():
                self._losses[event.epoch] = event
            case ev.Evaluated():
                self._write(self.epoch_line(event))
            case ev.Warned():
                self._write(f"warning: {event.message}")
            case ev.Paused():
                how = f"fmnist-tui unpause {self.folder.name}"
                self._write(
                    f"paused at epoch {event.epoch}, step {event.step} ({PAUSED[event.reason]}); go on with: {how}"
                )
            case ev.Unpaused():
                self._write("going on")
            case ev.Stopped() | ev.Finished() | ev.Failed():
                self._write(self.ending(self._fold.snapshot()))

    def opening(self, event: ev.RunStarted) -> str:
        data = event.dataset
        return (
            f"run {self.folder.name}: {event.config['model']} ({count(event.parameters)} parameters) "
            f"on {data['title']} ({count(data['train'])} + {count(data['test'])} images), "
            f"{event.device} ({event.device_name})"
        )

    def epoch_line(self, event: ev.Evaluated) -> str:
        run = self._fold.snapshot()
        line = f"epoch {event.epoch}/{run.epochs}  test accuracy {percent(event.accuracy)}  test loss {event.loss:.6f}"
        if trained := self._losses.get(event.epoch):
            pace = count(round(trained.samples_per_s))
            line += f"  train loss {trained.loss:.6f}  {duration(trained.seconds)}  {pace} samples/s"
        return line

    def ending(self, run: RunState) -> str:
        weights = self.folder / "checkpoints" / "model_weights.pth"
        saved = f"; weights: {weights}" if weights.exists() else ""
        best = f"; best test accuracy {percent(run.best.accuracy)} (epoch {run.best.epoch})" if run.best else ""
        match run.status:
            case "finished":
                return f"finished {run.epochs} epochs in {duration(run.last - run.started)}{best}{saved}"
            case "stopped":
                why = "" if run.reason == "asked" else f" ({PAUSED.get(run.reason, run.reason)})"
                return f"stopped{why} at epoch {run.epoch}, step {run.step} of {run.steps}{best}{saved}"
            case "failed":
                return f"failed: {run.reason} (traceback in {self.folder / store.LOG})"
        return f"{self.folder.name} ended without finishing, at epoch {run.epoch}, step {run.step}{best}{saved}"


# Why a run is paused or stopped, for people.
PAUSED = {
    "asked": "asked",
    "step": "after one step",
    "non_finite_loss": "the loss is not finite",
    "cannot_write": "the disk can't be written",
}


class TerminalReport:
    """A run on a terminal: rich bars for the epoch and the run, and the lines of `LineReport` above them."""

    def __init__(self, folder: Path) -> None:
        from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

        self._bars: Progress = Progress(
            TextColumn("{task.description}"),
            BarColumn(),
            MofNCompleteColumn(),
            TextColumn("{task.fields[note]}"),
            TimeRemainingColumn(),
            refresh_per_second=4,
        )
        self._lines = LineReport(folder, lambda line: self._bars.console.print(line, highlight=False, markup=False))
        self._epoch: TaskID | None = None
        self._run: TaskID | None = None

    def __enter__(self) -> "TerminalReport":
        self._bars.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._bars.stop()

    def hear(self, event: ev.Event) -> None:
        match event:
            case ev.RunStarted():
                self._epoch = self._bars.add_task("epoch 1", total=event.steps, note="")
                self._run = self._bars.add_task("run", total=event.steps * event.epochs, note="")
            case ev.Progress() if self._epoch is not None and self._run is not None:
                note = f"loss {event.loss:.4f}  {count(round(event.samples_per_s))} samples/s"
                self._bars.update(
                    self._epoch, completed=event.step, total=event.steps, description=f"epoch {event.epoch}", note=note
                )
                self._bars.update(self._run, completed=(event.epoch - 1) * event.steps + event.step)
        self._lines.hear(event)


def print_line(line: str) -> None:
    print(line, flush=True)


def _print_json(event: ev.Event) -> None:
    print(ev.encode(event), flush=True)
