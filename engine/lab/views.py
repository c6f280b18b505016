"""What a screen shows of a cell's outputs: short lines, and what can be opened. Made in a thread: of a large output it
takes a while."""

import base64
import binascii
import json
import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Literal

from engine.lab.html_tables import Table, table_of
from engine.lab.outputs import PLAIN, plain_value
from engine.lab.widgets import VIEW
from engine.lab.written_text import clean
from engine.terminal_text import shown_lines, without_tabs

OBJECT = "application/vnd.fmnist-tui.object+json"
IMAGES = ("image/png", "image/jpeg", "image/gif")
MOST_LINES, MOST_OF_OBJECT = 24, 12  # of an output in the document; the rest opens
LONGEST = 2000  # characters of a line
LONGEST_CELL = 200  # characters of a cell of a table
KEPT_LINES = 3000  # of an output that is opened
UNKNOWN = "[an output of an unknown kind]"
WRITTEN = ("text/markdown", "text/latex")  # kinds that can be read as they are written
JSON = "application/json"
BARE = re.compile(r"<IPython\.core\.display\.\w+ object>")
ViewKind = Literal["text", "warning", "error", "result", "object", "image"]


@dataclass(frozen=True)
class ObjectFacts:
    """What is known of an output that is a tensor, an array, a table or an image."""

    type: str
    shape: tuple[int, ...] | None = None
    dtype: str = ""
    device: str = ""
    requires_grad: bool = False
    grad_fn: str = ""
    images: bool = False  # it has the shape of images


@dataclass(frozen=True, eq=False)
class OutputView:
    """An output. `lines`: at most MOST_LINES of it,
    of an object MOST_OF_OBJECT; `more`: how many it has besides, after the first `cut` lines."""

    kind: ViewKind
    lines: tuple[str, ...]
    more: int = 0
    cut: int = 0
    at: int = 0  # its place among the cell's outputs
    facts: ObjectFacts | None = None
    expression: str = ""  # under which the kernel still has the object, such as `Out[3]`
    image: bytes = b""  # a file: PNG, JPEG or GIF
    cell_line: int | None = None  # of an error: the line of the cell, from 1
    table: Table | None = None  # of a data frame, which is shown in place of the lines

    @property
    def opens(self) -> bool:
        """Whether there is more to see than these lines."""
        return bool(self.more or self.image or self.kind == "error" or self.expression or self.table)


def views(
    nodes: Iterable[dict[str, Any]], count: int | None = None, error_line: int | None = None
) -> tuple[OutputView, ...]:
    """Of the outputs as nbformat has them. `count`: of the kernel that still has them: what it gives can be opened."""
    return tuple(_view(node, at, count, error_line) for at, node in enumerate(nodes))


def whole_text(node: dict[str, Any]) -> str:
    """All of an output, to be read; cut in its middle where it is very long."""
    lines = _whole(node).split("\n")
    if len(lines) > KEPT_LINES:  # before it is cleaned, which takes a second for 10 MB
        half = KEPT_LINES // 2
        lines = [*lines[:half], f"… {len(lines) - 2 * half:,} lines left out …", *lines[-half:]]
    text = _clean("\n".join(line[: 2 * LONGEST] for line in lines))
    return "\n".join(_cropped(line) for line in text.split("\n"))


def _view(node: dict[str, Any], at: int, count: int | None, error_line: int | None) -> OutputView:
    kind = node.get("output_type")
    if kind == "stream":
        lines, more, cut = _cut_between(_joined(node.get("text", "")))
        return OutputView("warning" if node.get("name") == "stderr" else "text", lines, more, cut, at)
    if kind == "error":
        name, value = str(node.get("ename", "Error")), plain_value(_clean(str(node.get("evalue", ""))))
        lines, more = _cut(f"{name}: {value}" if value else name)
        traceback = node.get("traceback") or []
        return OutputView(
            "error", lines, more, len(lines), at, cell_line=error_line if traceback or error_line else None
        )
    data = node.get("data")
    if not isinstance(data, dict):
        return OutputView("text", (UNKNOWN,), at=at)
    image = next((found for mime in IMAGES if (found := _decoded(data.get(mime)))), b"")
    facts = _facts(data.get(OBJECT))
    most = MOST_OF_OBJECT if facts is not None else MOST_LINES
    text = _text_of(data).rstrip("\n")
    lines, more = _cut(text, most) if PLAIN in data else ((_short(text),), 0)
    table = table_of(_joined(data["text/html"])) if PLAIN in data and "text/html" in data else None
    if table is not None:
        table, more = _shortened(table, most)
    result = kind == "execute_result" and count is not None and facts is not None
    number = node.get("execution_count")
    expression = f"Out[{number}]" if result and number == count and _opens(facts) else ""
    what: ViewKind = "image" if image else "object" if facts is not None else "result"
    return OutputView(what, lines, more, len(lines), at, facts, expression, image, table=table)


