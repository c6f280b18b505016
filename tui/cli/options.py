"""The options that the settings' declarations make: `train --lr 1e-2`, and what was given of them."""

import argparse
import os
from collections.abc import Iterable, Mapping
from typing import Any

from engine import home as homes
from engine.models.trusted_code import name_typed
from engine.training.config import TrainConfig
from engine.training.recipes import RECIPES, TUTORIAL, add_own, expanded
from engine.training.setting import Kind, Setting
from engine.training.settings import SETTINGS, help_text


def add_train_options(parser: argparse.ArgumentParser) -> None:
    """An option for every setting, with its default in the help."""
    for setting in SETTINGS.values():
        default = setting.typed(setting.default)
        add_setting(parser, setting, default=f" (default: {default})" if default else "")


def add_options(
    parser: argparse.ArgumentParser, names: Iterable[str], *, about: Mapping[str, str] | None = None
) -> None:
    """Options for some settings alone, without a default. `about`: what to add to a setting's help."""
    for name in names:
        add_setting(parser, SETTINGS[name], default=(about or {}).get(name, ""))


def add_setting(parser: argparse.ArgumentParser, setting: Setting, *, default: str = "") -> None:
    """The option of one setting. It leaves nothing in the namespace where it was not given."""
    shown = f"{help_text(setting.name)}{default}".replace("%", "%%")
    if setting.kind is Kind.BOOLEAN:
        action = argparse.BooleanOptionalAction
        parser.add_argument(setting.option, action=action, default=argparse.SUPPRESS, help=shown)
    else:
        parser.add_argument(
            setting.option, metavar=setting.name.upper(), default=argparse.SUPPRESS, help=shown
        )  # fmt: skip


def given(options: argparse.Namespace, names: Iterable[str] | None = None) -> dict[str, Any]:
    """Those of the settings that were given, parsed and checked; a Python file among them, which the person has typed,
    may run. Raises ConfigError, and ModelError where that can't be remembered."""
    found: dict[str, Any] = {}
    for name in SETTINGS if names is None else names:
        if hasattr(options, name):
            value = getattr(options, name)
            found[name] = value if isinstance(value, bool) else SETTINGS[name].parse(value)
    name_typed(found.get("model"), found.get("transform"))
    return found


def config(options: argparse.Namespace) -> TrainConfig:
    """The settings that `add_train_options` was given, with those of the recipe; config.toml may have that. Raises
    ConfigError."""
    found = given(options)
    if found.get("recipe", TUTORIAL) not in RECIPES:
        from tui.config.preferences import Preferences

        add_own(Preferences.read(homes.config_file(options.config), os.environ).recipes)
    return TrainConfig(**expanded(found))
