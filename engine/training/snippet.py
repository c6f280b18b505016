"""A whole configuration as a few lines of PyTorch, for people to read. Imports no torch."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from engine.training.schedules import SCHEDULES
from engine.training.settings import SETTINGS, applies

STEP = (
    "    for X, y in loader:",
    "        loss = loss_fn(model(X), y)",
    "        loss.backward()",
    "        optimizer.step()",
    "        optimizer.zero_grad()",
)


@dataclass(frozen=True)
class SnippetLine:
    """A line, and the settings that it is made of."""

    text: str
    settings: frozenset[str] = frozenset()


def snippet(values: Mapping[str, Any]) -> tuple[SnippetLine, ...]:
    """The lines of all settings in their order, each once, and then the loop. Settings that don't apply have none."""
    lines: dict[str, set[str]] = {}
    for name, setting in SETTINGS.items():
        if applies(name, values) and (text := setting.pytorch(values)):
            lines.setdefault(text, set()).add(name)
    made = [SnippetLine(text, frozenset(names)) for text, names in lines.items()]
    schedule = next((line.settings for line in made if line.text.startswith("scheduler = ")), frozenset[str]())
    before = [line for line in made if not line.text.endswith(":")]
    heads = [line for line in made if line.text.endswith(":")]  # of the loop
    loop = [*heads, *(SnippetLine(text) for text in STEP)]
    if schedule:
        each_epoch = SCHEDULES[values["schedule"]].each_epoch
        step = f"    scheduler.step({values['monitor']})  # of the epoch" if each_epoch else "        scheduler.step()"
        loop.append(SnippetLine(step, schedule))
    return (*before, *loop)
