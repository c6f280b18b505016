"""`fmnist-tui data`: where the data set lies, whether it is whole, and fetching it."""

import signal
import threading
from pathlib import Path

from engine.data.open_dataset import candidates
from engine.data.report import DataReport, describe, describe_custom
from engine.errors import DownloadCancelledError
from engine.home import Home
from engine.terminal_text import shown
from tui.cli.output import complain, console, say, say_json
from tui.format import count, counted, size


def run(home: Path, data_dir: Path | None, dataset: str, *, download: bool, as_json: bool) -> int:
    """Fetch Fashion-MNIST where asked, then say what is there. Returns 0, 2 where the data can't be used, 130 where
    the download was cancelled. Raises DataError where it can't be fetched."""
    if download:
        root = candidates(data_dir, home)[0]  # where it is looked for first
        try:
            _download(root, shared=root != Home(home).data)
        except DownloadCancelledError:
            complain("download cancelled; the next try continues with what was downloaded")
            return 128 + signal.SIGINT
    report = describe_custom(dataset, home) if ":" in dataset else describe(data_dir, home)
    if as_json:
        say_json(report.to_dict())
    else:
        _print(report)
    if report.problem:
        complain(report.problem)
        return 2
    return 0


def _download(root: Path, *, shared: bool) -> None:
    from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TimeRemainingColumn, TransferSpeedColumn

    from engine.data.fashion_mnist import download

    cancelled = threading.Event()
    before = signal.signal(signal.SIGINT, lambda *_: cancelled.set())
    # On stderr: what is asked for on stdout (--json) stays clean.
    bars = Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        DownloadColumn(binary_units=True),
        TransferSpeedColumn(),
        TimeRemainingColumn(),
        console=console(stderr=True),
    )
    try:
        with bars:
            task = bars.add_task("Fashion-MNIST", total=None)

            def show(at: download.Progress) -> None:
                bars.update(task, description=at.file, completed=at.done, total=at.total)

            download.download(root, progress=show, cancelled=cancelled, shared=shared)
    finally:
        signal.signal(signal.SIGINT, before)


def _print(report: DataReport) -> None:
    from rich.table import Table

    if report.used is not None or report.demo:
        say(f"{report.title}: {report.used or 'drawn by the program'}")
    if report.used is None and report.demo:
        say(f"  no Fashion-MNIST in {', '.join(report.looked_in)}; fetch it with: fmnist-tui data --download")
    if report.files:
        table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0))
        for heading in ("file", "is", "size", "MD5", "holds"):
            table.add_column(heading)
        for file in report.files:
            name = Path(file.path).name if file.path else file.name
            cells = (name, file.kind, size(file.bytes), file.md5, count(file.count) if file.count else "–")
            table.add_row(*map(shown, cells))
        console(soft_wrap=True).print(table)
    for split in report.splits:
        per_class = ", ".join(f"{name} {count(number)}" for name, number in split.per_class.items())
        say(f"{split.name}: {count(split.images)} images ({per_class})")
    if report.left_out:
        say(f"{counted(len(report.left_out), 'file')} can't be read, left out:")
        for why in report.left_out:
            say(f"  {why}")
    for note in report.notes:
        say(f"note: {note}")
