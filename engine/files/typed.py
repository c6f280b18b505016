"""How people name weights. Imports no torch."""

from pathlib import Path


def file_and_prefix(text: str) -> tuple[Path, str]:
    """The file and the prefix of `FILE PREFIX`; a prefix ends with a dot."""
    file, space, prefix = text.strip().rpartition(" ")
    if not space or not prefix.endswith("."):
        file, prefix = text.strip(), ""
    return Path(file.strip()).expanduser(), prefix
