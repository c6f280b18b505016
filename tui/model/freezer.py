"""Freezing on *Model*: which parameters the next run, or the next branch of a run, does not train."""

from collections.abc import Callable, Sequence

from textual.screen import Screen

from engine.inspection.model_requests import ModelSummary
from engine.training import freezing
from tui.model import prompts
from tui.services import Services


class Freezer:
    """Changes what is frozen, and says for what; `changed` is called after it."""

    def __init__(self, screen: Screen[None], services: Services, changed: Callable[[], object]) -> None:
        self._screen, self._services, self._changed = screen, services, changed

    @property
    def possible(self) -> bool:
        """Whether the network is one that is trained next: the form's, or a run's."""
        return self._services.network.folder is not None or self._services.network.of_form

    def toggle(self, summary: ModelSummary, chosen: str, names: Sequence[str], *, tensor: bool) -> None:
        """Freeze a module or a tensor, or unfreeze it. `names`: of all parameters."""
        if tensor and chosen not in names:
            self._screen.notify(f"{chosen} is not a parameter: it has no gradient", severity="warning", timeout=4)
            return
        self._freeze(freezing.toggled(summary.freeze, chosen or "*", names), names)

    async def ask(self, summary: ModelSummary, names: Sequence[str]) -> None:
        """By name or pattern."""
        prompt = prompts.freeze(names, summary.freeze)
        if (text := await self._screen.app.push_screen_wait(prompt)) is not None:
            self._freeze(text.strip(), names)

    def _freeze(self, text: str, names: Sequence[str]) -> None:
        if names and len(freezing.frozen(text, names)) == len(names):
            self._screen.notify("nothing would be left to train", severity="warning", timeout=4)
            return
        if (folder := self._services.network.folder) is not None:
            self._services.branch_freeze[folder] = text
            self._screen.notify("for the next branch of this run (b on Train)", timeout=3)
        else:
            self._services.settings["freeze"] = text
            self._screen.notify("for the next run", timeout=3)
        self._changed()
