"""How the kernel of a document is restarted, and which other kernel it gets."""

import asyncio
from typing import Any

from textual.app import App

from engine.errors import LabError
from engine.lab.kernel_process import kernels
from engine.terminal_text import printable
from tui.dialogs.choice import Choice, ChoiceScreen
from tui.dialogs.prompt import PromptScreen
from tui.lab import prompts
from tui.lab.words import LabWords

AGAIN, RUN_ALL, CLEAR, OTHER = "r", "a", "c", "o"


async def how_to_restart(app: App[Any], words: LabWords) -> str | None:
    """AGAIN, RUN_ALL, CLEAR or OTHER; None: not at all."""
    choices = [Choice(key, *words.restart_choices[key]) for key in (AGAIN, RUN_ALL, CLEAR, OTHER)]
    return await app.push_screen_wait(ChoiceScreen(words.restart, "", choices))


async def another_kernel(app: App[Any], current: str, words: LabWords) -> str | None:
    """The name of a kernel of this machine; None: none was chosen."""
    names = await asyncio.to_thread(kernels)

    def check(text: str) -> str:
        if text.strip() not in names:
            raise LabError(words.kernel_missing.format(printable(text.strip(), 40)))
        return words.kernel_starts.format(text.strip())

    about = words.kernel_about.format(", ".join(names))
    text = await app.push_screen_wait(
        PromptScreen(words.kernel_which, about, check, value=current, keys=prompts.keys(words))
    )
    return None if text is None else text.strip()
