"""Try small wrong changes to a module, one at a time, and show which of them its tests do not see.

Each change is run in a copy of the checkout in the temporary folder, first against the tests that run the changed line,
then, where these pass, against all nearby tests: those in the folder that mirrors the module's, in the file of its name
or in one that imports it. Tests marked `slow` are left out. A line that no test runs in its own process counts as not
reached.

    python -m tools.mutants engine/training/checkpoint_policy.py
    python -m tools.mutants engine/evaluation/*.py --limit 40 -n 2
    python -m tools.mutants engine/runs/state.py --tests tests/engine/runs/test_state.py --seed 3 --limit 20

Exit code: 0, whatever the score; 2 where the tests fail without any change.
"""

import argparse
import compileall
import contextlib
import importlib
import json
import os
import random
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import FrameType
from typing import Any

import pytest

from tools.mutations import Mutant, mutants

PRELOADED = (
    "numpy",
    "torch",
    "textual.app",
    "hypothesis",
    "rich.progress",
)  # once, for all runs of tests: seconds each
PATIENCE = 20.0  # a run that takes so many times as long as without a change hangs, …
LEAST_PATIENCE_S = 120.0  # … where it takes longer than this, too: other work may slow the machine down
HANG_S = "60"  # that a test waits for what does not come (tests/support/waiting.py)
PASSED, INTERRUPTED = 0, 2  # pytest's exit codes


class ToolError(Exception):
    """One line for the person who runs this."""


@dataclass
class Baseline:
    """The nearby tests without any change."""

    lines: dict[str, list[int]] = field(default_factory=dict)  # of the module, that each test runs
    seconds: dict[str, float] = field(default_factory=dict)  # of each test

    def reaching(self, first: int, last: int) -> list[str]:
        """The tests that run a line from `first` to `last`, the quickest first."""
        found = [test for test, lines in self.lines.items() if any(first <= line <= last for line in lines)]
        return sorted(found, key=lambda test: self.seconds[test])


@dataclass(frozen=True)
class Score:
    """What came of a module's mutants."""

    module: str
    seen: int
    survivors: tuple[Mutant, ...]
    not_reached: tuple[Mutant, ...]

    @property
    def total(self) -> int:
        return self.seen + len(self.survivors) + len(self.not_reached)

    def __str__(self) -> str:
        share = 100 * self.seen // self.total if self.total else 100
        return (
            f"{self.module}: {self.seen} of {self.total} changes seen ({share}%), {len(self.survivors)} survived, "
            f"{len(self.not_reached)} not reached"
        )


def nearby_tests(root: Path, module: str) -> list[str]:
    """The test files that mirror `module`: the one of its name, and those in the same folder that import it. Raises
    ToolError where there is none."""
    path = Path(module)
    folder = root / "tests" / path.parent
    dotted, name = ".".join(path.with_suffix("").parts), path.stem
    imports = re.compile(
        rf"^(from {re.escape(dotted)} import|import {re.escape(dotted)}\b"
        rf"|from {re.escape('.'.join(path.parent.parts))} import .*\b{re.escape(name)}\b)",
        re.MULTILINE,
    )
    found = [
        file
        for file in sorted(folder.glob("test_*.py"))
        if file.name == f"test_{name}.py" or imports.search(file.read_text())
    ]
    found.sort(key=lambda file: file.name != f"test_{name}.py")
    if not found:
        raise ToolError(f"no test in {folder.relative_to(root)} imports {dotted}: name the tests with --tests")
    return [str(file.relative_to(root)) for file in found]


