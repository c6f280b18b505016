"""What a kernel had put out and not sent when it ended: read from the files that `kernel_main` keeps beside its
sockets. Of another program's kernel there are none."""

import contextlib
import os
import re
import signal
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

NAMES = ("stdout", "stderr")
SAID, TOTAL, MARK = 1 << 18, 8, "fmnist_tui_said"  # as in `kernel_main`, which imports nothing of the program
MOST = 1 << 20  # bytes that are read of what was written past Python; a pipe holds fewer
CELL = re.compile(r'File "[^"]*ipykernel_\d+[^"]*\.py"')  # the file that IPython names for a cell
FAULTS = {
    signal.SIGSEGV: "Segmentation fault",
    signal.SIGABRT: "Aborted",
    signal.SIGBUS: "Bus error",
    signal.SIGFPE: "Floating-point exception",
    signal.SIGILL: "Illegal instruction",
}  # as faulthandler calls them


class LastOutput:
    """Of one kernel, whose files are in `folder`."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._sent = dict.fromkeys(NAMES, 0)  # bytes of each stream that have come
        self._pipes: dict[str, int] = {}

    def open(self) -> None:
        """The kernel can be asked: what it has said so far is nobody's. Hold its pipes, which end with the last process
        that has them open."""
        for name in NAMES:
            self._said(name)
            with contextlib.suppress(OSError):
                self._pipes[name] = os.open(self._folder / f"past.{name}", os.O_RDONLY | os.O_NONBLOCK)

    def note(self, kind: str, message: Mapping[str, Any]) -> None:
        """A message of the iopub channel has come."""
        if kind == "stream" and isinstance(at := message.get("metadata", {}).get(MARK), int):
            self._sent[str(message["content"].get("name"))] = at

    def take(self, code: int | None = None) -> list[dict[str, str]]:
        """The contents of the stream messages that did not come, once. `code`: the exit code of the process; negative:
        the signal that ended it."""
        parts = [(name, self._said(name) + self._past(name)) for name in NAMES]
        parts.append(("stderr", self._fault(code)))
        self.close()
        return [{"name": name, "text": text} for name, text in parts if text]

    def close(self) -> None:
        for pipe in self._pipes.values():
            os.close(pipe)
        self._pipes.clear()

    def _said(self, name: str) -> str:
        try:
            data = (self._folder / f"said.{name}").read_bytes()
        except OSError:
            return ""
        total, ring = int.from_bytes(data[:TOTAL], sys.byteorder), data[TOTAL:]
        missing = total - self._sent[name]
        if missing <= 0 or len(ring) != SAID:
            return ""
        self._sent[name] = total
        at = total % SAID
        text = (ring[at:] + ring[:at])[-min(missing, SAID) :].decode("utf-8", "ignore")
        return f"… {missing - SAID:,} bytes are lost …\n{text}" if missing > SAID else text

    def _past(self, name: str) -> str:
        """What was written past Python: the part that was read last, unless it was said, and what nobody has read."""
        data = b""
        with contextlib.suppress(OSError):
            data = (self._folder / f"read.{name}").read_bytes().rstrip(b"\0")
        with contextlib.suppress(OSError, KeyError):
            while len(data) < MOST and (part := os.read(self._pipes[name], MOST)):
                data += part
        return data.decode("utf-8", "replace")

    def _fault(self, code: int | None) -> str:
        """What faulthandler has written of the signal: its name, and the calls from the innermost to the cell's own."""
        what = FAULTS.get(-code) if code is not None and code < 0 else None  # type: ignore[call-overload]
        try:
            text = (self._folder / "fault").read_text("utf-8", "replace")
        except OSError:
            return ""
        begin = text.rfind(f"Fatal Python error: {what}\n")
        if what is None or begin < 0:
            return ""
        lines = text[begin:].splitlines()
        calls = [CELL.sub("The cell", line) for line in lines[1:] if line.startswith("  File ")]
        last = max((at for at, call in enumerate(calls) if "The cell" in call), default=-1)
        return "".join(f"{line}\n" for line in (lines[0], *calls[: last + 1]))
