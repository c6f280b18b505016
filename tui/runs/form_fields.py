"""The rows of the new run's form, from the settings' declarations: their values, arrow keys, and equal command line."""

import shlex
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from engine.errors import ConfigError
from engine.runs import groups
from engine.training.config import TrainConfig
from engine.training.declared.watching_settings import WATCHING
from engine.training.recipes import RECIPES, expanded
from engine.training.setting import Kind, Setting, or_if_empty, text, yes_or_no
from engine.training.settings import GROUPS, SETTINGS, defaults
from engine.training.settings import about as about_setting
from engine.training.settings import why_not as why_not_setting

OWN_FILE = "own file…"  # the choice that opens the line for Setting.typed_choice
RUN_NAME = Setting(
    name="name",
    group=WATCHING,
    default="",
    check=text,
    label="run name",
    help="name of the run",
    about="The run's name in lists. Empty: its date and time.",
    display=or_if_empty("(date and time)"),
)


def _seeds(value: Any) -> None:
    text(value)
    if value.strip():
        try:
            groups.parse_seeds(value, 0)
        except ConfigError as error:
            raise ValueError(str(error).removeprefix("--seeds: ")) from None


SEEDS = Setting(
    name="seeds",
    group=WATCHING,
    default="",
    check=_seeds,
    example="5",
    help="a run for each seed",
    about="A run for each seed, one after another: 5 (so many, from the seed above on), 3..7, or 1,4,9. They wait in "
    "the queue, and Runs shows them as one row with the mean and the standard deviation. Empty: one run.",
    display=or_if_empty("one run"),
)
QUEUE = Setting(
    name="queue",
    group=WATCHING,
    default=False,
    check=yes_or_no,
    label="wait in queue",
    help="have it wait its turn",
    about="Have the run wait until those before it in the queue have ended; Runs shows them. No: it starts at once.",
    steps=(False, True),
)
OWN = {one.name: one for one in (RUN_NAME, SEEDS, QUEUE)}  # rows beside the settings


def declared(name: str) -> Setting:
    """The declaration of a row."""
    return OWN.get(name) or SETTINGS[name]


def all_names() -> list[str]:
    """Every row there can be, in order."""
    names = [*SETTINGS, *OWN]
    ranks = {group: rank for rank, group in enumerate(GROUPS)}
    return sorted(names, key=lambda name: ranks.get(declared(name).group, len(GROUPS)))


def start_values() -> dict[str, Any]:
    """What every row holds at first."""
    return defaults() | {one.name: one.default for one in OWN.values()}


def headings() -> list[tuple[str, list[str]]]:
    """The rows under their headings."""
    found: dict[str, list[str]] = {group: [] for group in GROUPS}
    for name in all_names():
        found.setdefault(declared(name).group or GROUPS[-1], []).append(name)
    return list(found.items())


def why_not(name: str, values: Mapping[str, Any]) -> str:
    """Why a setting means nothing with these values: `sgd and rmsprop only`; "" where it does."""
    return "" if name in OWN else why_not_setting(name, values)


def first_values(preferred: Mapping[str, Any]) -> dict[str, Any]:
    """What every row holds at first where a person has said so in config.toml."""
    values = start_values()
    if preferred.get("recipe") in RECIPES:
        values = with_recipe(values, preferred["recipe"])
    return {**values, **preferred}


def base(values: Mapping[str, Any]) -> dict[str, Any]:
    """What every row holds where the recipe alone decides."""
    recipe = {"recipe": values["recipe"]}
    return start_values() | (expanded(recipe) if values["recipe"] in RECIPES else recipe)


def with_recipe(values: Mapping[str, Any], name: str) -> dict[str, Any]:
    """The values with another recipe: those rows change that it or the one before says something of."""
    before, after = base(values), base({**values, "recipe": name})
    return {**values, **{row: value for row, value in after.items() if value != before[row]}}


def is_changed(name: str, values: Mapping[str, Any]) -> bool:
    """Whether it is not what the recipe says, or where that says nothing, at its default."""
    return bool(values[name] != (declared(name).default if name == "recipe" else base(values)[name]))


def about(name: str) -> str:
    """What the setting is, in a sentence or two."""
    return OWN[name].about if name in OWN else about_setting(name)


def in_pytorch(name: str, values: Mapping[str, Any]) -> str:
    """How PyTorch spells it, with the values of the form; empty where it has no word for it."""
    return declared(name).pytorch(values)


def read(name: str, typed: str) -> Any:
    """The value of what was typed. Raises ConfigError."""
    return " ".join(typed.split()) if name == RUN_NAME.name else declared(name).parse(typed)


def config_of(values: Mapping[str, Any]) -> TrainConfig:
    """The settings together. Raises ConfigError for those that don't go together."""
    return TrainConfig(**{name: value for name, value in values.items() if name not in OWN})


def turn(name: str, value: Any, direction: int, devices: Sequence[str]) -> Any:
    """The next value to the right (1) or left (-1); the same where an arrow can't change it."""
    setting = declared(name)
    if callable(setting.steps):
        try:
            return setting.parse(setting.typed(setting.steps(value, direction)))
        except ConfigError:
            return value
    values = ("auto", *devices) if name == "device" else tuple(setting.steps or setting.choices)
    if setting.typed_choice:
        values += (OWN_FILE,)
    if not values:
        return value
    if setting.kind is Kind.FLOAT:
        beyond = [other for other in values if (other > value if direction > 0 else other < value)]
        return (beyond[0] if direction > 0 else beyond[-1]) if beyond else value
    if value not in values:  # typed
        return values[0 if direction > 0 else -1]
    return values[(values.index(value) + direction) % len(values)]


def turns(name: str) -> bool:
    """Whether the arrows change this setting."""
    return bool(declared(name).steps or declared(name).choices)


def command_line(values: Mapping[str, Any], data_dir: Path | None = None) -> str:
    """The command that starts the same run: only what differs from the recipe, and from the defaults."""
    words, beside = ["fmnist-tui", "train"], base(values)
    for name in all_names():
        setting, value = declared(name), values[name]
        if value == (setting.default if name == "recipe" else beside[name]):
            continue
        if setting.kind is Kind.BOOLEAN:
            words.append(setting.option if value else f"--no-{setting.option.removeprefix('--')}")
        else:
            words += [setting.option, setting.typed(value)]
    if data_dir is not None:
        words += ["--data-dir", str(data_dir)]
    return shlex.join(words)
