"""What is said of keys around a screen: in the line at the bottom, and in the help over it."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from textual.binding import Binding
from textual.screen import Screen


@dataclass(frozen=True)
class KeyWords:
    """In English. A screen in another language has its own as `key_words`."""

    title: str = "Keys"
    panel: str = "This panel"
    screen: str = "This screen"
    everywhere: str = "Everywhere"
    not_now: str = "Not now"
    part: str = "part of a key's name or of what it does"
    hint: str = "/: search · Esc: close · Ctrl+P: find a command by name"
    none: str = "no key's name or description has that in it"
    no_cell: str = "nothing is chosen here that a cell could have"
    # The keys of the app and of what lies over screens, by what stands behind the dot in their ids: what each is called
    # and what is said besides; none: as the binding has it
    app: Mapping[str, tuple[str, str]] = field(default_factory=dict)

    def of(self, binding: Binding) -> tuple[str, str]:
        """What a key is called, and what is said besides."""
        whose, _, name = (binding.id or "").partition(".")
        known = self.app.get(name) if whose in ("app", "overlay") else None
        return known or (binding.description, binding.tooltip)


ENGLISH = KeyWords()


def key_words(screen: Screen[object]) -> KeyWords:
    """Those of a screen."""
    found: KeyWords = getattr(screen, "key_words", ENGLISH)
    return found
