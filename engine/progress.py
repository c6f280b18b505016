"""How far a long computation is, and what it has so far."""

from collections.abc import Callable
from typing import Protocol, runtime_checkable

Progress = Callable[[int, int], None]  # (done, total), in the unit of the computation: images, bytes, tensors


@runtime_checkable
class Report(Protocol):
    """A `Progress` that takes answers too, before they are complete."""

    def __call__(self, done: int, total: int, /) -> None: ...

    def so_far(self, answer: object) -> None:
        """What the answer would be if the computation ended now."""
        ...


class _Silent:
    """A `Report` that nobody watches."""

    def __call__(self, done: int, total: int, /) -> None:
        pass

    def so_far(self, answer: object) -> None:
        pass


silent = _Silent()
