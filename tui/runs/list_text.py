"""What stands in the borders of the list of runs."""

from collections.abc import Sequence

from engine.runs.groups import Group
from engine.runs.listing import RunSummary
from engine.terminal_text import printable
from tui import format as fmt
from tui.runs import group_text, run_text
from tui.runs.shown_runs import Shown


def counts(shown: Shown, every: int, *, filtered: bool) -> str:
    """How many runs are shown, and how many live: `3 of 9 runs · 1 live`. `every`: that there are."""
    count = fmt.counted(every, "run")
    parts = [f"{fmt.count(len(shown.runs))} of {count}" if filtered else count if every else ""]
    parts += [f"{shown.live} live" if shown.live else ""]
    return " · ".join(filter(None, parts))


def of_run(run: RunSummary, runs: Sequence[RunSummary]) -> str:
    """The run under the cursor, of all `runs`."""
    words = run.state_words
    facts = [run_text.origin(run, runs), words if words != run.state else "", run_text.began(run)]
    return " · ".join(filter(None, [printable(run.problem), *facts, run.id]))


def of_group(group: Group, *, unfolded: bool) -> str:
    """The group under the cursor."""
    return printable(f"{group_text.state_words(group)} · enter {'folds' if unfolded else 'unfolds'} it")
