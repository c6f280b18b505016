"""`engine.data.dataset_cache` for requests that have no type of their own yet."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from engine.data import dataset_cache
from engine.data.dataset import Dataset


def dataset(home: Path, values: Mapping[str, Any]) -> Dataset:
    """The data set `dataset`, in `data_dir`, of a request. Raises DataError."""
    data_dir = values.get("data_dir")
    return dataset_cache.dataset(values["dataset"], Path(data_dir) if data_dir else None, home)
