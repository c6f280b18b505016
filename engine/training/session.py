"""`TrainingSession`: the PyTorch loop, run in a worker thread, that takes commands between steps and tells events."""

import contextlib
import math
import queue
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from itertools import islice
from typing import Any

import torch

from engine.errors import CheckpointError, RunError
from engine.training import determinism, schedules
from engine.training import events as ev
from engine.training.commands import Command, CommandKind, ScheduledCommand, StepDecision
from engine.training.config import TrainConfig
from engine.training.layer_stats import LayerStats
from engine.training.live_settings import LiveSettings
from engine.training.loop import Batch, Score, test_loop, train_loop
from engine.training.loss_report import LossReport
from engine.training.resume import FORMAT, ResumePoint
from engine.training.setup import TrainingSetup

UNASKED = ("folder_gone",)  # reasons to stop, beside signals, that do not wait for a checkpoint to succeed
SLOW_SAVING = 0.05  # of the time between two timed checkpoints; from here on a warning says so
TALK_S = 0.1  # seconds between two talks of processes that train together
SIGN_OF_LIFE_S = 60.0  # while paused, so that processes that wait for another do not give it up

Save = Callable[
    [dict[str, Any], str], ev.CheckpointSaved
]  # content, reason; raises CheckpointError, nothing half-written


class _Stop(Exception):  # noqa: N818
    """The way out of the loop; no error."""

    def __init__(self, reason: str) -> None:
        self.reason = reason


class _Interrupted(Exception):  # noqa: N818
    """The way out of an evaluation when the run is to stop."""


