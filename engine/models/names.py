"""The program's own models: the one place that lists them. Imports no torch, so that forms and parsers can ask.

To add a model, add its module and an entry here; choices, checks, help, prompts and `sources.parse` follow.
"""

from dataclasses import dataclass


@dataclass(frozen=True)
class ModelEntry:
    """One model."""

    target: str  # "module:Class", called with `classes` and `shape`
    about: str  # for the form


MODELS: dict[str, ModelEntry] = {  # by the name in `TrainConfig.model`
    "mlp": ModelEntry("engine.models.mlp:NeuralNetwork", "the tutorial's NeuralNetwork, 784→512→512→10 with ReLU"),
    "cnn": ModelEntry("engine.models.cnn:ConvNet", "a small convolutional network"),
    "fast_cnn": ModelEntry(
        "engine.models.fast_cnn:FastConvNet", "that of the recipes fast and balanced, 110 K parameters"
    ),
    "accurate_cnn": ModelEntry(
        "engine.models.fast_cnn:AccurateConvNet", "that of the recipe accurate, 416 K parameters"
    ),
}
TORCHVISION = "torchvision:"  # before the name of one of torchvision's classification models
FORMS = f"{TORCHVISION}NAME, or path/to/file.py:ClassName"  # how other models are named, for people


def known() -> str:
    """What may be typed for a model, for people."""
    return f"{', '.join(MODELS)}, {FORMS}"
