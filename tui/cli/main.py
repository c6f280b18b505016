"""The command line, `fmnist-tui`. Imports nothing heavy until a command needs it."""

import argparse
import signal
import sys
from collections.abc import Sequence
from pathlib import Path

from engine.errors import EngineError
from tui.cli import streams
from tui.cli.command import home_of
from tui.cli.output import BAD_INPUT, DONE, FAILED, complain, finish


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command. Returns the exit code: 0 done, 1 failed while running, 2 bad input, 128 + a signal's number."""
    from_shell = arguments is None
    if from_shell and (problem := streams.prepare()):
        complain(problem)
        return BAD_INPUT
    given = sys.argv[1:] if arguments is None else list(arguments)
    if given[:2] == ["completion", "--runs"]:  # by a shell, at each tab: before all that the parser needs
        from tui.cli import run_names

        return finish(run_names.main(given[2:]))
    from tui.cli.parser import parsed

    if not from_shell:
        return _run(parsed(given))
    try:
        options = parsed(given)
    except SystemExit as refused:  # --help, --version, or what argparse refuses
        return finish(refused.code if isinstance(refused.code, int) else DONE)
    if options.isolated:
        from tui.cli import isolated

        return isolated.run(lambda: _run(options), BAD_INPUT)
    return _run(options)


def _run(options: argparse.Namespace) -> int:
    try:
        code: int = options.run(options)
    except EngineError as error:
        complain(str(error))
        code = BAD_INPUT
    except KeyboardInterrupt:
        code = 128 + signal.SIGINT
    except Exception as error:
        if isinstance(error, OSError) and (refused := finish(DONE)):  # what it was printing to was closed, or is full
            return refused
        from tui import crash

        complain(crash.record(_home_or_none(options), error))
        code = FAILED
    return finish(code)


def _home_or_none(options: argparse.Namespace) -> Path | None:
    try:
        return home_of(options)
    except EngineError:
        return None


if __name__ == "__main__":
    sys.exit(main())