class TrainingSession:
    """One run of a prepared config. `run()` belongs in a worker thread; `send()` may be called from any other.

    `sink` takes the events (without seq and t) and must not raise; `save` writes a checkpoint of the content it is
    given; `trouble()` says, where the events could not be written down, why. `start`: where to begin, with the model's
    and the optimizer's states loaded. `opening`: the events that say so. `agenda`: orders for places to come.
    """

    def __init__(
        self,
        prepared: TrainingSetup,
        *,
        sink: Callable[[ev.Event], None],
        save: Save,
        trouble: Callable[[], str] = lambda: "",
        start: ResumePoint | None = None,
        opening: Sequence[ev.Event] | None = None,
        agenda: Iterable[ScheduledCommand] = (),
    ) -> None:
        start = start or ResumePoint()
        self.prepared = prepared
        self.epoch = start.epoch  # under way
        self.step = start.step  # steps done in it
        self.paused = False
        self.ended = False
        self.saving = False
        self._start = start
        self._opening = [ev.RunStarted(**prepared.describe())] if opening is None else opening
        self._sink = sink
        self._save = save
        self._trouble = trouble
        self._team = prepared.team
        self._settings = LiveSettings(prepared.config, prepared.optimizer, start.edits)
        self._vitals = LayerStats(prepared.network, prepared.train_loss_fn, prepared.optimizer, sink)
        self._losses = LossReport(prepared.train_batches, prepared.team, sink)
        self._agenda = deque(sorted(agenda, key=lambda one: (one.epoch, one.step)))
        self._commands: queue.SimpleQueue[Command] = queue.SimpleQueue()
        self._stop_wanted = False
        self._stepping = False  # one step was asked for
        self._evaluated = start.evaluated
        self._accuracy: float | None = None  # of the epoch, once it is evaluated
        self._at_the_test: Mapping[str, Any] | None = None  # the generators' states before the evaluation under way
        # Epoch, step, evaluated and the number of edits of the newest checkpoint.
        self._saved_at = self._here if start.rng else None
        self._next_save = math.inf
        self._told_of_slowness = False
        self._epoch_began = 0.0
        self._paused_s = 0.0  # seconds of this epoch that were no training
        self._before_s = start.training_s - start.seconds  # seconds of training in the epochs before this one
        self._to_turn = 1  # steps until processes that train together talk again

    @property
    def config(self) -> TrainConfig:
        """As of now: with the edits."""
        return self._settings.now

    def send(self, command: CommandKind, reason: str = "asked", changes: Mapping[str, str] | None = None) -> list[str]:
        """Queue a command. `changes`, of SET: settings and what was typed for them (see `config.edited`).

        Returns what a SET will change, for people. Raises RunError, with the reason, where it makes no sense now, and
        ConfigError for a value that can't be used; then none of the changes is made.
        """
        if self.ended:
            raise RunError("the run has ended")
        if command is CommandKind.PAUSE and self.paused:
            raise RunError("it is paused already")
        if command is CommandKind.UNPAUSE and not self.paused:
            raise RunError("it is not paused")
        if command is CommandKind.SET:
            orders, told = self._settings.plan(changes or {}, reason, self.epoch, self._done)
            for order in orders:
                self._commands.put(order)
            return told
        if command is CommandKind.STOP:
            self._stop_wanted = True
        self._commands.put(Command(command, reason))
        return []

    def run(self) -> str:
        """Train to the end or until told to stop. Returns "finished", or "stopped" with its event sent."""
        torch.set_num_threads(self.config.threads)  # the setting belongs to a thread
        try:
            for event in self._opening:
                self._sink(event)
            self._begin()
            if orders := self._due_here():
                self._obey(orders)
            epoch = self.epoch + self._evaluated
            while epoch <= self.config.epochs:
                if epoch > self.epoch:
                    self.epoch, self.step, self._evaluated = epoch, 0, False
                    self.prepared.train_batches.set_epoch(epoch)
                    self._start = ResumePoint()
                self._train_epoch()
                epoch += 1
            seconds = self._before_s
            self.ended = True
            self._sink(ev.Finished(epochs=self.config.epochs, seconds=seconds))
            return "finished"
        except _Stop as stop:
            self.ended = True
            self._sink(ev.Stopped(epoch=self.epoch, step=self.step, reason=stop.reason))
            return "stopped"
        finally:
            self.ended = True

    def tell_what_is_left(self) -> None:
        """After an error in `run`: the losses that were not told yet, as far as the device gives them."""
        with contextlib.suppress(Exception):
            self._losses.tell(self.epoch, self.step, self._settings.lr)

    # The epochs

    def _begin(self) -> None:
        """Take up the start's place in the data, and its generators."""
        start, batches = self._start, self.prepared.train_batches
        batches.change(batch_size=start.batch_size or None, shuffle=start.shuffle)
        batches.set_epoch(self.epoch, start.order)
        batches.change(batch_size=self.config.batch_size, shuffle=self.config.shuffle, seed=self.config.seed)
        if start.rng:
            determinism.restore(start.rng)

    def _train_epoch(self) -> None:
        p, start = self.prepared, self._start
        self._losses.begin_epoch(self.step, start.loss_sum)
        self._paused_s = 0.0
        now = time.monotonic()
        self._epoch_began = now - start.seconds
        if math.isinf(self._next_save) and self.config.checkpoint_every:
            self._next_save = now + self.config.checkpoint_every
        varies = schedules.varies(self.config)
        steps = len(p.train_batches)
        if self.step < steps:
            self._settings.apply(self._done)
        self._look_ahead(steps)
        for loss in train_loop(p.train_batches.batches(self.step), p.model, p.train_loss_fn, p.optimizer):
            self.step += 1
            self._losses.add(loss)
            self._vitals.take(loss)
            if self._team.size == 1:
                now = time.monotonic()
                due = now >= self._losses.next or now >= self._next_save or self._stepping
                due = due or not self._commands.empty()
            else:
                self._to_turn -= 1
                due = self._to_turn <= 0 or self._stepping
            if due or self._agenda:
                self._take_turn()
            if varies and self.step < steps:
                self._settings.apply(self._done)
            self._look_ahead(steps)
        self._report()
        seconds = self._epoch_s
        self._evaluate(seconds)
        self._before_s += seconds
        self._save_until_done()
        last = self.epoch >= self.config.epochs
        if last or not self._stepping:  # a step that was asked for comes first
            orders = self._team.agree(self._drain(last=last))
            if orders:
                self._obey(orders)

    def _look_ahead(self, steps: int) -> None:
        """Have the next step's layers read, where that is due: every so many steps, and at each single step."""
        every = self.config.inspect_every
        due = self._stepping or (every and self.step % every == 0)
        if due and self.step < steps and self._team.rank == 0:
            self._vitals.watch(self.epoch, self.step + 1, twice=self._stepping and self._team.size == 1)

    @property
    def _epoch_s(self) -> float:
        """Seconds of training in this epoch, pauses left out."""
        if self._evaluated:
            return 0.0
        return time.monotonic() - self._epoch_began - self._paused_s

    def _evaluate(self, seconds: float) -> None:
        p = self.prepared
        self._at_the_test = determinism.capture()
        begin = time.monotonic()
        batches = islice(p.test_batches, self._team.rank, None, self._team.size)
        try:
            mine = test_loop(self._unless_stopped(batches), p.network, p.loss_fn, len(p.dataset.classes))
        except _Interrupted:
            self._obey(self._drain())  # a stop is among them, and seldom comes back: where it could not save
            determinism.restore(self._at_the_test)
            self._evaluate(seconds)
            return
        score = Score.together(self._team.gather(mine))
        evaluation_s = time.monotonic() - begin
        self._at_the_test = None
        self._evaluated, self._accuracy = True, score.accuracy
        self._sink(
            ev.EpochFinished(
                epoch=self.epoch,
                loss=self._losses.loss_sum / self.step,
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

    def _unless_stopped(self, batches: Iterable[Batch]) -> Iterator[Batch]:
        for batch in batches:
            if self._stop_wanted and self._team.size == 1:
                raise _Interrupted
            yield batch

    # What happens between two steps

    def _take_turn(self) -> None:
        now = time.monotonic()
        turn = self._team.agree(
            StepDecision(
                report=now >= self._losses.next or self._stepping,
                # At the last step the epoch's own checkpoint is about to come.
                save=now >= self._next_save and self.step < len(self.prepared.train_batches),
                orders=self._drain(),
                steps=self._steps_to_turn(now),
            )
        )
        self._to_turn = turn.steps
        if turn.report:
            self._report()
        if turn.save:
            self._save_in_time()
        orders = self._due_here() + turn.orders
        if turn.report or turn.save:  # these may have found a reason to pause
            orders += self._team.agree(self._drain())
        if orders or self._stepping or self.paused:
            self._obey(orders)

    def _steps_to_turn(self, now: float) -> int:
        """How many steps processes that train together do until they talk again: about TALK_S, as fast as it goes."""
        if self._team.size == 1:
            return 1
        pace = (self.step - self._start.step) / max(
            1e-3, now - self._epoch_began - self._start.seconds - self._paused_s
        )
        return max(1, min(1000, round(TALK_S * pace)))

    def _due_here(self) -> tuple[Command, ...]:
        """The appointments of this place; those before it are past."""
        here, due = (self.epoch, self.step), []
        while self._agenda and (self._agenda[0].epoch, self._agenda[0].step) <= here:
            appointment = self._agenda.popleft()
            if (appointment.epoch, appointment.step) == here:
                due.append(appointment.order)
        return tuple(due)

    def _drain(self, *, wait: bool = False, last: bool = False) -> tuple[Command, ...]:
        """The orders that wait. `wait`: until there is one, or for SIGN_OF_LIFE_S where others wait for this process.
        `last`: the run is about to finish: only edits mean anything, and a disk that does not take its last events."""
        orders = []
        if wait and self._team.rank == 0:
            with contextlib.suppress(queue.Empty):
                orders.append(self._commands.get(timeout=SIGN_OF_LIFE_S if self._team.size > 1 else None))
        while not self._commands.empty():
            orders.append(self._commands.get())
        if last and not any(order.setting == "epochs" for order in orders):
            orders = [one for one in orders if one.command is CommandKind.SET or one.reason == "cannot_write"]
        return tuple(orders)

    def _report(self) -> None:
        """Tell the losses since the last report, and do what they, and the telling, call for."""
        if not self._losses.pending:
            return
        self._vitals.tell()
        bad = self._losses.tell(self.epoch, self.step, self._settings.lr)
        if bad is not None:
            self._meet_non_finite(*bad)
        if why := self._trouble():
            self._warn_of_writing(f"the run's events can't be written: {why}")
            self._commands.put(Command(CommandKind.PAUSE, "cannot_write"))

    def _meet_non_finite(self, step: int, what: str) -> None:
        """Warn, and do what the config says."""
        message = f"the loss is {what} at epoch {self.epoch}, step {step}; a smaller learning rate may help"
        self._sink(ev.Warned(code="non_finite_loss", message=message, epoch=self.epoch, step=step))
        if self.config.on_non_finite == "pause":
            self._commands.put(Command(CommandKind.PAUSE, "non_finite_loss"))
        elif self.config.on_non_finite == "stop":
            self._commands.put(Command(CommandKind.STOP, "non_finite_loss"))

    def _obey(self, orders: tuple[Command, ...]) -> None:
        """Do what was asked; while paused, wait for more."""
        self._stepping = False
        waiting = deque(orders)
        while self.paused or waiting:
            if not waiting:
                since = time.monotonic()
                waiting.extend(self._team.agree(self._drain(wait=True)))
                self._pass_time(time.monotonic() - since)
                continue
            order = waiting.popleft()
            match order.command:
                case CommandKind.PAUSE:
                    self._pause(order.reason)
                case CommandKind.UNPAUSE:
                    self._unpause()
                case CommandKind.STEP if self.paused:
                    self._stepping = True
                    for later in waiting:
                        self._commands.put(later)
                    return
                case CommandKind.STEP:
                    self._pause("step")
                case CommandKind.SET:
                    self._edit(order)
                case CommandKind.CHECKPOINT:
                    self._report()
                    self._save_or_warn("asked")
                case CommandKind.STOP:
                    self._report()
                    saved = self._save_or_warn("stop")
                    if saved or order.reason in UNASKED or order.reason.startswith("SIG"):
                        raise _Stop(order.reason)
                    self._stop_wanted = False
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
        self._losses.pass_time(seconds)
        self._next_save += seconds

    def _edit(self, order: Command) -> None:
        """Change a setting here. A new edit of a setting takes the place of those of it that wait to be replayed."""
        self._report()
        before = self._settings.edit(order, self.epoch, self.step)
        if not order.replayed:
            self._agenda = deque(one for one in self._agenda if one.order.setting != order.setting)
        batches = self.prepared.train_batches
        if order.setting == "batch_size":
            batches.change(batch_size=int(order.value))
        self._settings.apply(self._done)
        next_epoch = order.setting == "batch_size" or self.step >= len(batches)
        self._sink(
            ev.Edited(
                epoch=self.epoch,
                step=self.step,
                setting=order.setting,
                before=before,
                after=order.value,
                lr=self._settings.lr,
                from_epoch=self.epoch + next_epoch,
                replayed=order.replayed,
            )
        )

    @property
    def _done(self) -> float:
        """Epochs that are done, with the part of the one under way."""
        return self.epoch - 1 + self.step / len(self.prepared.train_batches)

    # Saving

    def content(self) -> dict[str, Any]:
        """What a checkpoint holds: plain containers and tensors, so that `torch.load(weights_only=True)` reads it.

        Everything that the steps to come depend on, as of this step boundary. All processes must call it together.
        """
        p, batches = self.prepared, self.prepared.train_batches
        return {
            "format": FORMAT,
            "model": p.network.state_dict(),
            "optimizer": p.optimizer.state_dict(),
            "scheduler": {
                "schedule": self.config.schedule,
                "base_lr": self.config.lr,
                "lr": self._settings.lr,
                "epochs_done": self._done,
            },
            "rng": self._team.gather(self._at_the_test or determinism.capture()),
            "order": batches.order,
            "batch_size": batches.batch_size,
            "shuffle": batches.shuffle,
            "config": self.config.to_dict(),
            "edits": [dict(edit) for edit in self._settings.edits],
            "epoch": self.epoch,
            "step": self.step,
            "steps": len(batches),
            "evaluated": self._evaluated,
            "accuracy": self._accuracy if self._evaluated else None,
            "loss_sum": self._losses.loss_sum,
            "seconds": self._epoch_s,
            "training_s": self._before_s + self._epoch_s,
            "environment": p.environment,
        }

    @property
    def _here(self) -> tuple[int, int, bool, int]:
        """What a checkpoint of now would differ in from one of another moment."""
        return (self.epoch, self.step, self._evaluated, len(self._settings.edits))

    def _save_or_warn(self, reason: str) -> bool:
        """Save where anything changed since the last checkpoint. Where it can't be written: warn, and give False."""
        here = self._here
        if self._saved_at == here:
            return True
        content, trouble = self.content(), ""
        if self._team.rank == 0:
            self.saving = True
            try:
                self._sink(self._save(content, reason))
            except CheckpointError as error:
                trouble = str(error)
            finally:
                self.saving = False
        trouble = self._team.agree(trouble)
        if trouble:
            self._warn_of_writing(trouble)
            return False
        self._saved_at = here
        if self.config.checkpoint_every:
            self._next_save = time.monotonic() + self.config.checkpoint_every
        return True

    def _save_in_time(self) -> None:
        """Between two epochs' checkpoints. One that fails is tried again when the next is due: the run goes on."""
        self._report()
        begin = time.monotonic()
        saved = self._save_or_warn("time")
        now = time.monotonic()
        every = self.config.checkpoint_every
        self._next_save = now + every
        if saved and now - begin > SLOW_SAVING * every and not self._told_of_slowness:
            self._told_of_slowness = True
            self._sink(
                ev.Warned(
                    code="slow_checkpoint",
                    message=f"saving took {now - begin:.1f} s, and is done every {every:g} s: "
                    "a larger --checkpoint-every costs less training time, and risks more of it",
                    epoch=self.epoch,
                    step=self.step,
                )
            )

    def _save_until_done(self) -> None:
        """Save; where that fails, pause, and try again when told to go on."""
        while not self._save_or_warn("epoch"):
            self._pause("cannot_write")
            self._obey(())

    def _warn_of_writing(self, message: str) -> None:
        self._sink(ev.Warned(code="cannot_write", message=message, epoch=self.epoch, step=self.step))
