"""The first screen of each mode, by the mode's name; each is read when it is first opened."""

from textual.screen import Screen

from tui.services import Services


def _data(services: Services) -> Screen[None]:
    from tui.data.data import DataScreen

    return DataScreen(services)


def _train(services: Services) -> Screen[None]:
    from tui.runs.new_run import NewRunScreen

    return NewRunScreen(services)


def _runs(services: Services) -> Screen[None]:
    from tui.runs.runs import RunsScreen

    return RunsScreen(services)


def _model(services: Services) -> Screen[None]:
    from tui.model.model import ModelScreen

    return ModelScreen(services)


def _checkpoints(services: Services) -> Screen[None]:
    from tui.weights.checkpoints import CheckpointsScreen

    return CheckpointsScreen(services)


def _lab(services: Services) -> Screen[None]:
    from tui.lab.documents import DocumentsScreen

    return DocumentsScreen(services)


SCREENS = {"data": _data, "train": _train, "runs": _runs, "model": _model, "checkpoints": _checkpoints, "lab": _lab}
