"""The settings of a training: one declaration each, in `engine.training.declared`, in the order of the form.

From these derive `TrainConfig`'s checks and defaults, `train --help` and how its options are read, the form's rows,
arrow keys and explanations, what can be changed while a run trains, and the documentation's table of options
(`engine.training.option_table`). A new setting is a declaration there, its field in `TrainConfig`, and the code that
obeys it. Imports no torch, so that a form can check what is typed at once.
"""

from collections.abc import Mapping
from typing import Any

from engine.errors import ConfigError
from engine.training.declared import (
    advanced_settings,
    data_settings,
    model_settings,
    optimizer_settings,
    schedule_settings,
    stopping_settings,
    watching_settings,
)
from engine.training.setting import Setting

# In the form's order, each under a heading.
_DECLARED = (
    data_settings, model_settings, optimizer_settings, schedule_settings, stopping_settings, watching_settings,
    advanced_settings,
)  # fmt: skip
GROUPS = tuple(one.SETTINGS[0].group for one in _DECLARED)
SETTINGS: dict[str, Setting] = {setting.name: setting for one in _DECLARED for setting in one.SETTINGS}


def find(name: str) -> Setting:
    """The setting of that name. Raises ConfigError where there is none."""
    if name not in SETTINGS:
        raise ConfigError(name, f"there is no setting {name!r}; choose from {', '.join(SETTINGS)}")
    return SETTINGS[name]


def defaults() -> dict[str, Any]:
    """The default of every setting, by name."""
    return {name: setting.default for name, setting in SETTINGS.items()}


def editable() -> tuple[str, ...]:
    """The names of the settings that can be changed while a run trains."""
    return tuple(name for name, setting in SETTINGS.items() if setting.editable)


def applies(name: str, values: Mapping[str, Any]) -> bool:
    """Whether the setting means anything with these values: momentum does not for adam."""
    return not why_not(name, values)


def why_not(name: str, values: Mapping[str, Any]) -> str:
    """What the setting would apply with, where it does not apply with these values: `sgd only`, or `not for adam` where
    that would be a long list; empty where it does."""
    setting = SETTINGS[name]
    if setting.depends_on and values[setting.depends_on] not in applies_with(name):
        names = applies_with(name)
        return f"{' or '.join(names)} only" if len(names) < 3 else f"not for {values[setting.depends_on]}"
    needs = setting.needs(values)
    return f"{needs} only" if needs else ""


def applies_with(name: str) -> list[str]:
    """For a setting that depends on another one: the choices of that one with which it applies."""
    registry = SETTINGS[SETTINGS[name].depends_on].choices
    assert isinstance(registry, Mapping)
    return [choice for choice, entry in registry.items() if name in entry.settings]


def _listed(names: list[str]) -> str:
    """`sgd, adam and rmsprop`."""
    return " and ".join([", ".join(names[:-1]), names[-1]] if names[:-1] else names)


def help_text(name: str) -> str:
    """The setting's line in `--help`."""
    return _filled(SETTINGS[name].help, SETTINGS[name])


def about(name: str) -> str:
    """What the setting is, in a sentence or two."""
    return _filled(SETTINGS[name].about, SETTINGS[name])


def _filled(template: str, setting: Setting) -> str:
    choices = setting.choices
    entries = choices.items() if isinstance(choices, Mapping) else ()
    explained = ". ".join(f"{name}: {entry.about}" for name, entry in entries)
    suits = _listed(applies_with(setting.name)) if setting.depends_on else ""
    return template.format(choices=", ".join(choices), explained=explained, **{"with": suits})
