import math

import pytest

from engine.training import events as ev
from tui import format as fmt


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (None, "–"),
        (math.nan, "–"),
        (0.4, "0 s"),
        (59.4, "59 s"),
        (185, "3 min 05 s"),
        (7620, "2 h 07 min"),
        (273600, "3 d 4 h"),
    ],
)
def test_durations_are_in_the_two_largest_units(seconds: float | None, words: str) -> None:
    assert fmt.duration(seconds) == words


@pytest.mark.parametrize(
    ("number", "words"),
    [
        (0, "0"), (512, "512"), (5120, "5.12 k"), (401_408, "401 k"), (999_499, "999 k"), (999_900, "1.00 M"),
        (15_470_264_320, "15.5 G"), (9_960, "9.96 k"), (9_996, "10.0 k"), (2e15, "2000 T"),
    ],
)  # fmt: skip
def test_large_numbers_have_three_digits_and_a_unit(number: float, words: str) -> None:
    assert fmt.amount(number) == words


@pytest.mark.parametrize(
    ("count", "words"),
    [(None, "–"), (512, "512 B"), (3_565_158, "3.4 MiB"), (139 * 2**30, "139 GiB"), (1023, "1.0 KiB")],
)
def test_sizes_are_binary(count: int | None, words: str) -> None:
    assert fmt.size(count) == words


@pytest.mark.parametrize("number", [0.0, 1e-3, 3e-4, 0.01, 0.9, 1 / 3, 64.0, 1e7, 12345.678])
def test_a_setting_is_written_exactly(number: float) -> None:
    assert float(fmt.setting(number)) == number


def test_settings_take_their_shorter_spelling() -> None:
    assert [fmt.setting(n) for n in (1e-3, 0.01, 0.9, 0.0, 5e-4)] == ["1e-3", "0.01", "0.9", "0", "5e-4"]


def test_losses_that_are_no_numbers_are_written_as_they_are() -> None:
    assert [fmt.loss(x) for x in (2.29736, math.nan, math.inf)] == ["2.2974", "nan", "inf"]


def test_the_log_lines_are_the_tutorials() -> None:
    first = ev.BatchLoss(epoch=1, step=1, loss=2.29735, seen=0, of=60000)
    later = ev.BatchLoss(epoch=1, step=101, loss=2.2861, seen=6400, of=60000)
    assert fmt.batch_line(first) == "loss: 2.297350  [    0/60000]"
    assert fmt.batch_line(later) == "loss: 2.286100  [ 6400/60000]"
    tested = ev.Evaluated(epoch=1, loss=2.153763, accuracy=0.4534, per_class=[], confusion=[], seconds=0.1)
    assert fmt.test_line(tested) == "Test Error: Accuracy: 45.3%, Avg loss: 2.153763"


def test_an_age_is_in_its_largest_unit() -> None:
    assert [fmt.age(s) for s in (5, 200, 7300, 400000)] == ["< 1 min", "3 min", "2 h", "4 d"]


def test_the_numbers_of_a_column_have_one_format() -> None:
    assert fmt.alike([0.0181, -0.5, None, 0.0]) == ["0.0181", "-0.5000", "", "0"]
    assert fmt.alike([235.0, 12.0]) == ["235", "12"]
    assert fmt.alike([0.123, 1.7e-07]) == ["1.23e-1", "1.70e-7"]
    assert fmt.alike([float("nan"), 2.5, float("-inf")]) == ["nan", "2.50", "-inf"]
    assert fmt.alike([None, 0.0]) == ["", "0"]
    assert all(len(text) <= 9 for text in fmt.alike([-1.2345e-30, 1234567.0, -99999.5, 0.001]))


def test_an_accuracy_says_that_it_used_test_time_augmentation() -> None:
    assert fmt.accuracy(0.931, tta=True) == "93.1% TTA"
    assert fmt.accuracy(0.931, tta=False) == "93.1%"
    assert fmt.accuracy(None, tta=True) == fmt.percent(None)
    assert [fmt.how_words(*given) for given in (("", ""), ("EMA 0.9", ""), ("", "flip"), ("SWA", "flip"))] == [
        "", " (EMA 0.9)", " (flip TTA)", " (SWA, flip TTA)",
    ]  # fmt: skip
