"""`rename`: another name for a run, or for a group of runs."""

from pathlib import Path

from engine.errors import RunError
from engine.runs import groups, listing, meta, store
from tui.cli.output import DONE, say


def rename(home: Path, which: str, name: str) -> int:
    """Of the run that is meant, or else of the group. Raises RunError."""
    try:
        folder = store.find(home, which)
    except RunError:
        found = groups.named(groups.groups(listing.list_runs(home)), which)
        if len(found) != 1:
            raise
        (group,) = found
        groups.rename(group, name)
        say(f"{group.id}: {group.title} is called {name or 'by its seeds'} now, {len(group.runs)} runs")
        return DONE
    before = store.title(folder)
    meta.change(folder, name=name)
    say(f"{folder.id}: {before} is called {store.title(folder)} now")
    return DONE