def _opens(facts: ObjectFacts | None) -> bool:
    """Whether the tensor view takes it."""
    return facts is not None and facts.type in ("Tensor", "Parameter", "ndarray", "Buffer")


def _shortened(table: Table, most: int) -> tuple[Table, int]:
    """The first lines of a table, its texts as they may be shown, and how many more rows it has."""
    rows = max(1, most - len(table.heads))
    heads, shown = (
        tuple(tuple(_short(text[:LONGEST_CELL]) for text in row) for row in part)
        for part in (table.heads, table.rows[:rows])
    )
    return Table(heads, shown, table.index), max(0, len(table.rows) - rows)


def _cut(text: str, most: int = MOST_LINES) -> tuple[tuple[str, ...], int]:
    """The first lines, and how many more there are."""
    lines = _lines(text)
    return tuple(_short(line) for line in lines[:most]), max(0, len(lines) - most)


def _cut_between(text: str) -> tuple[tuple[str, ...], int, int]:
    """The first and the last lines of a stream, how many there are between them, and how many are before those."""
    lines = _lines(text)
    if len(lines) <= MOST_LINES:
        return tuple(_short(line) for line in lines), 0, len(lines)
    head = MOST_LINES * 2 // 3
    last = MOST_LINES - head
    return tuple(_short(line) for line in (*lines[:head], *lines[-last:])), len(lines) - MOST_LINES, head


def _lines(text: str) -> list[str]:
    text = text.removesuffix("\n")
    return text.split("\n") if text else []


def _short(line: str) -> str:
    return _cropped(shown_lines(without_tabs(_clean(line[: 2 * LONGEST]))))


def _cropped(line: str) -> str:
    return line if len(line) <= LONGEST else line[: LONGEST - 1] + "…"


def _clean(text: str) -> str:
    return clean(text)


def _joined(text: object) -> str:
    """Text of a notebook, which may stand there in lines."""
    return "".join(map(str, text)) if isinstance(text, list) else str(text)


def _whole(node: dict[str, Any]) -> str:
    """All of its text. Of an error the traceback, where it has one."""
    if node.get("output_type") == "stream":
        return _joined(node.get("text", ""))
    if node.get("output_type") == "error":
        traceback = node.get("traceback")
        lines = traceback if isinstance(traceback, list) else []
        return "\n".join(map(str, lines or [f"{node.get('ename', 'Error')}: {node.get('evalue', '')}"])) + "\n"
    data = node.get("data")
    if not isinstance(data, dict):
        return UNKNOWN
    return f"{_text_of(data)}\n"


def _text_of(data: dict[str, Any]) -> str:
    """As text; in place of an object of which Python says no more than that it is one, what stands in it."""
    text = _joined(data[PLAIN]) if PLAIN in data else ""
    if PLAIN in data and not BARE.fullmatch(text):
        return text
    if PLAIN in data:
        for kind in WRITTEN:
            if kind in data:
                return _joined(data[kind])
        if JSON in data:
            return json.dumps(data[JSON], indent=2, ensure_ascii=False)
    return text if PLAIN in data and "text/html" not in data else _named(data)


def _named(data: dict[str, Any]) -> str:
    """What stands in place of an output without text."""
    if VIEW in data:
        return "[a widget: shown in a browser only]"
    if "text/html" in data:
        text = re.sub(r"<(script|style)\b.*?</\1>|<[^>]*>", " ", _joined(data["text/html"]), flags=re.DOTALL)
        return " ".join(text.split())[:LONGEST] or "[HTML]"
    return f"[{', '.join(sorted(map(str, data)))}]" if data else "[nothing]"


def _decoded(data: object) -> bytes:
    try:
        return base64.b64decode(_joined(data), validate=False) if data else b""
    except (binascii.Error, ValueError):
        return b""


def _facts(content: object) -> ObjectFacts | None:
    if not isinstance(content, dict) or not isinstance(content.get("type"), str):
        return None
    shape = content.get("shape")
    sizes = tuple(shape) if isinstance(shape, list) and all(isinstance(size, int) for size in shape) else None
    return ObjectFacts(
        type=content["type"],
        shape=sizes,
        dtype=str(content.get("dtype") or "").removeprefix("torch."),
        device=str(content.get("device") or ""),
        requires_grad=bool(content.get("requires_grad")),
        grad_fn=str(content.get("grad_fn") or ""),
        images=bool(content.get("images")),
    )
