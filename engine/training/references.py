"""What the settings that name a model, data, or a device may be. Imports no torch."""

from typing import Any

from engine.data import transforms
from engine.data.custom.spec import FORMS, KINDS, parse
from engine.models.names import MODELS, TORCHVISION, known
from engine.models.trusted_code import is_file_reference as is_file_reference

DATASETS = ("auto", "fashion-mnist", "demo")
CUSTOM_DATA = KINDS  # the user's own: see engine.data.custom.open_custom


def absolute_dataset(name: str) -> str:
    """A data set's name with the paths in it absolute. Raises DataError for a custom one that is not spelled so."""
    return str(parse(name)) if ":" in name else name


def check_model(value: Any) -> None:
    """A name of the registry, torchvision:NAME, or path/to/file.py:ClassName. Raises ValueError."""
    torchvision = isinstance(value, str) and value.startswith(TORCHVISION)
    if not isinstance(value, str) or not (
        value in MODELS or is_file_reference(value) or (torchvision and value.removeprefix(TORCHVISION).isidentifier())
    ):
        raise ValueError(f"{value!r} is unknown; choose from {known()}")


def check_dataset(value: Any) -> None:
    """One of DATASETS, or KIND:PATH of one's own. Raises ValueError."""
    if isinstance(value, str) and value.partition(":")[0] in CUSTOM_DATA and ":" in value:
        return
    if value not in DATASETS:
        custom = ", ".join(FORMS)
        raise ValueError(f"{value!r} is unknown; choose from {', '.join(DATASETS)}, or your own: {custom}")


def check_device(value: Any) -> None:
    """auto, cpu, cuda, cuda:N or mps; whether it is there is not asked. Raises ValueError."""
    kind, colon, index = str(value).partition(":")
    if value in ("auto", "cpu", "cuda", "mps") or (kind == "cuda" and colon and index.isdecimal()):
        return
    raise ValueError(f"{value!r} is unknown; choose from auto, cpu, cuda, cuda:N, mps")


def check_transform(value: Any) -> None:
    """A pipeline of transforms, or path/to/file.py:NAME. Raises ValueError, or what `transforms.parse` raises."""
    if not isinstance(value, str):
        raise ValueError(f"{value!r} is neither a pipeline of transforms nor path/to/file.py:NAME")
    if not is_file_reference(value):
        transforms.parse(value)


def check_keep(value: Any) -> None:
    """all, or an integer above 0. Raises ValueError."""
    if value == "all" or (isinstance(value, str) and value.isdecimal() and int(value) > 0):
        return
    raise ValueError(f"{value!r} is neither all nor an integer above 0")
