"""`export`: what leaves the program of a run."""

import argparse
from pathlib import Path

from tui.cli.command import Commands, add_run, home_of

FORMS = ("script", "csv", "card", "tensorboard", "onnx")


def declare(commands: Commands) -> None:
    """Add the command."""
    made = commands.add(
        "export", _export, "write a run as a PyTorch script, its numbers, or a model card",
        "export last --script train.py",
    )  # fmt: skip
    add_run(made)
    form = made.add_mutually_exclusive_group(required=True)
    form.add_argument(
        "--script", type=Path, metavar="FILE",
        help="one PyTorch file, without this program, that trains the same weights bit for bit; - prints it",
    )  # fmt: skip
    form.add_argument("--csv", type=Path, metavar="FILE", help="each metric by epoch and step, as CSV; - prints it")
    form.add_argument(
        "--card", type=Path, metavar="FILE",
        help="a model card in Markdown: data, settings, results with 95%% intervals, curves; - prints it",
    )  # fmt: skip
    form.add_argument(
        "--tensorboard", type=Path, metavar="DIR",
        help="event files for TensorBoard: its curves, results and settings (needs the package tensorboard)",
    )  # fmt: skip
    form.add_argument(
        "--onnx", type=Path, metavar="FILE",
        help="the network as ONNX, checked against PyTorch (needs onnx, onnxscript and onnxruntime)",
    )  # fmt: skip
    made.add_argument(
        "--at",
        default="",
        metavar="PLACE",
        help="with --onnx: an epoch (3), a step in it (3:412), last, best (default)",
    )
    made.add_argument("--force", action="store_true", help="write over a file that is there already")


def _export(options: argparse.Namespace) -> int:
    from tui.cli import export

    form = next(name for name in FORMS if getattr(options, name) is not None)
    path = getattr(options, form)
    return export.export(home_of(options), options.which, form, path, at=options.at, force=options.force)
