"""Between two steps: the commands that wait, what is decided, and who decides it where processes train together."""

import contextlib
import queue
from collections import deque
from collections.abc import Callable, Iterable
from typing import Protocol

from engine.training import events as ev
from engine.training import running_time
from engine.training.commands import Command, CommandKind, ScheduledCommand, StepDecision
from engine.training.place import Place
from engine.training.team import Team

STOPS_UNSAVED = ("folder_gone",)  # reasons to stop, beside signals, that do not wait for a checkpoint to succeed
TALK_S = 0.1  # seconds between two talks of processes that train together
SIGN_OF_LIFE_S = 60.0  # while paused, so that processes that wait for another do not give it up


class Stop(Exception):  # noqa: N818
    """The way out of the loop; no error."""

    def __init__(self, reason: str) -> None:
        self.reason = reason


class Actions(Protocol):
    """What commands do to a training."""

    def report(self) -> None:
        """Report the losses up to here."""

    def edit(self, command: Command) -> None:
        """Change a setting."""

    def save(self, reason: str) -> bool:
        """Save a checkpoint; False where it can't be written."""

    def pass_time(self, seconds: float) -> None:
        """Leave out seconds that were not training."""


class StepBoundary:
    """Takes commands from any thread, and carries them out in the training's thread, at step boundaries."""

    def __init__(
        self,
        place: Place,
        actions: Actions,
        *,
        team: Team,
        sink: Callable[[ev.Event], None],
        scheduled: Iterable[ScheduledCommand],
    ) -> None:
        self.paused = False
        self.single_step = False  # one step was asked for, and is under way
        self.stop_wanted = False  # a stop was sent that does not wait for the end of an evaluation
        self._place = place
        self._actions = actions
        self._team = team
        self._sink = sink
        self._scheduled = deque(sorted(scheduled, key=lambda one: (one.epoch, one.step)))
        self._commands: queue.SimpleQueue[Command] = queue.SimpleQueue()
        self._steps_left = 1  # until processes that train together talk again

    def put(self, command: Command) -> None:
        """Have it carried out at the next boundary."""
        self._commands.put(command)

    @property
    def empty(self) -> bool:
        """Whether no command waits."""
        return self._commands.empty()

    def is_due(self, deadline: float) -> bool:
        """Whether anything is to be decided after this step. `deadline`: of what is due by itself, running time."""
        if self._team.size == 1:
            due = running_time.now() >= deadline or self.single_step or not self._commands.empty()
        else:
            self._steps_left -= 1
            due = self._steps_left <= 0 or self.single_step
        return due or bool(self._scheduled)

    def decide(self, *, report: bool, save: bool, steps_per_s: float) -> StepDecision:
        """What all processes do here. `report`, `save`: what is due in this one."""
        steps = 1 if self._team.size == 1 else max(1, min(1000, round(TALK_S * steps_per_s)))
        decision: StepDecision = self._team.agree(
            StepDecision(report=report or self.single_step, save=save, commands=self._drain(), steps=steps)
        )
        self._steps_left = decision.steps
        return decision

    def carry_out_here(self, decision: StepDecision) -> None:
        """Carry out the commands of a decision and of this place; after a report or a save also what these found."""
        commands = self._due_here() + decision.commands
        if decision.report or decision.save:
            commands += self._team.agree(self._drain())
        if commands or self.single_step or self.paused:
            self.carry_out(commands)

    def begin(self) -> None:
        """Carry out what is scheduled for the very place where the training begins."""
        if commands := self._due_here():
            self.carry_out(commands)

    def end_epoch(self, *, last: bool) -> None:
        """Carry out what waits. `last`: the run is about to finish: only edits mean anything, and a disk that does not
        take its last events."""
        if not last and self.single_step:  # the step comes first
            return
        commands = self._drain()
        if last and not any(command.setting == "epochs" for command in commands):
            commands = tuple(one for one in commands if one.kind is CommandKind.SET or one.reason == "cannot_write")
        if commands := self._team.agree(commands):
            self.carry_out(commands)

    def interrupt(self) -> None:
        """Carry out what waits: a stop is among it. Returns only where the run could not be saved, and goes on."""
        self.carry_out(self._drain())

    def pause_and_wait(self, reason: str) -> None:
        """Pause, and return once a command lets the run go on."""
        self._pause(reason)
        self.carry_out(())

    def drop_scheduled_edits(self, setting: str) -> None:
        """A new edit of a setting takes the place of those that wait to be replayed."""
        self._scheduled = deque(one for one in self._scheduled if one.command.setting != setting)

    def carry_out(self, commands: tuple[Command, ...]) -> None:
        """Do what was asked; while paused, wait for more. Raises Stop."""
        self.single_step = False
        waiting = deque(commands)
        while self.paused or waiting:
            if not waiting:
                since = running_time.now()
                waiting.extend(self._team.agree(self._drain(wait=True)))
                self._actions.pass_time(running_time.now() - since)
                continue
            command = waiting.popleft()
            match command.kind:
                case CommandKind.PAUSE:
                    self._pause(command.reason)
                case CommandKind.UNPAUSE:
                    self._unpause()
                case CommandKind.STEP if self.paused:
                    self.single_step = True
                    for later in waiting:
                        self._commands.put(later)
                    return
                case CommandKind.STEP:
                    self._pause("step")
                case CommandKind.SET:
                    self._actions.edit(command)
                case CommandKind.CHECKPOINT:
                    self._actions.report()
                    self._actions.save("asked")
                case CommandKind.STOP:
                    self._stop(command.reason)

    def _stop(self, reason: str) -> None:
        self._actions.report()
        saved = self._actions.save("stop")
        if saved or reason in STOPS_UNSAVED or reason.startswith("SIG"):
            raise Stop(reason)
        self.stop_wanted = False
        self._pause("cannot_write")

    def _pause(self, reason: str) -> None:
        if self.paused:
            return
        self._actions.report()
        self.paused = True
        self._sink(ev.Paused(epoch=self._place.epoch, step=self._place.step, reason=reason))

    def _unpause(self) -> None:
        if not self.paused:
            return
        self.paused = False
        self._sink(ev.Unpaused(epoch=self._place.epoch, step=self._place.step))

    def _due_here(self) -> tuple[Command, ...]:
        """What is scheduled for this place; what was scheduled for places before it is past."""
        here, due = (self._place.epoch, self._place.step), []
        while self._scheduled and (self._scheduled[0].epoch, self._scheduled[0].step) <= here:
            scheduled = self._scheduled.popleft()
            if (scheduled.epoch, scheduled.step) == here:
                due.append(scheduled.command)
        return tuple(due)

    def _drain(self, *, wait: bool = False) -> tuple[Command, ...]:
        """The commands that wait. `wait`: until there is one, or for SIGN_OF_LIFE_S where others wait for this one."""
        commands = []
        if wait and self._team.rank == 0:
            with contextlib.suppress(queue.Empty):
                commands.append(self._commands.get(timeout=SIGN_OF_LIFE_S if self._team.size > 1 else None))
        while not self._commands.empty():
            commands.append(self._commands.get())
        return tuple(commands)
