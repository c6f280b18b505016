"""Where the program keeps what it writes: the home folder."""

import os
from pathlib import Path

import platformdirs

from engine.errors import RunError


def resolve(given: str | Path | None = None) -> Path:
    """The home folder: `given` (--home), else $FMNIST_TUI_HOME, else the platform's user data folder. Not created."""
    chosen = given or os.environ.get("FMNIST_TUI_HOME") or platformdirs.user_data_dir("fmnist-tui")
    return Path(chosen).expanduser().absolute()


def ensure(home: Path) -> Path:
    """Make `home/runs` (mode 0700) where it is missing. Raises RunError where it can't be written."""
    runs = home / "runs"
    try:
        runs.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as error:
        raise RunError(
            f"cannot write to the home folder {home} ({error.strerror}); choose another with --home"
        ) from None
    if not os.access(runs, os.W_OK | os.X_OK):
        raise RunError(f"cannot write to the home folder {home} (Permission denied); choose another with --home")
    return runs
