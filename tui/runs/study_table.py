"""The table of a study's trials, and what is said of one of them."""

from collections.abc import Mapping, Sequence

from textual.content import Content

from engine.studies.study_file import Definition
from engine.studies.trials import Snapshot, Trial
from engine.terminal_text import shown
from engine.training.settings import SETTINGS
from tui import format as fmt
from tui.columns import width_of
from tui.run_columns import column_of
from tui.study_text import about as looks_for
from tui.study_text import metric_text, param_text, param_texts, shown_value, summary, trial_state
from tui.widgets.order import Order
from tui.widgets.rows import Column, Row
from tui.widgets.sparkline import sparkline

STYLES = {"running": "good", "waiting": "dim", "pruned": "dim", "failed": "bad"}
RANKS = {"running": 0, "complete": 1, "pruned": 2, "failed": 3, "waiting": 4}  # the order, where no column has one
WORDS = {"complete": "complete", "waiting": "waiting", "running": "running", "failed": "failed"}
BEST = "★"
MOST_TEXT = 16  # cells of a parameter
BAR = 24  # cells of what all of the result would depend on
BEST_FIRST = Order()


def table(seen: Snapshot, order: Order, now: float) -> tuple[list[Column], list[Row]]:
    """The columns, and the trials in an order: by state, and the best first, where it names no column."""
    names = list(seen.definition.space)
    best = seen.best
    rows, trials = [], in_order(seen, order)
    params = {name: param_texts(name, [one.params.get(name) for one in trials]) for name in names}
    for at, one in enumerate(trials):
        value = metric_text(seen.definition, shown_value(one))
        cells = (
            f"{one.number}{BEST if one is best else ''}",
            state_words(one),
            value,
            str(one.values[-1][0]) if one.values else "",
            *(params[name][at] if one.params else "" for name in names),
            _time(one, now),
        )
        rows.append(Row(str(one.number), cells, style=STYLES.get(one.state, ""), styles={"trial": ""}))
    titles = ("trial", "state", seen.definition.metric, "epoch", *map(column_of, names), "time")
    columns = []
    for place, title in enumerate(titles):
        width = width_of([title, *(row.cells[place] for row in rows)]) + (1 if title == order.title else 0)
        text = title == "state" or 4 <= place < 4 + len(names)
        columns.append(Column(title, min(width, MOST_TEXT) if text else width, right=title != "state"))
    return columns, rows


def orders(seen: Snapshot) -> list[Order]:
    """The orders in turn."""
    metric = seen.definition.metric
    titles = ["trial", metric, "epoch", *map(column_of, seen.definition.space), "time"]
    return [BEST_FIRST, *(Order(title, title == metric and seen.definition.maximizes) for title in titles)]


def in_order(seen: Snapshot, order: Order) -> list[Trial]:
    """The trials in that order; those without a value last."""
    if not order.title:
        places = {one.number: at for at, one in enumerate(seen.ranked)}
        return sorted(seen.trials, key=lambda one: (RANKS[one.state], places.get(one.number, 0), one.number))
    known = [(value, one) for one in seen.trials if (value := _value(seen, one, order.title)) is not None]
    known.sort(key=lambda pair: (isinstance(pair[0], str), pair[0]), reverse=order.falling)
    there = {one.number for _, one in known}
    return [*(one for _, one in known), *(one for one in seen.trials if one.number not in there)]


def _value(seen: Snapshot, one: Trial, title: str) -> float | str | None:
    match title:
        case "trial":
            return float(one.number)
        case "epoch":
            return float(one.values[-1][0]) if one.values else None
        case "time":
            return one.ended - one.started if one.ended and one.started else None
    if title == seen.definition.metric:
        return shown_value(one)
    name = next((name for name in seen.definition.space if column_of(name) == title), "")
    text = one.params.get(name)
    if text is None:
        return None
    try:
        return float(text)
    except ValueError:
        return text


