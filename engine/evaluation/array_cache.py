"""Arrays that are kept in a file of the cache folder, so that they are computed once. No torch."""

import io
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from engine import atomic

if TYPE_CHECKING:
    import numpy as np

    Arrays = Mapping[str, np.ndarray[Any, Any]]


def read(path: Path, names: Iterable[str]) -> "Arrays | None":
    """The arrays of these names; None where they are not kept, or the file can't be read."""
    import numpy as np

    try:
        with np.load(path, allow_pickle=False) as stored:
            return {name: stored[name] for name in names}
    except (OSError, ValueError, KeyError):
        return None


def keep(path: Path, arrays: "Arrays") -> None:
    """Write the arrays. Where the file can't be written, they are computed again the next time."""
    import numpy as np

    buffer = io.BytesIO()
    np.savez(buffer, allow_pickle=False, **arrays)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        atomic.write_bytes(path, buffer.getvalue())
    except OSError:
        pass
