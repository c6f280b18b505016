"""What lies over a screen without asking anything: an image, a text, a table. The keys to other screens go on."""

from typing import ClassVar, TypeVar

from textual.binding import Binding, BindingType
from textual.screen import ModalScreen

from tui.textual_private import LivingScreen

Result = TypeVar("Result")
MODE_KEYS = {"1": "data", "2": "train", "3": "runs", "4": "model", "5": "checkpoints", "6": "lab"}


class Overlay(ModalScreen[Result], LivingScreen[Result]):  # in this order: style sheets know the first base alone
    """It is still there when the person comes back."""

    BINDINGS: ClassVar[list[BindingType]] = [
        *(
            Binding(key, f"app.switch_mode('{mode}')", mode.capitalize(), show=False, id=f"overlay.{mode}")
            for key, mode in MODE_KEYS.items()
        ),
        Binding("question_mark", "app.help", "Help", key_display="?", id="overlay.help", tooltip="the keys of this"),
    ]
