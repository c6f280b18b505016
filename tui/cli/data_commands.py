"""`data`: which data is there, whether it is whole, and which images are suspicious."""

import argparse

from engine.evaluation import quality
from engine.evaluation.requests import LabelErrorSettings
from engine.training.config import absolute_dataset, parse
from tui.cli.command import Commands, home_of


def declare(commands: Commands) -> None:
    """Add the commands of this group."""
    where = commands.add("data", _data, "show which data is there, and check it", "data --json", data=True)
    where.add_argument("--json", action="store_true", help="as a JSON object")
    where.add_argument(
        "--dataset", metavar="DATASET", default=argparse.SUPPRESS, help="your own data, as for train (default: auto)"
    )
    where.add_argument(
        "--issues",
        metavar="KINDS",
        help=f"look for suspicious images: all, or some of {', '.join(quality.KINDS)}, separated by commas",
    )
    where.add_argument(
        "--model", metavar="MODEL", default=quality.DEFAULT.model, help="model that looks for label errors"
    )
    where.add_argument(
        "--folds", type=_count, metavar="N", default=quality.DEFAULT.folds, help="folds of its cross-validation"
    )
    where.add_argument(
        "--epochs", type=_count, metavar="N", default=quality.DEFAULT.epochs, help="epochs of each of its trainings"
    )
    where.add_argument(
        "--download", action="store_true", help="download Fashion-MNIST (30 MB) into the data folder first"
    )


def _count(text: str) -> int:
    if not text.isdecimal() or not 1 <= int(text) <= 1000:
        raise argparse.ArgumentTypeError(f"{text!r} is not a number from 1 to 1000")
    return int(text)


def _data(options: argparse.Namespace) -> int:
    from tui.cli import data

    home, dataset = home_of(options), absolute_dataset(parse("dataset", options.dataset))
    if options.issues is None:
        return data.run(home, options.data_dir, dataset, download=options.download, as_json=options.json)
    from tui.cli import issues

    settings = LabelErrorSettings(model=parse("model", options.model), folds=options.folds, epochs=options.epochs)
    return issues.run(home, options.data_dir, dataset, options.issues, settings, as_json=options.json)
