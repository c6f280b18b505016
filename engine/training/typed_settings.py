"""Whether settings that come from a file have their types. Imports no torch."""

from collections.abc import Mapping
from typing import Annotated, Any

import msgspec
from msgspec import Meta

from engine.training.setting import LARGEST_FLOAT, Kind
from engine.training.settings import SETTINGS

MOST = 2**62  # of an integer's size

_TYPES = {
    Kind.FLOAT: Annotated[float, Meta(ge=-LARGEST_FLOAT, le=LARGEST_FLOAT)],
    Kind.INTEGER: Annotated[int, Meta(ge=-MOST, le=MOST)],
    Kind.BOOLEAN: bool,
    Kind.TEXT: str,
}
_Typed = msgspec.defstruct(
    "_Typed", [(name, _TYPES[one.kind] | msgspec.UnsetType, msgspec.UNSET) for name, one in SETTINGS.items()]
)


def mistyped(values: Mapping[str, Any]) -> str:
    """The first setting whose value is of another type than its own, or no number that can be shown; empty: none. A
    setting that is not there counts as its default. For what is shown, wherever it comes from: what is trained with is
    checked by `Setting.validate`."""
    try:
        msgspec.convert(values, _Typed)
    except msgspec.ValidationError as error:
        return str(error).partition("$.")[2].rstrip("`") or "config"
    return ""
