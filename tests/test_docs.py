"""The documents name what the program has, and what they show works."""

import json
import re
import shlex
from argparse import ArgumentParser
from collections.abc import Iterator
from dataclasses import fields
from itertools import takewhile
from pathlib import Path
from typing import Any

import pytest
from textual.binding import Binding
from textual.dom import DOMNode

from engine.data.report import DataReport, FileReport, SplitReport
from engine.runs.folder import HostRecord
from engine.runs.listing import RunSummary
from engine.training import events as ev
from engine.training.config import TrainConfig, option, parse
from engine.training.settings import SETTINGS
from tui.app import FmnistApp
from tui.cli import main
from tui.data.batches import BatchesScreen
from tui.data.data import DataScreen
from tui.data.download import DownloadScreen
from tui.data.enlarged import EnlargedScreen
from tui.data.overview import OverviewScreen
from tui.data.transforms import TransformsScreen
from tui.dialogs.help import HelpScreen
from tui.dialogs.prompt import PromptScreen
from tui.dialogs.text import TextScreen
from tui.model.autograd import AutogradScreen
from tui.model.contributions import ContributionsScreen
from tui.model.forward import ForwardScreen
from tui.model.model import ModelScreen
from tui.model.tensor import TensorScreen
from tui.runs.form import ConfigForm
from tui.runs.layer_stats import LayerStatsScreen
from tui.runs.runs import RunsScreen, _Table
from tui.runs.stop_dialog import StopDialog
from tui.runs.watch import WatchScreen
from tui.weights.checkpoints import CheckpointsScreen
from tui.weights.difference import DifferenceScreen
from tui.weights.file import FileScreen

ROOT = Path(__file__).parent.parent
README = (ROOT / "README.md").read_text()
EVENTS = (ROOT / "docs" / "events.md").read_text()
CONTRIBUTING = (ROOT / "CONTRIBUTING.md").read_text()

# How the README writes a key, where it is not the character itself. The arrows are told as one.
KEYS = {
    "right": "arrows", "left": "arrows", "up": "arrows", "down": "arrows", "pagedown": "`PgDn`", "pageup": "`PgUp`",
    "plus": "`+`", "equals_sign": "`=`", "minus": "`-`", "full_stop": "`.`", "question_mark": "`?`", "slash": "`/`",
    "shift+up": "arrows", "shift+down": "arrows", "shift+left": "arrows", "shift+right": "arrows",
    "colon": "`:`", "left_square_bracket": "`[`", "right_square_bracket": "`]`",
}  # fmt: skip
SCREENS: list[tuple[str, type[DOMNode]]] = [
    ("Data", DataScreen),
    ("Data, one image", EnlargedScreen),
    ("Data, the overview", OverviewScreen),
    ("Train, the form", ConfigForm),
    ("Train, a run", WatchScreen),
    ("Train, the layers", LayerStatsScreen),
    ("the question that `x` asks", StopDialog),
    ("a question with a line to type in", PromptScreen),
    ("Runs", RunsScreen),
    ("Runs", _Table),
    ("Model", ModelScreen),
    ("Model, a tensor", TensorScreen),
    ("Model, as printed", TextScreen),
    ("Model, an image", ForwardScreen),
    ("Model, a sum", ContributionsScreen),
    ("Model, autograd", AutogradScreen),
    ("Data, transforms", TransformsScreen),
    ("Data, batches", BatchesScreen),
    ("Checkpoints", CheckpointsScreen),
    ("Checkpoints, a file", FileScreen),
    ("Checkpoints, a comparison", DifferenceScreen),
    ("the download", DownloadScreen),
    ("Help", HelpScreen),
]


def section(text: str, heading: str) -> str:
    """The part of a document below a heading, up to the next of its rank."""
    rank = heading.split()[0]
    return text.split(f"\n{heading}\n")[1].split(f"\n{rank} ")[0]


def event_section(kind: str) -> str:
    return next(part for part in EVENTS.split("\n### ") if f"`{kind}`" in part.splitlines()[0]).split("\n## ")[0]


# docs/events.md


@pytest.mark.parametrize("kind", sorted(ev.KINDS))
def test_every_event_is_described_with_its_fields(kind: str) -> None:
    for field in fields(ev.KINDS[kind]):
        if field.name not in ("seq", "t"):
            assert f"`{field.name}`" in event_section(kind), field.name


@pytest.mark.parametrize("kind", sorted(ev.KINDS))
def test_every_event_has_an_example_that_the_program_reads(kind: str) -> None:
    lines = [line for line in event_section(kind).splitlines() if line.startswith('{"v"')]
    read = [event for line in lines if (event := ev.decode(line)) is not None]
    assert len(read) == len(lines)
    (example,) = [event for event in read if event.kind == kind]
    line = next(line for line in lines if f'"kind": "{kind}"' in line)
    assert ev.encode(example) == line  # no field more or less, in this order


