"""A person's CSV file as rows of cells, whichever program wrote it."""

import csv
import io
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

from engine import plain_file
from engine.data import image_files
from engine.errors import DataError
from engine.terminal_text import path_text

DELIMITERS = ",;\t|"  # of equal ones, the first
MOST_BYTES = 2 << 30  # of a file
HEAD = 64 << 10  # bytes
LOOKED_AT = 200  # rows, to find the delimiter
BYTE_ORDER_MARKS = {b"\xef\xbb\xbf": "utf-8-sig", b"\xff\xfe": "utf-16", b"\xfe\xff": "utf-16"}


@dataclass(frozen=True)
class Row:
    """A line that holds something."""

    line: int  # its number in the file, from 1
    cells: tuple[str, ...]  # without white space around them

    def __getitem__(self, column: int) -> str:
        """A cell; empty where the line has fewer."""
        return self.cells[column] if column < len(self.cells) else ""


def read_rows(path: Path) -> list[Row]:
    """The lines of a CSV file, but for empty ones. The delimiter is a comma, a semicolon, a tab or a bar, or else a
    space, whichever makes columns of the lines. Raises DataError with the line, where there is one."""
    text = read_text(path)
    first, _, rest = text.partition("\n")
    if (says := first.strip().strip('"').lower()).startswith("sep=") and len(says) == 5:  # as Excel writes it
        return _rows(path, rest, says[-1], 1)
    return _rows(path, text, delimiter_of(text), 0)


def read_text(path: Path) -> str:
    """The text of a UTF-8 file, or of a UTF-16 one that begins with its mark. Raises DataError."""
    where = path_text(path)
    try:
        with plain_file.opened(path) as file:
            head = file.read(HEAD)
        # One that is no text is not read whole.
        binary = b"\0" in head and not head.startswith(tuple(BYTE_ORDER_MARKS))
        data = head if binary else plain_file.read(path, MOST_BYTES)
    except FileNotFoundError:
        raise DataError(f"no such file: {where}") from None
    except OSError as error:
        raise DataError(f"{where} can't be read ({error.strerror})") from None
    encoding = next((found for mark, found in BYTE_ORDER_MARKS.items() if data.startswith(mark)), "utf-8")
    try:
        text = data.decode(encoding)
    except UnicodeDecodeError as error:
        line = data[: error.start].count(b"\n") + 1
        raise DataError(f"{where}, line {line}: it is not UTF-8; save the file as UTF-8") from None
    if (at := text.find("\0")) >= 0:
        line = text.count("\n", 0, at) + 1
        raise DataError(f"{where}, line {line}: it holds a NUL, so it is not text; save the file as CSV in UTF-8")
    return text


def delimiter_of(text: str) -> str:
    """What stands between the cells: the character by which most lines have a cell that is an image's file name, then
    the one by which most have as many cells as the others."""
    some = "".join(io.StringIO(text, newline="").readlines()[:LOOKED_AT])

    def fit(delimiter: str) -> tuple[int, int]:
        try:
            rows = [[cell.strip() for cell in row] for row in _reader(some, delimiter) if any(map(str.strip, row))]
        except csv.Error:
            return 0, 0
        wide = [row for row in rows if len(row) > 1]
        named = sum(any(cell.lower().endswith(image_files.SUFFIXES) for cell in row) for row in wide)
        return named, max(Counter(map(len, wide)).values(), default=0)

    best = max(DELIMITERS, key=fit)
    if fit(best) == (0, 0):
        return " " if fit(" ") > (0, 0) else ","
    return best


def _rows(path: Path, text: str, delimiter: str, before: int) -> list[Row]:
    reader = _reader(text, delimiter)
    rows = []
    try:
        for cells in reader:
            stripped = tuple(cell.strip() for cell in cells)
            if any(stripped):
                rows.append(Row(before + reader.line_num, stripped))
    except csv.Error as error:
        raise DataError(f"{path_text(path)}, line {before + reader.line_num}: it is not CSV ({error})") from None
    return rows


def _reader(text: str, delimiter: str) -> "csv._reader":  # type: ignore[name-defined]
    return csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, skipinitialspace=True)
