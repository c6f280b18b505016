"""The search space of a study: what is typed of it, and the settings of a trial. Imports neither torch nor Optuna.

`lr=1e-4..1e-1:log` is a range, `epochs=2..10:2` one with a step, `optimizer=sgd,adam` and `batch_size=32|64` are
choices; `model=cnn`, one value alone, is a setting of all trials.
"""

import itertools
import math
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from engine.errors import ConfigError
from engine.training import settings
from engine.training.config import TrainConfig, pairs
from engine.training.setting import Kind, Setting, number_text, numbers_alike
from engine.training.settings import SETTINGS

# What trials can't differ in: their results could not be compared, or it says nothing of the training.
NOT_SEARCHED = (
    "dataset", "val", "test_every_epoch", "monitor", "stop_when", "device", "threads", "weights", "checkpoint_every",
    "keep", "inspect_every", "on_non_finite",
)  # fmt: skip
MOST_PARAMETERS = 32
MOST_CHOICES = 1000
MOST_POINTS = 10_000  # of a grid
EXAMPLES = "lr=1e-4..1e-1:log, epochs=2..10, optimizer=sgd,adam or batch_size=32|64|128"
_NUMBER = r"[-+]?(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d+)?"
_RANGE = re.compile(rf"\s*({_NUMBER})\s*\.\.\s*({_NUMBER})\s*(?::\s*(log|{_NUMBER})\s*)?")


@dataclass(frozen=True)
class Choices:
    """A parameter that takes one of some values."""

    name: str  # of a setting
    texts: tuple[str, ...]  # as they are typed, no two alike

    def __str__(self) -> str:
        between = "|" if any("," in text for text in self.texts) else ","
        return between.join(self.texts)


@dataclass(frozen=True)
class Range:
    """A parameter that takes a number from `low` to `high`, both included."""

    name: str  # of a setting
    low: float
    high: float
    log: bool = False  # drawn evenly by its logarithm
    step: float | None = None  # None: any number; of an integer without `log`: 1
    integer: bool = False

    def __str__(self) -> str:
        after = ":log" if self.log else ""
        if self.step is not None and not (self.integer and self.step == 1):
            after = f":{number_text(self.step)}"
        return "..".join(self.ends) + after

    @property
    def ends(self) -> tuple[str, str]:
        """The lowest and the highest as they are typed, in one format where that has all their digits."""
        texts = numbers_alike((self.low, self.high))
        low, high = (
            texts[number] if float(texts[number]) == number else number_text(number) for number in (self.low, self.high)
        )
        return low, high

    def text(self, number: float) -> str:
        """A number of it, as it is typed."""
        return SETTINGS[self.name].typed(round(number) if self.integer else number)

    @property
    def points(self) -> tuple[str, ...]:
        """All its numbers, as they are typed; none where there are too many to be named."""
        if self.step is None:
            return ()
        count = math.floor((self.high - self.low) / self.step + 1e-9) + 1
        if count > MOST_POINTS:
            return ()
        numbers = (float(f"{self.low + at * self.step:.12g}") for at in range(count))
        return tuple(self.text(number) for number in numbers)


Parameter = Choices | Range


@dataclass(frozen=True)
class Space:
    """The parameters, in the order in which a trial is given them: one that decides whether others apply is first."""

    parameters: tuple[Parameter, ...]

    def __getitem__(self, name: str) -> Parameter:
        return next(one for one in self.parameters if one.name == name)

    @property
    def names(self) -> tuple[str, ...]:
        return tuple(one.name for one in self.parameters)

    def to_dict(self) -> dict[str, str]:
        """As it is typed, by the settings' names."""
        return {one.name: str(one) for one in self.parameters}


def parse(typed: Mapping[str, str], base: TrainConfig) -> tuple[Space, TrainConfig]:
    """What was typed for some settings: the space, and `base` with those that have one value. Raises ConfigError."""
    found: list[Parameter] = []
    fixed = dict[str, Any]()
    for name, text in typed.items():
        setting = settings.find(name)
        one = _parameter(setting, text)
        if isinstance(one, str):
            fixed[name] = setting.parse(one)
        elif name in NOT_SEARCHED:
            why = "trials must have it alike" if name in NOT_SEARCHED[:5] else "no result depends on it"
            raise ConfigError(
                name, f"{name} can't be searched: {why}; give one value, such as {name}={_example(setting)}"
            )
        else:
            found.append(one)
    if len(found) > MOST_PARAMETERS:
        raise ConfigError("space", f"{len(found)} parameters are too many; at most {MOST_PARAMETERS} are possible")
    order = _order()
    space = Space(tuple(sorted(found, key=lambda one: order.index(one.name))))
    return space, replace(base, **fixed)


def parse_pairs(texts: Sequence[str], base: TrainConfig) -> tuple[Space, TrainConfig]:
    """The same of texts such as `lr=1e-4..1e-1:log`. Raises ConfigError."""
    names = [text.partition("=")[0] for text in texts]
    twice = [name for name in names if names.count(name) > 1]
    if twice:
        raise ConfigError(twice[0], f"{twice[0]!r} is given twice")
    for text in texts:
        if "=" not in text:
            raise ConfigError("space", f"{text!r} is not of the form SETTING=VALUES, such as {EXAMPLES}")
    return parse(pairs(texts), base)


def settings_of(space: Space, base: TrainConfig, texts: Mapping[str, str]) -> TrainConfig:
    """A trial's settings: `base` with the parameters as they are typed. Those that do not apply with the others have
    their defaults. Raises ConfigError where they don't go together."""
    values = base.to_dict() | {name: settings.find(name).parse(text) for name, text in texts.items()}
    for name, setting in SETTINGS.items():
        if setting.strict and not settings.applies(name, values):
            values[name] = setting.default
    return TrainConfig.from_dict(values)


