"""The documentation's table of `fmnist-tui train`'s options, from the declarations. Imports no torch."""

from engine.training.setting import Kind, Setting
from engine.training.settings import SETTINGS, about, defaults, editable

HEADER = "| option of `train` | default | while training | |\n|---|---|---|---|"


def markdown() -> str:
    """The table as Markdown: a row for each setting, without a line's end after the last."""
    return "\n".join([HEADER, *(_row(setting) for setting in SETTINGS.values())])


def _row(setting: Setting) -> str:
    option = f"`{setting.option}`"
    if setting.kind is Kind.BOOLEAN:
        option += f", `--no-{setting.option.removeprefix('--')}`"
    default = setting.typed(setting.default)
    shown = f"`{default}`" if default else ""
    changes = "can be changed" if setting.name in editable() else ""
    pytorch = setting.pytorch(defaults())
    spelled = f" In PyTorch: `{pytorch}`." if pytorch else ""
    return f"| {option} | {shown} | {changes} | {_escaped(about(setting.name))}{spelled} |"


def _escaped(text: str) -> str:
    return text.replace("|", "\\|").replace("*", "\\*")
