"""What to train and how: `TrainConfig`, validated. Imports no torch, so a form can check what is typed at once."""

import math
import shlex
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, fields, replace
from pathlib import Path
from typing import Any

from engine.data import transforms
from engine.errors import ConfigError
from engine.training import freezing

DATASETS = ("auto", "fashion-mnist", "demo")
CUSTOM_DATA = ("csv", "folder", "idx")  # the person's own: see engine.data.custom.open_custom
LOSSES = ("cross_entropy", "nll", "mse")
OPTIMIZERS = ("sgd", "adam", "adamw", "rmsprop")
ON_NON_FINITE = ("pause", "stop", "continue")
MODELS = ("mlp", "cnn")
SCHEDULES = ("constant", "step", "cosine", "one_cycle")
EDITABLE = ("lr", "momentum", "weight_decay", "epochs", "batch_size")  # what a run takes while it trains


@dataclass(frozen=True, kw_only=True)
class TrainConfig:
    """Everything that decides a run's numbers. The defaults are the tutorial's reference run.

    Raises ConfigError, naming the field, for a value that can't be used.
    """

    model: str = "mlp"  # a name of the registry, or path/to/file.py:ClassName
    dataset: str = (
        "auto"  # fashion-mnist, demo, one's own, or auto: Fashion-MNIST where it is found, else the demo data
    )
    loss: str = "cross_entropy"
    optimizer: str = "sgd"
    lr: float = 1e-3
    momentum: float = 0.0  # sgd and rmsprop
    weight_decay: float = 0.0
    batch_size: int = 64  # samples
    epochs: int = 10
    schedule: str = "constant"  # of the learning rate, see engine.training.schedules
    warmup: float = 0.0  # epochs in which the learning rate rises to what the schedule gives
    step_size: int = 3  # schedule step: epochs between two drops
    gamma: float = 0.1  # schedule step: what a drop multiplies the learning rate by
    shuffle: bool = False
    seed: int = 0
    device: str = "auto"  # auto, cpu, cuda, cuda:N, mps
    threads: int = 0  # torch's intra-op threads; 0: the usable cores less one, at least 1
    weights: str = ""  # a file whose weights the run begins with, `FILE` or `FILE PREFIX` (engine.weights.matching)
    freeze: str = ""  # names or patterns of parameters that do not train (engine.training.freezing)
    transform: str = ""  # a pipeline (engine.data.transforms), or path/to/file.py:NAME; empty: ToTensor
    on_non_finite: str = "pause"  # what to do at a NaN or infinite loss
    inspect_every: int = 100  # steps between two readings of the layers (engine.training.layer_stats); 0: none
    checkpoint_every: float = 60.0  # seconds of training between two checkpoints inside an epoch; 0: none
    keep: str = "all"  # "all" epochs' checkpoints, or the newest N as a number; the best and the last besides

    def __post_init__(self) -> None:
        for field in fields(self):
            check(field.name, getattr(self, field.name))
        if self.momentum and self.optimizer in ("adam", "adamw"):
            raise ConfigError(
                "momentum",
                f"--momentum: {self.optimizer} has no momentum setting; leave it at 0, or take sgd or rmsprop",
            )
        if self.warmup and self.schedule == "one_cycle":
            raise ConfigError("warmup", "--warmup: one_cycle warms up by itself; leave it at 0")
        if self.warmup and self.warmup >= self.epochs:
            raise ConfigError(
                "warmup",
                f"--warmup: {self.warmup:g} epochs of warm-up are too many for {self.epochs} epochs of training",
            )

    def to_dict(self) -> dict[str, Any]:
        """The fields as JSON can hold them."""
        return asdict(self)

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> "TrainConfig":
        """The inverse of `to_dict`; unknown fields (of a newer version) are left out."""
        known = {field.name for field in fields(cls)}
        return cls(**{name: value for name, value in values.items() if name in known})


def check(name: str, value: Any) -> None:
    """Check one field by itself. Raises ConfigError with what is wrong and what is allowed."""
    try:
        _CHECKS[name](value)
    except ValueError as error:
        raise ConfigError(name, f"{option(name)}: {error}") from None


