"""`TrainingSession`: the PyTorch loop, run in a worker thread, that takes commands between steps and tells events."""

import enum
import math
import queue
import time
from collections.abc import Callable
from typing import Any

import torch

from engine.errors import CheckpointError, RunError
from engine.training import events as ev
from engine.training.loop import test_loop, train_loop
from engine.training.prepare import Prepared

REPORT_S = 0.1  # seconds between progress events in the first minute, …
LATER_REPORT_S = 0.5  # … and after it, so that a day's events stay readable at once
FIRST_MINUTE_S = 60.0
UNASKED = ("folder_gone",)  # reasons to stop, beside signals, that do not wait for a checkpoint to succeed
LOG_EVERY = 100  # batches, as the tutorial prints


class Command(enum.Enum):
    """What a session can be told. Each takes effect at the next step boundary."""

    PAUSE = "pause"
    UNPAUSE = "unpause"
    STEP = "step"  # one step, then paused
    STOP = "stop"  # save, then end
    CHECKPOINT = "checkpoint"


Save = Callable[[dict[str, Any]], ev.CheckpointSaved]  # raises CheckpointError, with nothing half-written


class _Stop(Exception):  # noqa: N818
    """The way out of the loop; no error."""

    def __init__(self, reason: str) -> None:
        self.reason = reason


