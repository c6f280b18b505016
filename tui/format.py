"""The one way numbers are written on a screen: durations, sizes, counts, losses, and the tutorial's log lines."""

import math
from collections.abc import Sequence

from engine.checkpoints.manifest import Entry
from engine.digits import short_exponent, significant
from engine.mean_std import MeanStd
from engine.terminal_text import printable
from engine.training import events as ev
from engine.training import test_time
from engine.training.setting import number_text, numbers_alike

NUMBER = 8  # characters of a number in a column, without its sign
PINNED = "◆ "  # before the name of a run that is pinned
NOTHING = "–"  # where a number is not known (yet)
setting = number_text  # a setting exactly as it is: `1e-3`, `0.01`, `0`
settings_alike = numbers_alike  # those of a column in one format, up to four digits


def duration(seconds: float | None) -> str:
    """A stretch of time: `8 s`, `3 min 05 s`, `2 h 07 min`, `3 d 4 h`."""
    if seconds is None or not math.isfinite(seconds):
        return NOTHING
    whole = max(0, round(seconds))
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min {whole % 60:02d} s"
    if whole < 86400:
        return f"{whole // 3600} h {whole % 3600 // 60:02d} min"
    return f"{whole // 86400} d {whole % 86400 // 3600} h"


def span(seconds: float) -> str:
    """A stretch of time in one unit, for a column: `48 s`, `3.1 min`, `2.1 h`, `1.5 d`."""
    if seconds < 60:
        return f"{seconds:.0f} s"
    for size, unit in ((86400, "d"), (3600, "h"), (60, "min")):
        if seconds >= size:
            return f"{seconds / size:.1f} {unit}"
    raise AssertionError  # 60 seconds are a minute


def age(seconds: float) -> str:
    """How long ago, in the largest unit alone: `< 1 min`, `3 min`, `2 h`, `5 d`. Short, for a column."""
    for size, unit in ((86400, "d"), (3600, "h"), (60, "min")):
        if seconds >= size:
            return f"{int(seconds // size)} {unit}"
    return "< 1 min"


def size(count: int | None) -> str:
    """A number of bytes in binary units: `512 B`, `3.4 MiB`, `139 GiB`."""
    if count is None:
        return NOTHING
    value = float(count)
    for unit in ("B", "KiB", "MiB", "GiB"):
        if value < 1000:
            return f"{value:.0f} {unit}" if unit == "B" or value >= 100 else f"{value:.1f} {unit}"
        value /= 1024
    return f"{value:.1f} TiB"


def left_to_read(left: int, done: int, total: int) -> str:
    """What is still to be read of a home: `12 more runs to read …`, and of a long log how far it is, in bytes; "" where
    that is nothing."""
    if not left:
        return ""
    part = f": {size(done)} of {size(total)} of a log" if total else ""
    return f"{counted(left, 'more run')} to read{part} …"


def count(number: int) -> str:
    """A whole number with its thousands apart: `669,706`."""
    return f"{number:,}"


def position(number: int, of: int) -> str:
    """Which one of how many: `3 of 1,000`."""
    return f"{count(number)} of {count(of)}"


def amount(number: float) -> str:
    """A large number to three digits: `512`, `401 k`, `1.54 M`, `15.5 G`."""
    value = float(number)
    for unit in ("", " k", " M", " G", " T"):
        if value < 999.5 or unit == " T":
            digits = 0 if not unit or value >= 99.95 else 1 if value >= 9.995 else 2
            return f"{value:.{digits}f}{unit}"
        value /= 1000
    raise AssertionError  # every number has a unit


def counts(numbers: Sequence[int], width: int) -> list[str]:
    """The counts of a column in one format: whole where all of them fit `width` cells, else to three digits. Empty for
    0."""
    form = count if all(len(count(number)) <= width for number in numbers) else amount
    return [form(number) if number else "" for number in numbers]


def counted(number: int, word: str) -> str:
    """`1 tensor`, `1,200 tensors`."""
    return f"{count(number)} {word}{'' if number == 1 else 's'}"


def short(value: float | None) -> str:
    """To three significant digits; empty for None."""
    return "" if value is None else significant(value, 3)


def alike(values: Sequence[float | None]) -> list[str]:
    """The numbers of a column in one format, the smallest to three significant digits: as many decimals for all where
    that is short, else all with an exponent. Empty for None."""
    known = [abs(value) for value in values if value is not None and math.isfinite(value) and value]
    if not known or (all(value == int(value) for value in known) and max(known) < 1e7):
        form = ".0f"
    else:
        decimals = max(0, 2 - math.floor(math.log10(min(known))))
        whole = max(1, math.floor(math.log10(max(known))) + 1)
        form = f".{decimals}f" if whole + decimals < NUMBER else ".2e"
    return ["" if value is None else short_exponent(format(value, form)) if value else "0" for value in values]


