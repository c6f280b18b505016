"""`lab`: the running labs; documents of cells, run by a Jupyter kernel; the course."""

import argparse
import sys
import time
from pathlib import Path

from tui.cli.command import Commands, home_of
from tui.cli.output import (
    DONE,
    FAILED,
    complain,
    console,
    say,
    say_json,
    say_line_of_json,
    say_text,
    tell,
    tell_in_place,
)
from tui.config.declared import LAB_LANGUAGES


def declare(commands: Commands) -> None:
    """Add the commands of this group."""
    lab = commands.add("lab", _list, "list the running labs: documents that have a kernel", "lab")
    lab.add_argument("--json", action="store_true", help="print them as JSON (docs/lab.md)")
    actions = Commands(lab, of="lab")
    run = actions.add(
        "run",
        _run,
        "run a document of cells (.py with # %%, .ipynb) in a Jupyter kernel, and print what it puts out",
        "run chapter.py --timeout 60 --save chapter.ipynb",
        data=True,
    )
    run.add_argument(
        "file", type=Path, metavar="FILE", help="the document: all its code cells run in order, up to one that fails"
    )
    run.add_argument(
        "--json", action="store_true", default=argparse.SUPPRESS,
        help="print each output as a line of JSON (docs/lab.md)",
    )  # fmt: skip
    run.add_argument("--timeout", type=_seconds, metavar="S", help="seconds that a cell may take (default: any)")
    run.add_argument("--save", type=Path, metavar="OUT", help="write the document with its outputs, .ipynb or .py")
    run.add_argument("--kernel", metavar="NAME", default="", help="the kernel (default: the one that FILE names)")
    stop = actions.add("stop", _stop, "end a running lab and its kernel", "stop chapter.py")
    stop.add_argument("which", metavar="NAME", help="the document's file or its name, or a name that `lab` lists")
    course = actions.add("course", _course, "list or copy the chapters of the course about PyTorch", "course --lang ko")
    course.add_argument(
        "--lang", choices=LAB_LANGUAGES, default=argparse.SUPPRESS,
        help="the course's language (default: the locale's, else en)",
    )  # fmt: skip
    course.add_argument("--copy", type=Path, metavar="DIR", help="copy the chapters there; overwrites nothing")
    course.add_argument("--progress", action="store_true", help="which exercises of the course are done")


def _seconds(text: str) -> float:
    try:
        seconds = float(text)
    except ValueError:
        seconds = 0.0
    if not 0 < seconds < 1e9:
        raise argparse.ArgumentTypeError(f"{text!r} is not a number of seconds above 0")
    return seconds


def _list(options: argparse.Namespace) -> int:
    from engine.lab import listing

    labs = listing.living(home_of(options))
    if options.json:
        say_json([lab.to_dict() for lab in labs])
        return DONE
    if not labs:
        say("no lab is running; open a document in the app to start one")
        return DONE
    from rich.table import Table

    from engine.terminal_text import shown
    from tui.format import age, duration, size

    table, now = Table(box=None, pad_edge=False), time.time()
    for heading in ("lab", "kernel", "state", "memory", "last used", "document"):
        table.add_column(heading, overflow="fold")
    for lab in labs:
        state = f"{lab.phase} for {duration(now - lab.since)}"
        cells = (lab.id, lab.kernel, state, size(lab.memory), age(now - lab.used), lab.document)
        table.add_row(*map(shown, cells))
    console(width=None if sys.stdout.isatty() else 1000).print(table)  # paths are long
    return DONE


def _stop(options: argparse.Namespace) -> int:
    from engine.lab import listing

    home = home_of(options)
    lab = listing.find(home, options.which)
    if lab is None:
        complain(f"no running lab is called {options.which!r}; list them with: fmnist-tui lab")
        return FAILED
    listing.stop(home, lab)
    say(f"{lab.id}: ended")
    return DONE


def _course(options: argparse.Namespace) -> int:
    from tui.cli.course import course

    return course(home_of(options), options.lang, options.copy, progress=options.progress)


def _run(options: argparse.Namespace) -> int:
    from engine.lab.document import check_place, open_document
    from engine.lab.run import run_all
    from tui.cli.lab import Report

    document = open_document(options.file)
    if options.save is not None:
        check_place(options.save)
    report = Report(
        document, print_json=say_line_of_json if options.json else None, print_text=say_text, tell_line=tell_in_place
    )
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
