"""`lab`: documents of cells, run by a Jupyter kernel, and the course."""

import argparse
from pathlib import Path

from tui.cli.command import Commands, home_of
from tui.cli.output import DONE, FAILED, complain, say_line_of_json, say_text, tell

# Options of one action, which the other refuses.
OF_A_RUN = ("file", "json", "timeout", "save", "kernel")
OF_THE_COURSE = ("lang", "copy", "progress")


def declare(commands: Commands) -> None:
    """Add the commands of this group."""
    lab = commands.add(
        "lab",
        _lab,
        "run a document of cells (.py with # %%, .ipynb) in a Jupyter kernel, and print what it puts out; or list the "
        "chapters of the course",
        "lab run chapter.py --timeout 60 --save chapter.ipynb",
        data=True,
    )
    lab.add_argument(
        "action",
        metavar="run|course",
        choices=("run", "course"),
        help="run all code cells of FILE in order, up to one that fails; or the chapters of the course",
    )
    lab.add_argument("file", type=Path, metavar="FILE", nargs="?", help="the document")
    lab.add_argument("--json", action="store_true", help="print each output as a line of JSON (docs/lab.md)")
    lab.add_argument("--timeout", type=_seconds, metavar="S", help="seconds that a cell may take (default: any)")
    lab.add_argument("--save", type=Path, metavar="OUT", help="write the document with its outputs, .ipynb or .py")
    lab.add_argument("--kernel", metavar="NAME", default="", help="the kernel (default: the one that FILE names)")
    lab.add_argument(
        "--lang", choices=("en", "ko"), default="", help="the course's language (default: the locale's, else en)"
    )
    lab.add_argument("--copy", type=Path, metavar="DIR", help="copy the course's chapters there; overwrites nothing")
    lab.add_argument("--progress", action="store_true", help="which exercises of the course are done")
    lab.set_defaults(parser=lab)


def _seconds(text: str) -> float:
    try:
        seconds = float(text)
    except ValueError:
        seconds = 0.0
    if not 0 < seconds < 1e9:
        raise argparse.ArgumentTypeError(f"{text!r} is not a number of seconds above 0")
    return seconds


def _lab(options: argparse.Namespace) -> int:
    run = options.action == "run"
    if run and options.file is None:
        options.parser.error("run needs FILE, the document")
    of_the_other = OF_THE_COURSE if run else OF_A_RUN
    if strange := next((name for name in of_the_other if getattr(options, name)), None):
        spelled = strange.upper() if strange == "file" else f"--{strange}"
        options.parser.error(f"{options.action} takes no {spelled}")
    if run:
        return _run(options)
    from tui.cli.course import course

    return course(home_of(options), options.lang, options.copy, progress=options.progress)


def _run(options: argparse.Namespace) -> int:
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
