"""What *Runs* does to the run under its cursor: pause, resume, change, stop, branch, and its place in the queue."""

from textual import work
from textual.binding import BindingType

from engine.runs.listing import LIVE, RunSummary
from tui.keys import bind
from tui.runs.ordered_runs import OrderedRuns
from tui.runs.queue_actions import WAITING, QueueActions
from tui.runs.run_actions import RunActions
from tui.runs.stop_dialog import STOP, StopDialog
from tui.services import Services


def command_keys(screen: str) -> list[BindingType]:
    """The keys of a `CommandedRuns`."""
    return [
        bind(screen, "go", "Pause/resume", "also a run that ended; hold or release one that waits", action="pause"),
        bind(screen, "change", "Change", "settings: of a run that trains, or to resume one with", action="edit"),
        bind(screen, "new_run", "New run"),
        bind(screen, "stop", "Stop", "or take it out of the queue"),
        bind(screen, "earlier", action="queue(-1)", show=False),
        bind(screen, "later", action="queue(1)", show=False),
        bind(screen, "branch", "Branch", "a new run from its newest checkpoint"),
    ]


class CommandedRuns(OrderedRuns):
    """A list of runs whose cursor is on one of them, or on none (`selected`)."""

    def __init__(self, services: Services) -> None:
        super().__init__(services)
        self._actions = RunActions(self, services)
        self._queue = QueueActions(self, services.home, self.look)

    @property
    def selected(self) -> RunSummary | None:
        """The run under the cursor."""
        raise NotImplementedError

    def action_pause(self) -> None:
        """Pause a run that trains, resume one that is paused, and one that ended."""
        if (run := self.selected) is None:
            return
        if run.state in WAITING:
            self._queue.hold_or_release(run)
        elif run.state in LIVE:
            self._send(run, "unpause" if run.state == "paused" else "pause")
        else:
            self._actions.resume(run.folder, run.epochs, complete=run.state == "finished")

    def action_queue(self, by: int) -> None:
        if (run := self.selected) is not None:
            self._queue.move(run, by)

    def action_edit(self) -> None:
        if (run := self.selected) is not None:
            self._actions.edit_or_resume(run.folder, dict(run.settings), run.epoch, run.state)

    def action_new_run(self) -> None:
        self._services.new_run()

    @work(group="stop")
    async def action_stop(self) -> None:
        run = self.selected
        if run is not None and run.state in WAITING:
            self._queue.cancel(run)
        elif run is not None and await self.app.push_screen_wait(StopDialog(run.title, can_detach=False)) == STOP:
            self._send(run, "stop")

    def action_branch(self) -> None:
        if (run := self.selected) is not None:
            self._actions.branch(run.folder)

    def action_on_model(self) -> None:
        if (run := self.selected) is not None:
            self._services.show_network(f"{run.id}@last")

    @work(group="commands")
    async def _send(self, run: RunSummary, command: str) -> None:
        await self._actions.command(run.folder, command)
        self.look()
