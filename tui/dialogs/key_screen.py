"""A screen whose keys say why they can't act now."""

from typing import TypeVar

from tui.textual_private import LivingScreen

Result = TypeVar("Result")


class KeyScreen(LivingScreen[Result]):
    """An action that `why_not` has a reason against is left out of the line at the bottom; its key, when it is pressed,
    shows the reason there."""

    def why_not(self, action: str, parameters: tuple[object, ...]) -> str:
        """Why the action can't be done now, in a few words such as "the run has ended"; "" where it can."""
        return ""

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        return None if self.why_not(action, parameters) else True