class Recorder:
    """A pytest plugin: which lines of a file each test runs, in any thread, and how long it takes."""

    def __init__(self, file: Path, root: Path) -> None:
        self._file, self._root = str(file), root
        self._lines: set[int] = set()
        self.found = Baseline()

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_protocol(self, item: pytest.Item) -> Iterator[None]:
        import threading

        self._lines = set()
        begin = time.monotonic()
        threading.settrace(self._enter)
        sys.settrace(self._enter)
        try:
            return (yield)
        finally:
            sys.settrace(None)
            threading.settrace(None)  # type: ignore[arg-type,unused-ignore]
            self.found.lines[item.nodeid] = sorted(self._lines)
            self.found.seconds[item.nodeid] = time.monotonic() - begin

    def _enter(self, frame: FrameType, event: str, _: Any) -> Any:
        if frame.f_code.co_filename != self._file:
            return None
        self._lines.add(frame.f_lineno)
        return self._line

    def _line(self, frame: FrameType, event: str, _: Any) -> Any:
        self._lines.add(frame.f_lineno)
        return self._line


class Copy:
    """A copy of the checkout in which one run of tests at a time goes on."""

    def __init__(self, root: Path, folder: Path) -> None:
        self._root, self.folder = root, folder
        self.child = 0  # the process of the run that goes on
        self.mutant: Mutant | None = None
        self.all_tests = False  # whether it runs all nearby tests
        self.deadline = 0.0  # monotonic time
        listed = subprocess.run(
            ["git", "ls-files", "-co", "--exclude-standard"], cwd=root, capture_output=True, text=True, check=True
        )
        for name in listed.stdout.splitlines():
            if (root / name).is_file():
                (folder / name).parent.mkdir(parents=True, exist_ok=True)
                shutil.copy2(root / name, folder / name)
        compileall.compile_dir(folder, quiet=2)

    def write(self, module: str, source: str) -> None:
        """Put the module's source there, and forget what was compiled of it."""
        path = self.folder / module
        path.write_text(source)
        for compiled in (path.parent / "__pycache__").glob(f"{path.stem}.*"):
            compiled.unlink()

    def start(self, tests: Sequence[str], recorder: Recorder | None = None) -> None:
        """Run tests in a process of their own, which stops at the first that fails."""
        sys.stdout.flush()
        self.child = os.fork()
        if self.child:
            return
        code = 3
        try:
            os.setsid()
            log = os.open(self.folder.with_suffix(".log"), os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
            null = os.open(os.devnull, os.O_RDONLY)
            for target, source in ((0, null), (1, log), (2, log)):
                os.dup2(source, target)
            os.chdir(self.folder)
            os.environ |= {"PYTHONPATH": str(self.folder), "FMNIST_TUI_TESTS_HANG_S": HANG_S}
            sys.path[:] = [str(self.folder), *(path for path in sys.path if Path(path or ".").resolve() != self._root)]
            for name in [name for name in sys.modules if name.partition(".")[0] in ("engine", "tui", "tests", "tools")]:
                del sys.modules[name]
            temporary = self.folder.with_suffix(".tmp")
            options = ["-x", "-q", "-m", "not slow", "-p", "no:cacheprovider", "-p", "no:xdist"]
            code = int(
                pytest.main([*options, f"--basetemp={temporary}", *tests], plugins=[recorder] if recorder else [])
            )
            if recorder is not None:
                self.folder.with_suffix(".json").write_text(json.dumps(vars(recorder.found)))
        finally:
            os._exit(code)

    def ended(self) -> int | None:
        """The exit code of the run; None while it goes on. One past its deadline is ended, and gives INTERRUPTED."""
        pid, status = os.waitpid(self.child, os.WNOHANG)
        if pid:
            with contextlib.suppress(ProcessLookupError):  # what the tests have left
                os.killpg(self.child, signal.SIGKILL)
            return os.waitstatus_to_exitcode(status)
        if time.monotonic() < self.deadline:
            return None
        os.killpg(self.child, signal.SIGKILL)
        os.waitpid(self.child, 0)
        return INTERRUPTED

    def log(self) -> str:
        return self.folder.with_suffix(".log").read_text(errors="replace")


def baseline(copy: Copy, module: str, tests: Sequence[str]) -> Baseline:
    """Run the tests without a change. Raises ToolError, with the end of what pytest says, where they fail."""
    copy.deadline = time.monotonic() + 3600
    copy.start(tests, Recorder(copy.folder / module, copy.folder))
    while (code := copy.ended()) is None:
        time.sleep(0.05)
    copy.child = 0
    if code != PASSED:
        raise ToolError(f"the tests fail without any change:\n{copy.log()[-2000:]}")
    return Baseline(**json.loads(copy.folder.with_suffix(".json").read_text()))


def score(
    root: Path, module: str, tests: Sequence[str], *, processes: int = 1, limit: int | None = None, seed: int = 0
) -> Score:
    """Try the module's mutants, or `limit` of them drawn with `seed`. Prints each that the tests do not see."""
    source = (root / module).read_text()
    wanted = mutants(source)
    if limit is not None and limit < len(wanted):
        wanted = sorted(random.Random(seed).sample(wanted, limit), key=lambda one: one.line)
    for name in PRELOADED:
        with contextlib.suppress(ImportError):
            importlib.import_module(name)
    seen, survivors, not_reached = 0, list[Mutant](), list[Mutant]()

    def report(mutant: Mutant, words: str) -> None:
        print(f"{module}:{mutant.line}: {words}: {mutant.change}", flush=True)

    with tempfile.TemporaryDirectory(prefix="mutants-") as folder:
        copies = [Copy(root, _made(Path(folder).resolve() / str(number))) for number in range(processes)]
        known = baseline(copies[0], module, tests)
        imported = _run_at_import(source)
        patience = max(LEAST_PATIENCE_S, PATIENCE * sum(known.seconds.values()))
        waiting = list(reversed(wanted))
        while waiting or any(copy.child for copy in copies):
            for copy in copies:
                if copy.child:
                    code = copy.ended()
                    if code is None:
                        continue
                    copy.child = 0
                    assert copy.mutant is not None
                    if code != PASSED:
                        seen += 1
                    elif copy.all_tests:
                        survivors.append(copy.mutant)
                        report(copy.mutant, "survived")
                    else:
                        copy.all_tests, copy.deadline = True, time.monotonic() + patience
                        copy.start(tests)
                        continue
                if not waiting:
                    continue
                copy.mutant = mutant = waiting.pop()
                lines = range(mutant.line, mutant.last_line + 1)
                some = known.reaching(mutant.line, mutant.last_line)
                if not some and imported.isdisjoint(lines):
                    not_reached.append(mutant)
                    report(mutant, "not reached")
                    continue
                copy.write(module, mutant.source)
                copy.all_tests, copy.deadline = not some, time.monotonic() + patience
                copy.start(some or tests)
            time.sleep(0.02)
    return Score(module, seen, tuple(survivors), tuple(not_reached))


def _run_at_import(source: str) -> set[int]:
    """The lines that importing the module runs: all outside its functions, and the heads of these."""
    import ast

    found = set(range(1, source.count("\n") + 2))
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            found -= set(range(node.body[0].lineno, (node.end_lineno or 0) + 1))
    return found


def _made(folder: Path) -> Path:
    folder.mkdir()
    return folder


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(
        prog="python -m tools.mutants", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("modules", nargs="+", metavar="MODULE", help="a path such as engine/runs/state.py")
    parser.add_argument("--tests", nargs="+", help="the tests to run (default: the nearby ones)")
    parser.add_argument("-n", "--processes", type=int, default=1, help="how many changes are tried at a time")
    parser.add_argument("--limit", type=int, help="try so many changes of each module, drawn at random")
    parser.add_argument("--seed", type=int, default=0, help="of the draw")
    given = parser.parse_args(arguments)
    root = Path.cwd().resolve()
    scores = []
    try:
        for module in given.modules:
            if not (root / module).is_file():
                raise ToolError(f"there is no {module} here")
            if mutants((root / module).read_text()):
                tests = given.tests or nearby_tests(root, module)
                scores.append(score(root, module, tests, processes=given.processes, limit=given.limit, seed=given.seed))
                print(scores[-1], flush=True)
    except ToolError as error:
        print(f"mutants: {error}", file=sys.stderr)
        return 2
    if len(scores) > 1:
        print(f"{sum(one.seen for one in scores)} of {sum(one.total for one in scores)} changes seen in all")
    return 0


if __name__ == "__main__":
    sys.exit(main())
