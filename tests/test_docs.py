"""The documents name what the program has."""

import re
from dataclasses import fields
from pathlib import Path

import pytest

from engine.data.report import DataReport
from engine.runs.listing import RunSummary
from engine.runs.store import HostRecord
from engine.training import events as ev
from engine.training.config import TrainConfig, option
from tui import cli

ROOT = Path(__file__).parent.parent
README = (ROOT / "README.md").read_text()
EVENTS = (ROOT / "docs" / "events.md").read_text()


@pytest.mark.parametrize("kind", sorted(ev._KINDS))
def test_every_event_is_described_with_its_fields(kind: str) -> None:
    section = next(part for part in EVENTS.split("\n### ") if f"`{kind}`" in part.splitlines()[0])
    for field in fields(ev._KINDS[kind]):
        if field.name not in ("seq", "t"):
            assert f"`{field.name}`" in section, field.name


@pytest.mark.parametrize("shape", [RunSummary, DataReport, HostRecord])
def test_the_other_json_is_described(shape: type) -> None:
    for name in shape.__dataclass_fields__:
        assert f"`{name}`" in EVENTS, name


def test_every_option_and_command_is_in_the_readme() -> None:
    for field in fields(TrainConfig):
        assert f"`{option(field.name)}`" in README, field.name
    for action in cli._parser()._actions:
        for command in action.choices or () if action.dest == "==SUPPRESS==" else ():
            assert f"`{command}`" in README or f"fmnist-tui {command}" in README, command


def test_the_defaults_are_as_the_readme_says() -> None:
    for name, shown in re.findall(r"^\| `--([a-z-]+)` \| `([^`]+)` \|", README, re.MULTILINE):
        default = getattr(TrainConfig(), name.replace("-", "_"))
        assert str(default) == shown or float(shown) == float(default), name


def test_every_command_that_the_readme_shows_is_one() -> None:
    shown = re.findall(r"`?fmnist-tui ([a-z][^`\n;]*)", README)
    assert len(shown) > 10
    for line in shown:
        arguments = line.split()
        if re.fullmatch(r"[a-z]+", arguments[0]) and arguments[0] in ("train", "watch", "runs", "data", "unpause"):
            cli._parser().parse_args(arguments + (["last"] if arguments == ["unpause"] else []))
