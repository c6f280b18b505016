"""`TensorStats`: what is known of a tensor in numbers. No torch."""

from dataclasses import dataclass, replace
from typing import Any

BINS = 24  # of a histogram


@dataclass(frozen=True)
class TensorStats:
    """A tensor's shape and the statistics of its values; values that aren't finite count only in `nan` and `inf`.

    None: the tensor has no values (on the meta device, or no elements), or none of that kind.
    """

    shape: tuple[int, ...]
    dtype: str  # without "torch."
    device: str
    layout: str  # without "torch."
    requires_grad: bool
    count: int  # elements
    bytes: int
    mean: float | None = None
    std: float | None = None  # of all elements, without Bessel's correction
    min: float | None = None
    max: float | None = None
    norm: float | None = None  # L2
    zeros: float | None = None  # fraction, 0 to 1
    nan: int | None = None
    inf: int | None = None

    @property
    def not_finite(self) -> int:
        """How many values are NaN or infinite."""
        return (self.nan or 0) + (self.inf or 0)

    def with_values(self, **values: Any) -> "TensorStats":
        """The same tensor, with these statistics of its values."""
        return replace(self, **values)
