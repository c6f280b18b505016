"""stdin, stdout and stderr as a shell may hand them over: closed, or to a terminal of another encoding than UTF-8."""

import codecs
import io
import os
import sys
from collections.abc import Mapping
from pathlib import Path

from engine import terminal_text
from engine.terminal_text import ERRORS
from tui.cli.output import RawOutput

CLOSED = "stdout is closed, so there is nowhere to print to; redirect it, to /dev/null if need be"


def prepare() -> str:
    """Make them fit for use, before anything else is opened. Returns why nothing can be done; empty: all is well."""
    for descriptor in range(3):  # else the next file that is opened would take its place, and get what is printed
        try:
            os.fstat(descriptor)
        except OSError:
            os.open(os.devnull, os.O_RDWR)
    closed = sys.stdout is None
    sys.stdin = sys.stdin or open(os.devnull, encoding="utf-8")  # noqa: SIM115
    sys.stderr = sys.stderr or open(os.devnull, "w", encoding="utf-8")  # noqa: SIM115
    sys.stdout = sys.stdout or open(os.devnull, "w", encoding="utf-8")  # noqa: SIM115
    encoding = encoding_for(asked_for(), sys.stdout.encoding)
    terminal_text.use_encoding(encoding)
    old = sys.stdout
    if isinstance(old, io.TextIOWrapper) and isinstance(sys.stderr, io.TextIOWrapper):
        buffered = io.BufferedWriter(RawOutput(old.fileno(), "wb", closefd=False))
        sys.stdout = io.TextIOWrapper(
            buffered, encoding, ERRORS, line_buffering=old.line_buffering, write_through=old.write_through
        )
        sys.stderr.reconfigure(encoding=encoding, errors=ERRORS)
    return CLOSED if closed else ""


def encoding_for(environ: Mapping[str, str], of_stream: str) -> str:
    """What the output is to be encoded in: as the locale says, whether or not it is installed. Python itself takes
    UTF-8 for the locales C and POSIX, and for one that is not installed. Without any locale it is as Python has it.

    `of_stream`: what Python chose.
    """
    if environ.get("PYTHONIOENCODING") or environ.get("PYTHONUTF8") == "1":
        return of_stream
    named = next((environ[name] for name in ("LC_ALL", "LC_CTYPE", "LANG") if environ.get(name)), "")
    if named in ("C", "POSIX"):
        return "ascii"
    codeset = named.partition(".")[2].partition("@")[0]  # de_DE.ISO-8859-15@euro
    try:
        return codecs.lookup(codeset).name if codeset else of_stream
    except LookupError:
        return of_stream


def asked_for() -> Mapping[str, str]:
    """The environment that the program was started with: Python sets LC_CTYPE itself where the locale is C."""
    try:
        entries = Path("/proc/self/environ").read_bytes().split(b"\0")
    except OSError:
        return os.environ
    return dict(os.fsdecode(entry).split("=", 1) for entry in entries if b"=" in entry)
