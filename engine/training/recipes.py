"""Recipes: named sets of settings. A new run begins with those of one, and any setting that is given beside it wins.
Imports no torch."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from engine.errors import ConfigError

TUTORIAL = "tutorial"
LONGEST = 40  # of a name, in characters


@dataclass(frozen=True, kw_only=True)
class Recipe:
    """One recipe."""

    about: str  # for people
    settings: Mapping[str, Any] = field(default_factory=dict)  # other than the defaults


QUICK: Mapping[str, Any] = {  # what the quick recipes have in common
    "augment": "flip(alternate)",
    "batch_size": 250,
    "shuffle": True,
    "optimizer": "muon",
    "lr": 0.1,
    "momentum": 0.9,
    "nesterov": True,
    "muon_lr": 0.05,
    "muon_momentum": 0.9,
    "label_smoothing": 0.1,
    "schedule": "linear",
    "memory_format": "channels_last",
}
RECIPES: dict[str, Recipe] = {
    TUTORIAL: Recipe(about="the course's run: every setting at its default"),
    "fast": Recipe(
        about="2 epochs of a small convolutional network, to more than 92 %",
        settings={**QUICK, "model": "fast_cnn", "epochs": 2, "warmup": 0.06},
    ),
    "balanced": Recipe(
        about="4 epochs of the same network, to more than 93 %",
        settings={**QUICK, "model": "fast_cnn", "epochs": 4, "warmup": 0.12},
    ),
    "accurate": Recipe(
        about="8 epochs of one with twice as many channels, to more than 94 %",
        settings={
            **QUICK, "model": "accurate_cnn", "epochs": 8, "augment": "flip(alternate); cutout(8)", "warmup": 0.24,
        },
    ),
}  # fmt: skip
BUILT_IN = frozenset(RECIPES)


def add_own(own: Mapping[str, Mapping[str, Any]]) -> None:
    """Have a person's own recipes among the others, in this process. `own`: settings by the recipes' names."""
    for name, settings in own.items():
        RECIPES.setdefault(name, Recipe(about="of your own, from config.toml", settings=settings))


def check_name(value: Any) -> None:
    """A recipe's name; it need not be known here: a run's may be from another person's config.toml. Raises
    ValueError."""
    if not (isinstance(value, str) and 0 < len(value) <= LONGEST and value.replace("_", "").replace("-", "").isalnum()):
        raise ValueError(f"{value!r} is no name of a recipe; choose from {', '.join(RECIPES)}")


def settings_of(name: str) -> Mapping[str, Any]:
    """What a recipe sets, other than the defaults. Raises ConfigError where it is not known."""
    if name not in RECIPES:
        raise ConfigError("recipe", f"--recipe: {name!r} is unknown; choose from {', '.join(RECIPES)}")
    return RECIPES[name].settings


def expanded(given: Mapping[str, Any]) -> dict[str, Any]:
    """The settings that were given, and those of their recipe that are not among them; of these, what does not apply
    with the others is left out. Raises ConfigError."""
    from engine.training.settings import applies, defaults

    from_recipe = settings_of(given.get("recipe", TUTORIAL))
    values: dict[str, Any] = {**defaults(), **from_recipe, **given}
    used = {name: value for name, value in from_recipe.items() if name in given or applies(name, values)}
    return {**used, **given}
