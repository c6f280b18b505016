"""Documents of cells: `.ipynb`, and `.py` in the percent format (`# %%` before each cell). Opening one runs nothing."""

import json
import os
import shutil
from collections.abc import Iterable
from copy import deepcopy
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal
from uuid import uuid4

from engine import atomic, plain_file
from engine.errors import LabError
from engine.lab import script
from engine.terminal_text import path_text, printable

CellKind = Literal["code", "markdown", "raw"]
Spelling = tuple[int | None, bool, str]  # of JSON: its indent, whether it is ASCII alone, how it ends
ENDINGS = (".ipynb", ".py")
BOM = "\ufeff"
MAJOR = 4  # of the notebook format; older ones are converted
IDS_SINCE = 5  # the minor version from which on cells have ids
LARGEST = 512 * 2**20  # bytes of a file that is opened
PYTHON = "python3"  # the kernel that a document runs in unless it names another


@dataclass
class Cell:
    """A cell: what nbformat's version 4 has of it, unknown keys too."""

    node: dict[str, Any]

    @property
    def kind(self) -> CellKind:
        kind = self.node.get("cell_type")
        return kind if kind in ("code", "markdown") else "raw"

    @property
    def source(self) -> str:
        return script.joined(self.node.get("source", ""))

    @source.setter
    def source(self, text: str) -> None:
        as_lines = isinstance(self.node.get("source"), list)
        self.node["source"] = text.splitlines(keepends=True) if as_lines else text

    @property
    def outputs(self) -> list[dict[str, Any]]:
        """As nbformat has them; empty for a cell that is no code. What is no output at all is left out."""
        found = self.node.get("outputs", [])
        return [one for one in found if isinstance(one, dict)] if isinstance(found, list) else []

    def take_outputs(self, outputs: Iterable[dict[str, Any]], count: int | None) -> None:
        """What a run of the cell has put out. `count`: of the kernel's executions."""
        self.node["outputs"], self.node["execution_count"] = list(outputs), count


@dataclass
class Document:
    """A file of cells. What nobody edited is written as it was read, byte for byte."""

    path: Path
    content: dict[str, Any]  # a notebook of version 4, as in JSON
    _text: str | None = None  # as it was read; None: it was in no file yet
    _as_read: dict[str, Any] = field(default_factory=dict)
    cells: list[Cell] = field(default_factory=list)
    _before: list[str] = field(default_factory=list)  # of a script: what jupytext makes of it as it was read; one, once

    def __post_init__(self) -> None:
        self.cells = [Cell(node) for node in self.content["cells"]]
        self._as_read = deepcopy(self._whole())

    @property
    def kernel(self) -> str:
        """The name of the kernel that it asks for."""
        spec = self.content.get("metadata", {}).get("kernelspec", {})
        name = spec.get("name") if isinstance(spec, dict) else None
        return name if isinstance(name, str) and name else PYTHON

    @property
    def code(self) -> list[Cell]:
        return [cell for cell in self.cells if cell.kind == "code"]

    @property
    def keeps_outputs(self) -> bool:
        """Whether its file has the cells' outputs: a notebook, no script."""
        return self.path.suffix.lower() == ".ipynb"

    def copy(self) -> "Document":
        """For a thread that writes it while this one is edited. Outputs are shared: they are
        replaced, never changed."""
        nodes = [{**cell.node, "metadata": deepcopy(cell.node.get("metadata", {}))} for cell in self.cells]
        copy = Document(self.path, {**self.content, "cells": []}, self._text)
        copy.cells, copy._as_read = [Cell(node) for node in nodes], self._as_read
        copy._before = self._before
        return copy

    @property
    def edited(self) -> bool:
        """Whether it differs from what was read."""
        return self._whole() != self._as_read

    def text(self, ending: str = "") -> str:
        """What is written into a file of that ending; empty: of its own."""
        ending = ending or self.path.suffix.lower()
        if ending != self.path.suffix.lower() or self._text is None:
            return script.written(self._whole()) if ending == ".py" else self._json()
        if not self.edited:
            return self._text
        mark, newline, plain = _plain(self._text)
        text = self._script(plain) if ending == ".py" else self._json(plain)
        return mark + text.replace("\n", newline)

    def save(self, path: Path | None = None) -> None:
        """Write it, whole or not at all; `path`: elsewhere, in the format of that ending. Raises LabError."""
        target = path or self.path
        check_ending(target)
        data = self.text(target.suffix.lower()).encode("utf-8")
        try:
            others = target.parent.stat().st_mode & 0o077  # may look into the folder
            with atomic.whole(target, shared=bool(others)) as beside:
                beside.write_bytes(data)
                if target.exists():
                    shutil.copymode(target, beside)
        except OSError as error:
            raise LabError(f"cannot write {path_text(target)} ({error.strerror})") from error

    def _whole(self) -> dict[str, Any]:
        return {**self.content, "cells": [cell.node for cell in self.cells]}

    def _script(self, read: str) -> str:
        if not self._before:
            self._before.append(script.written(self._as_read))
        return script.rewritten(self._whole(), self._before[0], read)

    def _json(self, read: str = "") -> str:
        """Spelled as the text that was read, as far as a JSON library spells so; else as Jupyter does."""
        return _spelled(self._whole(), *(_spelling(read) if read else (1, False, "\n")))


def preload() -> None:
    """Import what reads documents: the first one opens sooner then."""
    script.read("# %%\n")  # with what it imports, and makes when it is first needed


def check_ending(path: Path) -> None:
    """Raises LabError where a document can't have that name."""
    if path.suffix.lower() not in ENDINGS:
        raise LabError(f"{path_text(path)} is no document of the lab: its name must end in {' or '.join(ENDINGS)}")


