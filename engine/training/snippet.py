"""A whole configuration as a few lines of PyTorch, for people to read. Imports no torch."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from engine.training.schedules import SCHEDULES
from engine.training.settings import SETTINGS, applies

OF_MODEL = ("memory_format", "compile")  # settings whose lines come right after the model's device
IN_LOOP = ("epochs", "augment", "accumulate", "clip")  # settings whose lines stand in the loop


@dataclass(frozen=True)
class SnippetLine:
    """A line, and the settings that it is made of."""

    text: str
    settings: frozenset[str] = frozenset()


def snippet(values: Mapping[str, Any]) -> tuple[SnippetLine, ...]:
    """The lines of all settings in their order, each once, and then the loop. Settings that don't apply have none."""
    texts = {name: SETTINGS[name].pytorch(values) for name in _in_order() if applies(name, values)}
    lines: dict[str, set[str]] = {}
    for name, text in texts.items():
        if text and name not in (*IN_LOOP, "tta"):
            lines.setdefault(text, set()).add(name)
    before = [SnippetLine(text, frozenset(names)) for text, names in lines.items()]
    schedule = next((line.settings for line in before if line.text.startswith("scheduler = ")), frozenset[str]())
    evaluation = [SnippetLine(texts["tta"], frozenset({"tta"}))] if texts.get("tta") else []
    return (*before, *_loop(values, texts, schedule), *evaluation)


def _in_order() -> list[str]:
    """The settings as their lines stand in a program: what is done to the model right after its device."""
    names = [name for name in SETTINGS if name not in OF_MODEL]
    at = names.index("device") + 1
    return [*names[:at], *OF_MODEL, *names[at:]]


def _loop(values: Mapping[str, Any], texts: Mapping[str, str], schedule: frozenset[str]) -> list[SnippetLine]:
    """The epochs and their steps."""
    found: list[SnippetLine] = []

    def add(depth: int, text: str, *names: str) -> None:
        found.append(SnippetLine("    " * depth + text, frozenset(names)))

    add(0, texts["epochs"], "epochs")
    add(1, "for X, y in loader:")
    if texts.get("augment"):
        add(2, texts["augment"], "augment")
    depth = 2
    if texts.get("accumulate"):
        add(2, texts["accumulate"], "accumulate")
        depth = 3
    if texts.get("amp"):
        add(depth, "with autocast:", "amp")
        add(depth + 1, "loss = loss_fn(model(X), y)")
    else:
        add(depth, "loss = loss_fn(model(X), y)")
    if depth == 3:
        add(3, f"(loss / {values['accumulate']}).backward()", "accumulate")
    else:
        add(2, "loss.backward()")
    if texts.get("clip"):
        add(2, texts["clip"], "clip")
    add(2, "optimizer.step()")
    add(2, "optimizer.zero_grad()")
    if values["average"] == "ema":
        add(2, "averaged.update_parameters(model)", "average")
    if schedule:
        each_epoch = SCHEDULES[values["schedule"]].each_epoch
        if each_epoch:
            found.append(SnippetLine(f"    scheduler.step({values['monitor']})  # of the epoch", schedule))
        else:
            found.append(SnippetLine("        scheduler.step()", schedule))
    if values["average"] == "swa":
        add(1, "averaged.update_parameters(model)  # at the end of the last epochs", "average", "average_from")
    return found
