"""The themes: Textual's."""

from collections.abc import Collection

from textual.theme import BUILTIN_THEMES


def names() -> Collection[str]:
    """Of all there are."""
    return sorted(BUILTIN_THEMES)
