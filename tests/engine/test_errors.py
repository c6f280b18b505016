"""How an exception is told that nobody expected."""

import pytest

from engine.errors import unexpected


@pytest.mark.parametrize(
    ("error", "line"),
    [
        (ValueError("no\nmore"), "a bug: ValueError: no"),
        (AssertionError(), "a bug: AssertionError"),
        (MemoryError(), "out of memory"),
        (MemoryError("Unable to allocate 9 GiB"), "out of memory: Unable to allocate 9 GiB"),
        (RuntimeError("CUDA out of memory. Tried 2 GiB"), "out of memory: CUDA out of memory. Tried 2 GiB"),
        (RuntimeError("[enforce fail] DefaultCPUAllocator: can't allocate memory: you tried to allocate 8 bytes"),
         "out of memory: [enforce fail] DefaultCPUAllocator: can't allocate memory: you tried to allocate 8 bytes"),
        (RuntimeError("shapes differ"), "a bug: RuntimeError: shapes differ"),
    ],
)  # fmt: skip
def test_a_bug_and_a_lack_of_memory_are_told_apart(error: Exception, line: str) -> None:
    assert unexpected(error) == line


def test_the_words_for_a_bug_can_be_chosen() -> None:
    assert unexpected(KeyError("x"), "a bug in the program") == "a bug in the program: KeyError: 'x'"