class TrainingSession:
    """One run of a prepared config. `run()` belongs in a worker thread; `send()` may be called from any other.

    `sink` takes the events (without seq and t) and must not raise; `save` writes a checkpoint of the content it is
    given; `trouble()` says, where the events could not be written down, why.
    """

    def __init__(
        self,
        prepared: Prepared,
        *,
        sink: Callable[[ev.Event], None],
        save: Save,
        trouble: Callable[[], str] = lambda: "",
    ) -> None:
        self.prepared = prepared
        self.epoch = 1  # under way
        self.step = 0  # steps done in it
        self.paused = False
        self.ended = False
        self._sink = sink
        self._save = save
        self._trouble = trouble
        self._commands: queue.SimpleQueue[tuple[Command, str]] = queue.SimpleQueue()
        self._stepping = False  # one step was asked for
        self._finite = True  # the last loss seen was
        self._saved_at = (0, 0)  # epoch and step of the newest checkpoint
        # Losses since the last report, on the device until then, and the step before the first of them.
        self._pending: list[torch.Tensor] = []
        self._reported_step = 0
        self._reported_at = 0.0
        self._next_report = 0.0
        self._epoch_loss = 0.0
        self._paused_s = 0.0  # seconds of this epoch that were no training
        self._start = 0.0

    def send(self, command: Command, reason: str = "asked") -> None:
        """Queue a command. Raises RunError, with the reason, where it makes no sense now."""
        if self.ended:
            raise RunError("the run has ended")
        if command is Command.PAUSE and self.paused:
            raise RunError("it is paused already")
        if command is Command.UNPAUSE and not self.paused:
            raise RunError("it is not paused")
        self._commands.put((command, reason))

    def run(self) -> str:
        """Train to the end or until told to stop. Returns "finished", or "stopped" with its event sent."""
        torch.set_num_threads(self.prepared.config.threads)  # the setting belongs to a thread
        start = time.monotonic()
        try:
            self._sink(ev.RunStarted(**self.prepared.describe()))
            self._start = start
            for epoch in range(1, self.prepared.config.epochs + 1):
                self.epoch, self.step = epoch, 0
                self._train_epoch()
            self._sink(ev.Finished(epochs=self.prepared.config.epochs, seconds=time.monotonic() - start))
            return "finished"
        except _Stop as stop:
            self._sink(ev.Stopped(epoch=self.epoch, step=self.step, reason=stop.reason))
            return "stopped"
        finally:
            self.ended = True

    def _train_epoch(self) -> None:
        p = self.prepared
        p.train_batches.set_epoch(self.epoch)
        self._epoch_loss, self._reported_step = 0.0, 0
        self._paused_s = 0.0
        begin = self._reported_at = time.monotonic()
        self._next_report = begin + REPORT_S
        for loss in train_loop(p.train_batches, p.model, p.loss_fn, p.optimizer):
            self.step += 1
            self._pending.append(loss)
            if time.monotonic() >= self._next_report or self._stepping:
                self._report()
            if self._stepping or not self._commands.empty():
                self._obey()
        self._report()
        seconds = time.monotonic() - begin - self._paused_s
        self._evaluate(seconds)
        self._save_until_done()
        if self.epoch < p.config.epochs and not self._commands.empty():
            self._obey()

    def _evaluate(self, seconds: float) -> None:
        p = self.prepared
        begin = time.monotonic()
        score = test_loop(p.test_batches, p.model, p.loss_fn, len(p.dataset.classes))
        evaluation_s = time.monotonic() - begin
        self._sink(
            ev.EpochFinished(
                epoch=self.epoch,
                loss=self._epoch_loss / self.step,
                seconds=seconds,
                samples_per_s=p.train_batches.samples / seconds if seconds > 0 else 0.0,
            )
        )
        self._sink(
            ev.Evaluated(
                epoch=self.epoch,
                loss=score.loss,
                accuracy=score.accuracy,
                per_class=list(score.per_class),
                confusion=[list(row) for row in score.confusion],
                seconds=evaluation_s,
            )
        )

    # What happens between two steps

    def _report(self) -> None:
        """Tell the losses since the last report; the only place where they leave the device."""
        if not self._pending:
            return
        losses: list[float] = torch.stack(self._pending).tolist()
        self._pending.clear()
        now = time.monotonic()
        p, first = self.prepared, self._reported_step
        batch_size, samples = p.config.batch_size, p.train_batches.samples
        for index in range(-first % LOG_EVERY, len(losses), LOG_EVERY):
            seen = (first + index) * batch_size
            self._sink(
                ev.BatchLoss(epoch=self.epoch, step=first + index + 1, loss=losses[index], seen=seen, of=samples)
            )
        elapsed = max(now - self._reported_at, 1e-9)
        trained = min(self.step * batch_size, samples) - first * batch_size
        self._epoch_loss += sum(losses)
        self._sink(
            ev.Progress(
                epoch=self.epoch,
                step=self.step,
                steps=len(p.train_batches),
                loss=sum(losses) / len(losses),
                lr=float(p.optimizer.param_groups[0]["lr"]),
                samples_per_s=trained / elapsed,
            )
        )
        self._reported_at, self._reported_step = now, self.step
        self._next_report = now + (REPORT_S if now - self._start < FIRST_MINUTE_S else LATER_REPORT_S)
        self._watch_losses(first, losses)
        if why := self._trouble():
            self._pause_for_writing(f"the run's events can't be written: {why}")

    def _watch_losses(self, first: int, losses: list[float]) -> None:
        """Warn where the losses stop being finite, and do what the config says."""
        bad = next((index for index, loss in enumerate(losses) if not math.isfinite(loss)), None)
        was_finite, self._finite = self._finite, math.isfinite(losses[-1])
        if bad is None or (bad == 0 and not was_finite):
            return
        step, action = first + bad + 1, self.prepared.config.on_non_finite
        what = "NaN" if math.isnan(losses[bad]) else "infinite"
        self._sink(
            ev.Warned(
                code="non_finite_loss",
                message=f"the loss is {what} at epoch {self.epoch}, step {step}; a smaller learning rate may help",
                epoch=self.epoch,
                step=step,
            )
        )
        if action == "pause":
            self._commands.put((Command.PAUSE, "non_finite_loss"))
        elif action == "stop":
            self._commands.put((Command.STOP, "non_finite_loss"))

    def _obey(self) -> None:
        """Do what was asked; while paused, wait for more."""
        if self._stepping:
            self._stepping = False
        while self.paused or not self._commands.empty():
            waiting_since = time.monotonic()
            command, reason = self._commands.get()
            if self.paused:
                self._pass_time(time.monotonic() - waiting_since)
            match command:
                case Command.PAUSE:
                    self._pause(reason)
                case Command.UNPAUSE:
                    self._unpause()
                case Command.STEP if self.paused:
                    self._stepping = True
                    return
                case Command.STEP:
                    self._pause("step")
                case Command.CHECKPOINT:
                    self._report()
                    self._save_or_warn()
                case Command.STOP:
                    self._report()
                    if self._save_or_warn() or reason in UNASKED or reason.startswith("SIG"):
                        raise _Stop(reason)
                    self._pause("cannot_write")

    def _pause(self, reason: str) -> None:
        if self.paused:
            return
        self._report()
        self.paused = True
        self._sink(ev.Paused(epoch=self.epoch, step=self.step, reason=reason))

    def _unpause(self) -> None:
        if not self.paused:
            return
        self.paused = False
        self._sink(ev.Unpaused(epoch=self.epoch, step=self.step))

    def _pass_time(self, seconds: float) -> None:
        """Seconds that were no training: leave them out of the epoch's time and of samples/s."""
        self._paused_s += seconds
        self._reported_at += seconds

    # Saving

    def content(self) -> dict[str, Any]:
        """What a checkpoint holds: plain containers and tensors, so that `torch.load(weights_only=True)` reads it."""
        p = self.prepared
        return {
            "format": 1,
            "model": p.model.state_dict(),
            "optimizer": p.optimizer.state_dict(),
            "config": p.config.to_dict(),
            "epoch": self.epoch,
            "step": self.step,
            "steps": len(p.train_batches),
        }

    def _save_or_warn(self) -> bool:
        """Save where anything changed since the last checkpoint. Where it can't be written: warn, and give False."""
        if self._saved_at == (self.epoch, self.step):
            return True
        try:
            self._sink(self._save(self.content()))
        except CheckpointError as error:
            self._warn_of_writing(str(error))
            return False
        self._saved_at = (self.epoch, self.step)
        return True

    def _save_until_done(self) -> None:
        """Save; where that fails, pause, and try again when told to go on."""
        while not self._save_or_warn():
            self._pause("cannot_write")
            self._obey()

    def _pause_for_writing(self, message: str) -> None:
        self._warn_of_writing(message)
        self._commands.put((Command.PAUSE, "cannot_write"))

    def _warn_of_writing(self, message: str) -> None:
        self._sink(ev.Warned(code="cannot_write", message=message, epoch=self.epoch, step=self.step))
