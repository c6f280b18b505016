"""What goes over the wire besides requests and answers themselves."""

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Ask:
    """Compute this. Numbers count up from 1."""

    number: int
    request: Any  # a Request


@dataclass(frozen=True)
class Cancel:
    """The answers to all requests up to this number are not wanted any more."""

    number: int


@dataclass(frozen=True)
class Advanced:
    """How far the request under way is."""

    done: int
    total: int


@dataclass(frozen=True)
class SoFar:
    """What the answer to the request under way would be if the computation ended now."""

    answer: Any


@dataclass(frozen=True)
class Answered:
    """The request's answer."""

    answer: Any


@dataclass(frozen=True)
class Refused:
    """Why there is none: an EngineError, with all that it carries."""

    error: Any


@dataclass(frozen=True)
class Cancelled:
    """There is none, as it was asked for."""


@dataclass(frozen=True)
class Ready:
    """torch has been imported: nothing waits for it any more. Sent once, by itself."""
