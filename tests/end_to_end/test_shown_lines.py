"""Only the lines that changed are sent: the terminal shows what it would if all of them were."""

from pathlib import Path

import pytest

from tests.support.terminal import PROGRAM, Terminal

REDRAW = "\x0c"  # ctrl+l
STEPS = (
    (("right", "down"), ""),
    (("i",), "Go to an image"),
    (("1", "7"), "image 17"),
    (("escape",), "Enlarge"),
    (("?",), "Ctrl+P"),
    (("escape",), "Enlarge"),
    (("t", "n"), "page 2"),
    (("enter",), "mean"),
    (("v",), "  0   1   2   3"),
    (("escape",), "Enlarge"),
    (("2",), "learning rate"),
    (("down", "right"), ""),
    (("3",), "No runs yet"),
    (("4",), "669,706 parameters"),
    (("v", "down"), "stack.0.bias"),
    (("o",), "Show which network?"),
    (("escape",), "Modules/parameters"),
    (("5",), "No checkpoints yet"),
    (("1",), "Enlarge"),
)


@pytest.mark.slow
def test_what_the_terminal_shows_is_what_a_redraw_shows(home: Path) -> None:
    command = [PROGRAM, "--home", str(home), "--dataset", "demo"]
    with Terminal(command, columns=140, rows=45) as terminal:
        terminal.wait_for("Enlarge")
        terminal.fall_silent(1)
        for keys, shown in STEPS:
            before = terminal.received
            terminal.press(*keys)
            terminal.settle(before, quiet=0.3)
            terminal.wait_for(shown)
            if keys[0] in "2345":  # whose parts come one after another
                terminal.fall_silent(2)
            cells, before = terminal.cells(), terminal.received
            terminal.press(REDRAW)
            terminal.settle(before, quiet=0.3)
            assert terminal.cells() == cells, (keys, terminal.text())
        terminal.press("q")
        assert terminal.exit_code() == 0
