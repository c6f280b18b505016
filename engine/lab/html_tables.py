"""The table of a data frame, from the HTML that pandas and others give with it. A notebook's may come from anybody."""

from dataclasses import dataclass
from html.parser import HTMLParser

LONGEST = 1 << 20  # characters of HTML that are read
MOST_CELLS = 100_000  # of a table, with what spans several
OF_FRAMES = "dataframe"  # the class of their tables


@dataclass(frozen=True)
class Table:
    """Its texts by rows, all of the same number of columns. `heads`: the rows that name the columns; `index`: how many
    columns at the left name the rows."""

    heads: tuple[tuple[str, ...], ...]
    rows: tuple[tuple[str, ...], ...]
    index: int


def table_of(html: str) -> Table | None:
    """The first table of a data frame. None where there is none, or it is too large or too odd to be shown."""
    if OF_FRAMES not in html or len(html) > LONGEST:
        return None
    reader = _Reader()
    try:
        reader.feed(html)
        reader.close()
    except _TooLargeError:
        return None
    if reader.heads is None or not reader.rows:
        return None
    width = max(len(row) for row in reader.rows)
    if width * len(reader.rows) > MOST_CELLS:
        return None
    filled = [(*row, *[""] * (width - len(row))) for row in reader.rows]
    heads, rows = filled[: reader.heads], filled[reader.heads :]
    return Table(tuple(heads), tuple(rows), min(reader.index, width)) if rows and width else None


class _TooLargeError(Exception):
    """More cells than are shown."""


class _Reader(HTMLParser):
    """Takes cells that span several columns or rows as one text and blanks."""

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.rows: list[list[str]] = []
        self.heads: int | None = None  # rows before the body; None: no such table yet
        self.index = 0  # cells at the left of the body's rows that name them
        self._inside = self._done = self._in_body = False
        self._cell: list[str] | None = None
        self._spans = (1, 1)  # columns and rows of the cell
        self._below: dict[int, int] = {}  # by column, how many rows more a cell from above takes
        self._cells = 0
        self._names = 0  # of the row, while only names came

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = dict(attrs)
        if tag == "table" and not self._done and OF_FRAMES in (given.get("class") or "").split():
            self._inside, self.heads = True, 0
        if not self._inside:
            return
        if tag == "tbody":
            self._end_cell()
            self._in_body, self.heads = True, len(self.rows)
        elif tag == "tr":
            self._end_cell()
            self.rows.append([])
            self._names = 0
            self._fill()
        elif tag in ("th", "td") and self.rows:
            self._end_cell()
            self._cell = []
            self._spans = _number(given.get("colspan")), _number(given.get("rowspan"))
            row = self.rows[-1]
            if tag == "th" and self._in_body and self._names == len(row):
                self._names = len(row) + self._spans[0]
                self.index = max(self.index, self._names)
        elif tag == "br":
            self.handle_data(" ")

    def handle_endtag(self, tag: str) -> None:
        if tag in ("th", "td", "tr"):
            self._end_cell()
        elif tag == "table" and self._inside:
            self._end_cell()
            self._inside, self._done = False, True

    def handle_data(self, data: str) -> None:
        if self._cell is not None:
            self._cell.append(data)

    def _end_cell(self) -> None:
        if self._cell is None:
            return
        text, (columns, rows) = " ".join("".join(self._cell).split()), self._spans
        self._cell = None
        row = self.rows[-1]
        self._cells += columns
        if self._cells > MOST_CELLS:
            raise _TooLargeError
        for at in range(columns):
            if rows > 1:
                self._below[len(row)] = rows - 1
            row.append("" if at else text)
        self._fill()

    def _fill(self) -> None:
        """Blanks where cells of the rows above reach into this one."""
        row = self.rows[-1]
        while self._below.get(len(row), 0):
            self._below[len(row)] -= 1
            if self._names == len(row) and self._in_body:
                self._names += 1
            self._cells += 1
            row.append("")


def _number(text: str | None) -> int:
    return max(1, min(1000, int(text))) if text and text.isascii() and text.isdigit() and len(text) < 5 else 1
