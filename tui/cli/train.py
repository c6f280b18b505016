"""`fmnist-tui train` and `stop` without the app: a run as progress bars, as one line an epoch, or as JSON lines."""

import contextlib
import shutil
import signal
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from engine.errors import EngineError, RunError
from engine.evaluation.metrics import wilson
from engine.home import RunFolder
from engine.runs import client, state_file, store
from engine.runs.follower import Follower
from engine.runs.going_on import GoesOn, goes_on
from engine.runs.recipe_record import record_words
from engine.runs.state import Fold, RunState
from engine.terminal_text import shown
from engine.training import event_json
from engine.training import events as ev
from engine.training.config import TrainConfig
from tui.cli.notify import TerminalTeller
from tui.cli.output import complain, console, say, say_line_of_json, tell
from tui.format import (
    count,
    counted,
    duration,
    edit_line,
    from_words,
    how_words,
    percent,
    place_words,
    position,
    split_words,
)

if TYPE_CHECKING:
    from rich.progress import TaskID

Listener = Callable[[ev.Event], None]
STOPPING = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


def train(
    home: Path,
    config: TrainConfig,
    *,
    name: str,
    data_dir: Path | None,
    as_json: bool,
    processes: int = 1,
    notify: Sequence[str] = (),
) -> int:
    """Be the host of a new run, in the foreground. Raises EngineError where it can't start; then no folder is left.

    Returns 0 done, 1 failed while running, 128 + signal when one stopped it (after saving).
    """
    if processes > 1:
        started = client.start(home, config, name=name, data_dir=data_dir, processes=processes, notify=notify)
        return follow(started, as_json=as_json)
    request = client.request(config, name=name, data_dir=data_dir, notify=notify)
    return serve_new(store.create(home, request), as_json=as_json)


def serve_new(folder: RunFolder, *, as_json: bool) -> int:
    """Be the host of the run whose folder was just made; the folder goes where it can't start."""
    try:
        return _serve(folder, None, as_json=as_json)
    except BaseException as error:
        begun = folder.events.exists() and folder.events.stat().st_size > 0
        if isinstance(error, EngineError | KeyboardInterrupt) or not begun:
            shutil.rmtree(folder.path, ignore_errors=True)
        raise


def resume(folder: RunFolder, changes: Mapping[str, Any], *, as_json: bool) -> int:
    """Be the next host of a run that ended, in the foreground. Raises EngineError, with the run as it was."""
    client.check_resumable(folder)
    if int(store.read_run(folder).get("processes") or 1) > 1:
        seen = Follower(folder)
        seen.skip()
        client.resume(folder, **changes)
        return follow(folder, as_json=as_json, seen=seen)
    return _serve(folder, changes, as_json=as_json)


def _serve(folder: RunFolder, resume: Mapping[str, Any] | None, *, as_json: bool) -> int:
    tell("starting PyTorch, reading the data …")
    from engine.runs.host import take

    host = take(folder, resume)
    for words in resumed_words(host.setup.differences, host.setup.bad):
        complain(words)
    if as_json:
        return host.serve(listener=TerminalTeller(folder, _print_json))
    known = state_file.read_all(folder)
    if sys.stdout.isatty():
        with TerminalReport(folder, known) as report:
            return host.serve(listener=TerminalTeller(folder, report.hear))
    return host.serve(listener=TerminalTeller(folder, LineReport(folder, print_line, known).hear))


def resumed_words(differences: list[str], bad: list[str]) -> list[str]:
    """What the user should know about a resumed run, a line each."""
    lines = [f"skipped: {checkpoint}" for checkpoint in bad]
    if differences:
        lines.append(f"not bit for bit the run it would have been: {'; '.join(differences)}")
    return lines


def follow(folder: RunFolder, *, as_json: bool, seen: Follower | None = None) -> int:
    """Report a run that other processes train, as if it were trained here: a signal stops it, saving first."""
    follower, fold = seen or Follower(folder), Fold()
    hear = TerminalTeller(folder, _print_json if as_json else LineReport(folder, print_line).hear)
    if not as_json and int(store.read_run(folder).get("processes") or 1) > 1:
        print_line(f"running: {client.shown_command(folder)}")
    asked: list[int] = []
    before = {number: signal.signal(number, lambda n, _: asked.append(n)) for number in STOPPING}
    told = False
    try:
        while True:
            living = store.alive(folder)
            for event in follower.poll():
                fold.add(event)
                hear(event)
            run = fold.snapshot()
            if run.done or not living:
                break
            if asked and not told:
                told = True
                with contextlib.suppress(RunError):
                    client.command(folder, "stop")
            time.sleep(0.1)
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
    if run.status == "failed" or not run.done:
        return 1
    return 128 + asked[0] if asked else 0


