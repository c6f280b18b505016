"""`[form]`: what the form for a new run begins with. Its names and checks are those of the settings of a run."""

from collections.abc import Collection
from typing import Any

from engine.errors import ConfigError
from engine.training.setting import Kind
from engine.training.settings import SETTINGS


def names() -> Collection[str]:
    """The settings that can be given."""
    return SETTINGS.keys()


def read(name: str, value: object) -> Any:
    """A value of the file as the setting's own. Raises ValueError, saying what it must be."""
    setting = SETTINGS[name]
    if isinstance(value, str) and setting.kind is not Kind.TEXT:
        try:
            return setting.parse(value)
        except ConfigError as error:
            raise ValueError(str(error).removeprefix(f"{setting.option}: ")) from None
    if setting.kind is Kind.FLOAT and isinstance(value, int) and not isinstance(value, bool):
        value = float(value)
    if setting.kind is Kind.TEXT and isinstance(value, int) and not isinstance(value, bool):
        value = str(value)
    setting.check(value)
    return value
