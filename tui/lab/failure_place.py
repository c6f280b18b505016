"""Where an error came from: which cell failed, and the cell and the line of the innermost frame that is in a cell."""

from collections.abc import Mapping, Sequence

from engine.lab.outputs import CELL_LINE
from engine.lab.written_text import clean
from tui.lab.blocks import Block

FAILED = ("error", "interrupted", "died")


def last_failed(blocks: Sequence[Block]) -> Block | None:
    """Of the cells whose last run failed, the one that ran last. Where none has run, the first that has an error in the
    file."""
    failed = [
        block
        for block in blocks
        if block.phase in FAILED or (block.phase is None and any(one.kind == "error" for one in block.outputs))
    ]
    return max(failed, key=lambda block: block.run, default=None)


def place_of(blocks: Sequence[Block], failed: Block, node: Mapping[str, object]) -> tuple[str, int]:
    """The name of the cell, and the line from 1. `node`: the error, as nbformat has it. Of an error that names no cell,
    such as one of another language, the first line of the cell that failed."""
    traceback = node.get("traceback")
    text = clean("\n".join(map(str, traceback))) if isinstance(traceback, list) else ""
    same = [block for block in blocks if block.generation == failed.generation]  # another kernel counts from 1 again
    names = {block.count: block.name for block in same if block.count is not None}
    for number, line in reversed(CELL_LINE.findall(text)):
        if int(number) in names:
            return names[int(number)], int(line)
    return failed.name, failed.error_line or 1
