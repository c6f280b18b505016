"""Asks for a race from a checkpoint of the run that is watched, begins it, and shows it."""

import asyncio
from collections.abc import Callable, Mapping
from typing import Any

from textual.screen import Screen

from engine import race as racing
from engine.checkpoints.manifest import Entry
from engine.errors import ConfigError, EngineError
from engine.home import RunFolder
from engine.models.trusted_code import name_typed
from engine.race import RacePlan
from engine.runs import branch, store
from engine.runs.branch import BranchPoint
from engine.runs.store import title
from tui import format as fmt
from tui.dialogs.prompt import PromptScreen
from tui.runs.run_actions import STARTING
from tui.services import Services

NEAR = 3.0  # times as high, and as low, is the learning rate that is suggested


class RaceActions:
    """Asks over `screen`, which has the key."""

    def __init__(self, screen: Screen[Any], services: Services) -> None:
        self._screen, self._services = screen, services

    def ask(self, folder: RunFolder, entry: Entry | None) -> None:
        """Show the newest race of the run, with `entry` the newest from that checkpoint, where there is one; else ask
        for the settings of one from there (None: the newest checkpoint), and begin it."""
        self._screen.run_worker(self._ask(folder, entry), group="run questions", exclusive=True)

    async def _ask(self, folder: RunFolder, entry: Entry | None) -> None:
        runs = await asyncio.to_thread(self._services.runs.look)
        found = await asyncio.to_thread(racing.of_run, runs, folder.id)
        if entry is not None:
            found = [one for one in found if (one.parent, one.epoch, one.step) == (folder.id, entry.epoch, entry.step)]
        if found:
            self._show(found[0].folders)
            return
        try:
            point = await asyncio.to_thread(branch.branch_point, folder, entry or "last")
            request = await asyncio.to_thread(store.read_run, folder)
        except EngineError as error:
            self._screen.notify(str(error), severity="warning", markup=False)
            return
        about = (
            f"Branches from {fmt.checkpoint_words(point.entry)}, side by side; one is kept, the run stays as it is.\n"
            "lr=1e-3|1e-2 are two branches; a ; is between others: lr=1e-3; lr=3e-3 momentum=0.8; steps=500 is how far."
        )
        prompt = PromptScreen(f"Race from {title(folder)}", about, _check(point, request), value=_suggested(point))
        text = await self._screen.app.push_screen_wait(prompt)
        if text is not None:
            self._screen.run_worker(self._begin(_planned(point, request, text)), group="start run", exclusive=True)

    async def _begin(self, plan: RacePlan) -> None:
        def start() -> list[RunFolder]:
            name_typed(*(str(one.plan.changes.get("transform") or "") for one in plan.contenders))
            return racing.begin(plan)

        words = f"{len(plan.contenders)} branches: {STARTING}"
        self._screen.notify(words, timeout=6, markup=False)
        try:
            folders = await asyncio.to_thread(self._services.trusting, start)
        except EngineError as error:
            self._screen.notify(str(error), severity="error", timeout=15, markup=False)
            return
        self._show(folders)

    def _show(self, folders: list[RunFolder]) -> None:
        from tui.runs.race import RaceScreen

        if self._screen.is_current:
            self._screen.app.push_screen(RaceScreen(self._services, folders))


def _suggested(point: BranchPoint) -> str:
    lr = point.config.lr
    more = f" {point.suggested}" if point.suggested else ""
    near = [fmt.setting(float(f"{one:.2g}")) for one in (lr / NEAR, lr, lr * NEAR)]
    return f"lr={'|'.join(near)}{more} steps={racing.STEPS}"


def _planned(point: BranchPoint, request: Mapping[str, Any], text: str) -> RacePlan:
    """What was typed. Raises EngineError."""
    changes, steps = racing.typed([text]), set[str]()
    for one in changes:
        steps |= {one.pop("steps")} if "steps" in one else set()
    changes = [one for at, one in enumerate(changes) if one or at == 0]  # steps=… by itself is no branch
    if len(steps) > 1:
        raise ConfigError("steps", f"steps: {' and '.join(sorted(steps))}; all branches do the same number")
    typed = next(iter(steps), str(racing.STEPS))
    if not typed.isascii() or not typed.isdigit() or len(typed) > 12:
        raise ConfigError("steps", f"steps: {typed!r} is not a number of training steps such as 500")
    return racing.plan(point, changes, int(typed), request)


def _check(point: BranchPoint, request: Mapping[str, Any]) -> Callable[[str], str]:
    def check(text: str) -> str:
        plan = _planned(point, request, text)
        words = " · ".join(one.words for one in plan.contenders)
        return f"{len(plan.contenders)} branches, {fmt.counted(plan.steps, 'step')} each: {words}"

    return check
