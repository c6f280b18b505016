"""What a cell puts out: from the kernel's messages to a notebook's outputs, with an end."""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from engine.lab.widgets import KINDS as COMMS
from engine.lab.widgets import VIEW, Widgets
from engine.lab.written_text import Written, clean

HEAD, TAIL = 1000, 1000  # lines that are kept of a stream …
MOST = 1_000_000  # … and characters, of each of the two
PARTS = 1000  # outputs that are kept of a cell, the first and the last ones …
DATA = 32 * 2**20  # … and characters of them all
PLAIN = "text/plain"
IN_CELL = re.compile(r" \(\d+\.py, line \d+\)$")
CELL_LINE = re.compile(r"Cell In\[(\d+)\], line (\d+)")
GROUP, FIRST_OF_IT = "Exception Group Traceback", "+-+-"  # as Python begins the traceback of one, and what is in it
GROUP_LINE = re.compile(r'File "[^"\n]*ipykernel_\d+[^"\n]*\.py", line (\d+)')


def paged(reply: Mapping[str, Any]) -> list[dict[str, Any]]:
    """What a kernel's reply asks to be shown in a pager, as after `torch.zeros?`: the contents of outputs."""
    payload = reply.get("payload")
    asked = [one for one in payload if isinstance(one, dict)] if isinstance(payload, list) else []
    shown = [one["data"] for one in asked if one.get("source") == "page" and isinstance(one.get("data"), dict)]
    return [{"data": {PLAIN: clean(str(data[PLAIN]))}, "metadata": {}} for data in shown if PLAIN in data]


class Stream:
    """One stream of a cell, stdout or stderr. Of a long one the first and the last lines are kept."""

    def __init__(self, name: str) -> None:
        self.name = name
        self._head: list[str] = []  # lines that the cursor has left behind
        self._tail: list[str] = []
        self._left_out = 0  # lines between them
        self._head_size = self._tail_size = 0  # characters
        self._written = Written(self._line, self._back)

    def add(self, text: str) -> None:
        self._written.add(text)

    def _line(self, line: str) -> None:
        if len(self._head) < HEAD and self._head_size < MOST and not self._tail:
            self._head.append(line)
            self._head_size += len(line)
            return
        self._tail.append(line)
        self._tail_size += len(line)
        if len(self._tail) > 2 * TAIL or self._tail_size > 2 * MOST:
            cut = self._cut()
            self._left_out += cut
            del self._tail[:cut]
            self._tail_size = sum(map(len, self._tail))

    def _back(self) -> str | None:
        """The last line, which is written over."""
        if len(self._tail) > bool(self._left_out):  # what is above lines that are left out stays there
            line = self._tail.pop()
            self._tail_size -= len(line)
            return line
        if self._tail or not self._head:
            return None
        line = self._head.pop()
        self._head_size -= len(line)
        return line

    def _cut(self) -> int:
        """How many lines of the tail are too many."""
        cut, size = max(0, len(self._tail) - TAIL), self._tail_size
        size -= sum(map(len, self._tail[:cut]))
        while size > MOST and cut < len(self._tail) - 1:
            size -= len(self._tail[cut])
            cut += 1
        return cut

    @property
    def text(self) -> str:
        """What is kept, and between its two parts how many lines are not."""
        cut = self._cut()
        left_out = self._left_out + cut
        lines = [*self._head, *([f"… {left_out:,} lines left out …"] if left_out else []), *self._tail[cut:]]
        return clean("".join(line + "\n" for line in lines) + self._written.rest)

    @property
    def size(self) -> int:
        """Characters that are kept, about."""
        return self._head_size + self._tail_size + self._written.size

    def node(self) -> dict[str, Any]:
        return {"output_type": "stream", "name": self.name, "text": self.text}


@dataclass(frozen=True)
class Failure:
    """An exception that ended a cell."""

    name: str  # of its class
    value: str
    traceback: tuple[str, ...] = ()  # lines of text, without colours
    line: int | None = None  # of the cell, from 1

    def __str__(self) -> str:
        value = " ".join(self.value.split())
        what = f"{self.name}: {value}" if value else self.name
        return f"line {self.line}: {what}" if self.line else what

    def node(self) -> dict[str, Any]:
        return {"output_type": "error", "ename": self.name, "evalue": self.value, "traceback": list(self.traceback)}


