"""Python files of a person's own, as models and transforms are in them."""

from pathlib import Path

from engine.models import trusted_code


def write_trusted(path: Path, text: str) -> None:
    """Write the file as one that the person has named themselves."""
    path.write_text(text, encoding="utf-8")
    trusted_code.trust(path)
