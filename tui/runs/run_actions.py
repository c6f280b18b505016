"""What can be done with a run, from any screen that shows it: command, change, resume, branch."""

import asyncio
import shlex
from collections.abc import Callable, Coroutine
from functools import partial
from typing import Any

from textual.screen import Screen

from engine.checkpoints import manifest
from engine.checkpoints.manifest import Entry
from engine.errors import ConfigError, EngineError, RunError
from engine.home import RunFolder
from engine.inspection.lr_find_requests import LrFindRequest
from engine.models.trusted_code import name_typed
from engine.runs import branch, checkpoint_refs, client, notice
from engine.runs.branch import BranchPoint
from engine.runs.listing import LIVE
from engine.runs.store import title
from engine.sources import RunCheckpoint
from engine.training.config import TrainConfig, editable, edited, parse, typed_pairs
from engine.training.settings import applies
from tui import format as fmt
from tui.config.declared import NOTIFY
from tui.dialogs.prompt import PromptScreen
from tui.services import Services

STARTING = "starting PyTorch, reading the data …"


class RunActions:
    """Asks the questions over `screen`, which holds it and has the keys, and does what is answered."""

    def __init__(self, screen: Screen[Any], services: Services) -> None:
        self._screen = screen
        self._services = services

    def send(self, folder: RunFolder, *commands: str) -> None:
        """Send commands without changes to the run's host, such as "pause"."""
        self._work(self.command(folder, *commands), "commands", exclusive=False)

    async def command(self, folder: RunFolder, *commands: str) -> None:
        """`send`, awaited."""
        try:
            for command in commands:
                await asyncio.to_thread(client.command, folder, command)
        except RunError as error:
            self._warn(error)

    def pause_or_resume(self, folder: RunFolder, status: str) -> None:
        """`status`: of the run's state."""
        self.send(folder, "unpause" if status == "paused" else "pause")

    def step(self, folder: RunFolder, status: str) -> None:
        """Do one training step, then stay paused."""
        self.send(folder, *(("step",) if status == "paused" else ("pause", "step")))

    def change(self, folder: RunFolder, changes: dict[str, str]) -> None:
        """Send changes of settings, as they are typed, to a run that trains."""
        self._work(self._change(folder, changes), "run questions", exclusive=False)

    def edit_or_resume(self, folder: RunFolder, config: dict[str, Any], epoch: int, state: str) -> None:
        """Ask for changes of the settings, and send them to a run that trains, or resume one that ended with them: also
        one that failed, or lost its way. `config`: as edited; `epoch`: the one under way; `state`: one of STATES."""
        asks = (
            self._ask_for_changes(folder, config, epoch)
            if state in LIVE
            else self._ask_to_resume_changed(folder, config, complete=state == "finished")
        )
        self._work(asks, "run questions")

    def resume(self, folder: RunFolder, epochs: int, *, complete: bool) -> None:
        """Resume a run that ended. Ask for the number of epochs where all `epochs` are done (`complete`), and whether
        to resume at all where the result may not be bit for bit the same."""
        self._work(self._ask_to_resume(folder, epochs, complete=complete), "run questions")

    def branch(self, folder: RunFolder, entry: Entry | None = None) -> None:
        """Ask for the settings of a new run that begins with a checkpoint (the newest), and start it."""
        self._work(self._ask_for_branch(folder, entry), "run questions")

    def find_lr(self, folder: RunFolder, entry: Entry | None = None) -> None:
        """Test learning rates from a checkpoint (the newest); what is taken is offered for a branch from there."""
        self._work(self._find_lr(folder, entry), "run questions")

    async def _find_lr(self, folder: RunFolder, entry: Entry | None) -> None:
        from tui.runs.lr_find import LrFindScreen

        source = RunCheckpoint(folder.id, "last" if entry is None else checkpoint_refs.name_of(entry))
        screen = LrFindScreen(self._services, LrFindRequest(source), there="the run has")
        lr = await self._screen.app.push_screen_wait(screen)
        if lr is not None:
            await self._ask_for_branch(folder, entry, f"lr={fmt.setting(lr)}")

    async def _change(self, folder: RunFolder, changes: dict[str, str]) -> None:
        try:
            done = await asyncio.to_thread(client.command, folder, "set", changes)
        except EngineError as error:
            self._warn(error)
        else:
            self._screen.notify("; ".join(done), timeout=2, markup=False)

    def _config(self, values: dict[str, Any]) -> TrainConfig | None:
        """The settings that a run has; None, and it is said, where they are none."""
        try:
            return TrainConfig.from_dict(values)
        except EngineError as error:
            self._warn(error)
            return None

    async def _ask_for_changes(self, folder: RunFolder, config: dict[str, Any], epoch: int) -> None:
        if (now := self._config(config)) is None:
            return
        examples = "Examples: lr=3e-4, lr=x2 epochs=20. A new batch size applies from the next epoch."
        about = f"now: {_editable_values(now)}\n{examples}"
        text = await self._ask(PromptScreen(f"Change {title(folder)}", about, _edit_check(now, epoch)))
        if text is not None and text.strip():
            await self._change(folder, typed_pairs(text))

    async def _ask_to_resume(self, folder: RunFolder, epochs: int, *, complete: bool) -> None:
        wanted = None
        if complete:
            about = "All its epochs are done. Train up to which epoch? A schedule uses the new number."
            prompt = PromptScreen(f"Resume {title(folder)}", about, _epochs_check(epochs), value=str(2 * epochs))
            text = await self._ask(prompt)
            if text is None:
                return
            wanted = int(text)
        await self._resume_if_sure(folder, {"epochs": wanted})

    async def _ask_to_resume_changed(self, folder: RunFolder, config: dict[str, Any], *, complete: bool) -> None:
        if (now := self._config(config)) is None:
            return
        about = (
            f"now: {_editable_values(now)}\n"
            "It goes on from its newest whole, finite checkpoint (else from its first step), with these changes.\n"
            "Examples: lr=3e-4, lr=/10 epochs=20. Leave empty to keep all."
        )
        check, value = _resume_check(now, complete=complete), f"epochs={2 * now.epochs}" if complete else ""
        text = await self._ask(PromptScreen(f"Resume {title(folder)} with other settings", about, check, value=value))
        if text is not None:
            typed = typed_pairs(text)
            epochs = edited(now, "epochs", typed.pop("epochs")).epochs if "epochs" in typed else None
            await self._resume_if_sure(folder, {"epochs": epochs, "settings": typed or None})

    async def _resume_if_sure(self, folder: RunFolder, changes: dict[str, Any]) -> None:
        name = title(folder)
        differences = await asyncio.to_thread(client.expected_differences, folder)
        if differences:
            about = f"Changed since: {'; '.join(differences)}. The result will not be bit for bit the same."
            if await self._ask(PromptScreen(f"Resume {name}?", about, _yes, value="yes")) is None:
                return
        self._work(self._resume(folder, name, changes), "start run")

    async def _resume(self, folder: RunFolder, name: str, changes: dict[str, Any]) -> None:
        notify = self._screen.notify
        notify(f"{name} goes on: {STARTING}", timeout=3, markup=False)
        try:
            resume = partial(client.resume, folder, **changes)
            resumed = await asyncio.to_thread(self._services.trusting, resume)
        except EngineError as error:
            notify(str(error), severity="error", timeout=15, markup=False)
            return
        for checkpoint in resumed.bad:
            notify(f"skipped: {checkpoint}", severity="warning", timeout=15, markup=False)
        if resumed.differences:
            differences = "; ".join(resumed.differences)
            notify(f"not bit for bit the same: {differences}", severity="warning", timeout=15, markup=False)
        self._services.watch_run(folder)

    async def _ask_for_branch(self, folder: RunFolder, entry: Entry | None, change: str = "") -> None:
        try:
            point = await asyncio.to_thread(branch.branch_point, folder, entry or "last")
        except EngineError as error:
            self._warn(error)
            return
        config = point.config
        settings = ["optimizer", "lr", "momentum", "weight_decay", "schedule", "batch_size", "epochs"]
        settings += ["freeze"] if config.freeze else []
        values = " · ".join(f"{setting} {_shown(getattr(config, setting))}" for setting in settings)
        about = (
            f"A new run from {fmt.checkpoint_words(point.entry)}; the old run stays as it is.\nthere: {values}\n"
            "Type the settings to change, such as lr=3e-4 epochs=20 name=slower; leave empty to keep all."
        )
        if words := await asyncio.to_thread(checkpoint_refs.warning, folder, point.entry):
            about = f"{words}\n{about}"
        value = " ".join(filter(None, (change, point.suggested)))
        frozen = self._services.branch_freeze.get(folder)
        if frozen is not None and frozen != config.freeze:
            value = f"{value} freeze={shlex.quote(frozen)}".strip()
        text = await self._ask(PromptScreen(f"Branch off {title(folder)}", about, _branch_check(point), value=value))
        if text is not None:
            changes = typed_pairs(text)
            name = changes.pop("name", "")
            at = checkpoint_refs.name_of(point.entry)
            self._work(self._branch(folder, at, changes, name), "start run")

    async def _branch(self, folder: RunFolder, at: str, changes: dict[str, str], name: str) -> None:
        def start() -> RunFolder:
            name_typed(changes.get("transform"))
            ways: tuple[str, ...] = self._services.preferences.get(NOTIFY)
            return client.branch(folder, at, changes, name=name, notify=notice.typed(ways))

        self._screen.notify(f"the branch: {STARTING}", timeout=3, markup=False)
        try:
            new = await asyncio.to_thread(self._services.trusting, start)
        except EngineError as error:
            self._screen.notify(str(error), severity="error", timeout=15, markup=False)
            return
        self._services.watch_run(new)

    async def _ask(self, prompt: PromptScreen) -> str | None:
        return await self._screen.app.push_screen_wait(prompt)

    def _work(self, what: Coroutine[Any, Any, None], group: str, *, exclusive: bool = True) -> None:
        self._screen.run_worker(what, group=group, exclusive=exclusive)

    def _warn(self, error: EngineError) -> None:
        self._screen.notify(str(error), severity="warning", markup=False)


