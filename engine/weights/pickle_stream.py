"""How a pickle is read: its bytes, the lines of its imports, its frames; and what is said where it can't be."""

import io
from typing import Any, Protocol

from engine.errors import CheckpointError
from engine.weights.records import Global

NAMED = 5  # imports that a refusal names
_TWO_WAYS = "its pickle can be read in two ways"


class Stream(Protocol):
    """What a pickle is read from. It may pass over what is long: then it gives as many bytes without having them, and
    has their number in an attribute `passed` until it is read from again."""

    def read(self, size: int, /) -> bytes: ...
    def readline(self) -> bytes: ...


class PickleError(CheckpointError):
    """A pickle that can't be read. What it would import before that is told all the same: an unpickler runs that."""

    def __init__(self, why: str, found: list[Global]) -> None:
        self.why, self.globals = why, found
        names = ", ".join(one.full for one in found[:NAMED]) + (
            f" and {len(found) - NAMED} more" * (len(found) > NAMED)
        )
        super().__init__(f"{why}; before that it would import {names}" if found else why)

    def __reduce__(self) -> tuple[type, tuple[str, list[Global]]]:
        return PickleError, (self.why, self.globals)


class Lines:
    """The lines of a stream's imports, as they stand: pickletools joins the two names of an import with a space, which
    may be in them, and takes ASCII alone, where the C unpickler takes UTF-8."""

    def __init__(self, stream: Stream) -> None:
        self._stream = stream
        self._opcode = b""
        self._kept: list[bytes] = []
        self.tell = getattr(stream, "tell", None)

    def read(self, size: int) -> bytes:
        data = self._stream.read(size)
        if size == 1:
            self._opcode = data
            self._kept.clear()
        return data

    def readline(self) -> bytes:
        line = self._stream.readline()
        if self._opcode not in _IMPORTS:
            return line
        self._kept.append(line)
        return _ascii(line)

    def names(self) -> tuple[str, str]:
        """The module and the name that were read last. Raises ValueError where they are no text: the C unpickler stops
        there too."""
        return _names(*self._kept)


class LinesInMemory(io.BytesIO):
    """The same of a pickle in memory, whose millions of opcodes are read without a detour."""

    _first, _second = b"", b""  # the lines of an import that were read last
    _import_ends = -1  # where its first line ends

    def readline(self, size: int | None = -1, /) -> bytes:
        at = self.tell()
        line = super().readline(size)
        if at == self._import_ends:
            self._second = line
        elif at and self.getbuffer()[at - 1 : at] in _IMPORTS:
            self._first, self._import_ends = line, at + len(line)
        else:
            return line
        return _ascii(line)

    def names(self) -> tuple[str, str]:
        return _names(self._first, self._second)


_IMPORTS = (b"c", b"i")  # the opcodes GLOBAL and INST, each with two lines behind it


def _ascii(line: bytes) -> bytes:
    return line if line.isascii() else bytes(one if one < 128 else 63 for one in line)


def _names(module: bytes, name: bytes) -> tuple[str, str]:
    return module.rstrip(b"\n").decode("utf-8"), name.rstrip(b"\n").decode("utf-8")


class Frames:
    """Where the frames of a pickle end. Python's C unpickler reads on behind a frame where an opcode does not fit into
    it or another frame begins within it, and passes over the rest: it would run what is not shown here."""

    def __init__(self) -> None:
        self.end = -1  # of the frame under way; -1: there is none

    def check(self, name: str, argument: Any, place: int) -> None:
        """The next opcode, at byte `place`: only of interest where it is FRAME or STOP, or after `end`. Raises
        CheckpointError."""
        if 0 <= self.end < place:
            raise CheckpointError(f"an opcode before byte {place:,} crosses the end of its frame: {_TWO_WAYS}")
        if place == self.end:
            self.end = -1
        if name == "FRAME":
            if self.end >= 0:
                raise CheckpointError(f"a frame begins within another one at byte {place:,}: {_TWO_WAYS}")
            self.end = place + 9 + int(argument)
        elif name == "STOP" and self.end not in (-1, place + 1):
            raise CheckpointError(f"it ends at byte {place:,}, within a frame: {_TWO_WAYS}")
