"""The runs in the home folder."""

from engine.errors import RunError
from engine.runs.listing import RunSummary, list_runs
from engine.terminal_text import path_text
from fmnist_tui.places import PathLike, home_of
from fmnist_tui.spoken import in_python


@in_python
def runs(*, home: PathLike | None = None) -> list[RunSummary]:
    """All runs, the newest first, as `fmnist-tui runs` lists them: `title`, `state`, `model`, `epoch`, `epochs`,
    `accuracy` and `best_accuracy` (fractions of 1), `loss`, `seconds`, `settings` and more. What can't be read is left
    out. Raises Error where the `home` that is given is no folder."""
    folder = home_of(home)
    if home is not None and not folder.is_dir():
        raise RunError(f"there is no home folder {path_text(folder)}")
    return list_runs(folder)
