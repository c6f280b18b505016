"""Names from the person's own Python files: `path/to/file.py:NAME`."""

import hashlib
import importlib.util
import inspect
import sys
from importlib.machinery import SourceFileLoader
from pathlib import Path
from types import CodeType
from typing import Any

from engine import plain_file
from engine.errors import ModelError, PathError
from engine.home import expanded
from engine.models import trusted_code


class _BytesLoader(SourceFileLoader):
    """Runs the bytes that it is given: neither what stands in the file by then, nor a `.pyc` beside it."""

    def __init__(self, name: str, path: Path, source: bytes) -> None:
        super().__init__(name, str(path))
        self._source = source

    def get_code(self, fullname: str) -> CodeType:
        return self.source_to_code(self._source, self.path)


def load_name(reference: str) -> Any:
    """The object NAME of `path/to/file.py:NAME`. The file is run, as an import runs it, where the person trusts it.

    Raises UntrustedCodeError where they do not, and ModelError with one line for a file that isn't there or raises, and
    for a name it does not have.
    """
    path_text, _, name = reference.rpartition(":")
    path = expanded(path_text)
    if not path.is_file():
        raise ModelError(f"no such file: {path}; give path/to/file.py:NAME")
    module_name = f"fmnist_tui_person_{path.stem}"
    loader = _BytesLoader(module_name, path, trusted_code.source(path))
    spec = importlib.util.spec_from_file_location(module_name, path, loader=loader)
    assert spec is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[module_name] = module
    sys.path.insert(0, str(trusted_code.real(path).parent))  # its neighbours, as if it were run there
    try:
        loader.exec_module(module)
    except KeyboardInterrupt:
        raise
    except BaseException as error:
        del sys.modules[module_name]
        raise ModelError(f"{path}{_line_in(error, path)} raised {describe(error)}; mend the file") from error
    finally:
        sys.path.pop(0)
    if not hasattr(module, name):
        raise ModelError(f"{path} has no {name!r}{_offer(module)}")
    return getattr(module, name)


def file_hash(reference: str) -> str:
    """SHA-256 of the file of `path/to/file.py:NAME`; empty where it can't be read."""
    try:
        return hashlib.sha256(plain_file.read(expanded(reference.rpartition(":")[0]))).hexdigest()
    except (OSError, PathError):
        return ""


def describe(error: BaseException) -> str:
    """An exception as one line: `ValueError: what it says`, its first line."""
    lines = str(error).strip().splitlines()
    return f"{type(error).__name__}: {lines[0]}" if lines else type(error).__name__


def _line_in(error: BaseException, path: Path) -> str:
    """`, line 12,` where the error came through that line of the file; a SyntaxError names its own."""
    if isinstance(error, SyntaxError) and error.filename == str(path):
        return f", line {error.lineno},"
    line, trace = None, error.__traceback__
    while trace is not None:
        if trace.tb_frame.f_code.co_filename == str(path):
            line = trace.tb_lineno
        trace = trace.tb_next
    return f", line {line}," if line else ""


def _offer(module: Any) -> str:
    from torch import nn

    classes = [
        name
        for name, value in vars(module).items()
        if inspect.isclass(value) and issubclass(value, nn.Module) and value.__module__ == module.__name__
    ]
    return f"; its models: {', '.join(classes)}" if classes else "; it defines no torch.nn.Module"
