"""`TrainingSession`: the PyTorch loop, run in a worker thread, that takes commands between steps and sends events."""

import contextlib
import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, TypeVar

import torch

from engine.errors import RunError
from engine.training import determinism, early_stopping, layer_stats, plateau, running_time, schedules
from engine.training import events as ev
from engine.training.checkpoint_policy import CheckpointPolicy, Save
from engine.training.commands import Command, CommandKind, ScheduledCommand
from engine.training.config import TrainConfig
from engine.training.examination import Examination, InterruptedEvaluation
from engine.training.finite import is_finite
from engine.training.hooks import HookContext, HookMaker, Hooks
from engine.training.live_settings import LiveSettings
from engine.training.loop import Score, train_loop
from engine.training.loss_report import LossReport
from engine.training.place import Place, TrainingClock
from engine.training.results import EpochResult
from engine.training.resume import FORMAT, ResumePoint, take_up
from engine.training.setup import TrainingSetup
from engine.training.step_boundary import StepBoundary, Stop

HOOKS: tuple[HookMaker, ...] = (layer_stats.make, early_stopping.make, plateau.make)
Weights = Mapping[str, torch.Tensor]  # a state_dict
T = TypeVar("T")


class TrainingSession:
    """One run of a prepared config. `run()` belongs in a worker thread; `send()` may be called from any other.

    `sink` takes the events (without seq and t) and must not raise; `save` writes a checkpoint of the content it is
    given; `trouble()` says, where the events could not be written down, why. `start`: where to begin, with the model's
    and the optimizer's states loaded. `opening`: the events that say so. `scheduled`: commands for places to come.
    `weights_after`: the network's weights after an epoch, from its checkpoint; None where that can't be read.
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
        scheduled: Iterable[ScheduledCommand] = (),
        hooks: Sequence[HookMaker] | None = None,
        weights_after: Callable[[int], Weights | None] = lambda epoch: None,
    ) -> None:
        start = start or ResumePoint()
        self.prepared = prepared
        self.place = Place(start.epoch, start.step, start.evaluated)
        self.ended = False
        self._after_step = prepared.averaging.on_step if prepared.averaging else None
        self._start = start
        self._opening = [ev.RunStarted(**prepared.describe())] if opening is None else opening
        self._sink = sink
        self._trouble = trouble
        self._team = prepared.team
        self._clock = TrainingClock(start.training_s - start.seconds)
        self._settings = LiveSettings(prepared.config, prepared.optimizer, start.edits)
        self._losses = LossReport(prepared.train_batches, prepared.team, sink)
        self._boundary = StepBoundary(self.place, self, team=self._team, sink=sink, scheduled=scheduled)
        context = HookContext(prepared, sink, self._boundary.put, lambda: self._settings.now, self._scale_lr)
        self._hooks = Hooks(HOOKS if hooks is None else hooks, context, start.hooks)
        self._policy = CheckpointPolicy(
            self, save, team=self._team, sink=sink, every_s=prepared.config.checkpoint_every,
            saved_at=self.version if start.rng else None,
        )  # fmt: skip
        self._accuracy: float | None = None  # of the epoch, once it is evaluated
        self._scored = True  # whether the losses of that are finite
        self._best = start.best  # the best epoch so far, and its accuracy
        self._tested: set[int] = set()  # epochs with whose weights the test set was evaluated at the end
        self._examination = Examination(prepared, lambda: self._boundary.stop_wanted)
        self._weights_after = weights_after

    @property
    def config(self) -> TrainConfig:
        """As of now: with the edits."""
        return self._settings.now

    @property
    def epoch(self) -> int:
        """The epoch under way, from 1."""
        return self.place.epoch

    @property
    def step(self) -> int:
        """Steps done in the epoch."""
        return self.place.step

    @property
    def paused(self) -> bool:
        return self._boundary.paused

    @property
    def stopping(self) -> bool:
        """Whether it has ended, or was told to."""
        return self.ended or self._boundary.stop_wanted

    @property
    def saving(self) -> bool:
        """Whether a checkpoint is being written."""
        return self._policy.saving

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
            commands, lines = self._settings.plan(changes or {}, reason, self.epoch, self._done)
            for one in commands:
                self._boundary.put(one)
            return lines
        if command is CommandKind.STOP:
            self._boundary.stop_wanted = True
        self._boundary.put(Command(command, reason))
        return []

    def run(self) -> str:
        """Train to the end or until told to stop. Returns "finished", or "stopped" with its event sent."""
        torch.set_num_threads(self.config.threads)  # the setting belongs to a thread
        place = self.place
        try:
            for event in self._opening:
                self._sink(event)
            take_up(self.prepared.train_batches, self.config, self._start)
            self._boundary.begin()
            self._train_epochs()
            while self._test_at_the_end():  # what was asked for meanwhile may be more epochs
                self._boundary.end_epoch(last=True)
                self._train_epochs()
            self.ended = True
            early = "" if place.epoch >= self.config.epochs else self._hooks.stop_reason()
            self._sink(ev.Finished(epochs=place.epoch, seconds=self._clock.before_s, early=early))
            return "finished"
        except Stop as stop:
            self.ended = True
            self._sink(ev.Stopped(epoch=place.epoch, step=place.step, reason=stop.reason))
            return "stopped"
        finally:
            self.ended = True

    def report_the_rest(self) -> None:
        """After an error in `run`: the losses that were not reported yet, as far as the device gives them."""
        with contextlib.suppress(Exception):
            self._losses.report(self.epoch, self.step, self._settings.lr)

    # The epochs

    @property
    def _enough(self) -> bool:
        """Whether no more epochs are to be trained."""
        place = self.place
        return place.evaluated and (place.epoch >= self.config.epochs or bool(self._hooks.stop_reason()))

    def _train_epochs(self) -> None:
        place = self.place
        while not self._enough:
            if place.evaluated:
                place.epoch, place.step, place.evaluated = place.epoch + 1, 0, False
                self.prepared.train_batches.set_epoch(place.epoch)
                self._start = ResumePoint()
            self._train_epoch()

    def _train_epoch(self) -> None:
        p, place, boundary = self.prepared, self.place, self._boundary
        self._losses.begin_epoch(place.step, self._start.loss_sum)
        self._clock.begin_epoch(self._start.seconds)
        self._policy.begin()
        varies = schedules.varies(self.config)
        steps = len(p.train_batches)
        if place.step < steps:
            self._settings.apply(self._done)
            self._hooks.before_step(place.epoch, place.step + 1, single=boundary.single_step)
        batches = p.train_batches.batches(place.step)
        for loss in train_loop(batches, p.model, p.train_loss_fn, p.optimizer, p.stepping):
            place.step += 1
            if self._after_step:
                self._after_step()
            self._losses.add(loss)
            self._hooks.on_step(place.epoch, place.step, loss)
            if boundary.is_due(min(self._losses.next, self._policy.next)):
                self._cross_boundary(steps)
            if place.step < steps:
                if varies:
                    self._settings.apply(self._done)
                self._hooks.before_step(place.epoch, place.step + 1, single=boundary.single_step)
        self.report()
        seconds = self._epoch_s
        self._evaluate(seconds)
        self._clock.before_s += seconds
        while not self.save("epoch"):
            boundary.pause_and_wait("cannot_write")
        boundary.end_epoch(last=self._enough)

    def _cross_boundary(self, steps: int) -> None:
        now = running_time.now()
        decision = self._boundary.decide(
            report=now >= self._losses.next,
            # At the last step the epoch's own checkpoint is about to come.
            save=now >= self._policy.next and self.step < steps,
            steps_per_s=(self.step - self._start.step) / max(1e-3, self._clock.here_s),
        )
        if decision.report or decision.save:
            self.report()
        if decision.save:
            self._policy.save_within_epoch()
        self._boundary.carry_out_here(decision)

    def _evaluate(self, seconds: float) -> None:
        if self.prepared.averaging:
            self.prepared.averaging.on_epoch(self.epoch, self.config, self.prepared.train_batches)
        scores = self._examined(self._examination.of_epoch)
        samples, loss = self.prepared.train_batches.samples, self._losses.loss_sum / self.step
        result = EpochResult(self.epoch, loss, {name: score for name, (score, _) in scores.items()})
        self.place.evaluated, self._accuracy = True, result.score.accuracy
        self._scored = all(math.isfinite(score.loss) for score, _ in scores.values())
        if self._best is None or self._accuracy > self._best[1]:
            self._best = (self.epoch, self._accuracy)
        self._sink(
            ev.EpochFinished(
                epoch=self.epoch, loss=loss, seconds=seconds, samples_per_s=samples / seconds if seconds > 0 else 0.0
            )
        )
        for name, scored in scores.items():
            self._report_score(name, self.epoch, *scored)
        self._hooks.on_epoch(result)

    def _test_at_the_end(self) -> bool:
        """Evaluate the test set with the weights of the best epoch, and with the last ones, where validation images
        have decided so far; once for each epoch. Returns whether anything was evaluated."""
        if "test" in self.prepared.sets_of_epoch or self.epoch in self._tested:
            return False
        best = self._best[0] if self._best else self.epoch
        if best != self.epoch and best not in self._tested:
            weights = self._team.agree(self._weights_after(best) if self._team.rank == 0 else None)
            if weights is None:
                what = f"the checkpoint of epoch {best}, the best one on the validation images, can't be read"
                message = f"{what}: the test set is evaluated with the last weights only"
                self._sink(ev.Warned(code="best_not_tested", message=message, epoch=self.epoch, step=self.step))
            else:
                self._report_score("test", best, *self._examined(lambda: self._test_with(weights)))
                self._tested.add(best)
        self._report_score("test", self.epoch, *self._examined(self._examination.of_test))
        self._tested.add(self.epoch)
        return True

    def _test_with(self, weights: Weights) -> tuple[Score, float]:
        """The network's score on the test set with other weights; it has its own again afterwards."""
        network = self.prepared.evaluated_network
        own = {name: value.clone() for name, value in network.state_dict().items()}
        try:
            network.load_state_dict(weights)
            return self._examination.of_test()
        finally:
            network.load_state_dict(own)

    def _examined(self, examine: Callable[[], T]) -> T:
        """What `examine` returns. A stop comes between, and ends the run, but where it can't be saved."""
        while True:
            try:
                return examine()
            except InterruptedEvaluation:
                self._boundary.interrupt()

    def _report_score(self, name: str, epoch: int, score: Score, seconds: float) -> None:
        weights, tta = self.prepared.how_evaluated
        how: dict[str, Any] = {"seconds": seconds, "split": name, "weights": weights, "tta": tta}
        self._sink(ev.Evaluated(epoch=epoch, **how, **score.metrics()))

    @property
    def _epoch_s(self) -> float:
        """Seconds of training in this epoch, as far as `before_s` does not hold them."""
        return 0.0 if self.place.evaluated else self._clock.epoch_s

    @property
    def _done(self) -> float:
        """Epochs that are done, with the part of the one under way."""
        return self.place.done(len(self.prepared.train_batches))

    # What the step boundary does to the training

    def report(self) -> None:
        """Report the losses since the last time, and do what they, and the writing of events, call for."""
        if not self._losses.pending:
            return
        self._hooks.on_report()
        if bad := self._losses.report(self.epoch, self.step, self._settings.lr):
            self._meet_non_finite(*bad)
        if why := self._trouble():
            self._policy.warn(f"the run's events can't be written: {why}")
            self._boundary.put(Command(CommandKind.PAUSE, "cannot_write"))

    def _meet_non_finite(self, step: int, what: str) -> None:
        """Warn, and do what the config says."""
        message = f"the loss is {what} at epoch {self.epoch}, step {step}; a smaller learning rate may help"
        self._sink(ev.Warned(code="non_finite_loss", message=message, epoch=self.epoch, step=step))
        if self.config.on_non_finite == "pause":
            self._boundary.put(Command(CommandKind.PAUSE, "non_finite_loss"))
        elif self.config.on_non_finite == "stop":
            self._boundary.put(Command(CommandKind.STOP, "non_finite_loss"))

    def edit(self, command: Command) -> None:
        """Change a setting here."""
        self.report()
        before = self._settings.edit(command, self.epoch, self.step)
        if not command.replayed:
            self._boundary.drop_scheduled_edits(command.setting)
        batches = self.prepared.train_batches
        if command.setting == "batch_size":
            batches.change(batch_size=int(command.value))
        elif command.setting == "threads":
            torch.set_num_threads(int(command.value))
        self._settings.apply(self._done)
        next_epoch = command.setting == "batch_size" or self.step >= len(batches)
        self._sink(
            ev.Edited(
                epoch=self.epoch,
                step=self.step,
                setting=command.setting,
                before=before,
                after=command.value,
                lr=self._settings.lr,
                from_epoch=self.epoch + next_epoch,
                replayed=command.replayed,
            )
        )

    def save(self, reason: str) -> bool:
        """Save a checkpoint, where anything changed since the last one; False where it can't be written."""
        return self._policy.save(reason)

    def pass_time(self, seconds: float) -> None:
        """Seconds that were not training: leave them out of the epoch's time and of samples/s."""
        self._clock.pass_time(seconds)
        self._losses.pass_time(seconds)
        self._policy.pass_time(seconds)

    def _scale_lr(self, factor: float) -> None:
        self._settings.scale = factor

    # What a checkpoint holds

    @property
    def version(self) -> tuple[object, ...]:
        """What a checkpoint of now would differ in from one of another moment."""
        return (self.epoch, self.step, self.place.evaluated, len(self._settings.edits))

    def content(self) -> dict[str, Any]:
        """What a checkpoint holds: plain containers and tensors, so that `torch.load(weights_only=True)` reads it.

        Everything that the steps to come depend on, as of this step boundary. All processes must call it together.
        """
        p, batches = self.prepared, self.prepared.train_batches
        return {
            "format": FORMAT,
            "model": p.evaluated_network.state_dict(),
            **p.beside_weights(),
            "optimizer": p.optimizer.state_dict(),
            "scheduler": {
                "schedule": self.config.schedule,
                "base_lr": self.config.lr,
                "lr": self._settings.lr,
                "epochs_done": self._done,
            },
            "rng": self._team.gather(self._examination.rng_before or determinism.capture()),
            "order": batches.order,
            "batch_size": batches.batch_size,
            "shuffle": batches.shuffle,
            "config": self.config.to_dict(),
            "edits": [dict(edit) for edit in self._settings.edits],
            "hooks": self._hooks.state_dict(),
            "epoch": self.epoch,
            "step": self.step,
            "steps": len(batches),
            "evaluated": self.place.evaluated,
            "accuracy": self._accuracy if self.place.evaluated else None,
            "best": list(self._best) if self._best else None,
            "finite": self._losses.finite
            and (self._scored or not self.place.evaluated)
            and is_finite(p.network, p.optimizer),
            "loss_sum": self._losses.loss_sum,
            "seconds": self._epoch_s,
            "training_s": self._clock.before_s + self._epoch_s,
            "environment": p.environment | {"threads": self.config.threads},
        }
