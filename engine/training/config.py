"""What to train: `TrainConfig`, validated, and changes to it as a person types them. Imports no torch.

`engine.training.settings` declares the settings: their defaults, checks and texts.
"""

import math
import shlex
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, fields, replace
from typing import Any

from engine.data import holdout
from engine.errors import ConfigError
from engine.models.names import MODELS
from engine.training import settings, stop_condition
from engine.training.references import CUSTOM_DATA, DATASETS, absolute_dataset, is_file_reference
from engine.training.setting import Kind, Setting
from engine.training.settings import SETTINGS, editable

__all__ = [
    "CUSTOM_DATA",
    "DATASETS",
    "MODELS",
    "TrainConfig",
    "absolute_dataset",
    "changed",
    "check",
    "editable",
    "edited",
    "is_file_reference",
    "option",
    "pairs",
    "parse",
    "typed_pairs",
]  # fmt: skip


def _default(name: str) -> Any:
    return SETTINGS[name].default


@dataclass(frozen=True, kw_only=True)
class TrainConfig:
    """Everything that decides a run's numbers; the defaults are the tutorial's reference run.

    A field for each declaration of `engine.training.settings`, which says what it is. Raises ConfigError, naming the
    field, for a value that can't be used.
    """

    recipe: str = _default("recipe")
    model: str = _default("model")
    dataset: str = _default("dataset")
    loss: str = _default("loss")
    label_smoothing: float = _default("label_smoothing")
    optimizer: str = _default("optimizer")
    lr: float = _default("lr")
    muon_lr: float = _default("muon_lr")
    momentum: float = _default("momentum")
    muon_momentum: float = _default("muon_momentum")
    nesterov: bool = _default("nesterov")
    betas: str = _default("betas")
    eps: float = _default("eps")
    weight_decay: float = _default("weight_decay")
    clip: float = _default("clip")
    accumulate: int = _default("accumulate")
    average: str = _default("average")
    average_decay: float = _default("average_decay")
    average_from: float = _default("average_from")
    batch_size: int = _default("batch_size")
    epochs: int = _default("epochs")
    schedule: str = _default("schedule")
    warmup: float = _default("warmup")
    step_size: int = _default("step_size")
    lr_patience: int = _default("lr_patience")
    gamma: float = _default("gamma")
    shuffle: bool = _default("shuffle")
    seed: int = _default("seed")
    device: str = _default("device")
    threads: int = _default("threads")
    memory_format: str = _default("memory_format")
    amp: str = _default("amp")
    compile: bool = _default("compile")
    weights: str = _default("weights")
    freeze: str = _default("freeze")
    transform: str = _default("transform")
    augment: str = _default("augment")
    val: str = _default("val")
    tta: str = _default("tta")
    test_every_epoch: bool = _default("test_every_epoch")
    patience: int = _default("patience")
    min_delta: float = _default("min_delta")
    monitor: str = _default("monitor")
    stop_when: str = _default("stop_when")
    on_non_finite: str = _default("on_non_finite")
    inspect_every: int = _default("inspect_every")
    checkpoint_every: float = _default("checkpoint_every")
    keep: str = _default("keep")

    def __post_init__(self) -> None:
        values = {field.name: getattr(self, field.name) for field in fields(self)}
        for name, value in values.items():
            SETTINGS[name].validate(value)
        wrong = [
            SETTINGS[name]
            for name, value in values.items()
            if SETTINGS[name].strict and value != SETTINGS[name].default and not settings.applies(name, values)
        ]
        if wrong:
            raise _not_applicable(wrong[0], wrong[1:], values)
        if self.warmup and self.warmup >= self.epochs:
            raise ConfigError(
                "warmup",
                f"--warmup: {self.warmup:g} epochs of warm-up are too many for {self.epochs} epochs of training",
            )
        self._check_stop_when()

    def _check_stop_when(self) -> None:
        """Raises ConfigError where a result that `stop_when` names is not there after each epoch."""
        for one in stop_condition.parse(self.stop_when):
            if one.result.startswith("val_") and not self.validates:
                what = f"--stop-when: there is no {one.result} without validation images; add --val 5000, say"
                raise ConfigError("stop_when", f"{what}, or compare test_{one.result.removeprefix('val_')}")
            if one.result.startswith("test_") and self.validates and not self.test_every_epoch:
                what = f"--stop-when: with --val there is no {one.result} before the end"
                raise ConfigError("stop_when", f"{what}; compare val_{one.result.removeprefix('test_')}")

    @property
    def validates(self) -> bool:
        """Whether images are held out for validation."""
        return holdout.parse(self.val) is not None

    def to_dict(self) -> dict[str, Any]:
        """The fields as JSON can hold them."""
        return asdict(self)

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> "TrainConfig":
        """The inverse of `to_dict`; unknown fields (of a newer version) are left out."""
        known = {field.name for field in fields(cls)}
        return cls(**{name: value for name, value in values.items() if name in known})


