"""What two files of weights differ in. Imports no torch."""

import math
from dataclasses import asdict, dataclass, field
from typing import Any

from engine.weights.contents import Value


@dataclass(frozen=True)
class Difference:
    """One tensor of two files. The figures are of b - a, over the values that are finite in both; None: not computed.

    `kind`: "same", "changed", "added" (only b has it), "removed" (only a has it), "shape", "dtype", "unread".
    """

    name: str
    kind: str
    a: str = ""  # shape and dtype, in words
    b: str = ""
    max_abs: float | None = None
    l2: float | None = None
    relative: float | None = None  # l2 ÷ the norm of a
    cosine: float | None = None  # of the angle between a and b
    changed: float | None = None  # the fraction of values that are not equal; NaN equals NaN
    section: str = ""  # the part of the file that it is in: "model", "optimizer"; "" for the whole file
    names: tuple[str, str] = ("", "")  # the tensor's own names in a and in b; "": it is not there


@dataclass(frozen=True)
class Comparison:
    """What two files differ in."""

    alignment: str  # which parts were compared, in words
    tensors: tuple[Difference, ...] = ()
    metadata: dict[str, tuple[Value | None, Value | None]] = field(default_factory=dict)  # what differs: in a, in b
    model: str = ""  # which network a says that it is of; "": none

    @property
    def differs(self) -> bool:
        return bool(self.metadata) or any(one.kind != "same" for one in self.tensors)

    def to_dict(self) -> dict[str, Any]:
        """As JSON can hold it (docs/events.md)."""
        return {
            "how": self.alignment, "differs": self.differs,
            "tensors": [{key: _plain(value) for key, value in asdict(one).items()} for one in self.tensors],
            "metadata": {name: list(pair) for name, pair in self.metadata.items()},
        }  # fmt: skip


def _plain(value: Any) -> Any:
    return None if isinstance(value, float) and not math.isfinite(value) else value
