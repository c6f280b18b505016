"""The runs in the home folder."""

from engine.runs.listing import RunSummary, list_runs
from fmnist_tui.places import PathLike, home_of


def runs(*, home: PathLike | None = None) -> list[RunSummary]:
    """All runs, the newest first, as `fmnist-tui runs` lists them: `title`, `state`, `model`, `epoch`, `epochs`,
    `accuracy` and `best_accuracy` (fractions of 1), `loss`, `seconds`, `settings` and more. What can't be read is left
    out."""
    return list_runs(home_of(home))
