"""What run.json may hold: the door that it comes in by. A run's folder may be anybody's. Imports no torch."""

import json
from pathlib import Path
from typing import Annotated, Any, Literal

import msgspec
from msgspec import Meta

from engine import plain_file
from engine.training import settings
from engine.training.events import Count, SettingValue
from engine.training.typed_settings import mistyped

MOST_BYTES = 4 << 20  # of the file
Text = Annotated[str, Meta(max_length=100_000)]
Name = Annotated[str, Meta(max_length=1000)]


class _Parent(msgspec.Struct):
    """The checkpoint or file that a run began with."""

    run: Name | None = None
    file: Text | None = None
    epoch: Count | None = None
    step: Count | None = None
    sha256: Text | None = None
    own: bool | None = None
    changes: dict[str, SettingValue] | None = None


class _Group(msgspec.Struct):
    """The runs that it was made with."""

    id: Name
    name: Name = ""
    size: Annotated[int, Meta(ge=0, le=10**6)] = 0


class _Study(msgspec.Struct):
    """The study that it is a trial of."""

    id: Name
    name: Name = ""
    trial: Count = 0


class _Race(msgspec.Struct):
    """The race that it is a branch of."""

    id: Name
    steps: Count = 0  # that each of its branches does
    place: Count = 0  # among them
    words: Name = ""  # what it has changed
    begun: Count = 0  # steps of its own epochs that were done at the checkpoint
    threads_before: Count = 0  # the setting, before the branches shared the cores


class _RunJson(msgspec.Struct):
    """The fields that this program reads. Others, and `created` of any type, are let pass (`store` tells when a run was
    made another way where that does not say)."""

    id: Name | None = None
    name: Name | None = None
    config: dict[str, SettingValue] | None = None
    parent: _Parent | None = None
    dataset: dict[str, Any] | None = None
    data_dir: Text | None = None
    group: _Group | None = None
    study: _Study | None = None
    race: _Race | None = None
    processes: Annotated[int, Meta(ge=1, le=65536)] | None = None
    prepared: bool | None = None
    device: Text | None = None
    seed: Annotated[int, Meta(ge=-(2**62), le=2**62)] | None = None
    environment: dict[str, Any] | None = None
    versions: dict[str, Any] | None = None
    notify: Annotated[list[Annotated[str, Meta(max_length=4000)]], Meta(max_length=10)] | None = None
    agenda: list[tuple[Count, Count, Literal["checkpoint", "pause", "stop"]]] | None = None


class MalformedError(ValueError):
    """What is there is no run.json; its text says why, in a few words."""


def read(path: Path) -> dict[str, Any]:
    """run.json, as a dictionary whose known fields have their types. Raises OSError, and MalformedError."""
    data = plain_file.read(path, MOST_BYTES)
    try:
        content = json.loads(data.decode("utf-8"))
    except (ValueError, RecursionError):
        raise MalformedError("no JSON") from None
    if not isinstance(content, dict):
        raise MalformedError("no JSON object")
    try:
        msgspec.convert(content, _RunJson)
    except msgspec.ValidationError as error:
        raise MalformedError(words(error)) from None
    except RecursionError:
        raise MalformedError("its JSON is too deep") from None
    if wrong := mistyped(content.get("config") or {}):
        raise MalformedError(f"'config.{wrong}' is not {_kind(wrong)}")
    return content


def startable(content: dict[str, Any]) -> dict[str, Any]:
    """What `read` gave, for who starts the run or goes on with it: it has settings, and a parent, if any, names what
    the run begins with, and has all fields. Raises MalformedError."""
    if not isinstance(content.get("config"), dict):
        raise MalformedError("it has no settings: 'config'")
    if (parent := content.get("parent")) is None:
        return content
    if not parent.get("file") or not (parent.get("run") or parent.get("sha256")):
        raise MalformedError("'parent' names neither a run's checkpoint nor a file")
    return content | {"parent": dict.fromkeys(_Parent.__struct_fields__) | parent}


_TYPES = {
    "bool | int | float | str": "number, a text, or true or false", "int": "integer", "str": "text",
    "bool": "true or false", "array": "list",
}  # fmt: skip


def words(error: msgspec.ValidationError) -> str:
    """``Expected `object`, got `array` - at `$.config` `` as: 'config' is not an object."""
    what, _, where = str(error).partition(" - at `$")
    name = where.strip("`. ") or "its content"
    kind, _, bound = what.removeprefix("Expected ").partition(", got")[0].replace(" | null", "").rpartition("`")
    kind = kind.strip("`") or bound
    kind = _TYPES.get(kind, kind)
    article = "" if kind.startswith("true") else "an " if kind[:1] in "aeiou" else "a "
    return f"{name[:60]!r} is not {article}{kind}{bound if kind != bound else ''}"


def _kind(name: str) -> str:
    return f"a {settings.find(name).kind.value}"
