"""The data sets that requests to the worker process are about, each opened once."""

from functools import lru_cache
from pathlib import Path

from engine.data.open_dataset import Dataset, open_dataset


@lru_cache(maxsize=2)
def dataset(name: str, data_dir: Path | None, home: Path) -> Dataset:
    """As `open_dataset`; the last two stay open. Raises DataError."""
    return open_dataset(name, data_dir, home)
