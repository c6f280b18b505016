"""`Request`: what the worker process can be asked to compute. Imports no torch."""

from dataclasses import dataclass, field
from typing import Any, ClassVar, Generic, TypeVar

A = TypeVar("A")


@dataclass(frozen=True)
class Request(Generic[A]):
    """Base of all requests: a frozen dataclass `class MyRequest(Request[MyAnswer])`, whose answer is one too.

    `handler` names the function that computes the answer in the worker process, as `module:function`; it takes
    `(home: Path, request, progress: Progress)`. Its module is imported there when it is first asked for, so that
    defining and sending a request imports nothing heavy.
    """

    handler: ClassVar[str] = ""


@dataclass(frozen=True)
class Answer:
    """Plain values and arrays by name: the answer of a request that has no type of its own yet."""

    values: dict[str, Any]
    arrays: dict[str, Any] = field(default_factory=dict)
