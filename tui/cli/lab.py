"""What `lab run` prints: the outputs as text, or each of them as a line of JSON."""

import json
import time
from collections.abc import Callable
from typing import Any

from engine.lab.document import Document
from engine.lab.outputs import Outputs, failure_of, text_of
from engine.lab.run import CellRan
from engine.lab.widgets import KINDS as COMMS
from engine.lab.written_text import clean_part

VERSION = 1
MOVES_S = 0.1  # between two times that the line is told which a cell writes
Print = Callable[[str], None]


class Report:
    """Of one run of a document. `print_json`: None: text is printed, and `tell_line` gets the line that a cell writes
    while it runs, such as a progress bar; empty: none any more."""

    def __init__(
        self, document: Document, *, print_json: Print | None, print_text: Print, tell_line: Print = lambda line: None
    ) -> None:
        self._document, self._json, self._text, self._tell = document, print_json, print_text, tell_line
        self._outputs = Outputs()  # of the cell that runs
        self._told = 0.0  # when the line was
        self._begin = time.monotonic()
        self.begun = False  # whether a cell has run

    def begin(self, kernel: str) -> None:
        self._line("begun", file=str(self._document.path), cells=len(self._document.code), kernel=kernel)

    def output(self, number: int, kind: str, content: dict[str, Any]) -> None:
        """An output of a cell, as it comes; as JSON at once, as text when the cell ends."""
        if self._json is None:
            self._outputs.take(kind, content)
            self._tell_line()
            return
        if kind == "clear_output" or kind in COMMS:
            return
        if kind == "stream":
            self._line("output", cell=number, type="stream", name=content["name"], text=clean_part(content["text"]))
        elif kind == "error":
            failure = failure_of(content)
            self._line(
                "output", cell=number, type="error", name=failure.name, value=failure.value,
                traceback=list(failure.traceback),
            )  # fmt: skip
        else:
            what = "result" if kind == "execute_result" else "display"
            self._line("output", cell=number, type=what, data=content.get("data", {}))

    def cell(self, ended: CellRan) -> None:
        self.begun = True
        ran = ended.ran
        if self._json is None:
            if self._told:
                self._tell("")
            self._outputs, self._told = Outputs(), 0.0
            for node in ran.outputs.nodes():
                if node["output_type"] != "error" and (text := text_of(node).rstrip("\n")):
                    self._text(text)
            return
        failure = ran.failure
        self._line(
            "cell", cell=ended.number, status=ran.status, seconds=round(ran.seconds, 3),
            **({} if failure is None else {"error": str(failure), "line": failure.line}),
        )  # fmt: skip

    def _tell_line(self) -> None:
        """The last line so far that is not empty, now and then."""
        if time.monotonic() - self._told < MOVES_S:
            return
        lines = (line for node in reversed(self._outputs.nodes()) for line in reversed(text_of(node).split("\n")))
        if line := next((line for line in lines if line.strip()), ""):
            self._tell(line)
            self._told = time.monotonic()

    def end(self, failed: CellRan | None) -> None:
        status = "ok" if failed is None else failed.ran.status
        self._line("finished", status=status, seconds=round(time.monotonic() - self._begin, 3))

    def _line(self, kind: str, **content: Any) -> None:
        if self._json is not None:
            self._json(json.dumps({"v": VERSION, "kind": kind, **content}))
