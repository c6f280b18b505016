"""`[keys]`: another key for an act, and what is refused of it, with the default kept."""

import tomllib
from typing import Any

import pytest
from textual.binding import Binding

from tui.app import FmnistApp
from tui.config.file import Contents
from tui.config.keymap import Room, keymap
from tui.config.rooms import rooms
from tui.keys import bind

APP = Room("", (Binding("q", "quit", "Quit", id="app.quit"), Binding("1", "mode('data')", "Data", id="app.data")), True)
RUNS = Room("Runs", (bind("runs", "sort", "Sort"), bind("runs", "stop", "Stop"), bind("runs", "more")))
FILES = Room("Files", (bind("files", "sort", "Sort"), bind("files", "other", "Other")))
DIALOG = Room("Dialog", (Binding("k", "sort", "Keep sorted", id="dialog.sort"),))
ROOMS = (APP, RUNS, FILES, DIALOG)


def taken(text: str) -> tuple[dict[str, str], list[str]]:
    text = f"[keys]\n{text}\n"
    keys, problems = keymap(Contents(tomllib.loads(text), text), ROOMS)
    return keys, [problem.words("config.toml") for problem in problems]


@pytest.mark.parametrize(
    ("text", "keys"),
    [
        ('sort = "f"', {"runs.sort": "f", "files.sort": "f"}),  # a dialog's letters are its own
        ('runs.sort = "f"', {"runs.sort": "f"}),
        ('"runs.sort" = "f"', {"runs.sort": "f"}),
        ('sort = "f"\nruns.sort = "ctrl+f"', {"runs.sort": "ctrl+f", "files.sort": "f"}),
        ('stop = ["delete", "?"]', {"runs.stop": "delete,question_mark"}),
        ('stop = "shift+f5"', {"runs.stop": "shift+f5"}),
        ('stop = " "', {"runs.stop": "space"}),
        ('stop = "s"\nsort = "x"', {"runs.stop": "s", "runs.sort": "x", "files.sort": "x"}),  # they swap
        ('app.quit = "f10"\nstop = "q"', {"app.quit": "f10", "runs.stop": "q"}),
        ('dialog.sort = "f"', {"dialog.sort": "f"}),
        ("", {}),
    ],
)
def test_an_act_has_another_key(text: str, keys: dict[str, str]) -> None:
    assert taken(text) == (keys, [])


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ('sort = "o"', 'keys.sort = "o" is not used; o is Other on Files (files.other)'),
        ('stop = "q"', 'keys.stop = "q" is not used; q is Quit everywhere (app.quit)'),
        ('app.quit = "s"', 'keys.app.quit = "s" is not used; s is Sort on Runs (runs.sort)'),
        (
            'stop = "="',
            'keys.stop = "=" is not used; equals_sign is More: larger, faster, brighter on Runs (runs.more)',
        ),
        ('srot = "f"', 'keys.srot = "f" is not used; there is no such act; did you mean sort?'),
        ('zzz.zzz = "f"', 'keys.zzz.zzz = "f" is not used; there is no such act; docs/keys.md lists them'),
        ('sort = "pageupp"', "keys.sort = \"pageupp\" is not used; there is no key 'pageupp'; did you mean pageup?"),
        ('sort = "strg+s"', "keys.sort = \"strg+s\" is not used; there is no key 'strg+s'; a key is named as in"),
        ('sort = "ctrl+"', "keys.sort = \"ctrl+\" is not used; there is no key 'ctrl+'; a key is named as in"),
        ('sort = "gg"', "keys.sort = \"gg\" is not used; there is no key 'gg'; did you mean g?"),
        ('sort = ""', 'keys.sort = "" is not used; there is no key'),
        ('sort = "ctrl+i"', 'keys.sort = "ctrl+i" is not used; terminals send ctrl+i as tab'),
        ('sort = "shift+s"', 'keys.sort = "shift+s" is not used; write S for shift+s'),
        ("sort = 3", 'keys.sort = 3 is not used; it must be a key, such as "o" or "ctrl+s", or a list of keys'),
        ("sort = []", "keys.sort = [] is not used; it must be a key"),
        ("runs.sort.x = 1", "keys.runs.sort = {'x': 1} is not used; it must be a key"),
    ],
)
def test_what_is_refused_keeps_its_default_and_says_why(text: str, why: str) -> None:
    keys, told = taken(text)
    assert keys == {}
    assert len(told) == 1
    assert told[0].startswith(f"config.toml, line 2: {why}")


def test_of_two_acts_with_one_key_the_first_has_it() -> None:
    keys, told = taken('stop = "f"\nsort = "f"')
    assert keys == {"runs.stop": "f"}
    assert told == ['config.toml, line 3: keys.sort = "f" is not used; f is Stop on Runs (runs.stop)']


def test_one_that_is_refused_takes_no_other_with_it() -> None:
    """`other` on s is free only as long as sort has left it."""
    keys, told = taken('other = "s"\nsort = "q"')
    assert keys == {}
    assert [line.partition(" is not used; ")[2] for line in told] == [
        "s is Sort on Files (files.sort)",
        "q is Quit everywhere (app.quit)",
    ]


def test_keys_that_are_no_table_are_refused() -> None:
    text = "keys = 3"
    keys, (problem,) = keymap(Contents(tomllib.loads(text), text), ROOMS)
    assert (keys, problem.line) == ({}, 1)
    assert problem.what == "keys = 3 is not used; it must be a table, [keys]"


def test_the_programs_own_keys_can_be_swapped() -> None:
    """Every act by itself, each with a key that no screen has: none is refused."""
    every = rooms(FmnistApp)
    ids = [binding.id for room in every for binding in room.bindings]
    assert {"app.help", "runs.stop", "data.sort"} <= set(ids)
    text = '[keys]\nsort = "f7"\nfilter = "f8"\nopen = "f9"\n'
    values: dict[str, Any] = tomllib.loads(text)
    keys, problems = keymap(Contents(values, text), every)
    assert not problems
    assert {"runs.filter", "help.filter", "data.sort"} <= set(keys)
