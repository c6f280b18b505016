"""The types of what a checkpoint of a run holds besides tensors: a run's folder may come from anybody, and
`torch.load(weights_only=True)` lets every plain value pass. Imports no torch."""

from collections.abc import Mapping
from typing import Annotated, Any

import msgspec
from msgspec import UNSET, Meta, UnsetType

from engine.training.events import Count, SettingValue
from engine.training.typed_settings import mistyped

MOST = 2**62
Seconds = Annotated[float, Meta(ge=0)]


class _Edit(msgspec.Struct):
    epoch: Count
    step: Count
    setting: str
    after: SettingValue


class _Averaged(msgspec.Struct):
    kind: str
    states: Count
    epoch: Count
    words: str


class _Content(msgspec.Struct):
    """The fields that a resume reads; those that are missing are told elsewhere."""

    epoch: Annotated[int, Meta(ge=1, le=MOST)] | UnsetType = UNSET
    step: Count | UnsetType = UNSET
    steps: Count | UnsetType = UNSET
    evaluated: bool | UnsetType = UNSET
    finite: bool | UnsetType = UNSET
    loss_sum: float | UnsetType = UNSET
    seconds: Seconds | UnsetType = UNSET
    training_s: Seconds | UnsetType = UNSET
    batch_size: Annotated[int, Meta(ge=0, le=MOST)] | UnsetType = UNSET
    shuffle: bool | UnsetType | None = UNSET
    accuracy: float | UnsetType | None = UNSET
    best: tuple[Annotated[int, Meta(ge=1, le=MOST)], float] | UnsetType | None = UNSET
    config: dict[str, SettingValue] | UnsetType = UNSET
    edits: list[_Edit] | UnsetType = UNSET
    hooks: dict[str, dict[str, Any]] | UnsetType = UNSET
    environment: dict[str, Any] | UnsetType = UNSET
    rng: list[dict[str, Any]] | UnsetType = UNSET
    model: dict[str, Any] | UnsetType = UNSET
    optimizer: dict[str, Any] | UnsetType = UNSET
    training_model: dict[str, Any] | UnsetType = UNSET
    averaged: _Averaged | UnsetType = UNSET
    loss_scale: dict[str, float | int | None] | UnsetType = UNSET


def wrong(content: Mapping[str, Any]) -> str:
    """The first of its fields that has another type or is out of range, such as ``epoch``; "": none."""
    try:
        msgspec.convert(content, _Content)
    except msgspec.ValidationError as error:
        return str(error).partition("$.")[2].rstrip("`") or "content"
    setting = mistyped(content.get("config", {}))
    return f"config.{setting}" if setting else ""
