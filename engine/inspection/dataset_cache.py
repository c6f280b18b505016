"""The data set that requests are about, opened once."""

from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path
from typing import Any

from engine.data.open_dataset import Dataset, open_dataset


def dataset(home: Path, values: Mapping[str, Any]) -> Dataset:
    """The data set `dataset`, in `data_dir`, of a request. Raises DataError."""
    return _open(values["dataset"], values.get("data_dir"), home)


@lru_cache(maxsize=2)
def _open(name: str, data_dir: str | None, home: Path) -> Dataset:
    return open_dataset(name, Path(data_dir) if data_dir else None, home)
