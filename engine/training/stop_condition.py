"""`--stop-when`: comparisons of an epoch's results, `val_accuracy>=0.92 and train_loss<0.3`. Imports no torch."""

import math
import operator
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from engine.training.setting import number_text

# What can be compared: the results of an epoch, by the words of their sets.
RESULTS = ("val_accuracy", "val_loss", "test_accuracy", "test_loss", "train_loss")
COMPARISONS: Mapping[str, Callable[[float, float], bool]] = {
    ">=": operator.ge, "<=": operator.le, ">": operator.gt, "<": operator.lt,
}  # fmt: skip
ONE = re.compile(
    r"\s*(?P<result>[a-z_]+)\s*(?P<comparison>>=|<=|>|<)\s*(?P<number>[-+0-9.e]+)\s*(?P<percent>%?)\s*", re.I
)
EXAMPLE = "val_accuracy>=0.92"


@dataclass(frozen=True)
class Comparison:
    """One comparison with a number."""

    result: str  # of RESULTS
    comparison: str  # of COMPARISONS
    number: float  # an accuracy is a fraction of 1

    def holds(self, results: Mapping[str, float]) -> bool:
        """False where there is no such result, or it is NaN."""
        return COMPARISONS[self.comparison](results.get(self.result, math.nan), self.number)

    def __str__(self) -> str:
        return f"{self.result}{self.comparison}{number_text(self.number)}"


def parse(text: str) -> tuple[Comparison, ...]:
    """The comparisons in `text`, joined by "and", all of which must hold; none where it is empty.

    Raises ValueError, saying what is wrong.
    """
    parts = re.split(r"\s+and\s+|\s*&&\s*", text.strip(), flags=re.IGNORECASE) if text.strip() else []
    return tuple(map(_comparison, parts))


def holds(conditions: tuple[Comparison, ...], results: Mapping[str, float]) -> bool:
    """Whether there are conditions, and all hold. `results`: by the names in RESULTS, as far as they are known."""
    return bool(conditions) and all(one.holds(results) for one in conditions)


def _comparison(text: str) -> Comparison:
    found = ONE.fullmatch(text)
    try:
        number = float(found["number"]) if found else math.nan
    except ValueError:
        number = math.nan
    if found is None or not math.isfinite(number):
        raise ValueError(f"{text!r} is not a comparison of a result with a number, such as {EXAMPLE}")
    result = found["result"].lower()
    if result not in RESULTS:
        raise ValueError(f"{found['result']!r} is no result of an epoch; choose from {', '.join(RESULTS)}")
    if found["percent"]:
        number /= 100
    if result.endswith("accuracy") and not 0 <= number <= 1:
        raise ValueError(f"{text!r}: an accuracy is a fraction from 0 to 1, or a percentage such as 92%")
    return Comparison(result, found["comparison"], number)
