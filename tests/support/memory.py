"""Bounding what a piece of code takes, where a clock would judge the machine."""

import tracemalloc
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def memory_below(limit: int) -> Iterator[None]:
    """Fails where Python's own memory (bytes, lists, NumPy's arrays; not torch's tensors) grows by `limit` bytes."""
    assert not tracemalloc.is_tracing(), "one at a time"
    tracemalloc.start()
    try:
        yield
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < limit, f"it took {peak:,} bytes"