def wait_for_end(folder: RunFolder) -> int:
    """Wait until the run, which was told to stop, has saved and ended; say what came of it. 0, or 1 where it failed."""
    folded, report, ended = state_file.begun(folder), LineReport(folder, lambda line: None), ""
    while not ended:
        living = store.alive(folder)
        folded = state_file.read_on(folder, folded)
        run = folded.fold.snapshot()
        if run.done or not living:
            ended = report.ending(run)
        elif run.status == "paused" and run.reason == "cannot_write":
            complain(f"{folder.id} did not stop: {run.warnings[-1].message}")
            return 1
        else:
            time.sleep(0.1)
    say(ended)
    return 0 if run.done and run.status != "failed" else 1


class LineReport:
    """A run as lines: what it is, one an epoch, what goes wrong, how it ended."""

    def __init__(self, folder: RunFolder, write: Callable[[str], None], known: Fold | None = None) -> None:
        """`known`: what was told of the run before this report of it."""
        self.folder = folder
        self._write = write
        self._fold = known or Fold()
        self._losses: dict[int, ev.EpochFinished] = {}

    def hear(self, event: ev.Event) -> None:
        self._fold.add(event)
        match event:
            case ev.RunStarted():
                self._write(self.opening(event))
                self._tell_preparation(event)
                for note in data_notes(event.dataset):
                    self._write(f"note: {note}")
            case ev.Resumed():
                self._write(self.resumption(event))
                self._tell_preparation(event)
            case ev.Branched():
                self._write(
                    f"a branch of {event.parent}, from {event.checkpoint}" if event.parent else from_words(event)
                )
                for note in event.notes if not event.parent else ():
                    self._write(f"note: {note}")
            case ev.Edited():
                self._write(edit_line(event))
            case ev.EpochFinished():
                self._losses[event.epoch] = event
            case ev.Evaluated(split="test") if self._at_the_end(event):
                self._write(self.test_line(event))
            case ev.Evaluated():
                self._write(self.epoch_line(event))
            case ev.Warned():
                self._write(f"warning: {event.message}")
            case ev.Paused():
                how = f"fmnist-tui unpause {self.folder.id}"
                why = PAUSED.get(event.reason, event.reason)
                self._write(f"paused at epoch {event.epoch}, step {event.step} ({why}); resume with: {how}")
            case ev.Unpaused():
                self._write("resumed")
            case ev.Stopped() | ev.Finished() | ev.Failed():
                run = self._fold.snapshot()
                self._write(self.ending(run))
                if words := record_words(run):
                    self._write(words)

    def _tell_preparation(self, event: ev.RunStarted | ev.Resumed) -> None:
        for words in event.measured:
            self._write(f"measured: {words}")
        if event.compile_s:
            self._write(f"compiled in {duration(event.compile_s)}, which is not in the time of training")

    def opening(self, event: ev.RunStarted) -> str:
        data = event.dataset
        train, test = count(data["train"]), count(data["test"])
        images = f"{train} + {test} images"
        if held_out := data.get("val"):
            images = f"{train} training, {count(held_out)} validation and {test} test images"
        trained = f", {count(event.trainable)} of them train" if 0 <= event.trainable < event.parameters else ""
        return (
            f"run {self.folder.id}: {event.config['model']} ({count(event.parameters)} parameters{trained}) "
            f"on {data['title']} ({images}), "
            f"{event.device} ({event.device_name})"
        )

    def resumption(self, event: ev.Resumed) -> str:
        return f"run {self.folder.id}: resumed {place_words(event)}, {event.device} ({event.device_name})"

    def epoch_line(self, event: ev.Evaluated) -> str:
        run, which = self._fold.snapshot(), split_words(event.split)
        result = f"{which} accuracy {percent(event.accuracy)}  {which} loss {event.loss:.6f}"
        line = f"epoch {event.epoch}/{run.epochs}  {result}{how_words(event.weights, event.tta)}"
        if trained := self._losses.get(event.epoch):
            pace = count(round(trained.samples_per_s))
            line += f"  train loss {trained.loss:.6f}  {duration(trained.seconds)}  {pace} samples/s"
        return line

    def _at_the_end(self, event: ev.Evaluated) -> bool:
        run = self._fold.snapshot()
        return run.validates and not run.config.get("test_every_epoch")

    def test_line(self, event: ev.Evaluated) -> str:
        """The test set, at the end of a run with validation images."""
        run = self._fold.snapshot()
        which = "the best on the validation images" if run.best and run.best.epoch == event.epoch else "the last"
        low, high = wilson(sum(row[at] for at, row in enumerate(event.confusion)), sum(map(sum, event.confusion)))
        sure = f"95% interval {percent(low)} to {percent(high)}"
        result = f"test accuracy {percent(event.accuracy)} ({sure})  test loss {event.loss:.6f}"
        return f"{result}{how_words(event.weights, event.tta)}  of epoch {event.epoch}, {which}"

    def ending(self, run: RunState) -> str:
        weights = self.folder.weights
        saved = f"; weights: {weights}" if weights.exists() else ""
        best = ""
        if run.best:
            which = split_words(run.best.split)
            how = how_words(run.best.weights, run.best.tta)
            best = f"; best {which} accuracy {percent(run.best.accuracy)}{how} (epoch {run.best.epoch})"
        match run.status:
            case "finished" if run.reason:
                after = f"{run.epoch} of {run.epochs} epochs, {duration(run.training_s)} of training"
                return f"stopped early, as {run.reason}: after {after}{best}{saved}"
            case "finished":
                epochs = f"{run.epochs} epoch{'s' if run.epochs != 1 else ''}"
                return f"finished {epochs} in {duration(run.training_s)} of training{best}{saved}"
            case "stopped":
                why = "" if run.reason == "asked" else f" ({PAUSED.get(run.reason, run.reason)})"
                how = self._what_next(run)
                return f"stopped{why} at epoch {run.epoch}, step {position(run.step, run.steps)}{best}{saved}{how}"
            case "failed":
                return f"failed: {run.reason} (traceback in {self.folder.host_log})"
        how = self._what_next(run)
        return f"{self.folder.id} ended without finishing, at epoch {run.epoch}, step {run.step}{best}{saved}{how}"

    def _what_next(self, run: RunState) -> str:
        match goes_on(run):
            case GoesOn.FROM_NEWEST:
                return f"; resume with: fmnist-tui resume {self.folder.id}"
            case GoesOn.FROM_EARLIER:
                how = f"fmnist-tui resume {self.folder.id} lr=LR"
                return f"; its weights are not finite: go back to finite ones, with another learning rate: {how}"
            case GoesOn.NOT:
                return "; its weights are not finite, nor are those of any checkpoint: start a new run"


