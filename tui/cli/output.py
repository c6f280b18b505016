"""The command line's one way to its terminal, or to where its output goes instead: nothing else here prints."""

import contextlib
import io
import json
import os
import signal
import sys
import time
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, TextIO

from engine.terminal_text import shown, shown_lines

if TYPE_CHECKING:
    from rich.console import Console

    from engine.progress import Progress

DONE, FAILED, BAD_INPUT = 0, 1, 2  # exit codes
TELL_S = 0.5  # between two lines of how far something is; what takes less says nothing


def say(line: str = "", *, flush: bool = False) -> None:
    """A line of the result, on stdout."""
    print(shown(line), flush=flush)


def say_text(text: str) -> None:
    """Several lines of it, each made of what is one line itself."""
    print(shown_lines(text))


def say_json(value: Any, *, finite: bool = False) -> None:
    """The result as JSON, in ASCII alone. `finite`: there is no NaN or infinity in it, which JSON can't hold, and which
    are written as Python's json does; then it takes a fifth of the time."""
    import msgspec

    if finite:
        with contextlib.suppress(TypeError, ValueError, OverflowError):  # a lone surrogate, an integer of 65 bits
            found = msgspec.json.format(msgspec.json.encode(value), indent=1)
            if found.isascii():
                print(found.decode())
                return
    try:
        print(msgspec.json.format(json.dumps(value), indent=1))  # json.dumps with indents is Python, not C
    except msgspec.DecodeError:  # a NaN
        print(json.dumps(value, indent=1))


def say_line_of_json(line: str) -> None:
    """One of many, as it is made, on stdout at once."""
    print(line, flush=True)


def complain(text: str) -> None:
    """One line to the person, on stderr."""
    _to_stderr(f"fmnist-tui: {shown(text)}\n")


def tell(text: str) -> None:
    """What is going on, on stderr, where that is a terminal."""
    if sys.stderr.isatty():
        _to_stderr(f"{shown(text)}\n")


def ask(question: str) -> bool:
    """Ask on stderr, and read the answer: yes alone is one, and the end of the input is none."""
    _to_stderr(f"{shown(question)} [y/N] ")
    return sys.stdin.readline().strip().lower() in ("y", "yes")


def tell_in_place(text: str) -> None:
    """The same in one line, as far as that goes, over what was told in place before; empty: nothing any more."""
    if sys.stderr.isatty():
        from rich.cells import cell_len, set_cell_size

        room = (os.get_terminal_size(sys.stderr.fileno()).columns or 80) - 1
        text = shown(text)
        text = text if cell_len(text) <= room else set_cell_size(text, room)
        _to_stderr(f"\r{' ' * room}\r{text}")


@contextlib.contextmanager
def told_of_reading(what: str) -> "Iterator[Progress]":
    """Takes how far the reading of `what` is, in bytes, and says it in place, a few times a second; what takes less
    than that says nothing."""
    from tui.format import size

    last, said = time.monotonic(), False

    def progress(done: int, total: int) -> None:
        nonlocal last, said
        if time.monotonic() - last >= TELL_S:
            last, said = time.monotonic(), True
            tell_in_place(f"reading {what}: {size(done)} of {size(total)} …")

    try:
        yield progress
    finally:
        if said:
            tell_in_place("")


class RawOutput(io.FileIO):
    """What lies below stdout. It remembers that something could not be written, whoever ignored that."""

    failed: OSError | None = None

    def write(self, data: Any) -> int:
        try:
            return super().write(data)
        except OSError as error:
            self.failed = error
            raise


def finish(code: int) -> int:
    """See that all of stdout is written. Returns the exit code: the one that is given, if it is."""
    failed: OSError | None = None
    try:
        sys.stdout.flush()
        raw = getattr(getattr(sys.stdout, "buffer", None), "raw", None)
        failed = raw.failed if isinstance(raw, RawOutput) else None
    except OSError as error:
        failed = error
    if failed is None:
        return code
    _discard(sys.stdout)
    if isinstance(failed, BrokenPipeError):  # a pipe that nobody reads any more, as after `| head`
        return 128 + signal.SIGPIPE
    complain(f"cannot write to stdout ({failed.strerror})")
    return BAD_INPUT


def _to_stderr(text: str) -> None:
    try:
        sys.stderr.write(text)
        sys.stderr.flush()
    except OSError:  # nobody is to be told
        _discard(sys.stderr)


def _discard(stream: TextIO) -> None:
    """Let what could not be written, and what is written from now on, go to nowhere."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, stream.fileno())
    os.close(nowhere)


def console(*, stderr: bool = False, width: int | None = None, soft_wrap: bool = False) -> "Console":
    """Rich, for bars and tables of text that went through `shown`: it takes nothing in it for markup or an emoji."""
    from rich.console import Console

    class Quiet(Console):
        def on_broken_pipe(self) -> None:  # Rich would exit with 1
            raise

    return Quiet(stderr=stderr, width=width, soft_wrap=soft_wrap, markup=False, emoji=False, highlight=False)
