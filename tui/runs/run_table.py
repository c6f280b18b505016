"""The table of *Runs*: its columns, among them the settings that the runs don't have alike, its rows and its orders."""

import math
import time
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from types import MappingProxyType

from engine.runs import listing, state_file
from engine.runs.family import family, pinned_first
from engine.runs.groups import Group
from engine.runs.listing import RunSummary
from engine.training.settings import SETTINGS
from tui import format as fmt
from tui.columns import width_of
from tui.run_columns import OWN_COLUMNS, column_of
from tui.runs import grouped_rows
from tui.runs.facts import model_name
from tui.runs.group_text import DIFFERENT, group_cells, setting_of
from tui.runs.grouped_rows import Entry
from tui.widgets.lines import fit_middle
from tui.widgets.order import Order
from tui.widgets.rows import Column, Row
from tui.widgets.sparkline import sparkline

STYLES = {  # of a state
    "training": "good", "paused": "warning", "failed": "bad", "ended": "bad", "unreadable": "bad",
    "queued": "dim", "held": "dim",
}  # fmt: skip
WIDE = 90  # cells of a table that shows the times beside the results
NAME, FIXED = "run", 2  # the column that is always there, and how many of the first ones are always in view
MARK = Column("", 1)  # where some runs are marked
MOST_NAME, LEAST_NAME, MOST_SETTING, MOST_MODEL, MOST_TAGS, LEAST_CURVE = 40, 11, 16, 18, 20, 8  # cells
GROUP_MARKS = "+ study  (99)"  # what stands around a group's name

Value = str | float


@dataclass(frozen=True)
class RunTable:
    """What the table shows."""

    columns: tuple[Column, ...]
    rows: tuple[Row, ...]

    @property
    def fixed(self) -> int:
        """How many of the first columns are always in view: as far as the name, where that is near."""
        return _fixed([column.title for column in self.columns])


def table(
    runs: Sequence[RunSummary],
    order: Order,
    width: int,
    chosen: Sequence[str] = (),
    *,
    groups: Mapping[str, Group] = MappingProxyType({}),
    unfolded: Collection[str] = (),
) -> RunTable:
    """The runs as a table for so many cells. `chosen`: the titles of its columns; without any, what the runs don't have
    alike, and settings that have no room come last, where the keys reach them. `groups`: those that have a row, by
    their ids; the runs of those that are `unfolded` have rows too."""
    now = time.time()
    tree = family(in_order(runs, order), by_place=not order.title)
    entries = grouped_rows.arranged(tree, groups, unfolded) if groups else list[Entry](tree)
    settings = _settings(runs, chosen)
    cells = {
        one.id: group_cells(one, depth, now, unfolded=one.id in unfolded)
        if isinstance(one, Group)
        else _cells(one, depth, now)
        for depth, one in entries
    }
    for setting in settings:
        for (_, one), text in zip(entries, _setting_cells(setting, entries), strict=True):
            cells[one.id][column_of(setting)] = text
    marks = width_of([GROUP_MARKS]) if groups else 0
    columns = _columns(runs, settings, list(cells.values()), width, order.title, chosen, marks)
    columns = _names_whole(columns, list(cells.values()), width)
    titles = [column.title for column in columns]
    room = _left_over(columns, width)
    name = next(column.width for column in columns if column.title == NAME)
    rows = []
    for depth, run in entries:
        if isinstance(run, Group):
            texts = cells[run.id] | {"run": fit_middle(cells[run.id]["run"], name), "curve": ""}
            styles = {"state": STYLES.get(texts["state"], "")}
            rows.append(Row(grouped_rows.key_of(run), tuple(texts[title] for title in titles), styles=styles))
            continue
        branch = "  " * (depth - 1) + "└ " * bool(depth) + fmt.PINNED * run.pinned
        texts = cells[run.id] | {
            "run": branch + fit_middle(run.title, name - width_of([branch])),
            "curve": sparkline(run.curve, min(room, state_file.SUMMARY_POINTS)),
        }
        styles = {"state": STYLES.get(run.state, ""), "data": "warning" if run.demo else ""}
        rows.append(Row(run.id, tuple(texts[title] for title in titles), styles=styles))
    return RunTable(columns, tuple(rows))


