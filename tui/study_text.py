"""What is said of a study, on screens and on the command line."""

from collections.abc import Sequence
from typing import Any

from engine.studies.study_file import Definition, Record
from engine.studies.trials import Snapshot, Trial
from engine.training.setting import Kind, Setting
from engine.training.settings import SETTINGS
from tui import format as fmt


def about(definition: Definition) -> str:
    """What it looks for: `lowest val_loss, by tpe, pruned by median`."""
    which = "highest" if definition.maximizes else "lowest"
    pruned = "" if definition.pruner == "none" else f", pruned by {definition.pruner}"
    return f"{which} {definition.metric}, sampler {definition.sampler}{pruned}"


def metric_text(definition: Definition, value: float | None) -> str:
    """The metric's value: a loss to four places, an accuracy in percent."""
    if value is None:
        return fmt.NOTHING
    return f"{100 * value:.2f}%" if definition.maximizes else fmt.loss(value)


def state_text(record: Record, seen: Snapshot | None, *, living: bool) -> str:
    """What goes on with it here."""
    if seen is not None and seen.over:
        return "done"
    if seen is not None and seen.trouble and living:
        return "in trouble"
    if record.wanted != "go":
        return "stopping" if living else "stopped"
    return "running" if living else "not running"


def summary(seen: Snapshot) -> str:
    """Its trials, counted: `12 of 40 done, 2 running, 5 pruned`."""
    done = seen.count("complete") + seen.count("pruned") + seen.count("failed")
    parts = [f"{fmt.position(done, len(seen.trials))} done"]
    counts = {state: seen.count(state) for state in ("running", "pruned", "failed")}
    parts += [f"{fmt.count(number)} {state}" for state, number in counts.items() if number]
    return ", ".join(parts)


def trial_state(one: Trial) -> str:
    """A trial's state, and why: `pruned at epoch 3`, `failed: the loss is not finite`."""
    if one.state == "pruned" and one.pruned_at is not None:
        return f"pruned at epoch {one.pruned_at}"
    return f"failed: {one.failure}" if one.failure else one.state


def shown_value(one: Trial) -> float | None:
    """A trial's value, of one that runs its newest."""
    return one.value if one.value is not None or not one.values else one.values[-1][1]


def param_text(name: str, text: str | None) -> str:
    """A parameter to four digits: a sampler draws sixteen."""
    return param_texts(name, [text])[0]


def param_texts(name: str, texts: Sequence[str | None]) -> list[str]:
    """The column of a parameter: its values in the trials, numbers in one format."""
    setting = SETTINGS.get(name)
    if setting is None:
        return [fmt.NOTHING if text is None else text for text in texts]
    values = {text: _typed(setting, text) for text in texts if text is not None}
    cells = setting.column_texts(values.values())
    return [fmt.NOTHING if text is None else cells[values[text]] for text in texts]


def _typed(setting: Setting, text: str) -> Any:
    """A number where the setting is one, in a file that anybody may have made."""
    try:
        return float(text) if setting.kind is Kind.FLOAT else text
    except ValueError:
        return text
