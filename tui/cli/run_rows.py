"""Reading all runs for a command; where that takes long, how far it is stands on stderr."""

from pathlib import Path
from typing import TYPE_CHECKING

from tui.cli.output import TELL_S, tell_in_place

if TYPE_CHECKING:
    from engine.runs.listing import RunSummary
    from engine.runs.unreadable import UnreadableError


def read(home: Path) -> "tuple[list[RunSummary], tuple[UnreadableError, ...]]":
    """The runs, newest first, and what of them can't be read."""
    from engine.runs.listing import Listing
    from tui.format import left_to_read

    listing, told = Listing(home), False
    try:
        rows = listing.look(TELL_S)
        while listing.left:
            told = True
            tell_in_place(left_to_read(listing.left, *listing.under_way))
            rows = listing.look(TELL_S)
    finally:
        if told:
            tell_in_place("")
    return rows, listing.unreadable
