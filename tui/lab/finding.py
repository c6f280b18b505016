"""Which cells of a document hold a text, and the prompt for that text."""

from collections.abc import Sequence
from typing import Any

from textual.app import App

from engine.errors import LabError
from tui.dialogs.prompt import PromptScreen
from tui.format import count
from tui.lab import prompts
from tui.lab.blocks import Block
from tui.lab.words import LabWords


def matches(blocks: Sequence[Block], text: str) -> list[int]:
    """The places of the cells that hold it, in their sources or in what is shown of their outputs. Capitals count where
    it has some."""
    found = []
    for at, block in enumerate(blocks):
        whole = "\n".join([block.source, *(line for output in block.outputs for line in output.lines)])
        if text in (whole if text != text.lower() else whole.lower()):
            found.append(at)
    return found


async def sought(app: App[Any], blocks: Sequence[Block], value: str, words: LabWords) -> str | None:
    """A text that some cell holds; None where the person cancels. `value`: what was sought before."""

    def told(text: str) -> str:
        if not text:
            return ""
        found = matches(blocks, text)
        if not found:
            raise LabError(words.no_cell_has)
        return words.one_cell if len(found) == 1 else words.some_cells.format(count(len(found)))

    prompt = PromptScreen(words.search, words.search_about, told, value=value, keys=prompts.keys(words))
    return await app.push_screen_wait(prompt)
