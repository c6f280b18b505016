"""How far a long computation is."""

from collections.abc import Callable

Progress = Callable[[int, int], None]  # (done, total), in the unit of the computation: images, bytes, tensors


def silent(done: int, total: int) -> None:
    """A `Progress` that nobody watches."""
