"""What a program writes, as it stands once it has been written: lines that are written over, also those above, as two
progress bars do; and without what else commands a terminal."""

import re
from collections.abc import Callable

LONGEST = 100_000  # characters of a line
HIGHEST = 100  # lines that the cursor may stand above the last one
CUT = 4000  # characters of a sequence that commands a terminal which a part may end with, and the next go on with
MOST_WORK = 20 * LONGEST  # characters that one text may have moved; then a line that is written over begins anew
SEQUENCE = re.compile(r"\x1b(?:\[[0-?]*[ -/]*[@-~]|\][^\x07\x1b]*(?:\x07|\x1b\\)|[PX^_][^\x1b]*\x1b\\|[ -/]*[0-~])")
STRING = re.compile(r"\x1b(?:\][^\x07\x1b]*|[PX^_][^\x1b]*)")
UNENDED = re.compile(r"\x1b(?:\[[0-?]*[ -/]*|\][^\x07\x1b]*|[PX^_][^\x1b]*|[ -/]*)")  # the beginning of such a sequence
OBEYED = re.compile(r"\x1b\[(?:[012]?K|\d{0,4}[ABEF])")  # erases in the line; goes lines up (A, F) or down (B, E)
STEPS = re.compile(r"(\r|\x08|\x1b\[[0-9]*[ABEFK])")


def clean(text: str) -> str:
    """The text without what commands a terminal; a line that is written over shows what it shows last."""
    if any(one in text for one in "\r\b\x1b"):
        lines = list[str]()
        written = Written(lines.append, lambda: lines.pop() if lines else None)
        written.add(text)
        text = "\n".join([*lines, written.rest])
    return _printable(text, "\n\t")


def clean_part(text: str) -> str:
    """The same of a part of a stream, which may write over a line that another part has begun: with its returns."""
    return _printable(SEQUENCE.sub("", text), "\b\n\r\t")


def _printable(text: str, kept: str) -> str:
    return text if text.isprintable() else "".join(one for one in text if one >= " " or one in kept)


class Written:
    """Lines under way. `end` gets each line that the cursor leaves behind; `back` gives the last of those again, where
    the cursor goes up to it, or None where there is none."""

    def __init__(self, end: Callable[[str], None], back: Callable[[], str | None]) -> None:
        self._end, self._back = end, back
        self._line, self._at = "", 0  # that of the cursor, and where it stands; perhaps behind its end
        self._below: list[str] = []  # the lines under it, the next one last
        self._cut = ""  # the beginning of a sequence, whose end is to come
        self._work = 0

    @property
    def rest(self) -> str:
        """The line of the cursor, and those below it, none of which `end` has got. Blank ones are empty."""
        return "\n".join(line if line.strip(" ") else "" for line in (self._line, *reversed(self._below)))

    @property
    def size(self) -> int:
        """Characters of the rest, about."""
        return len(self._line) + sum(map(len, self._below))

    def add(self, text: str) -> None:
        """A part of what is written. A sequence may be cut in two by its end."""
        self._work = 0
        text, self._cut = self._cut + text, ""
        if "\x1b" in text:
            begin = _unended(text)
            text, self._cut = text[:begin], text[begin:]
            text = SEQUENCE.sub(_obeyed, text)
        first, *others = text.split("\n")
        at_end = not self._below and self._at == len(self._line)
        if others and at_end and not any(one in text for one in "\r\b\x1b"):  # most text: lines alone
            for line in (self._line + first, *others[:-1]):
                self._end(line[:LONGEST])
            self._line, self._at = "", 0
            self._put(others[-1])
            return
        self._write(first)
        for part in others:
            self._down()
            self._write(part)

    def _write(self, part: str) -> None:
        """What has no line's end."""
        if any(one in part for one in "\r\b\x1b"):
            if self._work < MOST_WORK:
                self._take_steps(part)
                return
            self._line = ""
            part = _printable(SEQUENCE.sub("", part.rpartition("\r")[2]), "\t")
        self._put(part)

    def _put(self, text: str) -> None:
        if text:
            line, at = self._line, self._at
            over = line + text if at == len(line) else line[:at].ljust(at) + text + line[at + len(text) :]
            self._cut_to_length(over, at + len(text))

    def _take_steps(self, part: str) -> None:
        """What goes back in the line, or to another one. As in a notebook, what is written over what is longer leaves
        its end."""
        cells, at = list(self._line), self._at
        self._work += len(cells)
        for step in STEPS.split(part):
            if step == "\r":
                at = 0
            elif step == "\b":
                at = max(0, at - 1)
            elif not step.startswith("\x1b["):
                text = step.replace("\x1b", "")
                if text and at > len(cells):
                    cells += " " * (at - len(cells))
                cells[at : at + len(text)] = text
                at += len(text)
            elif self._work > MOST_WORK:
                continue
            elif step.endswith("K"):
                first, last = {"1K": (0, min(at, len(cells))), "2K": (0, len(cells))}.get(step[2:], (at, len(cells)))
                cells[first:last] = " " * (last - first) if step == "\x1b[1K" else ""
                self._work += last - first
            else:
                self._line = "".join(cells)
                at = self._move(step[-1], int(step[2:-1] or 1), at)
                self._work += len(cells) + len(self._line)
                cells = list(self._line)
        self._cut_to_length("".join(cells), at)

    def _cut_to_length(self, line: str, at: int) -> None:
        cut = max(0, len(line) - LONGEST)
        self._line, self._at = line[cut:], min(LONGEST, max(0, at - cut))

    def _move(self, where: str, lines: int, at: int) -> int:
        """The cursor to another line. Returns where in it."""
        for _ in range(min(lines, HIGHEST)):
            if where in "AF":
                if len(self._below) >= HIGHEST or (before := self._back()) is None:
                    break
                self._below.append(self._line)
                self._line = before
            elif self._below:
                self._end(self._line)
                self._line = self._below.pop()
        return 0 if where in "EF" else at

    def _down(self) -> None:
        """To the beginning of the next line, which may be there already."""
        self._end(self._line)
        self._line, self._at = self._below.pop() if self._below else "", 0


def _unended(text: str) -> int:
    """Where the sequence begins whose end is to come; the text's end, where there is none."""
    last = text.rfind("\x1b")
    before = text.rfind("\x1b", 0, last) if last == len(text) - 1 else -1
    if before >= 0 and STRING.fullmatch(text, before, last):  # of which the last character is half the end
        last = before
    elif not UNENDED.fullmatch(text, last):
        return len(text)
    return last if len(text) - last < CUT else len(text)


def _obeyed(sequence: re.Match[str]) -> str:
    return sequence[0] if OBEYED.fullmatch(sequence[0]) else ""