def checkpoints(folder: RunFolder) -> list[Entry]:
    """The run's checkpoints in the order of the training. Raises CheckpointError where the list can't be read."""
    return sorted(manifest.read(folder), key=lambda entry: entry.place)


def _epochs_check(done: int) -> Callable[[str], str]:
    def check(text: str) -> str:
        epochs = int(parse("epochs", text))
        if epochs <= done:
            raise ConfigError("epochs", f"{done} epochs are done already: give more")
        return f"{epochs - done} more epoch{'s' if epochs - done > 1 else ''}, {epochs} in all"

    return check


def _editable_values(now: TrainConfig) -> str:
    shown = [name for name in editable() if applies(name, now.to_dict()) and (name != "patience" or now.patience)]
    return " · ".join(f"{name} {fmt.setting(getattr(now, name))}" for name in shown)


def _edits(now: TrainConfig, text: str) -> tuple[TrainConfig, str]:
    """The settings with what was typed, and what that changes, in words. Raises ConfigError."""
    after, changes = now, []
    for setting, typed in typed_pairs(text).items():
        after = edited(after, setting, typed)
        changes.append(f"{setting} {fmt.setting(getattr(now, setting))} → {fmt.setting(getattr(after, setting))}")
    return after, " · ".join(changes)


def _edit_check(now: TrainConfig, epoch: int) -> Callable[[str], str]:
    def check(text: str) -> str:
        after, changes = _edits(now, text)
        if after.epochs < epoch:
            raise ConfigError("epochs", f"the run is in epoch {epoch} already")
        return changes

    return check


def _resume_check(now: TrainConfig, *, complete: bool) -> Callable[[str], str]:
    def check(text: str) -> str:
        after, changes = _edits(now, text)
        if complete and after.epochs <= now.epochs:
            raise ConfigError("epochs", f"{now.epochs} epochs are done already: give more, as epochs={2 * now.epochs}")
        return changes or "the same settings"

    return check


def _branch_check(point: BranchPoint) -> Callable[[str], str]:
    def check(text: str) -> str:
        typed = typed_pairs(text)
        typed.pop("name", "")
        plan = point.plan(typed)
        before = point.config
        changes = [f"{name} {_shown(getattr(before, name))} → {_shown(after)}" for name, after in plan.changes.items()]
        return " · ".join(changes) or "the same settings"

    return check


def _yes(text: str) -> str:
    if text.strip().lower() not in ("y", "yes"):
        raise ConfigError("", "type yes to resume all the same, or press escape")
    return "Enter: resume"


def _shown(value: Any) -> str:
    return fmt.setting(value) if isinstance(value, int | float) and not isinstance(value, bool) else str(value)
