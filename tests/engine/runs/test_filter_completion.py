"""What the end of a filter, and of a line of tags, can be completed to."""

import dataclasses

import pytest

from engine.runs.filter_completion import complete, complete_tags
from tests.engine.runs.test_run_filter import RUNS, SAID


@pytest.mark.parametrize(
    ("text", "head", "offered"),
    [
        ("", "", []),
        ("optimi", "", ["optimizer"]),
        ("OPTIMI", "", ["optimizer"]),
        ("lr>0 hid", "lr>0 ", ["hidden"]),
        ("-hid", "-", ["hidden"]),
        ("optimizer:", "optimizer:", ["adam", "adamw", "sgd"]),
        ("optimizer=ADAM", "optimizer=", ["adam", "adamw"]),
        ("-state:fin", "-state:", ["finished"]),
        ("tag:p", "tag:", ["paper", "paperback"]),
        ("x tag!=v", "x tag!=", ["v2"]),
        ("pinned=", "pinned=", ["no", "yes"]),
        ("name:l", "name:", ['"live one"']),
        ('name:"liv', "name:", ['"live one"']),
        ("lr>=", "lr>=", []),
        ("nothing:x", "nothing:", []),
        ('"quoted words" ', '"quoted words" ', []),
    ],
)
def test_the_last_word_is_completed(text: str, head: str, offered: list[str]) -> None:
    assert complete(text, [*RUNS, *SAID]) == (head, offered)


def test_a_value_that_can_not_be_typed_is_not_offered() -> None:
    run = dataclasses.replace(SAID[0], tags=("\x1b[2J", 'a"b', "x" * 100, "good"))
    assert complete("tag:", [run]) == ("tag:", ["good"])


@pytest.mark.parametrize(
    ("text", "head", "offered"),
    [
        ("", "", []),
        ("+p", "+", ["paper"]),
        ("p", "", ["paper"]),
        ("+x -d", "+x -", ["draft"]),
        ("-p", "-", []),
        ("+d", "+", []),
    ],
)
def test_tags_that_there_are_come_and_those_of_the_run_go(text: str, head: str, offered: list[str]) -> None:
    assert complete_tags(text, ["draft", "paper"], ["draft"]) == (head, offered)
