"""Which parameters do not train: patterns of their names. Imports no torch, so that a form can check what is typed."""

import re
from collections.abc import Iterable, Sequence

from engine.patterns import matches


def patterns(text: str) -> list[str]:
    """The patterns of a text, separated by commas or spaces. Raises ValueError for an empty one."""
    found = [part for part in re.split(r"[,\s]+", text.strip()) if part]
    if any(not part.removeprefix("!") for part in found):
        raise ValueError("a ! stands before a name or pattern: '*, !linear_relu_stack.4.*'")
    return found


def frozen(text: str, names: Iterable[str]) -> set[str]:
    """Those of `names` that a text freezes.

    A pattern is a parameter's name, a module's (all that is in it), or has `*`, `?`, `[…]` as in a shell; with a `!`
    before it, it unfreezes. The last one that matches decides.
    """
    wanted = patterns(text)
    return {
        name
        for name in names
        if next((not one.startswith("!") for one in reversed(wanted) if matches(one.removeprefix("!"), name)), False)
    }


def unmatched(text: str, names: Sequence[str]) -> list[str]:
    """The patterns that match no name."""
    return [one for one in patterns(text) if not any(matches(one.removeprefix("!"), name) for name in names)]


def toggled(text: str, chosen: str, names: Sequence[str]) -> str:
    """The text with a parameter, or all of a module, frozen; or, where all of it is frozen already, unfrozen."""
    mine = [name for name in names if matches(chosen, name)]
    unfreeze = bool(mine) and set(mine) <= frozen(text, names)
    kept = [one for one in patterns(text) if not _within(chosen, one.removeprefix("!"))]
    without = ", ".join(kept)
    now = frozen(without, mine)
    if (unfreeze and not now) or (not unfreeze and now == set(mine)):
        return without
    return ", ".join([*kept, f"!{chosen}" if unfreeze else chosen])


def _within(chosen: str, pattern: str) -> bool:
    """Whether a pattern matches nothing outside `chosen`."""
    return pattern == chosen or pattern.startswith(f"{chosen}.")
