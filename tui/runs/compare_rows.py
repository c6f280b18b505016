"""The tables of *Compare*: settings and results, classes, and the test images that one of two runs alone gets right."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from engine.evaluation.requests import EvaluationComparison
from engine.runs.comparison import DIFFERENT, RESULTS, Column, Compared, Comparison
from engine.training.settings import SETTINGS
from tui import comparison_text
from tui import format as fmt
from tui.columns import width_of
from tui.runs.charts import SIGNS
from tui.widgets.lines import fit_middle
from tui.widgets.rows import Column as TableColumn
from tui.widgets.rows import Row

OTHER, MARKED = "≠ ", "• "  # before what another run has differently; before the best, and the largest difference
MOST_NAME, MOST_SETTING, MOST_CLASS, MOST_RUN = 24, 24, 16, 14  # cells
MOST_MARKED = 3  # classes whose difference is marked
CLASS, APART = "class", "apart"


@dataclass(frozen=True)
class Table:
    """What a table shows."""

    columns: tuple[TableColumn, ...]
    rows: tuple[Row, ...]


def settings_table(found: Comparison, reference: str, slots: Mapping[str, int]) -> Table:
    """A row for each, in the order of `found`. `reference`: the id of the one from which the others' settings are
    marked to differ. `slots`: the places of those that are on the charts, by their ids, whose signs they have."""
    at = next((number for number, row in enumerate(found.rows) if row.id == reference), 0)
    texts = {column: comparison_text.cells(found, column) for column in found.columns}
    styles: list[dict[str, str]] = [{} for _ in found.rows]
    for column in found.columns:
        title = comparison_text.title_of(column)
        marks, style = (_best(found, column), "good") if column.kind == "result" else (_others(found, column, at), "")
        if column.kind == "run":
            continue
        mark = MARKED if column.kind == "result" else OTHER
        texts[column] = [
            (mark if marked else " " * len(mark)) + text for text, marked in zip(texts[column], marks, strict=True)
        ]
        for number, marked in enumerate(marks):
            if marked:
                styles[number][title] = style or "changed"
    columns = [_column(column, texts[column]) for column in found.columns]
    rows = []
    for number, row in enumerate(found.rows):
        cells = [texts[column][number] for column in found.columns]
        cells[0] = _named(row, slots, columns[0].width)
        if row.id in slots:
            styles[number][columns[0].title] = f"run{slots[row.id]}"
        rows.append(Row(row.id, tuple(cells), styles=styles[number]))
    return Table(tuple(columns), tuple(rows))


def classes_table(found: Comparison, slots: Mapping[str, int], *, by_difference: bool) -> Table:
    """A row for each class; of two runs with how much the second is better, of more with how far they are apart.
    `by_difference`: the largest first."""
    rows = [row for row in found.rows if found.classes and len(row.per_class) == len(found.classes)]
    if not rows:
        return Table((), ())
    apart = {name: _apart([row.per_class[at] for row in rows]) for at, name in enumerate(found.classes)}
    ordered = sorted(found.classes, key=lambda name: -abs(apart[name] or 0.0))
    marked = [name for name in ordered[:MOST_MARKED] if apart[name]]
    titles = _unique([_named(row, slots, MOST_RUN) for row in rows])
    made = []
    for name in ordered if by_difference else found.classes:
        values = [row.per_class[found.classes.index(name)] for row in rows]
        most = max((value for value in values if value is not None), default=None)
        difference = apart[name]
        mark = MARKED if name in marked else "  "
        text = fmt.NOTHING if difference is None else f"{100 * difference:{'+' if len(rows) == 2 else ''}.1f}"
        styles = {title: "good" for title, value in zip(titles, values, strict=True) if difference and value == most}
        styles |= {APART: "changed"} if name in marked else {}
        made.append(Row(name, (name, mark + text, *map(fmt.percent, values)), styles=styles))
    columns = [
        TableColumn(CLASS, min(MOST_CLASS, width_of([CLASS, *found.classes]))),
        TableColumn(APART, width_of([APART, *(row.cells[1] for row in made)]), right=True),
        *(TableColumn(title, max(width_of([title]), 6), right=True) for title in titles),
    ]
    return Table(tuple(columns), tuple(made))


def images_table(found: EvaluationComparison, titles: tuple[str, str]) -> Table:
    """A row for the images that only the one, or only the other gets right, first all of them, then by class, the most
    first."""
    number = len(found.fixed)
    sides = (  # of the second, which is what fixes; and of the first
        (0, list(zip(found.labels[number:], found.predicted_as[number:], strict=True))),
        (1, list(zip(found.labels[:number], found.predicted_as[:number], strict=True))),
    )
    rows = [_images_row(side, "", pairs, found, titles) for side, pairs in sides]
    by_class = [
        (side, label, [pair for pair in pairs if pair[0] == label])
        for side, pairs in sides
        for label in range(len(found.classes))
    ]
    for side, label, pairs in sorted(by_class, key=lambda one: -len(one[2])):
        if pairs:
            rows.append(_images_row(side, str(label), pairs, found, titles))
    columns = (
        TableColumn("only right in", min(MOST_NAME, width_of(["only right in", *titles]))),
        TableColumn(CLASS, min(MOST_CLASS, width_of(["all classes", *found.classes]))),
        TableColumn("images", 6, right=True),
        TableColumn("the other says", -14),
    )
    return Table(columns, tuple(rows))


def images_of_key(key: str) -> tuple[int, int | None]:
    """Which images a row of `images_table` stands for: those that the run of that place alone gets right, of the class;
    None: of all classes."""
    side, _, label = key.partition(" ")
    return int(side), int(label) if label else None


def _images_row(
    side: int, label: str, pairs: Sequence[tuple[int, int]], found: EvaluationComparison, titles: tuple[str, str]
) -> Row:
    said = Counter(predicted for _, predicted in pairs).most_common()
    words = ", ".join(f"{found.classes[predicted]} {number}" for predicted, number in said) if label else ""
    name = found.classes[int(label)] if label else "all classes"
    cells = (fit_middle(titles[side], MOST_NAME), name, fmt.count(len(pairs)), words)
    return Row(f"{side} {label}".strip(), cells, "" if label else "strong")


def _column(column: Column, texts: Sequence[str]) -> TableColumn:
    title = comparison_text.title_of(column)
    needed = width_of([title + " ", *texts])
    if column.kind == "run":
        return TableColumn(title, min(MOST_NAME, width_of([title, *texts]) + 2))
    if column.kind == "result":
        return TableColumn(title, needed, right=True, style="test" if column.key in ("best", "test", "last") else "")
    number = column.kind == "setting" and not isinstance(SETTINGS[column.key].default, str | bool)
    return TableColumn(title, min(MOST_SETTING, needed), right=number, ends=True)


def _named(row: Compared, slots: Mapping[str, int], width: int) -> str:
    """Its name, after the sign that it has on the charts."""
    sign = SIGNS[slots[row.id]] if row.id in slots else " "
    return f"{sign} {fit_middle(row.title, width - 2)}"


def _unique(titles: Sequence[str]) -> list[str]:
    """Titles of columns, of which no two are the same."""
    seen = Counter[str]()
    found = []
    for title in titles:
        seen[title] += 1
        found.append(title if seen[title] == 1 else f"{title} {seen[title]}")
    return found


def _others(found: Comparison, column: Column, reference: int) -> list[bool]:
    """Which rows have something else there than the one at that place. A group's runs that differ are something else
    than any."""
    values = found.values(column)
    return [
        at != reference and (str(value) != str(values[reference]) or value == DIFFERENT)
        for at, value in enumerate(values)
    ]


def _best(found: Comparison, column: Column) -> list[bool]:
    """Which rows have the best result; none where all have the same."""
    if column.key in ("epochs", "seconds"):  # more of them is neither good nor bad
        return [False] * len(found.rows)
    values = found.values(column)
    known = [value for value in values if value is not None]
    if len(set(known)) < 2:
        return [False] * len(values)
    best = max(known) if RESULTS[column.key] else min(known)
    return [value == best for value in values]


def _apart(values: Sequence[float | None]) -> float | None:
    """Of two, how much the second is better; of more, how far the best is from the worst. Fractions of 1."""
    known = [value for value in values if value is not None]
    if len(known) < 2:
        return None
    if len(values) == 2:
        return known[1] - known[0]
    return max(known) - min(known)
