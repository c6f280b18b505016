"""Going on with runs, from any screen that shows them: resume, branch, and changes to one that trains."""

import asyncio
import shlex
from collections.abc import Callable
from pathlib import Path
from typing import Any, Protocol, cast

from textual import work
from textual.screen import Screen

from engine.checkpoints import manifest
from engine.checkpoints.manifest import Entry
from engine.errors import ConfigError, EngineError
from engine.runs import checkpoint_refs, client
from engine.training.config import TrainConfig, changed, editable, edited, parse, typed_pairs
from tui import format as fmt
from tui.dialogs.prompt import PromptScreen


class Host(Protocol):
    """What these need of the app."""

    branch_freeze: dict[Path, str]

    def watch_run(self, folder: Path) -> None: ...


class RunActionsScreen(Screen[None]):
    """A screen that can resume, branch and edit runs; it has the keys, this the questions and what follows them."""

    def resume_run(self, folder: Path, name: str, epochs: int, *, complete: bool) -> None:
        """Go on with a run that ended; ask how far where it did all its epochs, and whether to where the numbers may
        come out differently."""
        if not complete:
            self._foresee(folder, name, None)
            return

        def asked(text: str | None) -> None:
            if text is not None:
                self._foresee(folder, name, int(text))

        about = (
            "It did all its epochs. Train to which epoch now? A schedule of the learning rate goes by the new number."
        )
        check = _epochs_check(epochs)
        self.app.push_screen(PromptScreen(f"Go on with {name}", about, check, value=str(2 * epochs)), asked)

    def branch_run(self, folder: Path, name: str, entry: Entry | None = None) -> None:
        """Ask for the settings of a new run that goes on from a checkpoint (the newest), and start it."""
        self._ask_for_branch(folder, name, entry)

    def edit_run(self, folder: Path, name: str, config: dict[str, Any], epoch: int) -> None:
        """Ask for a change to a run that trains, and send it."""
        now = TrainConfig.from_dict(config)

        def asked(text: str | None) -> None:
            if text is not None and text.strip():
                self._edit(folder, typed_pairs(text))

        values = " · ".join(f"{setting} {fmt.setting(getattr(now, setting))}" for setting in editable())
        about = f"now: {values}\nFor example: lr=3e-4, or lr=x2 epochs=20. A batch size holds from the next epoch."
        self.app.push_screen(PromptScreen(f"Change {name}", about, _edit_check(now, epoch)), asked)

    @work(group="continuing")
    async def _edit(self, folder: Path, changes: dict[str, str]) -> None:
        try:
            told = await asyncio.to_thread(client.command, folder, "set", changes)
        except EngineError as error:
            self.notify(str(error), severity="warning", markup=False)
        else:
            self.notify("; ".join(told), timeout=2, markup=False)

    @work(group="continuing", exclusive=True)
    async def _foresee(self, folder: Path, name: str, epochs: int | None) -> None:
        """Say what is not as it was before anything begins."""
        differences = await asyncio.to_thread(client.foreseen, folder)
        if not differences:
            self._resume(folder, name, epochs)
            return

        def asked(text: str | None) -> None:
            if text is not None:
                self._resume(folder, name, epochs)

        about = "Not as it was: " + "; ".join(differences) + ". The run goes on, but not bit for bit as it would have."
        self.app.push_screen(PromptScreen(f"Go on with {name}?", about, _yes, value="yes"), asked)

    @work(group="resume", exclusive=True)
    async def _resume(self, folder: Path, name: str, epochs: int | None) -> None:
        self.notify(f"{name}: going on… (importing PyTorch, reading the data)", timeout=3, markup=False)
        try:
            resumed = await asyncio.to_thread(client.resume, folder, epochs=epochs)
        except EngineError as error:
            self.notify(str(error), severity="error", timeout=15, markup=False)
            return
        for words in resumed.bad:
            self.notify(f"passed over: {words}", severity="warning", timeout=15, markup=False)
        if resumed.differences:
            told = "; ".join(resumed.differences)
            self.notify(f"not bit for bit: {told}", severity="warning", timeout=15, markup=False)
        cast(Host, self.app).watch_run(folder)

    @work(group="continuing", exclusive=True)
    async def _ask_for_branch(self, folder: Path, name: str, entry: Entry | None) -> None:
        try:
            chosen = entry if entry is not None else await asyncio.to_thread(checkpoint_refs.find, folder, "last")
            config = await asyncio.to_thread(checkpoint_refs.config_at, folder, chosen)
        except EngineError as error:
            self.notify(str(error), severity="warning", markup=False)
            return

        def asked(text: str | None) -> None:
            if text is not None:
                changes = typed_pairs(text)
                self._branch(folder, checkpoint_refs.name_of(chosen), changes, changes.pop("name", ""))

        settings = ["optimizer", "lr", "momentum", "weight_decay", "schedule", "batch_size", "epochs"]
        settings += ["freeze"] if config.freeze else []
        values = " · ".join(f"{setting} {_shown(getattr(config, setting))}" for setting in settings)
        about = (
            f"A new run from {fmt.checkpoint_words(chosen)}; the old one stays as it is.\nthere: {values}\n"
            "Type what shall differ, such as lr=3e-4 epochs=20 name=slower; nothing: the same again."
        )
        done = _done(chosen)
        value = f"epochs={2 * done}" if config.epochs <= done else ""
        frozen = cast(Host, self.app).branch_freeze.get(folder)
        if frozen is not None and frozen != config.freeze:
            value = f"{value} freeze={shlex.quote(frozen)}".strip()
        check = _branch_check(config, done)
        self.app.push_screen(PromptScreen(f"Branch off {name}", about, check, value=value), asked)

    @work(group="resume", exclusive=True)
    async def _branch(self, folder: Path, at: str, changes: dict[str, str], name: str) -> None:
        self.notify("starting the branch… (importing PyTorch, reading the data)", timeout=3, markup=False)
        try:
            new = await asyncio.to_thread(client.branch, folder, at, changes, name=name)
        except EngineError as error:
            self.notify(str(error), severity="error", timeout=15, markup=False)
            return
        cast(Host, self.app).watch_run(new)


