"""What commands print as JSON."""

import json

import pytest

from tui.cli.output import say_json


@pytest.mark.parametrize(
    "value",
    [{"a": [1, 2.5, None, True, "x"], "b": {}}, {"é": "\u2028"}, {"lone": "\ud800"}, [2**70], {"control": "\x1b\x00"}],
)
def test_json_without_nan_says_the_same_in_ascii(value: object, capsys: pytest.CaptureFixture[str]) -> None:
    say_json(value)
    slow = capsys.readouterr().out
    say_json(value, finite=True)
    fast = capsys.readouterr().out
    assert json.loads(fast) == json.loads(slow) == value
    assert fast.isascii()
    assert slow.isascii()
