"""Text from other people's files, as it may go to a terminal."""


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
