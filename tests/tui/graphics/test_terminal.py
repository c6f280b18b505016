"""What the terminal answers, and that nothing of it is taken for keys."""

import pytest

from tui.graphics.terminal import Answers, TerminalAnswers

KITTY = "\x1bP>|kitty(0.41.1)\x1b\\\x1b[6;20;9t\x1b[?62;c"
XTERM = "\x1bP>|XTerm(379)\x1b\\\x1b[6;17;8t\x1b[?1;0;256S\x1b[?63;1;2;4;6;9;15;22c"


def answered(*texts: str) -> tuple[list[Answers], str]:
    """The answers, and what was typed."""
    found: list[Answers] = []
    answers = TerminalAnswers(found.append)
    typed = "".join(answers.take(text) for text in texts)
    return found, typed


@pytest.mark.parametrize(
    ("text", "answers", "kitty"),
    [
        (KITTY, Answers("kitty(0.41.1)", (9, 20)), True),
        (XTERM, Answers("XTerm(379)", (8, 17), 256, True), False),
        ("\x1bP>|kitty(0.27.1)\x1b\\\x1b[?62;c", Answers("kitty(0.27.1)"), False),  # no placeholders yet
        ("\x1bP>|kitty(1.2)\x1b\\\x1b[?62;c", Answers("kitty(1.2)"), True),
        ("\x1bP>|ghostty 1.1.3\x1b\\\x1b[?62;22c", Answers("ghostty 1.1.3"), True),
        ("\x1bP>|WezTerm 20240203\x1b\\\x1b[?65;4;6c", Answers("WezTerm 20240203", sixel=True), False),
        ("\x1bP>|tmux 3.5a\x1b\\\x1b[?1;2;4c", Answers("tmux 3.5a", sixel=True), False),
        ("\x1b[?4c", Answers(), False),  # a class of terminal, not an attribute
        ("\x1b[?6c", Answers(), False),
        ("\x1b[?1;3;0S\x1b[?64;4c", Answers(sixel=True), False),  # it can't say how many colours
        ("\x1b[?1;0;0S\x1b[?64;4c", Answers(sixel=True, colours=2), False),
        ("\x1b[?1;0;99999S\x1b[?64;4c", Answers(sixel=True, colours=256), False),
    ],
)
def test_what_a_terminal_says(text: str, answers: Answers, kitty: bool) -> None:
    found, typed = answered(text)
    assert found == [answers]
    assert found[0].kitty is kitty
    assert typed == ""


@pytest.mark.parametrize("text", [KITTY, XTERM])
def test_answers_may_come_in_two_parts_among_keys(text: str) -> None:
    whole = "a" + text + "b\x1b[A"
    for cut in range(1, len(whole)):
        if whole[cut - 1] == "\x1b" or whole[cut - 2 : cut] in ("\x1bP", "\x1b["):
            continue  # the escape key, alt+P: what has been read is a key by itself
        found, typed = answered(whole[:cut], whole[cut:])
        assert len(found) == 1
        assert found == answered(text)[0], cut
        assert typed == "ab\x1b[A", cut


@pytest.mark.parametrize(
    "keys",
    ["\x1b", "\x1b[A", "\x1b[6~", "\x1b[6;5~", "\x1bP", "\x1b[200~c\x1b[201~", "\x1b[<0;10;3M", "\x1b[?2026;2$y"],
)
def test_keys_and_other_reports_go_through(keys: str) -> None:
    assert answered(keys)[1] == keys
    assert answered(*keys)[1] == keys  # one by one
    assert answered(KITTY, keys)[1] == keys
    assert answered(KITTY, *keys)[1] == keys


def test_late_answers_are_no_keys_either_and_are_told_once() -> None:
    found, typed = answered("x", KITTY, "y", KITTY)
    assert len(found) == 1
    assert typed == "xy"
