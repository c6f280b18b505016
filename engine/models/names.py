"""The program's own models: the one place that lists them. Imports no torch, so that forms and parsers can ask.

To add a model, add its module and a line here; choices, checks, help, documentation and `sources.parse` follow.
"""

MODELS: dict[str, str] = {  # the name in `TrainConfig.model`: where its class is, made with `classes` and `shape`
    "mlp": "engine.models.mlp:NeuralNetwork",
    "cnn": "engine.models.cnn:ConvNet",
}
TORCHVISION = "torchvision:"  # before the name of one of torchvision's classification models
FORMS = f"{TORCHVISION}NAME, or path/to/file.py:ClassName"  # how other models are named, for people


def known() -> str:
    """What may be typed for a model, for people."""
    return f"{', '.join(MODELS)}, {FORMS}"