def check_place(path: Path) -> None:
    """Raises LabError where no document can be written there."""
    check_ending(path)
    folder = path.absolute().parent
    if path.is_dir():
        raise LabError(f"cannot write {path_text(path)} (it is a folder)")
    if not folder.is_dir():
        raise LabError(f"cannot write {path_text(path)} (there is no folder {path_text(folder)})")
    if not os.access(folder, os.W_OK):
        raise LabError(f"cannot write {path_text(path)} (its folder can't be written)")


def open_document(path: Path) -> Document:
    """The document in a file. Raises LabError, with a line for the person, where there is none."""
    check_ending(path)
    try:
        if path.stat().st_size > LARGEST:
            raise LabError(f"{path_text(path)} is larger than {LARGEST >> 20} MiB")
        text = plain_file.read(path, LARGEST).decode("utf-8")
    except UnicodeDecodeError as error:
        raise LabError(f"{path_text(path)} is not text in UTF-8 (byte {error.start})") from error
    except OSError as error:
        raise LabError(f"cannot read {path_text(path)} ({error.strerror})") from error
    _, _, plain = _plain(text)
    content = _notebook(path, plain) if path.suffix.lower() == ".ipynb" else _from_script(path, plain)
    return Document(path, content, text)


def new_document(path: Path) -> Document:
    """A document with one empty cell, which is in no file yet."""
    content: dict[str, Any] = {"cells": [], "metadata": {}, "nbformat": MAJOR, "nbformat_minor": IDS_SINCE - 1}
    if path.suffix.lower() == ".py":
        content["metadata"] = {"jupytext": {"notebook_metadata_filter": "-all"}}
    else:
        content["nbformat_minor"] = IDS_SINCE
        content["metadata"] = {"kernelspec": {"display_name": "Python 3", "language": "python", "name": PYTHON}}
    document = Document(path, content)
    document.cells.append(new_cell(document, "code"))
    return document


def new_cell(document: Document, kind: CellKind, source: str = "") -> Cell:
    """A cell for the document, which is not in it yet."""
    node: dict[str, Any] = {"cell_type": kind, "metadata": {}, "source": source.splitlines(keepends=True)}
    if kind == "code":
        node |= {"execution_count": None, "outputs": []}
    minor = document.content.get("nbformat_minor", 0)
    if isinstance(minor, int) and minor >= IDS_SINCE:
        node["id"] = uuid4().hex[:8]
    return Cell(node)


def _notebook(path: Path, text: str) -> dict[str, Any]:
    try:
        content: dict[str, Any] = json.loads(text)
    except (ValueError, RecursionError) as error:
        where = "too deep" if isinstance(error, RecursionError) else "a number of thousands of digits"
        if isinstance(error, json.JSONDecodeError):
            where = f"line {error.lineno}, column {error.colno}"
        raise LabError(f"{path_text(path)} is no notebook: its JSON is broken ({where})") from error
    if not isinstance(content, dict) or not isinstance(content.get("nbformat"), int):
        raise LabError(f"{path_text(path)} is no notebook: it names no nbformat")
    version = content["nbformat"]
    if version > MAJOR:
        raise LabError(f"{path_text(path)} is a notebook of format {version}, newer than this program reads ({MAJOR})")
    if version < MAJOR:
        content = _converted(path, text)
    cells = content.get("cells")
    if not isinstance(cells, list) or not all(isinstance(cell, dict) for cell in cells):
        raise LabError(f"{path_text(path)} is no notebook: it has no list of cells")
    if not isinstance(content.get("metadata"), dict):
        raise LabError(f"{path_text(path)} is no notebook: its metadata are no object")
    return content


def _converted(path: Path, text: str) -> dict[str, Any]:
    """An old notebook as one of version 4."""
    import nbformat

    try:
        newer = nbformat.reads(text, as_version=MAJOR)
        content: dict[str, Any] = json.loads(nbformat.writes(newer))
    except Exception as error:  # whatever its converters meet in a file that is not what it says
        raise LabError(
            f"{path_text(path)} can't be converted to format {MAJOR}: {printable(str(error), 200)}"
        ) from error
    return content


def _from_script(path: Path, text: str) -> dict[str, Any]:
    try:
        content = script.read(text)
    except Exception as error:  # such as a header that is no YAML
        raise LabError(f"{path_text(path)} can't be read in cells: {printable(str(error), 200)}") from error
    content["nbformat_minor"] = IDS_SINCE - 1
    return content


def _plain(text: str) -> tuple[str, str, str]:
    """The mark before a text that says it is UTF-8, how its lines end, and the text without these."""
    mark = BOM if text.startswith(BOM) else ""
    text = text.removeprefix(BOM)
    ends = text.count("\r\n")
    newline = "\r\n" if ends and ends == text.count("\n") else "\n"
    return mark, newline, text.replace(newline, "\n")


def _spelling(text: str) -> Spelling:
    """How a JSON text is spelled: the indent of its second line, whether it has escapes in place of other than ASCII,
    and how it ends."""
    first, newline, rest = text[:1000].lstrip().partition("\n")
    indent = len(rest) - len(rest.lstrip(" ")) if newline and len(first) < 3 else None
    ascii_only = text.isascii() and "\\u" in text
    return indent, ascii_only, "\n" if text.endswith("\n") else ""


def _spelled(content: Any, indent: int | None, ascii_only: bool, end: str) -> str:
    return json.dumps(content, indent=indent, ensure_ascii=ascii_only) + end
