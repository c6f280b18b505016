"""Text on its way to a terminal: without what would command it, and in the characters that it has.

`printable` is for names and messages that are kept or compared too: it is the same everywhere. `shown` is the one way
to a terminal for every text that comes from a person or a file; it is idempotent, and keeps to the terminal's encoding.
What the program itself draws has plain forms of the same width (`PLAIN`), so that no column shifts.
"""

import codecs
import hashlib
import os
import re
import unicodedata
from functools import lru_cache

PLAIN = {
    "µ": "u", "±": "~", "²": "2", "³": "3", "·": ".", "×": "x", "÷": "/", "⁄": "/", "Δ": "d", "ᵀ": "T", "–": "-",
    "—": "-", "°": " ", "…": "~", "‹": "<", "›": ">",
    "←": "<", "↑": "^", "→": ">", "↓": "v", "∂": "d", "−": "-", "≈": "~", "≠": "!", "≤": "<", "≥": ">", "，": ", ",
    "‘": "'", "’": "'", "“": '"', "”": '"',
    "▀": '"', "▁": "_", "▂": "_", "▃": ".", "▄": "-", "▅": "-", "▆": "=", "▇": "#", "█": "#",
    "▉": "#", "▊": "#", "▋": "#", "▌": "|", "▍": "|", "▎": "|", "▏": "|", "▐": "|", "░": ".", "▒": ":", "▓": "#",
    "▔": "-", "▕": "|", "▸": ">", "▶": ">", "▼": "v", "▽": "v", "▲": "^", "●": "o", "○": "o", "•": "*",
    "▵": "^", "■": "#", "□": "=", "△": "A", "◆": "*", "★": "*", "◇": "+", "⠿": "o",
    "✓": "+", "⏎": "<", "⌫": "<", "✗": "x", "\xa0": " ", "🔎": "> ",
}  # fmt: skip
# Marks that turn the direction of writing.
TURNING = frozenset("\u061c\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")
ERRORS = "fmnist-tui.plain"  # the name of the handler of what a stream can't encode

_encoding = "utf-8"  # the terminal's


def printable(text: str, most: int | None = None) -> str:
    r"""The text with what is not a printable character as its escape: control characters, line ends, marks that turn
    the direction of writing, halves of surrogate pairs. `most`: characters that are kept, the last an ellipsis.

    >>> printable("a\x1b[31mb")
    'a\\x1b[31mb'
    """
    if most is not None and len(text) > most:
        text = text[: most - 1] + "…"
    if text.isprintable():
        return text
    return "".join(one if one.isprintable() else one.encode("unicode_escape").decode("ascii") for one in text)


def identifier(text: str, most: int = 200) -> str:
    r"""A name from a file: `printable`, and no two names become one. Most names are their own; of others backslashes
    are doubled, and one of more than `most` characters ends in a part of its SHA-256.

    >>> identifier("a\x1bb") == identifier("a\\x1bb")
    False
    """
    if len(text) <= most and text.isprintable() and "\\" not in text and "…" not in text:
        return text
    escaped = "".join(map(_escaped, text[: most + 1]))
    if len(text) <= most and len(escaped) <= most:
        return escaped
    digest = hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:16]
    return f"{escaped[: most - 17]}…{digest}"


def original(identified: str) -> str:
    """The name that `identifier` was given; of one that was too long, what is left of it."""
    if "\\" not in identified:
        return identified
    ascii_alone = re.sub(r"[^\x00-\x7f]", lambda one: _escape(one[0]), identified)
    return codecs.decode(ascii_alone, "unicode_escape")


def _escaped(one: str) -> str:
    """A character as it stands in an identifier."""
    return "\\\\" if one == "\\" else one if one.isprintable() and one != "…" else _escape(one)


def _escape(one: str) -> str:
    return one.encode("unicode_escape").decode("ascii")


def path_text(path: "str | os.PathLike[str]") -> str:
    r"""A file's name or path as text: UTF-8, whatever the locale; bytes that are not, as Python writes them.

    >>> path_text("caf\udce9.png")
    'caf\\xe9.png'
    """
    try:
        return os.fsencode(path).decode("utf-8", "backslashreplace")
    except UnicodeEncodeError:  # no file can have that name
        return printable(os.fspath(path))