def orders(runs: Sequence[RunSummary], chosen: Sequence[str] = ()) -> list[Order]:
    """The orders in turn: the newest first, then by each column, with the best or the most at the top."""
    titles = ["state", NAME, "model", *map(column_of, _settings(runs)), *_RESULTS, "data"]
    if chosen:
        titles = [title for title in _with_name(chosen) if title not in ("curve", "age")]
    return [Order(), *(Order(title, title in _FALLING) for title in titles)]


def in_order(runs: Sequence[RunSummary], order: Order) -> list[RunSummary]:
    """The runs, newest first, in another order; those without a value last, but pinned ones before all."""
    if not order.title:
        return pinned_first(list(reversed(runs)) if order.falling else runs)
    found = [(_value(run, order.title), run) for run in runs]
    there = [(value, run) for value, run in found if value is not None]
    numbers = all(isinstance(value, int | float) for value, _ in there)

    def key(pair: tuple[Value, RunSummary]) -> tuple[float, str]:
        return (float(pair[0]), "") if numbers else (0.0, str(pair[0]).casefold())

    there.sort(key=key, reverse=order.falling)
    return pinned_first([*(run for _, run in there), *(run for value, run in found if value is None)])


def _settings(runs: Sequence[RunSummary], chosen: Sequence[str] = ()) -> list[str]:
    """Those that have columns."""
    if chosen:
        return [name for name in SETTINGS if name not in OWN_COLUMNS and column_of(name) in chosen]
    return [name for name in listing.differing(runs) if name not in OWN_COLUMNS]


def _with_name(chosen: Sequence[str]) -> list[str]:
    """The name is always there: no other column says which run a row is."""
    return [*([] if NAME in chosen else [NAME]), *chosen]


def _fixed(titles: Sequence[str]) -> int:
    marks = titles[:1] == [MARK.title]
    at = titles.index(NAME) + 1
    return at if at <= FIXED + marks else 1 + marks


def _setting_cells(name: str, entries: Sequence[Entry]) -> list[str]:
    """A setting's column: of a file its name alone, whether or not something is in the class behind it."""
    values = [setting_of(one, name) if isinstance(one, Group) else one.settings.get(name) for _, one in entries]
    texts = SETTINGS[name].column_texts(value for value in values if value not in (None, DIFFERENT))
    found = ["" if value is None else texts.get(value, DIFFERENT) for value in values]
    return [text.rpartition("/")[2] or fmt.NOTHING for text in found]


def _cells(run: RunSummary, depth: int, now: float) -> dict[str, str]:
    """`depth`: below how many runs that it branched off from."""
    return {
        "state": run.state,
        "run": "  " * depth + fmt.PINNED * run.pinned + run.title,
        "model": model_name(run.model),
        "epochs": fmt.NOTHING if run.problem else f"{run.epoch}/{run.epochs}",
        "best": fmt.accuracy(run.best_accuracy, tta=run.tta),
        "test": fmt.accuracy(run.test_accuracy, tta=run.tta),
        "loss": fmt.NOTHING if run.loss is None else fmt.loss(run.loss),
        "time": fmt.span(run.seconds) if run.epoch else fmt.NOTHING,
        "data": "demo data" if run.demo else run.dataset,
        "tags": " ".join(run.tags),
        "note": run.note.partition("\n")[0],
        "age": fmt.age(now - run.started),
    }


_RESULTS: Mapping[str, Callable[[RunSummary], float | None]] = {
    "epochs": lambda run: run.epoch,
    "best": lambda run: run.best_accuracy,
    "test": lambda run: run.test_accuracy,
    "loss": lambda run: run.loss,
    "time": lambda run: run.seconds,
}
_FALLING = ("epochs", "best", "test", "time")


