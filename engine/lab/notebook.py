"""A document while a person edits it: cells with names, undo, a clipboard, and the file that it is saved to."""

from collections.abc import Iterable, Iterator, Sequence
from copy import deepcopy
from dataclasses import dataclass, field
from difflib import SequenceMatcher
from hashlib import sha256
from pathlib import Path
from typing import Any
from uuid import uuid4

from engine import plain_file
from engine.errors import LabError
from engine.lab.document import LARGEST, Cell, CellKind, Document, new_cell, open_document
from engine.terminal_text import path_text

Stat = tuple[int, int, int]  # of a file: its time in nanoseconds, its size, its inode
MOST_UNDONE = 200  # steps
ALIKE = 0.6  # of their characters that two sources share, at least, where one is the other after an edit


class Notebook:
    """Of a document that is open. Nothing here writes to the disk but `Draft.save`, which may be called in a thread."""

    def __init__(self, document: Document) -> None:
        self.document = document
        self.version = 0  # counts up with every change
        self.saved_version = 0
        self._on_disk, self._stat = _digest_of(document.path), _stat_of(document.path)
        self._names: dict[int, str] = {}  # by the identity of a cell, which lives as long as this
        self._kept: list[Cell] = []  # those that were cut too: an undo brings back the same cell, and its outputs
        self._clipboard: list[Cell] = []
        self._undo: list[tuple[list[Cell], int]] = []  # the cells before a change, and the place of the cursor then
        self._offered: Cell | None = None
        if not document.cells:
            self.offer()

    @property
    def cells(self) -> list[Cell]:
        return self.document.cells

    @property
    def edited(self) -> bool:
        """Whether something is not saved yet."""
        return self.version != self.saved_version

    def name(self, cell: Cell) -> str:
        """What the lab calls a cell: its id, where the file has one, else a name of this notebook's."""
        found = self._names.get(id(cell))
        if found is None:
            given = cell.node.get("id")
            taken = given in self._names.values()
            found = given if isinstance(given, str) and given and not taken else uuid4().hex[:8]
            self._names[id(cell)] = found
            self._kept.append(cell)
        return found

    def place(self, name: str) -> int | None:
        """Where the cell of that name stands; None: nowhere any more."""
        return next((at for at, cell in enumerate(self.cells) if self.name(cell) == name), None)

    def write(self, at: int, source: str) -> None:
        """Another text for a cell."""
        if self.cells[at].source != source:
            self.cells[at].source = source
            self.version += 1

    def insert(self, at: int, kind: CellKind = "code", source: str = "") -> None:
        """A new cell before the one at `at`, or at the end."""
        self._remember(at)
        self.cells.insert(at, new_cell(self.document, kind, source))

    def offer(self) -> None:
        """An empty cell at the end, to type in. Nobody asked for it, so the document has not changed: it is saved once
        it has a text."""
        self._offered = new_cell(self.document, "code")
        self.cells.append(self._offered)

    def cut(self, at: int) -> None:
        """The clipboard gets the cell. Of the last one an empty cell stays."""
        self._remember(at)
        self._clipboard = [self.cells.pop(at)]
        if not self.cells:
            self.cells.append(new_cell(self.document, "code"))

    @property
    def can_paste(self) -> bool:
        return bool(self._clipboard)

    def paste(self, at: int) -> None:
        """A copy of the clipboard's cells before the one at `at`."""
        self._remember(at)
        for cell in reversed(self._clipboard):
            copy = new_cell(self.document, cell.kind, cell.source)
            copy.node = {**deepcopy(cell.node), **({"id": copy.node["id"]} if "id" in copy.node else {})}
            self.cells.insert(at, copy)

    def move(self, at: int, by: int) -> int:
        """A cell up or down. Returns its new place."""
        to = max(0, min(len(self.cells) - 1, at + by))
        if to != at:
            self._remember(at)
            self.cells.insert(to, self.cells.pop(at))
        return to

    def change_kind(self, at: int, kind: CellKind) -> None:
        """Have a cell be code or text. Its outputs go where it is no code."""
        if self.cells[at].kind == kind:
            return
        self._remember(at)
        before = self.cells[at]
        changed = new_cell(self.document, kind, before.source)
        changed.node["metadata"] = deepcopy(before.node.get("metadata", {}))
        if "id" in before.node:
            changed.node["id"] = before.node["id"]
        self._names[id(changed)] = self.name(before)
        self._kept.append(changed)
        self.cells[at] = changed

    def use_kernel(self, name: str) -> None:
        """Have the document ask for another kernel. A script without a header asks for it as long as it is open."""
        metadata = self.document.content.setdefault("metadata", {})
        known = metadata.get("kernelspec")
        kept = known if isinstance(known, dict) and known.get("name") == name else {"display_name": name}
        metadata["kernelspec"] = {**kept, "name": name}
        metadata.pop("language_info", None)  # of the kernel before
        self.version += 1

    def take_outputs(self, name: str, outputs: Iterable[dict[str, Any]], number: int | None) -> None:
        """What a run of the cell of that name has put out."""
        at = self.place(name)
        if at is None or self.cells[at].kind != "code":
            return
        cell, found = self.cells[at], list(outputs)
        if cell.outputs != found or cell.node.get("execution_count") != number:
            cell.take_outputs(found, number)
            self.version += self.document.keeps_outputs

    def forget_outputs(self) -> None:
        """Of all cells."""
        for cell in self.cells:
            if cell.kind == "code" and (cell.outputs or cell.node.get("execution_count") is not None):
                cell.take_outputs([], None)
                self.version += self.document.keeps_outputs

    @property
    def can_undo(self) -> bool:
        return bool(self._undo)

    def undo(self) -> int:
        """Take back the last insertion, cut, paste, move or change of a kind: not what was typed in a cell since, which
        the cell keeps; that of a cell which goes can be pasted. Returns the place of the cursor then."""
        cells, at = self._undo.pop()
        now = {self.name(cell): cell.source for cell in self.cells}
        then = {self.name(cell) for cell in cells}
        going = [cell for cell in self.cells if self.name(cell) not in then and cell.source.strip()]
        self._clipboard = going or self._clipboard
        self.document.cells[:] = cells
        for cell in cells:
            if (typed := now.get(self.name(cell), cell.source)) != cell.source:
                cell.source = typed
        self.version += 1
        return min(at, len(cells) - 1)

    def _remember(self, at: int) -> None:
        self._undo = [*self._undo[1 - MOST_UNDONE :], (list(self.cells), at)]
        self.version += 1

    # The file

    def changed_on_disk(self, *, glance: bool = False) -> bool:
        """Whether somebody else wrote the file since it was read or saved. Reads it; at a `glance` only where its time,
        its size or its inode is another."""
        stat = _stat_of(self.document.path)
        if glance and stat == self._stat:
            return False
        found = _digest_of(self.document.path)
        if found == self._on_disk:
            self._stat = stat
        return found is not None and found != self._on_disk

    def draft(self) -> "Draft":
        """The document as it is now, for a thread that saves it."""
        copy = self.document.copy()
        if self._offered is not None and not self._offered.source.strip():
            kept = [made for cell, made in zip(self.cells, copy.cells, strict=True) if cell is not self._offered]
            copy.cells[:] = kept
        return Draft(copy, self.version)

    def saved(self, draft: "Draft") -> None:
        """The draft is on the disk."""
        self.saved_version = max(self.saved_version, draft.version)
        self._on_disk, self._stat = draft.digest, draft.stat

    def keep_mine(self) -> None:
        """What somebody else wrote into the file does not count: the next save overwrites it."""
        self._on_disk, self._stat = _digest_of(self.document.path), _stat_of(self.document.path)
        self.version += 1

    def reopened(self) -> "Notebook":
        """The document as it is on the disk now. A cell that is still there, or was edited, keeps its name. Raises
        LabError."""
        notebook = opened(self.document.path)
        for before, now in _same_cells(self.cells, notebook.cells):
            if not isinstance(now.node.get("id"), str):
                notebook._names[id(now)] = self.name(before)
                notebook._kept.append(now)
        return notebook