def wanted(space: Space, base: TrainConfig, texts: Mapping[str, str]) -> Parameter | None:
    """The next parameter that a trial with these is given: the first that it lacks and that applies; None: no more."""
    values = base.to_dict() | {name: settings.find(name).parse(text) for name, text in texts.items()}
    for one in space.parameters:
        if one.name not in texts and settings.applies(one.name, values):
            return one
    return None


def grid(space: Space, base: TrainConfig) -> list[dict[str, str]]:
    """All trials that the space has, each once, as they are typed. Raises ConfigError where they can't be named."""
    points = list[Sequence[str]]()
    for one in space.parameters:
        there = one.texts if isinstance(one, Choices) else one.points
        if not there and isinstance(one, Range):
            what = f"{one.name}={one} has no end of values: a grid needs a list ({one.name}={_three(one)})"
            raise ConfigError(
                one.name, f"{what}, or a step ({one.name}={number_text(one.low)}..{number_text(one.high)}:STEP)"
            )
        points.append(there)
    if (count := math.prod(map(len, points))) > MOST_POINTS:
        raise ConfigError("space", f"the grid has {count} points; at most {MOST_POINTS} are possible")
    found: dict[tuple[tuple[str, str], ...], None] = {}
    for values in itertools.product(*points):
        texts = dict(zip(space.names, values, strict=True))
        found[tuple(_applying(space, base, texts))] = None
    return [dict(one) for one in found]


def check_point(space: Space, base: TrainConfig, texts: Mapping[str, str]) -> dict[str, str]:
    """Parameters of a trial that a person gives, some or all, as the settings type them. Raises ConfigError."""
    found = dict[str, str]()
    for name, text in texts.items():
        setting = settings.find(name)
        if name not in space.names:
            raise ConfigError(name, f"{name} is no parameter of the study; it has {', '.join(space.names)}")
        typed = setting.typed(setting.parse(text))
        one = space[name]
        if isinstance(one, Choices) and typed not in one.texts:
            raise ConfigError(name, f"{name}={text} is none of the study's choices: {one}")
        if isinstance(one, Range) and not one.low <= float(typed) <= one.high:
            raise ConfigError(name, f"{name}={text} is out of the study's range, {one}")
        found[name] = typed
    return found


def _parameter(setting: Setting, text: str) -> Parameter | str:
    """A parameter, or the one value of a setting. Raises ConfigError."""
    text = text.strip()
    if setting.kind in (Kind.FLOAT, Kind.INTEGER) and ".." in text:
        return _range(setting, text)
    parts = [part.strip() for part in text.split("|" if "|" in text else ",")]
    if len(parts) == 1 or setting.name in NOT_SEARCHED:
        return text
    if len(parts) > MOST_CHOICES:
        raise ConfigError(setting.name, f"{setting.name}: {len(parts)} choices are too many; at most {MOST_CHOICES}")
    texts = tuple(setting.typed(setting.parse(part)) for part in parts)
    if twice := next((one for one in texts if texts.count(one) > 1), None):
        raise ConfigError(setting.name, f"{setting.name}: the choice {twice} is given twice")
    return Choices(setting.name, texts)


def _range(setting: Setting, text: str) -> Parameter | str:
    found = _RANGE.fullmatch(text)
    if found is None:
        what = f"{setting.name}={text!r} is no range LOW..HIGH, LOW..HIGH:log or LOW..HIGH:STEP"
        raise ConfigError(setting.name, f"{what}, such as {setting.name}={_example(setting)}")
    low, high = setting.parse(found[1]), setting.parse(found[2])
    integer = setting.kind is Kind.INTEGER
    if high < low:
        raise ConfigError(setting.name, f"{setting.name}={text} ends before it begins")
    if low == high:
        return setting.typed(low)
    log = found[3] == "log"
    if log and low <= 0:
        raise ConfigError(setting.name, f"{setting.name}={text}: a logarithm needs numbers above 0")
    step: float | None = 1 if integer and not log else None
    if found[3] and not log:
        step = float(found[3])
        if step <= 0 or (integer and step != int(step)) or step > (high - low) * (1 + 1e-9):
            whole = "a whole number of " if integer else ""
            raise ConfigError(
                setting.name, f"{setting.name}={text}: the step must be {whole}at most {high - low:g}, above 0"
            )
        high = low + math.floor((high - low) / step + 1e-9) * step
    return Range(setting.name, low, high, log, step, integer)


def _applying(space: Space, base: TrainConfig, texts: Mapping[str, str]) -> Iterator[tuple[str, str]]:
    """Those of the parameters that apply with the others."""
    taken = dict[str, str]()
    while (one := wanted(space, base, taken)) is not None:
        taken[one.name] = texts[one.name]
        yield one.name, texts[one.name]


def _order() -> list[str]:
    """The settings, those first that say whether others apply."""
    deciding = {one.depends_on for one in SETTINGS.values() if one.depends_on}
    return sorted(SETTINGS, key=lambda name: name not in deciding)


def _example(setting: Setting) -> str:
    return setting.example or setting.typed(setting.default)


def _three(one: Range) -> str:
    middle = math.sqrt(one.low * one.high) if one.log else (one.low + one.high) / 2
    numbers = (one.low, float(f"{middle:.2g}"), one.high)
    return ",".join(dict.fromkeys(one.text(number) for number in numbers))