# Why a run is paused or stopped, for people.
PAUSED = {
    "asked": "asked",
    "step": "after one step",
    "non_finite_loss": "the loss is not finite",
    "cannot_write": "the disk can't be written",
}


class TerminalReport:
    """A run on a terminal: rich bars for the epoch and the run, and the lines of `LineReport` above them."""

    def __init__(self, folder: RunFolder, known: Fold | None = None) -> None:
        from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

        self._bars: Progress = Progress(
            TextColumn("{task.description}"),
            BarColumn(),
            MofNCompleteColumn(),
            TextColumn("{task.fields[note]}"),
            TimeRemainingColumn(),
            refresh_per_second=4,
            console=console(),
        )
        self._lines = LineReport(folder, lambda line: self._bars.console.print(shown(line)), known)
        self._epoch: TaskID | None = None
        self._run: TaskID | None = None
        self._steps = 0  # in an epoch
        self._loss = ""  # the newest, in words

    def __enter__(self) -> "TerminalReport":
        self._bars.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._bars.stop()

    def hear(self, event: ev.Event) -> None:
        match event:
            case ev.RunStarted() | ev.Resumed():
                self._epoch = self._bars.add_task("epoch", total=event.steps, note="")
                self._run = self._bars.add_task("run", total=event.steps * event.epochs, note="")
            case ev.Progress() if self._epoch is not None and self._run is not None:
                self._loss = f"loss {event.loss:.4f}"
                note = f"{self._loss}  {count(round(event.samples_per_s))} samples/s"
                self._bars.update(
                    self._epoch, completed=event.step, total=event.steps, description=f"epoch {event.epoch}", note=note
                )
                self._bars.update(self._run, completed=(event.epoch - 1) * event.steps + event.step)
            case ev.Paused() | ev.Unpaused() | ev.Stopped() | ev.Finished() | ev.Failed() if self._epoch is not None:
                paused = "  paused" if isinstance(event, ev.Paused) else ""  # nothing trains: at no speed
                self._bars.update(self._epoch, note=f"{self._loss}{paused}")
            case ev.Edited(setting="epochs") if self._run is not None:
                self._bars.update(self._run, total=self._steps * event.after)
        if isinstance(event, ev.Progress | ev.RunStarted | ev.Resumed):
            self._steps = event.steps
        self._lines.hear(event)


def data_notes(dataset: Mapping[str, Any]) -> list[str]:
    """What could not be read of a run's custom data, or was passed over, a line each. `dataset`: of RunStarted."""
    left_out = int(dataset.get("left_out", 0))
    unread = [f"{counted(left_out, 'file')} can't be read, left out; fmnist-tui data lists them"] if left_out else []
    return [*unread, *map(str, dataset.get("notes", ()))]


def print_line(line: str) -> None:
    say(line, flush=True)


def _print_json(event: ev.Event) -> None:
    say_line_of_json(event_json.encode(event))