def _value(run: RunSummary, title: str) -> Value | None:
    """What a column is sorted by; None: nothing is there."""
    if title in _RESULTS:
        number = _RESULTS[title](run)
        return number if number is not None and math.isfinite(number) else None
    own = {"state": run.state, "run": run.title, "model": run.model, "data": run.dataset}
    own |= {"tags": " ".join(run.tags), "note": run.note}
    if title in own:
        return own[title] or None
    name = next((one for one in SETTINGS if column_of(one) == title), "")
    return run.settings.get(name)


def _columns(
    runs: Sequence[RunSummary],
    settings: Sequence[str],
    cells: Sequence[Mapping[str, str]],
    width: int,
    marked: str,
    titles: Sequence[str],
    marks: int,
) -> tuple[Column, ...]:
    """`marks`: cells of what stands around a group's name, beside those of the name."""

    def of(
        title: str, most: int = 99, *, least: int = 0, right: bool = False, style: str = "", ends: bool = False
    ) -> Column:
        needed = width_of([title + " " * (title == marked), *(one[title] for one in cells)])
        return Column(title, max(least, min(most, needed)), right, style, ends)

    name = of(NAME, max(LEAST_NAME, min(MOST_NAME, width // 5)) + marks, least=LEAST_NAME)
    first = [of("state", least=len("finished")), name, of("model", max(5, min(MOST_MODEL, width // 10)))]
    # Without validation images the test result is what "best" is of.
    tested = [of("test", right=True, style="test")] if any(run.settings.get("val") for run in runs) or titles else []
    results = [
        of("epochs", right=True), of("best", right=True, style="test"), *tested, of("loss", right=True, style="train"),
        Column("curve", -LEAST_CURVE, style="train"),
    ]  # fmt: skip
    last = [of("age", right=True)]
    chosen = [
        of(column_of(name), MOST_SETTING, right=not isinstance(SETTINGS[name].default, str | bool), ends=True)
        for name in settings
    ]
    time_column, data = of("time", right=True), of("data", 16)
    tags = of("tags", MOST_TAGS)
    if titles:
        said = (tags, of("note", MOST_NAME))
        there = {column.title: column for column in (*first, *chosen, *results, time_column, data, *said, *last)}
        return tuple(there[title] for title in _with_name(titles))
    (last if width < WIDE else results).insert(0 if width < WIDE else -1, time_column)
    if any(run.demo for run in runs) or len({run.dataset for run in runs}) > 1:
        last.insert(-1, data)
    if any(run.tags for run in runs):
        last.insert(-1, tags)
    room = width - 1 - sum(abs(column.width) + 1 for column in [*first, *results])
    if sum(column.width + 1 for column in [*chosen, *last]) > room:
        room -= 3  # for the signs that there are more
    near = list[Column]()
    for column in chosen:
        room -= column.width + 1
        if room < 0:
            break
        near.append(column)
    return (*first, *near, *results, *last, *chosen[len(near) :])


def _names_whole(columns: tuple[Column, ...], cells: Sequence[Mapping[str, str]], width: int) -> tuple[Column, ...]:
    """Those columns, that of the names as wide as it has to be, as far as the curve can spare it."""
    if not any(column.title == "curve" for column in columns):
        return columns
    needed, spare = width_of([one[NAME] for one in cells]), _left_over(columns, width) - LEAST_CURVE
    return tuple(
        replace(column, width=column.width + max(0, min(spare, needed - column.width)))
        if column.title == NAME
        else column
        for column in columns
    )


def _left_over(columns: Sequence[Column], width: int) -> int:
    """Cells of the curve: those that the columns in view leave."""
    needed = [abs(column.width) + 1 for column in columns]
    if sum(needed) > width:
        width -= 3  # for the signs that there are more
    used = 0
    for cells in needed:
        if used + cells > width:
            break
        used += cells
    return LEAST_CURVE + max(0, width - used)