def shape(sizes: Sequence[int]) -> str:
    """A tensor's shape in a column: `512×784`, or `scalar`."""
    return "×".join(map(str, sizes)) or "scalar"


def rate(number: float) -> str:
    """A learning rate as a schedule gives it: as `setting`, to four significant digits."""
    return setting(float(f"{number:.4g}")) if math.isfinite(number) else NOTHING


def loss(value: float) -> str:
    """A loss to four places; `nan` and `inf` as they are."""
    if not math.isfinite(value):
        return str(value)
    return f"{value:.4f}" if abs(value) < 1e5 else short_exponent(f"{value:.3e}")


def percent(fraction: float | None) -> str:
    """A fraction of 1 to a tenth of a percent: `45.3%`."""
    return NOTHING if fraction is None or not math.isfinite(fraction) else f"{100 * fraction:.1f}%"


def mean_percent(found: MeanStd | None, *, counted: bool = False) -> str:
    """The mean of accuracies with their standard deviation, `92.4 ± 0.2%`, of one alone `92.4%`; `counted`: with how
    many they are, in brackets."""
    if found is None:
        return NOTHING
    count = f" ({found.count})" if counted else ""
    if found.std is None:
        return percent(found.mean) + count
    return f"{100 * found.mean:.1f} ± {100 * found.std:.1f}%{count}"


def batch_line(event: ev.BatchLoss) -> str:
    """The tutorial's line of the train loop: `loss: 2.297350  [    0/60000]`."""
    return f"loss: {event.loss:>7f}  [{event.seen:>5d}/{event.of:>5d}]"


def test_line(event: ev.Evaluated) -> str:
    """The tutorial's line of the test loop: `Test Error: Accuracy: 45.3%, Avg loss: 2.153763`; of the validation images
    `Validation Error: …`."""
    which = split_words(event.split).capitalize()
    how = how_words(event.weights, event.tta)
    return f"{which} Error: Accuracy: {100 * event.accuracy:>0.1f}%, Avg loss: {event.loss:>8f}{how}"


def accuracy(value: float | None, *, tta: bool) -> str:
    """An accuracy, which says that test-time augmentation was used: `93.1% TTA`."""
    return percent(value) + (" TTA" if tta and value is not None else "")


def how_words(weights: str, tta: str) -> str:
    """What stands behind a figure, with a space before it: ` (EMA 0.999, flip TTA)`. `weights`: which average of the
    weights was evaluated; `tta`: the test-time augmentation; both may be empty."""
    words = ", ".join(filter(None, [weights, test_time.words(tta)]))
    return f" ({words})" if words else ""


def split_words(split: str) -> str:
    """What a set is called beside a figure: `test`, `validation`."""
    return "validation" if split == "val" else split


def place_words(event: ev.Resumed | ev.Branched) -> str:
    """Where a run goes on: `after epoch 3`, `at epoch 4, step 412`, `from its first step`."""
    if event.evaluated:
        return f"after epoch {event.epoch}"
    return f"at epoch {event.epoch}, step {event.step}" if event.step or event.epoch > 1 else "from its first step"


def from_words(event: ev.Branched) -> str:
    """Where a run that is not a branch of another one here begins: `starts from FILE, after epoch 3`."""
    place = f", {place_words(event)}" if event.step or event.evaluated or event.epoch > 1 else ""
    return printable(f"starts from {event.checkpoint}{place}")


def checkpoint_words(entry: Entry) -> str:
    """A checkpoint by its place: `the end of epoch 3 (72.1%)`, `epoch 4, step 412`; and `, not finite` where it is
    not."""
    finite = "" if entry.finite else ", not finite"
    if entry.reason == "epoch":
        accuracy = f" ({percent(entry.accuracy)})" if entry.accuracy is not None else ""
        return f"the end of epoch {entry.epoch}{finite}{accuracy}"
    return f"epoch {entry.epoch}, step {entry.step}{finite}"


def edit_line(event: ev.Edited) -> str:
    """An edit in words: `lr 1e-3 → 3e-4 at epoch 2, step 412`."""
    again = " (replayed)" if event.replayed else ""
    when = f"at epoch {event.epoch}, step {event.step}"
    if event.from_epoch > event.epoch:
        when = f"from epoch {event.from_epoch}"
    scaled = ""
    if event.setting == "lr" and event.lr != event.after:
        scaled = f", {rate(event.lr)} by the schedule"
    return f"{event.setting} {setting(event.before)} → {setting(event.after)} {when}{scaled}{again}"
