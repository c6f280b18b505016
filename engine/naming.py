"""Patterns on the names of parameters and of tensors in files."""

from collections.abc import Iterable
from fnmatch import fnmatchcase


def fits(pattern: str, name: str) -> bool:
    """Whether a pattern is a parameter's name, its module's, or describes one of them, with `*`, `?`, `[…]`."""
    return fnmatchcase(name, pattern) or name.startswith(f"{pattern}.") or fnmatchcase(name, f"{pattern}.*")


def fitting(patterns: Iterable[str], names: Iterable[str]) -> set[str]:
    """Those of the names that any of the patterns fits."""
    wanted = list(patterns)
    return {name for name in names if any(fits(pattern, name) for pattern in wanted)} if wanted else set()