def _not_applicable(setting: Setting, others: Sequence[Setting], values: Mapping[str, Any]) -> ConfigError:
    """`others`: what does not apply either."""
    also = " ".join(f"{one.name}={one.typed(one.default)}" for one in others)
    also = f"; also {also}" if also else ""
    if not setting.depends_on or values[setting.depends_on] in settings.applies_with(setting.name):
        return ConfigError(setting.name, f"{setting.option}: it applies with {setting.needs(values)} only{also}")
    chosen, suits = values[setting.depends_on], settings.applies_with(setting.name)
    alternatives = " or ".join([", ".join(suits[:-1]), suits[-1]] if suits[:-1] else suits)
    return ConfigError(
        setting.name,
        f"{setting.option}: {chosen} has no {setting.name} setting; leave it at {setting.typed(setting.default)}, "
        f"or choose {alternatives}{also}",
    )


def check(name: str, value: Any) -> None:
    """Check one field by itself. Raises ConfigError with what is wrong and what is allowed."""
    settings.find(name).validate(value)


def parse(name: str, text: str) -> Any:
    """What was typed for the field `name`, as the field's own type and checked. Raises ConfigError."""
    return settings.find(name).parse(text)


def option(name: str) -> str:
    """The command line's name of a field: `batch_size` is `--batch-size`."""
    return "--" + name.replace("_", "-")


def edited(config: TrainConfig, name: str, text: str) -> TrainConfig:
    """`changed`, for what can be changed while a run trains. Raises ConfigError for a setting that can't."""
    if name not in editable():
        raise ConfigError(name, f"{name!r} can't be changed while a run trains; {', '.join(editable())} can")
    after = changed(config, {name: text})
    value = getattr(after, name)
    if value in settings.find(name).words.values() or (name == "threads" and not value):
        raise ConfigError(name, f"{option(name)}: {text.strip()} is chosen before a run begins; type a number")
    return after


def changed(config: TrainConfig, texts: Mapping[str, str]) -> TrainConfig:
    """`config` with settings as they were typed: values, or for numbers `x2`, `*2`, `/2` of the present value.

    Raises ConfigError for an unknown name, a value that can't be used, or values that don't go together.
    """
    values = {}
    if "recipe" in texts:
        raise ConfigError("recipe", "--recipe: a recipe is what a new run begins with; change its settings one by one")
    for name, text in texts.items():
        setting, text = settings.find(name), text.strip()
        if setting.kind in (Kind.FLOAT, Kind.INTEGER) and text[:1] in ("x", "*", "/"):
            factor = _factor(setting, text[1:])
            value = getattr(config, name) * factor if text[0] != "/" else getattr(config, name) / factor
            whole = setting.kind is Kind.INTEGER and math.isfinite(value)
            text = f"{round(value)}" if whole else repr(float(f"{value:.12g}"))
        values[name] = setting.parse(text)
    return replace(config, **values)


def pairs(texts: Sequence[str]) -> dict[str, str]:
    """Texts such as `lr=3e-4` as names and what was typed for them. Raises ConfigError for other texts."""
    found = {}
    for text in texts:
        name, equals, value = text.partition("=")
        if not equals or not name:
            raise ConfigError("", f"{text!r} is not of the form SETTING=VALUE, such as lr=3e-4")
        found[name.strip().removeprefix("--").replace("-", "_")] = value
    return found


def typed_pairs(line: str) -> dict[str, str]:
    """The same from one line, separated by spaces; quotes keep a value with spaces together, as in a shell. Raises
    ConfigError."""
    try:
        return pairs(shlex.split(line))
    except ValueError:  # "No closing quotation"
        raise ConfigError("", "a quote is not closed: quotes keep a value with spaces together") from None


def _factor(setting: Setting, text: str) -> float:
    try:
        factor = float(text)
    except ValueError:
        factor = math.nan
    if not (math.isfinite(factor) and factor > 0):
        raise ConfigError(setting.name, f"{setting.option}: {text!r} is not a factor; type x2 or /2, or a value")
    return factor