def state_words(one: Trial) -> str:
    """Short, for a column."""
    if one.state == "pruned":
        return f"pruned at {one.pruned_at}" if one.pruned_at is not None else "pruned"
    return WORDS.get(one.state, one.state)


def _time(one: Trial, now: float) -> str:
    if not one.started:
        return ""
    return fmt.span(max(0.0, (one.ended or now) - one.started))


def about(seen: Snapshot, one: Trial, worker: str) -> Content:
    """What the panel beside the table says of a trial. `worker`: this home's."""
    lines = [Content(trial_state(one))]
    if one.value is not None:
        which = "the value of its best epoch" if one.state == "complete" else "its last value"
        lines.append(Content(f"{seen.definition.metric} {metric_text(seen.definition, one.value)}  ({which})"))
    if one.values:
        lines.append(Content(_course(seen, one)))
    lines.append(Content(""))
    width = width_of(list(one.params))
    lines += [Content(f"{name:<{width}}  {shown(text)}") for name, text in one.params.items()]
    if not one.params:
        lines.append(Content.styled("its settings are drawn when it begins", "$text-muted"))
    lines.append(Content(""))
    if one.run:
        where = "" if one.worker in ("", worker) else ", in another home"
        lines.append(Content.styled(f"run {shown(one.run)}{where}", "$text-muted"))
    if one.again is not None:
        lines.append(Content.styled(f"does trial {one.again} again, whose machine was lost", "$text-warning"))
    return Content("\n").join(lines)


def _course(seen: Snapshot, one: Trial) -> str:
    """The metric over the trial's epochs: a curve with its ends, of one epoch its value."""
    (first, before), (last, after) = one.values[0], one.values[-1]
    if len(one.values) == 1:
        return f"{seen.definition.metric} {metric_text(seen.definition, after)} after epoch {last}, the only one so far"
    ends = f"{metric_text(seen.definition, before)} → {metric_text(seen.definition, after)}"
    return f"{sparkline([value for _, value in one.values], 32)}  {ends}, epochs {first} to {last}"


def about_study(definition: Definition, seen: Snapshot | None) -> Content:
    """What the panel beside the list of studies says of one: what it searches, what all its trials have, and what came
    of it."""
    lines = [Content(f"the {looks_for(definition)}")]
    if seen is not None:
        lines.append(Content(summary(seen)))
    alike = {
        name: setting.shown(definition.config[name])
        for name, setting in SETTINGS.items()
        if name in definition.config and definition.config[name] != setting.default
    }
    parts = [("Searched", dict(definition.space)), ("Alike in all trials", alike)]
    best = seen.best if seen is not None else None
    if seen is not None and best is not None:
        title = f"The best: trial {best.number}, {definition.metric} {metric_text(definition, best.value)}"
        parts.append((title, {name: param_text(name, text) for name, text in best.params.items()}))
    if seen is not None and seen.importances:
        ranked = sorted(seen.importances.items(), key=lambda one: -one[1])
        shares = {name: f"{100 * share:3.0f}%  {'━' * round(min(1.0, share) * BAR)}" for name, share in ranked}
        parts.append(("What decides", shares))
    width = width_of([name for _, rows in parts for name in rows])
    for title, rows in parts:
        if rows:
            lines += [Content(""), Content.styled(title, "bold")]
            lines += [
                Content.assemble((f"{name:<{width}}  ", "$text-muted"), shown(text)) for name, text in rows.items()
            ]
    return Content("\n").join(lines)


def study_cells(name: str, state: str, seen: Snapshot | None, space: Mapping[str, str]) -> Sequence[str]:
    """A study's row in the list of studies."""
    if seen is None:
        return (name, state, "", "", "", ", ".join(space))
    done = sum(seen.count(one) for one in ("complete", "pruned", "failed"))
    best = seen.best
    return (
        name,
        state,
        f"{done}/{len(seen.trials)}",
        metric_text(seen.definition, best.value if best is not None else None),
        seen.definition.metric,
        ", ".join(space),
    )