@dataclass
class Draft:
    """What is to be saved. `digest`, `stat`: of the file, once it is."""

    document: Document
    version: int
    digest: str | None = field(default=None)
    stat: Stat | None = field(default=None)

    def save(self, path: Path | None = None) -> None:
        """Write it, whole or not at all. Raises LabError."""
        self.document.save(path)
        self.digest, self.stat = _digest_of(path or self.document.path), _stat_of(path or self.document.path)


def opened(path: Path) -> Notebook:
    """Of the document in a file, which is read: of a large one that takes a while. Raises LabError."""
    return Notebook(open_document(path))


def _same_cells(before: Sequence[Cell], now: Sequence[Cell]) -> Iterator[tuple[Cell, Cell]]:
    """Which cells of a document that was edited elsewhere are the same: those with the same source, and those between
    them at the same place whose source is much like it."""
    old, new = ([(cell.kind, cell.source) for cell in cells] for cells in (before, now))
    for tag, first, end, other, other_end in SequenceMatcher(None, old, new, autojunk=False).get_opcodes():
        for one, another in zip(before[first:end], now[other:other_end], strict=False):
            alike = one.kind == another.kind and _alike(one.source, another.source)
            if tag == "equal" or alike:
                yield one, another


def _alike(source: str, other: str) -> bool:
    shorter, longer = sorted((source.strip(), other.strip()), key=len)
    if shorter and shorter in longer:
        return True
    return SequenceMatcher(None, source, other, autojunk=False).quick_ratio() >= ALIKE


def restored(cells: Sequence[tuple[str, str]], runs: Sequence[tuple[str, str]]) -> dict[str, str]:
    """Which run's cell is which cell of a document that was opened again, whose cells have no ids in the file: the
    same source, the last run for the last cell that has it. `cells`, in their order, and `runs`, the last one last:
    names and sources. From the runs' names to the cells'."""
    by_name = dict(cells)
    found = {run: run for run, source in runs if by_name.get(run) == source}
    left = [(name, source) for name, source in cells if name not in found]
    for run, source in reversed(runs):
        if run in found:
            continue
        at = next((at for at in reversed(range(len(left))) if left[at][1] == source), None)
        if at is not None:
            found[run] = left.pop(at)[0]
    return found


def empty_document(path: Path) -> Document:
    """A document that is not on the disk yet, with one empty cell. Raises LabError where a file is there already."""
    from engine.lab.document import check_ending, new_document

    check_ending(path)
    if path.exists():
        raise LabError(f"{path_text(path)} is there already")
    return new_document(path)


def _stat_of(path: Path) -> Stat | None:
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_mtime_ns, found.st_size, found.st_ino


def _digest_of(path: Path) -> str | None:
    try:
        return sha256(plain_file.read(path, LARGEST)).hexdigest()
    except OSError:
        return None