def argument_text(argument: str) -> str:
    r"""What was typed as an argument that is no path: UTF-8 where its bytes are, whatever the locale; else as Python
    decoded it.

    >>> argument_text("caf\udcc3\udca9")  # of the locale C
    'café'
    """
    try:
        return os.fsencode(argument).decode()
    except UnicodeError:
        return argument


def shown(text: str) -> str:
    r"""One line, as it may go to this terminal: `printable`, and what its encoding lacks in its plain form, or
    as its escape.

    >>> shown("café…")  # on a terminal of ASCII
    'caf\\xe9~'
    """
    text = printable(text)
    if _encoding == "utf-8" or text.isascii():
        return text
    return "".join(map(_shown, text))


def shown_lines(text: str) -> str:
    """`shown` of each of several lines."""
    return "\n".join(map(shown, text.split("\n")))


def without_tabs(text: str, stop: int = 8) -> str:
    r"""One line with spaces in place of tabs, as a terminal shows them: up to the next column that `stop` divides.

    >>> without_tabs("가\tb")
    '가      b'
    """
    if "\t" not in text:
        return text
    made, column = list[str](), 0
    for part in text.split("\t"):
        if made:
            spaces = stop - column % stop
            made.append(" " * spaces)
            column += spaces
        made.append(part)
        column += sum(map(_width, part))
    return "".join(made)


def in_cells(text: str) -> str:
    """What is on its way to the terminal already, laid out in cells: nothing in it may command the terminal, and each
    character keeps its width."""
    if (text.isascii() or _encoding == "utf-8") and text.isprintable():
        return text
    return "".join(map(_in_cells, text))


def use_encoding(encoding: str) -> None:
    """From now on, the terminal's encoding is this one. Raises LookupError where Python does not know it."""
    global _encoding
    _encoding = codecs.lookup(encoding).name
    _shown.cache_clear()
    _in_cells.cache_clear()


def encoding() -> str:
    """The terminal's, by Python's name for it."""
    return _encoding


def _has(character: str) -> bool:
    try:
        character.encode(_encoding)
    except UnicodeEncodeError:
        return False
    return True


@lru_cache(maxsize=4096)
def _shown(character: str) -> str:
    if plain := _plain(character):  # the program's own signs, also where the encoding has them
        return plain
    return character if _has(character) else character.encode("unicode_escape").decode("ascii")


@lru_cache(maxsize=4096)
def _in_cells(character: str) -> str:
    if unicodedata.category(character) == "Cc" or character in TURNING:
        return ""
    if _encoding == "utf-8":
        return character if _has(character) else "?"
    return _plain(character) or (character if _has(character) else "?" * _width(character))


def _plain(character: str) -> str:
    """Its plain form, of its width; empty where it has none."""
    code = ord(character)
    if character in PLAIN:
        return PLAIN[character]
    if 0x2500 <= code <= 0x257F:  # box drawing
        name = unicodedata.name(character)
        across, down = "HORIZONTAL" in name or "LEFT" in name or "RIGHT" in name, "VERTICAL" in name or "UP" in name
        return "+" if across and (down or "DOWN" in name) else "-" if across else "|"
    if 0x2580 <= code <= 0x259F:  # block elements
        return "#"
    if 0x2800 <= code <= 0x28FF:  # braille: dots 1, 2, 4 and 5 stand above the others
        above, below = code & 0b11011, code & 0b11100100
        return (
            ("#" if (code & 0xFF).bit_count() > 5 else ":")
            if above and below
            else "'"
            if above
            else "."
            if below
            else " "
        )
    return ""


def _width(character: str) -> int:
    """Cells."""
    if unicodedata.category(character) in ("Cc", "Cf", "Mn", "Me"):
        return 0
    return 2 if unicodedata.east_asian_width(character) in "WF" else 1


def _replace(error: UnicodeError) -> tuple[str, int]:
    """The handler ERRORS: for what is on its way to a stream, whoever wrote it."""
    if not isinstance(error, UnicodeEncodeError):
        raise error
    return "".join(_plain(one) or "?" * _width(one) for one in error.object[error.start : error.end]), error.end


codecs.register_error(ERRORS, _replace)