def checkpoints(folder: Path) -> list[Entry]:
    """The run's checkpoints in the order of the training; none where the list can't be read."""
    try:
        return sorted(manifest.read(folder), key=lambda entry: entry.place)
    except EngineError:
        return []


def _epochs_check(done: int) -> Callable[[str], str]:
    def check(text: str) -> str:
        epochs = int(parse("epochs", text))
        if epochs <= done:
            raise ConfigError("epochs", f"{done} epochs are done already: give more")
        return f"{epochs - done} more epoch{'s' if epochs - done > 1 else ''}, {epochs} in all"

    return check


def _edit_check(now: TrainConfig, epoch: int) -> Callable[[str], str]:
    def check(text: str) -> str:
        after, told = now, []
        for setting, typed in typed_pairs(text).items():
            after = edited(after, setting, typed)
            told.append(f"{setting} {fmt.setting(getattr(now, setting))} → {fmt.setting(getattr(after, setting))}")
        if after.epochs < epoch:
            raise ConfigError("epochs", f"the run is in epoch {epoch} already")
        return " · ".join(told)

    return check


def _done(entry: Entry) -> int:
    """Whole epochs."""
    return entry.epoch if entry.reason == "epoch" else entry.epoch - 1


def _branch_check(config: TrainConfig, done: int) -> Callable[[str], str]:
    def check(text: str) -> str:
        changes = typed_pairs(text)
        changes.pop("name", "")
        for setting in ("model", "dataset"):
            if setting in changes:
                raise ConfigError(setting, f"a branch keeps its parent's {setting}; start a new run for another one")
        after = changed(config, changes)
        if after.epochs <= done:
            raise ConfigError("epochs", f"{done} of {after.epochs} epochs are done there: add epochs={done + 5}, say")
        told = [f"{name} {_shown(getattr(config, name))} → {_shown(getattr(after, name))}" for name in changes]
        return " · ".join(told) or "the same settings"

    return check


def _yes(text: str) -> str:
    if text.strip().lower() not in ("y", "yes"):
        raise ConfigError("", "type yes to go on all the same, or escape")
    return "enter goes on"


def _shown(value: Any) -> str:
    return fmt.setting(value) if isinstance(value, int | float) and not isinstance(value, bool) else str(value)
