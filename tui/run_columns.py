"""The columns that the table of *Runs* can have."""

from collections.abc import Mapping

from engine.training.settings import SETTINGS, help_text

OWN_COLUMNS = ("model", "dataset", "epochs")  # settings that have a column whatever they are
_FIRST = {
    "state": "training, paused, finished, stopped, failed or ended",
    "run": "its name, or its id",
    "model": "its name, or its class",
}
_LAST = {
    "epochs": "that are done, and that were asked for",
    "best": "the best accuracy: of validation, else of the test set",
    "test": "accuracy on the test set: of the best, or last, epoch",
    "loss": "the newest of the training",
    "curve": "of the training loss",
    "time": "of training, pauses left out",
    "data": "the data set",
    "tags": "what it was tagged with",
    "note": "the first line of the note on it",
    "age": "since its start",
}
_ABOUT = {  # of settings whose names in the form do not say it here
    "transform": "what is applied to each image",
    "weights": "the file that it starts from",
    "freeze": "parameters that are not trained",
    "device": "where it runs",
    "threads": "PyTorch's CPU threads",
    "loss": "loss function",
    "step_size": "epochs between two drops of the lr",
    "gamma": "factor on the lr at each drop",
    "checkpoint_every": "seconds between two checkpoints within an epoch",
    "keep": "which checkpoints stay",
    "lr_patience": "epochs without improvement before the lr drops",
    "patience": "epochs without improvement before it stops",
    "min_delta": "by how much a result must improve",
    "monitor": "which result must improve",
    "inspect_every": "steps between two samples of the layers",
    "recipe": "the named set of settings that it began with",
    "betas": "weights of the past in Adam's running means",
    "eps": "added to the denominator of a step",
    "label_smoothing": "label smoothing",
    "accumulate": "parts in which each batch is computed",
    "average": "which average of the weights is evaluated",
    "average_decay": "weight of the past in that average",
    "average_from": "part of the run after which epochs are averaged",
    "amp": "mixed precision",
    "compile": "whether it trains as torch.compile makes it",
    "tta": "test-time augmentation in evaluation",
}


def column_of(name: str) -> str:
    """The title of a setting's column."""
    return SETTINGS[name].column or name.replace("_", " ")


def columns() -> Mapping[str, str]:
    """What is in each, by title, in the order in which they stand."""
    return {**_FIRST, **{column_of(name): _about(name) for name in SETTINGS if name not in OWN_COLUMNS}, **_LAST}


def _about(name: str) -> str:
    """What a setting is, in so many words as a line has room for."""
    title = SETTINGS[name].title
    return _ABOUT.get(name) or (title if title != column_of(name) else help_text(name))
