"""All cells of a document, one after the other, without a screen."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from engine.lab.document import Document
from engine.lab.kernel import ALONE, Kernel, Ran
from engine.lab.outputs import saved


@dataclass(frozen=True)
class CellRan:
    """A code cell that has ended. `number`: among the code cells, from 1."""

    number: int
    ran: Ran


def run_all(
    document: Document,
    *,
    kernel: str = "",
    timeout: float | None = None,
    env: Mapping[str, str] | None = None,
    on_output: Callable[[int, str, dict[str, Any]], None] = lambda number, kind, content: None,
    on_cell: Callable[[CellRan], None] = lambda cell: None,
) -> CellRan | None:
    """Run the code cells in a new kernel, in the document's folder, up to the first that fails: that one; None where
    all ran. The document gets their outputs; those of the cells that did not run are removed. `kernel`: its name;
    empty: the one that the document asks for. `timeout`: seconds that a cell may take. `env`: variables for the kernel.

    Raises LabError where the kernel does not start.
    """
    failed: CellRan | None = None
    with Kernel(kernel or document.kernel, Path(document.path).absolute().parent, {**(env or {}), **ALONE}) as started:
        for number, cell in enumerate(document.code, 1):
            if failed is not None or not cell.source.strip():
                cell.take_outputs([], None)
                continue
            ran = started.run(
                cell.source,
                timeout=timeout,
                on_output=partial(on_output, number),
            )
            cell.take_outputs(saved(ran.outputs.nodes()), ran.count)
            ended = CellRan(number, ran)
            on_cell(ended)
            if ran.status != "ok":
                failed = ended
    return failed