def test_no_event_is_described_that_there_is_not() -> None:
    headings = re.findall(r"^### (.*)$", section(EVENTS, "## Kinds"), re.MULTILINE)
    assert {kind for heading in headings for kind in re.findall(r"`(\w+)`", heading)} == set(ev.KINDS)


@pytest.mark.parametrize(
    ("heading", "shape"),
    [
        ("## `fmnist-tui runs --json`", RunSummary),
        ("## `fmnist-tui data --json`", DataReport),
        ("## `fmnist-tui data --json`", FileReport),
        ("## `fmnist-tui data --json`", SplitReport),
        ("## The run folder's other files", HostRecord),
    ],
)
def test_the_other_json_is_described(heading: str, shape: type[Any]) -> None:
    for name in shape.__dataclass_fields__:
        assert f"`{name}`" in section(EVENTS, heading), name


def test_the_example_of_a_run_has_the_fields_of_one() -> None:
    part = section(EVENTS, "## `fmnist-tui runs --json`")
    (example,) = json.loads(next(line for line in part.splitlines() if line.startswith("[{")))
    assert list(example) == list(RunSummary.__dataclass_fields__)


# README.md


def parsers() -> dict[str, ArgumentParser]:
    """The parser of each command, by name."""
    (commands,) = [action.choices for action in main.make_parser()._actions if isinstance(action.choices, dict)]
    return commands


def test_every_command_has_its_row_in_the_readme() -> None:
    rows = [line for line in section(README, "## Command line").splitlines() if line.startswith("| `fmnist-tui")]
    shown = {match[1] for row in rows if (match := re.match(r"\| `fmnist-tui ([\w-]+)", row))}
    assert shown == set(parsers())


def test_every_option_is_in_the_readme() -> None:
    part = section(README, "## Command line")
    for name, parser in {"the app": main.make_parser(), **parsers()}.items():
        for action in parser._actions:
            for spelled in action.option_strings:
                if spelled not in ("-h", "--version"):
                    assert re.search(rf"{spelled}\b", README), f"{name}: {spelled}"
    for field in fields(TrainConfig):
        assert f"`{option(field.name)}`" in part, field.name


def test_the_defaults_are_as_the_readme_says() -> None:
    rows = re.findall(r"^\| `--([a-z-]+)` \| `([^`]+)` \|", README, re.MULTILINE)
    assert len(rows) > 10
    for name, shown in rows:
        field = name.replace("-", "_")
        assert parse(field, shown) == getattr(TrainConfig(), field), name


def commands_shown() -> Iterator[tuple[str, list[str]]]:
    """Each `fmnist-tui …` that a document shows, as it is typed, without what is piped."""
    for text in (README, EVENTS, CONTRIBUTING):
        for inline, line in re.findall(r"`fmnist-tui ?([^`]*)`|^fmnist-tui(?: (.*))?$", text, re.MULTILINE):
            typed = inline or line
            words = shlex.shlex(typed, posix=True, punctuation_chars="|>;")
            words.whitespace_split = True
            yield typed, list(takewhile(lambda word: not set(word) <= set("|>;"), words))


@pytest.mark.parametrize(("typed", "arguments"), [pytest.param(*each, id=each[0]) for each in commands_shown()])
def test_every_command_that_the_documents_show_is_one(typed: str, arguments: list[str]) -> None:
    given = main._parsed(arguments)
    for name in SETTINGS:
        if isinstance(value := getattr(given, name, None), str):
            parse(name, value)


def test_the_readme_shows_commands() -> None:
    assert len(list(commands_shown())) > 20


@pytest.mark.parametrize(("row", "screen"), SCREENS)
def test_every_key_is_in_the_readme(row: str, screen: type[DOMNode]) -> None:
    keys = section(README, "## Keys")
    (told,) = [line for line in keys.splitlines() if line.startswith(f"| {row} |")]
    for binding in Binding.make_bindings(screen.BINDINGS):
        assert KEYS.get(binding.key, f"`{binding.key}`") in told, binding


def test_every_key_that_holds_everywhere_is_in_the_readme() -> None:
    before_the_table = section(README, "## Keys").split("| screen |")[0]
    for binding in Binding.make_bindings(FmnistApp.BINDINGS):
        assert KEYS.get(binding.key, f"`{binding.key}`") in before_the_table, binding


# All of them


@pytest.mark.parametrize("document", [*ROOT.glob("*.md"), *(ROOT / "docs").glob("*.md")], ids=lambda path: path.name)
def test_what_a_document_points_to_is_there(document: Path) -> None:
    for target in re.findall(r"\]\((?!https?:)([^)#]+)\)", document.read_text()):
        assert (document.parent / target).exists(), target


@pytest.mark.parametrize("picture", ["data.svg", "train.svg"])
def test_the_pictures_are_small_and_show_the_real_data(picture: str) -> None:
    path = ROOT / "docs" / picture
    text = path.read_text()
    assert path.stat().st_size < 400_000
    assert "Fashion-MNIST" in text
    assert "demo" not in text
