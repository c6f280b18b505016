"""`Request`: what the worker process can be asked to compute. Imports no torch."""

from dataclasses import dataclass
from typing import ClassVar, Generic, TypeVar

A = TypeVar("A")


@dataclass(frozen=True)
class Request(Generic[A]):
    """Base of all requests: a frozen dataclass `class MyRequest(Request[MyAnswer])`, whose answer is one too.

    `handler` names the function that computes the answer in the worker process, as `module:function`; it takes
    `(home: Path, request, progress: Progress)`. Its module is imported there when it is first asked for, so that
    defining and sending a request imports nothing heavy.
    """

    handler: ClassVar[str] = ""
