"""How long a kernel may be idle, as it is typed and told."""

import pytest

from engine.lab import durations


@pytest.mark.parametrize(
    ("text", "length", "words"),
    [
        ("90s", 90, "90 s"),
        ("30m", 1800, "30 m"),
        ("12h", 43200, "12 h"),
        ("2 d", 172800, "2 d"),
        ("1.5h", 5400, "90 m"),
    ],
)
def test_a_time_is_read_and_told(text: str, length: float, words: str) -> None:
    assert durations.seconds(text) == length
    assert durations.words(length) == words
    assert durations.seconds(durations.typed(length)) == length


@pytest.mark.parametrize("text", ["", "12", "h", "-1h", "0s", "0.5s", "366d", "1w", "1h2m", "١h", 12, None, True])
def test_what_is_no_time_is_refused(text: object) -> None:
    with pytest.raises(ValueError, match="it must be a time from 1s to 365d"):
        durations.seconds(text)
