"""The app, and `watch`, which opens it on a run."""

import argparse
import contextlib
import os
import signal
import sys
from pathlib import Path

from engine import home as homes
from engine.errors import EngineError, RunError
from engine.home import RunFolder
from engine.lab import durations
from engine.models.trusted_code import name_remembered
from engine.terminal_text import encoding
from engine.training.config import absolute_dataset, parse
from engine.training.recipes import add_own
from tui.cli.command import Commands, add_run, home_of
from tui.cli.output import BAD_INPUT, DONE, complain, say


def declare(commands: Commands) -> None:
    """Add the commands of this group."""
    watch = commands.add("watch", _watch, "open the app on a run", "watch last", data=True, config=True)
    add_run(watch, nargs="?", default="last")


def idle(text: str) -> float:
    """A time that was typed, in seconds."""
    try:
        return durations.seconds(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(f"{text!r}: {error}") from None


def app(options: argparse.Namespace, watch: RunFolder | None = None) -> int:
    if not (sys.stdin.isatty() and sys.stdout.isatty() and sys.stderr.isatty()):  # Textual draws on stderr
        complain(
            "the app needs a terminal, and this is none; run it in one (ssh -t), "
            "or see fmnist-tui --help for the commands that do without"
        )
        return BAD_INPUT
    home = home_of(options)
    notice = ""
    try:
        homes.ensure(home)
    except RunError as error:  # what is there can be looked at
        notice = str(error)
    from tui.app import FmnistApp
    from tui.config import declared
    from tui.config.preferences import Preferences
    from tui.textual_private import take_any_input

    data_dir = options.data_dir.resolve() if options.data_dir else None
    preferences = Preferences.read(homes.config_file(options.config), os.environ)
    add_own(preferences.recipes)
    with contextlib.suppress(EngineError):  # the app asks then
        name_remembered(preferences.form.get("model"), preferences.form.get("transform"))
    app = FmnistApp(
        home=home,
        data_dir=data_dir,
        dataset=absolute_dataset(parse("dataset", options.dataset)),
        watch=watch,
        images=options.images,
        preferences=preferences,
        preload=preferences.get(declared.PRELOAD),
        notice=notice,
        lab_language=options.lang,
        lab_idle=preferences.get(declared.LAB_IDLE) if options.idle is None else options.idle,
    )
    take_any_input(encoding(), app.answers.take)
    # A terminal that is gone ends the app, also where it was started with the signal ignored (by nohup): else Textual
    # reads the end of its input again and again, at full speed.
    signal.signal(signal.SIGHUP, signal.SIG_DFL)
    app.run()
    if preferences.failed_last:
        complain(preferences.failed_last)
    if app.farewell:
        (complain if app.return_code else say)(app.farewell)
    return app.return_code or DONE


def _watch(options: argparse.Namespace) -> int:
    from engine.runs import store

    folder = store.find(home_of(options), options.which)
    if options.data_dir is None and (used := store.read_run(folder).get("data_dir")):
        options.data_dir = Path(used)  # *Data* shows what the run trains on
    return app(options, watch=folder)