class Outputs:
    """The outputs of one cell, as its messages come."""

    def __init__(self, nodes: Iterable[dict[str, Any]] = ()) -> None:
        """`nodes`: those that are there already, as nbformat has them."""
        self._parts: list[Stream | dict[str, Any]] = list(nodes)
        self._left_out = 0  # outputs
        self._sizes: dict[int, int] = {}  # characters, by the id of a part
        self._size = 0  # all of them
        self._clear_at_next = False
        self._widgets = Widgets()
        self.failure: Failure | None = None
        self.count: int | None = None  # of the kernel's executions

    def take(self, kind: str, content: dict[str, Any]) -> bool:
        """A message of the kernel's iopub channel. Whether it is an output."""
        if kind == "execute_input":
            self.count = content.get("execution_count")
            return False
        if kind == "clear_output":
            self._clear_at_next = bool(content.get("wait"))
            if not self._clear_at_next:
                self._clear()
            return True
        if kind in COMMS:
            return self._widgets.take(kind, content) and self._draw_widgets()
        if kind not in ("stream", "execute_result", "display_data", "update_display_data", "error"):
            return False
        if self._clear_at_next:
            self._clear()
            self._clear_at_next = False
        if kind == "stream":
            self._stream(str(content.get("name", "stdout"))).add(str(content.get("text", "")))
        elif kind == "error":
            self.failure = failure_of(content, self.count)
            self._add(self.failure.node())
        else:
            self._display(kind, content)
        return True

    def with_line(self, failure: Failure) -> Failure:
        """A failure that has no traceback, as IPython prints that of an exception group to stderr, with the line that
        stands there."""
        if failure.line is not None or any(failure.traceback):
            return failure
        printed = "".join(part.text for part in self._parts if isinstance(part, Stream) and part.name == "stderr")
        lines = GROUP_LINE.findall(printed.rpartition(GROUP)[2].partition(FIRST_OF_IT)[0]) if GROUP in printed else []
        return replace(failure, line=int(lines[-1])) if lines else failure

    def nodes(self) -> list[dict[str, Any]]:
        """As nbformat's version 4 has them."""
        nodes = [part.node() if isinstance(part, Stream) else part for part in self._parts]
        if self._left_out:
            text = f"… {self._left_out:,} outputs left out …\n"
            nodes.insert(len(nodes) // 2, {"output_type": "stream", "name": "stderr", "text": text})
        return nodes

    def _clear(self) -> None:
        self._parts.clear()
        self._sizes.clear()
        self._left_out = self._size = 0

    def _add(self, part: Stream | dict[str, Any]) -> None:
        """One more; of very many, some in the middle go."""
        if self._parts and isinstance(last := self._parts[-1], Stream):
            self._measure(last, last.size)  # it is complete
        self._parts.append(part)
        if isinstance(part, dict):
            self._measure(part, size_of(part.get("data", {})))
        while len(self._parts) > PARTS or (len(self._parts) > 2 and self._size > DATA):
            gone = self._parts.pop(len(self._parts) // 2)
            self._size -= self._sizes.pop(id(gone), 0)
            self._left_out += 1

    def _measure(self, part: Stream | dict[str, Any], size: int) -> None:
        self._size += size - self._sizes.get(id(part), 0)
        self._sizes[id(part)] = size

    def _stream(self, name: str) -> Stream:
        last = self._parts[-1] if self._parts else None
        if not isinstance(last, Stream) or last.name != name:
            last = Stream(name)
            self._add(last)
        return last

    def _display(self, kind: str, content: dict[str, Any]) -> None:
        data, metadata = dict(_object(content, "data")), _object(content, "metadata")
        if isinstance(data.get(PLAIN), str):
            data[PLAIN] = clean(data[PLAIN])
        if (text := self._widgets.text(data.get(VIEW))) is not None:
            data[PLAIN] = clean(text)
        shown = _object(content, "transient").get("display_id")
        if kind == "update_display_data":
            for part in self._parts:
                if isinstance(part, dict) and shown is not None and part.get("_display_id") == shown:
                    part |= {"data": data, "metadata": metadata}
                    self._measure(part, size_of(data))
            return
        node: dict[str, Any] = {"output_type": kind, "data": data, "metadata": metadata}
        if kind == "execute_result":
            node["execution_count"] = content.get("execution_count")
        if shown is not None:
            node["_display_id"] = shown
        self._add(node)

    def _draw_widgets(self) -> bool:
        """What is displayed of the widgets, anew."""
        for part in self._parts:
            data = part.get("data", {}) if isinstance(part, dict) else {}
            if VIEW in data and (text := self._widgets.text(data[VIEW])) is not None:
                data[PLAIN] = clean(text)
        return True


def _object(content: dict[str, Any], name: str) -> dict[str, Any]:
    """A part of a message, which anybody may have written: what is no object is an empty one."""
    found = content.get(name)
    return found if isinstance(found, dict) else {}


def size_of(data: dict[str, Any]) -> int:
    """About how many characters what is displayed has, in all its forms."""
    return sum(len(value) if isinstance(value, str) else len(str(value)) for value in data.values())


def saved(nodes: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The outputs as a notebook holds them."""
    return [{key: value for key, value in node.items() if key != "_display_id"} for node in nodes]


def text_of(node: dict[str, Any]) -> str:
    """What a terminal shows of an output: its text, or what it is."""
    if node["output_type"] == "stream":
        return str(node["text"])
    if node["output_type"] == "error":
        return "\n".join(node["traceback"]) + "\n"
    data = node["data"]
    plain = data.get(PLAIN)
    if plain is None:
        return f"[{', '.join(sorted(data))}]\n"
    return f"{plain if isinstance(plain, str) else ''.join(plain)}\n"


def plain_value(value: str) -> str:
    """Of an error: without the name that IPython gives the file of a cell's code, such as "(1234567890.py, line 1)"."""
    return IN_CELL.sub("", value)


def failure_of(content: dict[str, Any], count: int | None = None) -> Failure:
    """The exception that an `error` message, or the reply to a request, tells of. `count`: of the execution, so that
    its line is one of this cell."""
    lines_told = content.get("traceback")
    traceback = clean("\n".join(map(str, lines_told if isinstance(lines_told, list) else []))).split("\n")
    found = CELL_LINE.findall("\n".join(traceback))
    lines = [int(line) for cell, line in found if count is None or int(cell) == count]
    name, value = str(content.get("ename", "Error")), plain_value(clean(str(content.get("evalue", ""))))
    return Failure(name, value, tuple(traceback), lines[-1] if lines else None)
