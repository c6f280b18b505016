"""The ways by which a person is told of a run, as they are typed. Imports next to nothing."""

from collections.abc import Sequence

from engine.errors import ConfigError
from engine.terminal_text import printable

BELL, OSC9, OFF = "bell", "osc9", "off"
ON_A_TERMINAL = (BELL, OSC9)
MOST_COMMAND = 4000  # characters
MOST_WAYS = 10
MOST_TEXT = 200  # characters of what a terminal is told


def checked(ways: Sequence[str]) -> tuple[str, ...]:
    """The ways that were typed, each once; `off` alone is none. Raises ConfigError."""
    found = tuple(dict.fromkeys(way.strip() for way in ways))
    if OFF in found:
        if len(found) > 1:
            raise ConfigError("notify", "--notify off stands alone: it is without the others")
        return ()
    if len(found) > MOST_WAYS:
        raise ConfigError("notify", f"--notify takes at most {MOST_WAYS} ways, not {len(found)}")
    for way in found:
        if not way:
            raise ConfigError("notify", "--notify takes bell, osc9, off or a command")
        if len(way) > MOST_COMMAND:
            raise ConfigError("notify", f"--notify: a command may have {MOST_COMMAND} characters, not {len(way)}")
        if "\0" in way or way.encode("utf-8", "replace").decode() != way:
            raise ConfigError("notify", "--notify: the command holds a character that no command can have")
    return found


def commands(ways: Sequence[str]) -> list[str]:
    """Those that the host runs."""
    return [way for way in ways if way not in ON_A_TERMINAL]


def osc9(words: str) -> str:
    """The sequence that lets a terminal show a desktop notification."""
    return f"\x1b]9;{printable(words, MOST_TEXT).replace(';', ',')}\x07"


def sequences(ways: Sequence[str], words: str) -> str:
    """What a terminal is sent."""
    return "\x07" * (BELL in ways) + osc9(words) * (OSC9 in ways)
