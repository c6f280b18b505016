"""The app on terminals of any encoding, and with names that want to command them."""

import os
import sys
from pathlib import Path

import pytest
from rich.cells import cell_len

from tests.support.made_up import MadeUpRun
from tests.support.terminal import Terminal

APP = [sys.executable, "-m", "tui.cli.main", "--dataset", "demo", "--home"]
NAME = "a\x1b[31mred\x1b]0;title\x07 \u202ecaf\xe9 \u6f22"


@pytest.fixture
def runs(home: Path) -> Path:
    MadeUpRun(home, "20260101-101010-aaaa", name=NAME, dead=True).train([1])
    MadeUpRun(home, "20260101-111111-bbbb", name="plain", dead=True).train([1, 2])
    return home


def opened(home: Path, **env: str) -> Terminal:
    terminal = Terminal([*APP, str(home)], columns=140, rows=40, env=env)
    terminal.wait_for("1 Data")
    terminal.press("3")
    terminal.wait_for("2 runs")
    terminal.wait_for("plain")
    return terminal


def column_of_models(screen: str) -> set[int]:
    """The cells before the models' names."""
    rows = [line for line in screen.splitlines() if line[1:8].strip("▸> ").startswith("ended")]
    return {cell_len(line.partition("mlp")[0]) for line in rows}


def test_a_name_commands_no_terminal_and_shifts_no_column(runs: Path) -> None:
    with opened(runs, LC_ALL="C.UTF-8") as terminal:
        assert len(column_of_models(terminal.wait_for("1 of 2"))) == 1
        terminal.press("j", "enter")
        terminal.wait_for(r"a\x1b[31mred\x1b]0;title\x07 \u202ecaf")
        assert b"\x1b[31mred" not in terminal.raw
        assert b"\x1b]0;" not in terminal.raw
        assert "\u202e".encode() not in terminal.raw


@pytest.mark.parametrize("locale", ["C", "en_US.ISO-8859-1", "ru_RU.KOI8-R"])
def test_a_terminal_that_is_not_utf8_gets_plain_forms(runs: Path, locale: str) -> None:
    with opened(runs, LC_ALL=locale) as terminal:
        screen = terminal.wait_for("enter Open")
        assert len(column_of_models(screen)) == 1
        terminal.press("j", "enter")
        terminal.wait_for(lambda screen: "sgd lr" in screen and screen.count("|") > 10)  # the chart's frame
        terminal.press("1")
        terminal.wait_for("Images of")
        others = [one for one in terminal.raw if one > 0x7F]
        assert others == ([] if locale == "C" else others)
        assert len(others) < 20, "the letters of a name alone"


@pytest.mark.parametrize(
    ("locale", "typed"),
    [("C", b"\xff\xfe"), ("C.UTF-8", b"caf\xe9"), ("C.UTF-8", b"\xc3"), ("en_US.ISO-8859-1", b"\xe9")],
)
def test_whatever_is_typed_ends_no_app(runs: Path, locale: str, typed: bytes) -> None:
    with opened(runs, LC_ALL=locale) as terminal:
        terminal.press("/")
        terminal.wait_for("2 of 2 runs")
        os.write(terminal._master, typed + b"?")
        terminal.wait_for("0 of 2 runs")
        terminal.press("enter", pause=0.5)
        terminal.press("4")
        terminal.wait_for("669,706 parameters")
        terminal.press("q")
        assert terminal.exit_code() == 0