def parse(name: str, text: str) -> Any:
    """What was typed for the field `name`, as the field's own type and checked. Raises ConfigError."""
    text = text.strip()
    value: Any = text
    try:
        if name in NUMBERS:
            value = float(text)
        elif name in WHOLE_NUMBERS:
            value = int(text)
        elif name == "shuffle":
            value = {"yes": True, "true": True, "on": True, "no": False, "false": False, "off": False}[text.lower()]
    except (ValueError, KeyError):
        raise ConfigError(name, f"{option(name)}: {text!r} is not {_WANTED[name]}") from None
    check(name, value)
    return value


def edited(config: TrainConfig, name: str, text: str) -> TrainConfig:
    """`changed`, for what can be changed while a run trains. Raises ConfigError for a name that is not EDITABLE."""
    if name not in EDITABLE:
        raise ConfigError(name, f"{name!r} can't be changed while a run trains; {', '.join(EDITABLE)} can")
    return changed(config, {name: text})


def changed(config: TrainConfig, texts: Mapping[str, str]) -> TrainConfig:
    """`config` with settings as they were typed: values, or for numbers `x2`, `*2`, `/2` of what they are now.

    Raises ConfigError for an unknown name, a value that can't be used, or values that don't go together.
    """
    values = {}
    for name, text in texts.items():
        if name not in _CHECKS:
            raise ConfigError(name, f"{name!r} is no setting; there are {', '.join(_CHECKS)}")
        text = text.strip()
        if name in NUMBERS + WHOLE_NUMBERS and text[:1] in ("x", "*", "/"):
            factor = _factor(name, text[1:])
            value = getattr(config, name) * factor if text[0] != "/" else getattr(config, name) / factor
            text = f"{round(value)}" if name in WHOLE_NUMBERS else repr(float(f"{value:.12g}"))
        values[name] = parse(name, text)
    return replace(config, **values)


def pairs(texts: Sequence[str]) -> dict[str, str]:
    """Texts such as `lr=3e-4` as names and what was typed for them. Raises ConfigError for what is no such text."""
    found = {}
    for text in texts:
        name, equals, value = text.partition("=")
        if not equals or not name:
            raise ConfigError("", f"{text!r} is not of the form SETTING=VALUE, such as lr=3e-4")
        found[name.strip().removeprefix("--").replace("-", "_")] = value
    return found


def typed_pairs(line: str) -> dict[str, str]:
    """The same of one line, apart by spaces; quotes hold a value with spaces together, as in a shell. Raises
    ConfigError."""
    try:
        return pairs(shlex.split(line))
    except ValueError:  # "No closing quotation"
        raise ConfigError("", "a quote is open: quotes hold a value with spaces together, and come in twos") from None


def _factor(name: str, text: str) -> float:
    try:
        factor = float(text)
    except ValueError:
        factor = math.nan
    if not (math.isfinite(factor) and factor > 0):
        raise ConfigError(name, f"{option(name)}: {text!r} is no factor; give x2 or /2, or a value")
    return factor


def option(name: str) -> str:
    """The command line's name of a field: `batch_size` is `--batch-size`."""
    return "--" + name.replace("_", "-")


NUMBERS = ("lr", "momentum", "weight_decay", "warmup", "gamma", "checkpoint_every")
WHOLE_NUMBERS = ("batch_size", "epochs", "seed", "threads", "step_size", "inspect_every")

_WANTED = {
    "lr": "a number, such as 1e-3",
    "momentum": "a number, such as 0.9",
    "weight_decay": "a number, such as 1e-4",
    "batch_size": "a whole number, such as 64",
    "epochs": "a whole number, such as 10",
    "warmup": "a number of epochs, such as 0.5",
    "step_size": "a whole number of epochs, such as 3",
    "gamma": "a number, such as 0.1",
    "checkpoint_every": "a number of seconds, such as 60",
    "inspect_every": "a whole number of steps, such as 100",
    "seed": "a whole number, such as 0",
    "threads": "a whole number, such as 2",
    "shuffle": "yes or no",
}


def _one_of(choices: tuple[str, ...]) -> Any:
    def check_choice(value: Any) -> None:
        if value not in choices:
            raise ValueError(f"{value!r} is unknown; choose from {', '.join(choices)}")

    return check_choice


