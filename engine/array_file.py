"""Arrays that are kept in a file of the cache folder, so that they are computed once: an .npz, and after it the SHA-256
of its bytes. A file that is not whole is not used. No torch."""

import hashlib
import io
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from engine import atomic, plain_file, private

if TYPE_CHECKING:
    import numpy as np

    Arrays = Mapping[str, np.ndarray[Any, Any]]

DIGEST = hashlib.sha256
SIZE = DIGEST().digest_size
END_OF_ZIP = b"PK\5\6"  # 22 bytes before the end of an .npz, so of a file from before the digests


@dataclass(frozen=True)
class Kept:
    """What was found of a file."""

    arrays: "Arrays | None"  # None: there is no such file, or it is not used
    damaged: bool = False  # whether it is there, but is not what was written


def read(path: Path) -> Kept:
    """The arrays of a file, by name."""
    try:
        with plain_file.opened(path) as file:
            data = file.read()
    except FileNotFoundError:
        return Kept(None)
    except OSError:
        return Kept(None, damaged=True)
    if DIGEST(data[:-SIZE]).digest() != data[-SIZE:]:
        return Kept(None, damaged=data[-22:-18] != END_OF_ZIP)
    import numpy as np

    with np.load(io.BytesIO(data), allow_pickle=False) as stored:
        return Kept({name: stored[name] for name in stored.files})


def keep(path: Path, arrays: "Arrays") -> None:
    """Write the arrays. Where the file can't be written, they are computed again the next time."""
    import numpy as np

    buffer = io.BytesIO()
    np.savez(buffer, allow_pickle=False, **arrays)
    data = buffer.getvalue()
    try:
        private.folder(path.parent)
        atomic.write_bytes(path, data + DIGEST(data).digest())
    except OSError:
        pass
