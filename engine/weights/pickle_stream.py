"""How a pickle is read: its bytes, a block at a time, its lines; and what is said where it can't be."""

from typing import Protocol

from engine.errors import CheckpointError
from engine.weights.records import Global, Long

NAMED = 5  # imports that a refusal names
BLOCK = 1 << 18  # bytes that are read in one go
MOST_LINE = 1 << 20  # bytes of a line in a pickle of protocol 0
AHEAD = 16  # bytes: an opcode and what stands behind it at least, its number or its length


class Stream(Protocol):
    """What a pickle is read from. It may pass over what is long: then it gives as many bytes without having them, and
    has their number in an attribute `passed` until it is read from again."""

    def read(self, size: int, /) -> bytes: ...
    def tell(self) -> int: ...
    def seek(self, offset: int, /) -> object: ...


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


class TruncatedError(ValueError):
    """A pickle ends before it says so."""


class Source:
    """The bytes of a pickle that begins where a stream stands.

    `data` is the block at hand, of which `size` bytes are the stream's: zeros follow the last one, so that an opcode
    that is cut off can be looked at. `base`: where the block begins in the stream.
    """

    def __init__(self, stream: Stream) -> None:
        self._stream = stream
        self.base = stream.tell()
        self.data = b""
        self.size = 0  # bytes
        self.whole = False  # nothing follows the block

    def have(self, at: int, wanted: int) -> None:
        """Let the block begin at its byte `at`, with `wanted` bytes, or all that there are."""
        parts, size = [self.data[at : self.size]], self.size - at
        self.base += at
        while size < wanted and not self.whole:
            parts.append(self._stream.read(BLOCK))
            size += len(parts[-1])
            self.whole = not parts[-1]
        self.data, self.size = b"".join([*parts, bytes(AHEAD)] if self.whole else parts), size

    def counted(self, at: int, wanted: int, text: bool, utf8: bool) -> tuple[bytes | Long, int]:
        """So many bytes from the block's byte `at`, and where those after them begin in the block, which may be
        another one then. Raises TruncatedError."""
        if self.size - at < wanted and not self.whole and wanted <= BLOCK:
            self.have(at, wanted)
            at = 0
        if wanted <= self.size - at:
            return self.data[at : at + wanted], at + wanted
        if self.whole:
            raise TruncatedError(f"{wanted:,} bytes are announced, and {self.size - at:,} follow")
        begins = self.base + at
        self._stream.seek(begins)
        found = self._stream.read(wanted)
        if len(found) < wanted:
            raise TruncatedError(f"{wanted:,} bytes are announced, and {len(found):,} follow")
        self.base, self.data, self.size = begins + wanted, b"", 0
        passed = getattr(self._stream, "passed", 0)
        return (Long(passed, text, begins, utf8) if passed else found), 0

    def line(self, at: int) -> tuple[bytes, int]:
        """The line from the block's byte `at`, without its end, and where the next one begins in the block. Raises
        TruncatedError; CheckpointError where it is too long."""
        while (end := self.data.find(b"\n", at, self.size)) < 0:
            if self.whole:
                raise TruncatedError("a line has no end")
            if self.size - at >= MOST_LINE:
                why = f"a line of its pickle (protocol 0) has more than {MOST_LINE:,} bytes: not read"
                raise CheckpointError(why)
            self.have(at, min(MOST_LINE, 2 * (self.size - at) + BLOCK))
            at = 0
        return self.data[at:end], end + 1

    def leave(self, at: int) -> None:
        """Let the stream stand at the block's byte `at`."""
        self._stream.seek(self.base + at)
