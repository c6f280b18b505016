"""Asks where to write a file that is not there yet, and writes it."""

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import Any

from textual.screen import Screen

from engine.errors import PathError
from engine.home import expanded
from engine.typed_path import typed_path
from tui import new_file
from tui.dialogs.paths import PathSuggester
from tui.dialogs.prompt import PromptScreen


async def ask_file(
    screen: Screen[Any], title: str, about: str, what: Callable[[Path], str], *, value: str
) -> Path | None:
    """The path that is typed, over `screen`; None where the person goes back. `what`: says what would be written there,
    or raises PathError."""

    def check(text: str) -> str:
        path = _path(text)
        words = what(path)
        new_file.check(path, advice=new_file.OTHER)
        if not path.parent.is_dir():
            raise PathError(f"there is no folder {path.parent}")
        return f"{words} in {path}"

    prompt = PromptScreen(title, about, check, value=value, suggester=PathSuggester())
    text = await screen.app.push_screen_wait(prompt)
    return None if text is None else _path(text)


async def write_file(screen: Screen[Any], path: Path, text: str) -> None:
    """Write it there, in a thread, and say over `screen` that it is, or why it is not."""
    try:
        await asyncio.to_thread(new_file.write, path, text, advice=new_file.OTHER)
    except PathError as error:
        screen.notify(str(error), severity="error", timeout=15, markup=False)
    else:
        screen.notify(f"written: {path}", timeout=8, markup=False)


def _path(text: str) -> Path:
    if not text.strip():
        raise PathError("type the name of a file")
    return expanded(typed_path(text)).absolute()
