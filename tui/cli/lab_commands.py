"""`lab`: documents of cells, run by a Jupyter kernel."""

import argparse
from pathlib import Path

from tui.cli.command import Commands, home_of
from tui.cli.output import DONE, FAILED, complain, say_line_of_json, say_text, tell


def declare(commands: Commands) -> None:
    """Add the commands of this group."""
    lab = commands.add(
        "lab",
        _lab,
        "run a document of cells (.py with # %%, .ipynb) in a Jupyter kernel, and print what it puts out",
        "lab run chapter.py --timeout 60 --save chapter.ipynb",
        data=True,
    )
    lab.add_argument(
        "action", metavar="run", choices=("run",), help="run all code cells in order, up to one that fails"
    )
    lab.add_argument("file", type=Path, metavar="FILE", help="the document")
    lab.add_argument("--json", action="store_true", help="print each output as a line of JSON (docs/lab.md)")
    lab.add_argument("--timeout", type=_seconds, metavar="S", help="seconds that a cell may take (default: any)")
    lab.add_argument("--save", type=Path, metavar="OUT", help="write the document with its outputs, .ipynb or .py")
    lab.add_argument("--kernel", metavar="NAME", default="", help="the kernel (default: the one that FILE names)")


def _seconds(text: str) -> float:
    try:
        seconds = float(text)
    except ValueError:
        seconds = 0.0
    if not 0 < seconds < 1e9:
        raise argparse.ArgumentTypeError(f"{text!r} is not a number of seconds above 0")
    return seconds


def _lab(options: argparse.Namespace) -> int:
    from engine.lab.document import check_ending, open_document
    from engine.lab.run import run_all
    from tui.cli.lab import Report

    document = open_document(options.file)
    if options.save is not None:
        check_ending(options.save)
    report = Report(document, print_json=say_line_of_json if options.json else None, print_text=say_text)
    tell(f"{options.file}: starting the kernel …")
    report.begin(options.kernel or document.kernel)
    env = {"FMNIST_TUI_HOME": str(home_of(options))}
    if options.data_dir is not None:
        env["FMNIST_TUI_DATA"] = str(options.data_dir.absolute())
    try:
        failed = run_all(
            document, kernel=options.kernel, timeout=options.timeout, env=env,
            on_output=report.output, on_cell=report.cell,
        )  # fmt: skip
    finally:
        if options.save is not None and report.begun:
            document.save(options.save)
    report.end(failed)
    if failed is None:
        return DONE
    complain(f"{options.file}, cell {failed.number}: {failed.ran.failure}")
    return FAILED
