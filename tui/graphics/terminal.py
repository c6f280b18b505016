"""What the terminal says of itself: asked once, when the app starts. Nothing waits for the answers, and however late
they come, none of them is taken for keys."""

import fcntl
import re
import struct
import termios
from collections.abc import Callable
from dataclasses import dataclass, field, replace

# Its name and version, a cell's size in pixels, how many colours sixels may have; last what every terminal answers.
# XTVERSION, XTWINOPS 16, XTSMGRAPHICS and DA1 of https://invisible-island.net/xterm/ctlseqs/ctlseqs.html
QUESTION = "\x1b[>q\x1b[16t\x1b[?1;1;0S\x1b[c"
ANSWER = re.compile(
    r"\x1bP>\|(?P<name>[^\x1b]*)\x1b\\"
    r"|\x1b\[6;(?P<height>\d+);(?P<width>\d+)t"
    r"|\x1b\[\?1;(?P<failed>\d+);?(?P<colours>\d*)[;\d]*S"
    r"|\x1b\[\?(?P<attributes>[\d;]*)c"
)
BEGUN = re.compile(r"\x1b(?:P>[^\x1b]*\x1b?|\[6[\d;]*|\[\?[\d;]*)\Z")  # an answer that is not all there
SIXEL = "4"  # of the attributes
KITTY = re.compile(r"kitty\((\d+)\.(\d+)")  # placeholders came with 0.28
KITTY_SINCE = (0, 28)
PLACEHOLDERS = ("ghostty",)  # other terminals that draw them, as they begin their names
FEWEST_COLOURS, MOST_COLOURS = 2, 256


@dataclass(frozen=True)
class Answers:
    """`cell`: width and height in pixels, (0, 0) where it is not known."""

    name: str = ""
    cell: tuple[int, int] = (0, 0)
    colours: int = 16  # of sixels: what a VT340 has
    sixel: bool = False

    @property
    def kitty(self) -> bool:
        """Whether it draws kitty's Unicode placeholders. tmux answers in its own name."""
        if found := KITTY.match(self.name):
            return (int(found[1]), int(found[2])) >= KITTY_SINCE
        return self.name.lower().startswith(PLACEHOLDERS)


def cell_of(descriptor: int) -> tuple[int, int]:
    """A cell's width and height in pixels as the terminal's driver knows them; (0, 0) where it does not."""
    try:
        answer = fcntl.ioctl(descriptor, termios.TIOCGWINSZ, bytes(8))
    except OSError:
        return 0, 0
    rows, columns, width, height = struct.unpack("HHHH", answer)
    return (width // columns, height // rows) if rows and columns else (0, 0)


@dataclass
class TerminalAnswers:
    """Takes the answers out of what is typed, for as long as the app runs. `take` is called in the thread that reads
    the keyboard, and so is `answered`, once, when all is answered."""

    answered: Callable[[Answers], None]
    _known: Answers = field(default_factory=Answers)
    _held: str = ""
    _done: bool = False

    def take(self, text: str) -> str:
        """The text without the answers in it. What may be the first half of one is held back until the rest comes."""
        if self._held:
            text, self._held = self._held + text, ""
        if "\x1b" not in text:
            return text
        text = ANSWER.sub(self._found, text)
        if not self._done and (begun := BEGUN.search(text)):
            self._held = begun[0]
            text = text[: begun.start()]
        return text

    def _found(self, answer: re.Match[str]) -> str:
        known = self._known
        if answer["name"] is not None:
            known = replace(known, name=answer["name"])
        elif answer["width"] is not None:
            known = replace(known, cell=(int(answer["width"]), int(answer["height"])))
        elif answer["failed"] is not None:
            if answer["failed"] == "0" and answer["colours"]:
                colours = max(FEWEST_COLOURS, min(int(answer["colours"]), MOST_COLOURS))
                known = replace(known, colours=colours)
        else:
            known = replace(known, sixel=SIXEL in answer["attributes"].split(";")[1:])
        self._known = known
        if answer["attributes"] is not None and not self._done:
            self._done = True
            self.answered(known)
        return ""
