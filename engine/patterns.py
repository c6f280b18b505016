"""Patterns on the names of parameters and of tensors in files."""

from collections.abc import Iterable
from fnmatch import fnmatchcase


def matches(pattern: str, name: str) -> bool:
    """Whether a pattern is a parameter's name, its module's, or describes one of them, with `*`, `?`, `[…]`."""
    return fnmatchcase(name, pattern) or name.startswith(f"{pattern}.") or fnmatchcase(name, f"{pattern}.*")


def matching(patterns: Iterable[str], names: Iterable[str]) -> set[str]:
    """Those of the names that any of the patterns fits."""
    wanted = list(patterns)
    return {name for name in names if any(matches(pattern, name) for pattern in wanted)} if wanted else set()
