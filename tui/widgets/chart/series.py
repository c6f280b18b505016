"""What a chart shows: its series, its marks, and the whole of its x axis. Everything has three places along that axis:
by epoch, by step and by time, so that the axis can be any of them. The arrays are numpy's, which only the functions
import."""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal, NamedTuple

from engine.digits import four_digits

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    Floats = npt.NDArray[np.float64]

XAxis = Literal["epoch", "step", "time"]
X_AXES: tuple[XAxis, ...] = ("epoch", "step", "time")


class Place(NamedTuple):
    """One place along x."""

    epoch: float  # epochs done
    step: float  # steps done
    time: float  # seconds of training

    def along(self, axis: XAxis) -> float:
        return float(getattr(self, axis))


class Places(NamedTuple):
    """The places of a series' points, none before the one in front of it."""

    epoch: "Floats"
    step: "Floats"
    time: "Floats"

    def along(self, axis: XAxis) -> "Floats":
        found: Floats = getattr(self, axis)
        return found


class Counted(NamedTuple):
    """Of how many runs a mean is, behind an epoch."""

    after: float  # epochs done
    runs: int


UNIT = Place(1.0, 1.0, 1.0)


@dataclass(frozen=True, eq=False)
class Series:
    """A line or dots. `low` and `high` differ from `mean` where a point stands for several values."""

    name: str
    places: Places
    mean: "Floats"
    low: "Floats"
    high: "Floats"
    smoothed: Mapping[float, "Floats"] = field(default_factory=dict)  # by weight, where it is known better than by mean
    style: str = "train"  # in the palette
    sign: str = ""  # one character that tells it from others without colours; dots are drawn as it
    dots: bool = False  # each point is a dot, with a line through them where there are `joined`
    joined: bool = False
    parent: bool = False  # of the run that the one shown branched off from
    band: bool = False  # `low` and `high` are a band around the line
    text: Callable[[float], str] = four_digits  # a value in words
    counted: tuple[Counted, ...] = ()  # of a mean: of how many runs; more than one where some end before others

    def __len__(self) -> int:
        return len(self.mean)

    def runs_at(self, epoch: float) -> int:
        """Of how many runs a mean is there."""
        return next((one.runs for one in reversed(self.counted) if one.after < epoch), 1)

    @property
    def label(self) -> str:
        """Its name beside those of others, the parent's the same as the run's own."""
        return f"{self.name} (parent)" if self.parent else self.name


@dataclass(frozen=True)
class Mark:
    """A place with a name: an edit, a checkpoint, a loss that is not finite."""

    place: Place
    label: str
    kind: Literal["edit", "not finite", "checkpoint"]


@dataclass(frozen=True, eq=False)
class Chart:
    """What is drawn, but for how: that is the `View`."""

    title: str = ""
    series: tuple[Series, ...] = ()  # what is drawn later lies over what is drawn before
    marks: tuple[Mark, ...] = ()
    end: Place = UNIT  # the whole axis: from 0 to here
    ceiling: float = math.inf  # y never needs more: 100 for percents
    log: bool = True  # whether y may be logarithmic
    nothing: str = ""  # said where there is no series
    also: tuple[Series, ...] = ()  # not drawn, but read out at the cursor
    file_name: str = "chart"  # that an export suggests, without its ending
    unit: str = ""  # of y
    x_name: str = ""  # what x is, where that is no place in a run: all three places are the same then

    @property
    def newest(self) -> Place:
        """The furthest point of all series."""
        ends = [Place(*(float(along[-1]) for along in one.places)) for one in self.series if len(one)]
        return max(ends, key=lambda place: place.epoch, default=Place(0.0, 0.0, 0.0))

    @property
    def overlaid(self) -> bool:
        """Whether several runs lie over each other, which their signs tell apart."""
        return len({one.sign for one in self.series if one.sign}) > 1

    def converted(self, value: float, before: XAxis, after: XAxis) -> float:
        """The place on another axis, by the longest series."""
        import numpy as np

        longest = max((*self.series, *self.also), key=len, default=None)
        if longest is None or not len(longest):
            return value
        at, other = longest.places.along(before), longest.places.along(after)
        if at[0] > 0 and other[0] > 0:
            at, other = np.insert(at, 0, 0.0), np.insert(other, 0, 0.0)
        if value > at[-1]:  # at the pace so far
            pace = (other[-1] - other[0]) / max(1e-12, at[-1] - at[0])
            return float(other[-1] + (value - at[-1]) * pace)
        return float(np.interp(value, at, other))
