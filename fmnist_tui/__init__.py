"""The program's own objects for a notebook or a script: its data, and what its runs have made.

    import fmnist_tui as ft

    train = ft.dataset("fashion-mnist", transform=ToTensor())
    model = ft.load("last@best")
    for run in ft.runs():
        print(run.title, run.best_accuracy)

Everything is read; nothing here changes a run or a file. What can't be done raises `ft.Error`, whose text is one line.
"""

from engine.errors import EngineError as Error
from engine.runs.listing import RunSummary as Run
from fmnist_tui.data import ImageDataset, dataset
from fmnist_tui.events import Event, events
from fmnist_tui.networks import load, tensor
from fmnist_tui.runs import runs

__all__ = ["Error", "Event", "ImageDataset", "Run", "dataset", "events", "load", "runs", "tensor"]
