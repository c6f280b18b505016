"""A text in the person's own editor, `$VISUAL` or `$EDITOR`."""

import os
import shlex
import subprocess
import tempfile
from pathlib import Path

from engine import plain_file
from engine.errors import EngineError

MOST_BYTES = 1 << 20  # of the text


class EditorError(EngineError):
    """There is no editor, or it failed; the text is as it was."""


def command() -> list[str]:
    """The editor's command line. Raises EditorError where none is set."""
    for name in ("VISUAL", "EDITOR"):
        if typed := os.environ.get(name, "").strip():
            try:
                return shlex.split(typed)
            except ValueError as error:
                raise EditorError(f"${name} can't be read as a command ({error})") from None
    raise EditorError("neither $VISUAL nor $EDITOR names an editor")


def edited(text: str, *, name: str = "note") -> str:
    """What the person makes of the text; waits for the editor's end. It has the terminal meanwhile. `name`: of the
    file that it shows. Raises EditorError."""
    editor = command()
    with tempfile.TemporaryDirectory(prefix="fmnist-tui-") as folder:
        file = Path(folder, f"{name}.md")
        try:
            file.write_text(text + "\n" * bool(text), encoding="utf-8")
            code = subprocess.run([*editor, os.fspath(file)], check=False).returncode
            if code:
                raise EditorError(f"{shlex.join(editor)} ended with the code {code}")
            return plain_file.read(file, MOST_BYTES).decode("utf-8", "replace")
        except OSError as error:
            raise EditorError(f"{shlex.join(editor)}: {error.strerror}") from None
