"""How the kernel of a document is restarted, and which other kernel it gets."""

import asyncio
from typing import Any

from textual.app import App

from engine.errors import LabError
from engine.lab.kernel_process import kernels
from engine.terminal_text import printable
from tui.dialogs.choice import Choice, ChoiceScreen
from tui.dialogs.prompt import PromptScreen

AGAIN, RUN_ALL, CLEAR, OTHER = "r", "a", "c", "o"
CHOICES = (
    Choice(AGAIN, "restart", "all variables are gone; the cells and their outputs stay"),
    Choice(RUN_ALL, "restart and run all", "the code cells in their order, up to one that fails"),
    Choice(CLEAR, "restart and clear the outputs"),
    Choice(OTHER, "another kernel", "such as one of another Python environment; all variables are gone"),
)


async def how_to_restart(app: App[Any]) -> str | None:
    """AGAIN, RUN_ALL, CLEAR or OTHER; None: not at all."""
    return await app.push_screen_wait(ChoiceScreen("Restart the kernel?", "", CHOICES))


async def another_kernel(app: App[Any], current: str) -> str | None:
    """The name of a kernel of this machine; None: none was chosen."""
    names = await asyncio.to_thread(kernels)

    def check(text: str) -> str:
        if text.strip() not in names:
            raise LabError(f"there is no kernel {printable(text.strip(), 40)!r} here")
        return f"start {text.strip()}"

    about = f"The kernels of this machine: {', '.join(names)}. `jupyter kernelspec list` shows where they are."
    text = await app.push_screen_wait(PromptScreen("Which kernel?", about, check, value=current))
    return None if text is None else text.strip()
