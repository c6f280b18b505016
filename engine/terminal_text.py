"""Text from other people's files, as it may go to a terminal."""

import os


def printable(text: str, most: int | None = None) -> str:
    r"""The text with whatever is no printable character as its escape: control characters, line ends, marks that turn
    the direction of writing, halves of surrogate pairs. `most`: characters that are kept, the last an ellipsis.

    >>> visible("a\x1b[31mb")
    'a\\x1b[31mb'
    """
    if most is not None and len(text) > most:
        text = text[: most - 1] + "…"
    if text.isprintable():
        return text
    return "".join(one if one.isprintable() else one.encode("unicode_escape").decode("ascii") for one in text)


def path_text(path: "str | os.PathLike[str]") -> str:
    r"""A file's name or path as text: UTF-8, whatever the locale; bytes that are not, as Python writes them.

    >>> path_text("caf\udce9.png")
    'caf\\xe9.png'
    """
    try:
        return os.fsencode(path).decode("utf-8", "backslashreplace")
    except UnicodeEncodeError:  # no file can have that name
        return printable(os.fspath(path))
