"""Scripts in the percent format: cells from a text, and a text of cells that keeps what nobody edited as it was."""

import json
from collections.abc import Callable, Sequence
from difflib import SequenceMatcher
from typing import Any

PERCENT = "py:percent"
CELLS = frozenset({"code_cell", "markdown_cell", "raw_cell"})
SPACING = frozenset({"lines_to_next_cell", "lines_to_end_of_cell_marker"})  # what jupytext itself notes of a cell
Hunk = tuple[int, int, list[str]]  # lines of the base, from and to, and what stands in their place


def read(text: str) -> dict[str, Any]:
    """A notebook of version 4, as in JSON, whose cells have no ids. Raises what jupytext does, for a header that is no
    YAML for example."""
    import jupytext

    _take_plain_cells_unchecked()
    notebook = jupytext.reads(text, fmt=PERCENT)
    if not text.startswith("# ---"):  # no header where there was none
        notebook.metadata.setdefault("jupytext", {})["notebook_metadata_filter"] = "-all"
    content: dict[str, Any] = json.loads(json.dumps(notebook))
    for cell in content["cells"]:  # made anew at each reading: nothing to compare, and nothing to keep
        cell.pop("id", None)
    return content


def _take_plain_cells_unchecked() -> None:
    """nbformat holds every cell that it makes against its schema, which takes three quarters of the time of reading a
    script. A cell of nothing but text is valid as nbformat makes it; one with metadata of its own is checked as
    before."""
    from nbformat.v4 import nbbase

    check: Callable[..., None] = nbbase.validate
    if check.__module__ == __name__:
        return

    def validate(node: dict[str, Any], ref: str | None = None) -> None:
        plain = ref in CELLS and isinstance(node.get("source"), str) and not node.get("outputs")
        if not (plain and SPACING.issuperset(node.get("metadata", ()))):
            check(node, ref=ref)

    nbbase.validate = validate


def written(content: dict[str, Any]) -> str:
    """As jupytext writes a notebook."""
    import jupytext
    import nbformat

    plain = {**content, "cells": [{**cell, "source": joined(cell.get("source", ""))} for cell in content["cells"]]}
    return str(jupytext.writes(nbformat.from_dict(plain), fmt=PERCENT))


def rewritten(content: dict[str, Any], before: str, text: str) -> str:
    """The text of a notebook that was edited since it was read in `text`, whose header, cell markers and spacing stay
    as they are where nothing beside them was edited. `before`: what `written` made of it then."""
    new = written(content)
    if before == text:
        return new
    lines = merged(*(one.splitlines(keepends=True) for one in (before, new, text)))
    if lines is None:
        return new
    found = "".join(lines)
    means = _meaning(found)
    return found if means is not None and (means == _says(content) or means == _meaning(new)) else new


def merged(base: Sequence[str], mine: Sequence[str], theirs: Sequence[str]) -> list[str] | None:
    """The lines of `base` with both changes; None where they are of the same lines."""
    hunks: list[Hunk] = sorted([*_hunks(base, mine), *_hunks(base, theirs)], key=lambda hunk: hunk[:2])
    lines, at = list[str](), 0
    for begin, end, other in hunks:
        if begin < at:
            return None
        lines += [*base[at:begin], *other]
        at = end
    return [*lines, *base[at:]]


def _hunks(base: Sequence[str], changed: Sequence[str]) -> list[Hunk]:
    """What differs. Lines that are there very often are no beginning of what is the same, which would be slow."""
    same = _shared(base, changed)
    end = _shared(base[same:][::-1], changed[same:][::-1])
    one, other = base[same : len(base) - end], changed[same : len(changed) - end]
    found = SequenceMatcher(None, one, other).get_opcodes()
    return [(same + at, same + to, list(other[by:until])) for tag, at, to, by, until in found if tag != "equal"]


def _shared(one: Sequence[str], other: Sequence[str]) -> int:
    """Lines at the beginning that are the same."""
    pairs = enumerate(zip(one, other, strict=False))
    return next((at for at, (a, b) in pairs if a != b), min(len(one), len(other)))


def _meaning(text: str) -> object:
    """What a text says of its cells and their kernel, however it is written; None where it can't be read."""
    try:
        return _says(read(text))
    except Exception:  # as it may be after a merge
        return None


def _says(content: dict[str, Any]) -> object:
    metadata = {key: value for key, value in content["metadata"].items() if key != "jupytext"}
    return metadata, [
        (cell.get("cell_type"), joined(cell.get("source", "")), cell.get("metadata")) for cell in content["cells"]
    ]


def joined(source: Any) -> str:
    """A source as one text: JSON may have it in lines."""
    return "".join(map(str, source)) if isinstance(source, list) else str(source)
