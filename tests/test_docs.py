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

from engine.data.report import DataReport, FileReport, SplitReport
from engine.hosting.process import HostRecord
from engine.runs.listing import RunSummary
from engine.training import event_json
from engine.training import events as ev
from engine.training.config import TrainConfig, option, parse
from engine.training.settings import SETTINGS
from tools import docs
from tui.app import FmnistApp
from tui.cli.parser import make_parser, parsed

ROOT = Path(__file__).parent.parent
README = (ROOT / "README.md").read_text()
EVENTS = (ROOT / "docs" / "events.md").read_text()
CONTRIBUTING = (ROOT / "CONTRIBUTING.md").read_text()


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
        if field.name not in ("seq", "t", "up"):  # of every event
            assert f"`{field.name}`" in event_section(kind), field.name


@pytest.mark.parametrize("kind", sorted(ev.KINDS))
def test_every_event_has_an_example_that_the_program_reads(kind: str) -> None:
    lines = [line for line in event_section(kind).splitlines() if line.startswith('{"v"')]
    read = [event for line in lines if (event := event_json.decode(line)) is not None]
    assert len(read) == len(lines)
    (example,) = [event for event in read if event.kind == kind]
    line = next(line for line in lines if f'"kind": "{kind}"' in line)
    assert event_json.encode(example) == line  # no field more or less, in this order


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
    (commands,) = [action.choices for action in make_parser()._actions if isinstance(action.choices, dict)]
    return commands


def test_the_readme_is_short() -> None:
    assert len(README.splitlines()) <= 200
    assert len(README.encode()) <= 12 * 1024


def test_every_command_is_in_the_readme() -> None:
    part = section(README, "## Command line")
    for name in parsers():
        assert re.search(rf"`(fmnist-tui )?{name}\b", part), name


@pytest.mark.parametrize("name", docs.FILES)
def test_what_is_made_from_the_code_is_up_to_date(name: str) -> None:
    assert (ROOT / "docs" / name).read_text() == docs.FILES[name]()


def test_every_option_is_in_the_list_of_commands() -> None:
    text = (ROOT / "docs" / "cli.md").read_text()
    parts = {part.splitlines()[0]: part for part in text.split("\n## fmnist-tui")}
    for name, parser in {"": make_parser(), **parsers()}.items():
        part = parts[f" {name}" if name else ""]
        for action in parser._actions:
            for spelled in action.option_strings:
                assert spelled in ("-h", "--help") or re.search(rf"`{spelled}\b", part), f"{name}: {spelled}"


def test_every_setting_is_in_the_list_of_settings() -> None:
    text = (ROOT / "docs" / "settings.md").read_text()
    for field in fields(TrainConfig):
        assert f"`{option(field.name)}`" in text, field.name


def commands_shown() -> Iterator[tuple[str, list[str]]]:
    """Each `fmnist-tui …` that a document shows, as it is typed, without what is piped."""
    written = [path for path in sorted((ROOT / "docs").glob("*.md")) if docs.MADE not in path.read_text()]
    for text in (README, CONTRIBUTING, *(path.read_text() for path in written)):
        for inline, line in re.findall(r"`fmnist-tui ?([^`]*)`|^fmnist-tui(?: (.*))?$", text, re.MULTILINE):
            typed = inline or line
            words = shlex.shlex(typed, posix=True, punctuation_chars="|>;")
            words.whitespace_split = True
            yield typed, list(takewhile(lambda word: not set(word) <= set("|>;"), words))


@pytest.mark.parametrize(("typed", "arguments"), [pytest.param(*each, id=each[0]) for each in commands_shown()])
def test_every_command_that_the_documents_show_is_one(typed: str, arguments: list[str]) -> None:
    given = parsed(arguments)
    for name in SETTINGS:
        if isinstance(value := getattr(given, name, None), str):
            parse(name, value)


def test_the_readme_shows_commands() -> None:
    assert len(list(commands_shown())) > 20


def test_every_key_of_every_screen_is_in_the_list_of_keys() -> None:
    text = (ROOT / "docs" / "keys.md").read_text()
    shown = [cls for _, cls in docs.screens()]
    assert len(shown) > 20
    every: list[type] = [FmnistApp, *shown]
    for cls in every:
        for binding in docs.bindings(cls):
            assert binding.id, (cls, binding)
            assert f"| {binding.id} |" in text, binding


# All of them


@pytest.mark.parametrize("document", [*ROOT.glob("*.md"), *(ROOT / "docs").glob("*.md")], ids=lambda path: path.name)
def test_what_a_document_points_to_is_there(document: Path) -> None:
    for target in re.findall(r"\]\((?!https?:)([^)#]+)\)", document.read_text()):
        assert (document.parent / target).exists(), target


def test_the_page_of_screens_has_every_picture_and_no_other_is_kept() -> None:
    page = (ROOT / "docs" / "screens.md").read_text()
    shown = set(re.findall(r"\]\(screens/([^)]+)\)", page))
    assert shown == {path.name for path in (ROOT / "docs" / "screens").iterdir()}
    made = re.findall(r'Shot\(\s*"(\w+)"', (ROOT / "docs" / "make_pictures.py").read_text())
    assert shown == {f"{name}-{size}.svg" for name in made for size in ("140x45", "80x24")}


@pytest.mark.parametrize("picture", ["data.svg", "train.svg"])
def test_the_pictures_are_small_and_show_the_real_data(picture: str) -> None:
    path = ROOT / "docs" / picture
    text = path.read_text()
    assert path.stat().st_size < 400_000
    assert "Fashion-MNIST" in text
    assert "demo" not in text
