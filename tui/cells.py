"""What is chosen on a screen, as Python for a cell of the lab."""

from pathlib import Path
from typing import Protocol, runtime_checkable

IMPORT = "import fmnist_tui as ft"


@runtime_checkable
class GivesCell(Protocol):
    """A screen on which something can be chosen that the lab can have too."""

    def as_cell(self) -> str:
        """Python that makes it; "" where nothing is chosen now."""
        ...


def image(dataset: str, split: str, index: int) -> str:
    """An image of a data set, as a PIL image, and its label."""
    return f"{IMPORT}\n\ndata = ft.dataset({dataset!r}, {split!r})\nimage, label = data[{index}]\nimage"


def network(source: str, name: str = "", *, parameter: bool = False) -> str:
    """A network; `name`: of a module in it, or of a `parameter` or buffer."""
    code = f"{IMPORT}\n\nmodel = ft.load({source!r})\n"
    if not name:
        return f"{code}model"
    if parameter:
        return f"{code}weight = model.get_parameter({name!r})\nweight"
    return f"{code}module = model.get_submodule({name!r})\nmodule"


def run(run_id: str) -> str:
    """A run's newest weights, and its losses."""
    return (
        f"{IMPORT}\n\nmodel = ft.load({f'{run_id}@last'!r})\n"
        f'losses = [event["loss"] for event in ft.events({run_id!r}, "progress")]\nlosses[-5:]'
    )


def tensor(file: Path, name: str) -> str:
    """A tensor of a file."""
    return f"{IMPORT}\n\ntensor = ft.tensor({str(file)!r}, {name!r})\ntensor"


def weights(file: Path) -> str:
    """All tensors of a file: nothing of it is executed."""
    return f'import torch\n\nstate = torch.load({str(file)!r}, map_location="cpu", weights_only=True)\nlist(state)'