def _number(low: float, high: float, *, low_included: bool = True) -> Any:
    def check_number(value: Any) -> None:
        if isinstance(value, bool) or not isinstance(value, int | float):
            raise ValueError(f"{value!r} is not a number")
        if not math.isfinite(value):
            raise ValueError(f"{value} is not a finite number")
        if value < low or (value == low and not low_included) or value > high:
            bound = "at least" if low_included else "more than"
            ceiling = f" and at most {high:g}" if math.isfinite(high) else ""
            raise ValueError(f"{value:g} is out of range; it must be {bound} {low:g}{ceiling}")

    return check_number


def _whole(low: int, high: int) -> Any:
    def check_whole(value: Any) -> None:
        if isinstance(value, bool) or not isinstance(value, int):
            raise ValueError(f"{value!r} is not a whole number")
        if not low <= value <= high:
            raise ValueError(f"{value} is out of range; it must be from {low} to {high}")

    return check_whole


def _flag(value: Any) -> None:
    if not isinstance(value, bool):
        raise ValueError(f"{value!r} is neither yes nor no")


def _model(value: Any) -> None:
    if not isinstance(value, str) or not (
        value in MODELS or is_file_reference(value) or (value.startswith("torchvision:") and value[12:].isidentifier())
    ):
        raise ValueError(
            f"{value!r} is unknown; choose from {', '.join(MODELS)}, torchvision:NAME, or path/to/file.py:ClassName"
        )


def _dataset(value: Any) -> None:
    if isinstance(value, str) and value.partition(":")[0] in CUSTOM_DATA and ":" in value:
        return
    if value not in DATASETS:
        own = "csv:annotations.csv:images/, folder:path/, idx:path/"
        raise ValueError(f"{value!r} is unknown; choose from {', '.join(DATASETS)}, or your own: {own}")


def _transform(value: Any) -> None:
    if not isinstance(value, str):
        raise ValueError(f"{value!r} is neither a pipeline of transforms nor path/to/file.py:NAME")
    if not is_file_reference(value):
        transforms.parse(value)


def _weights(value: Any) -> None:
    if not isinstance(value, str):
        raise ValueError(f"{value!r} is no path")


def _freeze(value: Any) -> None:
    if not isinstance(value, str):
        raise ValueError(f"{value!r} is no list of names or patterns")
    freezing.patterns(value)


def absolute_dataset(name: str) -> str:
    """A data set's name with the paths in it absolute."""
    kind, colon, rest = name.partition(":")
    if not colon:
        return name
    parts = rest.rsplit(":", 1) if kind == "csv" else [rest]
    return ":".join([kind, *(str(Path(part).expanduser().absolute()) for part in parts)])


def is_file_reference(value: str) -> bool:
    """Whether it has the form path/to/file.py:NAME."""
    path, colon, name = value.rpartition(":")
    return bool(colon) and path.endswith(".py") and name.isidentifier()


def _keep(value: Any) -> None:
    if value == "all" or (isinstance(value, str) and value.isdecimal() and int(value) > 0):
        return
    raise ValueError(f"{value!r} is neither all nor a whole number above 0")


def _device(value: Any) -> None:
    kind, colon, index = str(value).partition(":")
    if value in ("auto", "cpu", "cuda", "mps") or (kind == "cuda" and colon and index.isdecimal()):
        return
    raise ValueError(f"{value!r} is unknown; choose from auto, cpu, cuda, cuda:N, mps")


_CHECKS: dict[str, Any] = {
    "model": _model,
    "dataset": _dataset,
    "loss": _one_of(LOSSES),
    "optimizer": _one_of(OPTIMIZERS),
    "lr": _number(0, math.inf, low_included=False),
    "momentum": _number(0, 1),
    "weight_decay": _number(0, math.inf),
    "batch_size": _whole(1, 1_000_000),
    "epochs": _whole(1, 1_000_000),
    "schedule": _one_of(SCHEDULES),
    "warmup": _number(0, 1_000_000),
    "step_size": _whole(1, 1_000_000),
    "gamma": _number(0, 1, low_included=False),
    "shuffle": _flag,
    "seed": _whole(0, 2**63 - 1),
    "device": _device,
    "threads": _whole(0, 1024),
    "inspect_every": _whole(0, 10**9),
    "weights": _weights,
    "freeze": _freeze,
    "transform": _transform,
    "on_non_finite": _one_of(ON_NON_FINITE),
    "checkpoint_every": _number(0, 1_000_000),
    "keep": _keep,
}
