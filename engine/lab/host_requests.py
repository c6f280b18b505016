"""What is asked of a lab's host, and what it answers: a line of JSON each.

Whoever may connect to the socket can say anything, and a socket that host.json names may be anybody's: both sides hold
what comes to these types and bounds.
"""

from typing import Annotated, Any

import msgspec
from msgspec import Meta, Struct

from engine.errors import LabError

LONGEST_REQUEST, LONGEST_ANSWER = 32 * 2**20, 256 * 2**20  # bytes of a line
MOST_CELLS = 10_000  # of a request

Fields = dict[str, Any]  # of an answer


class HostRequest(Struct, omit_defaults=True):
    """`do` says what, and which of the other fields count."""

    do: Annotated[str, Meta(max_length=100)] = ""
    cells: Annotated[list[tuple[Annotated[str, Meta(max_length=10_000)], str]], Meta(max_length=MOST_CELLS)] = []
    stop_on_error: bool = True
    clear: bool = False
    text: str = ""
    source: str = ""
    position: Annotated[int, Meta(ge=0, le=LONGEST_REQUEST)] = 0  # in characters
    request: Annotated[str, Meta(pattern=r"^[A-Za-z0-9+/=]*\Z")] = ""  # of engine.worker.wire, in Base64


class HostAnswer(Struct):
    """`ok` says whether it was done, `reason` why not; the other fields are those of what was asked."""

    ok: bool
    reason: str = ""
    last: int = 0
    matches: list[str] = []
    start: int = 0
    end: int = 0
    types: list[str] = []
    text: str = ""
    answer: str = ""  # of engine.worker.wire, in Base64
    document: str = ""
    kernel: str = ""
    phase: str = ""
    since: float = 0.0  # Unix seconds
    used: float = 0.0
    kernel_pid: int = 0
    trouble: str = ""  # of the disk


class _Part(Struct):
    log: tuple[int, int]


_REQUESTS = msgspec.json.Decoder(HostRequest)
_ANSWERS = msgspec.json.Decoder(HostAnswer)
_PARTS = msgspec.json.Decoder(_Part)


def line_of(request: HostRequest) -> bytes:
    """A request as it is sent. Raises LabError where it is too long."""
    try:
        line = msgspec.json.encode(request) + b"\n"
    except UnicodeEncodeError as error:
        raise LabError("the text has halves of characters (lone surrogates)") from error
    if len(line) > LONGEST_REQUEST:
        raise LabError(f"that is more than the {LONGEST_REQUEST >> 20} MiB that a lab takes at once")
    return line


def read_request(line: bytes) -> HostRequest:
    """Raises LabError where the line is none."""
    try:
        return _REQUESTS.decode(line)
    except msgspec.ValidationError as error:
        raise LabError(f"that is not a request: {error}") from None
    except (msgspec.DecodeError, UnicodeError, RecursionError):
        raise LabError("that is not a JSON object") from None


def read_answer(line: bytes) -> HostAnswer:
    """Raises ValueError where the line is none."""
    try:
        return _ANSWERS.decode(line)
    except (msgspec.MsgspecError, RecursionError) as error:
        raise ValueError("its answer can't be understood") from error


def read_part(line: bytes) -> tuple[int, int]:
    """Which bytes of the log are to be read. Raises ValueError where the line does not say that."""
    try:
        return _PARTS.decode(line).log
    except (msgspec.MsgspecError, RecursionError) as error:
        raise ValueError("no part of a log") from error
