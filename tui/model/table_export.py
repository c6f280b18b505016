"""Writes the table of parameters into a file."""

from collections.abc import Sequence
from typing import Any

from textual.screen import Screen

from engine.home import expanded
from engine.inspection.model_requests import TensorRow
from tui import format as fmt
from tui import tensor_table
from tui.model import prompts


async def ask(screen: Screen[Any], tensors: Sequence[TensorRow]) -> None:
    """Ask for the file, and write it."""
    if (text := await screen.app.push_screen_wait(prompts.export(len(tensors)))) is None:
        return
    path = expanded(text.strip())
    try:
        tensor_table.write(path, tensors)
    except OSError as error:
        screen.notify(f"{path} can't be written: {error.strerror}", severity="error", markup=False)
    else:
        screen.notify(f"{fmt.counted(len(tensors), 'row')} written to {path}", markup=False)
