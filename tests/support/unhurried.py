"""A network that takes its time. A run that goes on until the test ends it would keep a processor busy for as long as
the test waits for something else; with this one it sleeps."""

from pathlib import Path

from tests.support.own_code import write_trusted

STEP_S = 0.01
SOURCE = f"""
import time
from torch import nn

class Unhurried(nn.Module):
    def __init__(self):
        super().__init__()
        self.linear = nn.Linear(784, 10)

    def forward(self, x):
        if self.training:
            time.sleep({STEP_S})
        return self.linear(x.flatten(1))
"""


def unhurried(folder: Path) -> str:
    """The network's name for the setting `model`: of a file in `folder`, which is trusted."""
    path = folder / "unhurried.py"
    write_trusted(path, SOURCE)
    return f"{path}:Unhurried"
