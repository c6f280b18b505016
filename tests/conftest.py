"""What every test stands on: its own home folder, one torch thread, and no process left behind."""

import contextlib
import gc
import os
import signal
import sys
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from engine.device import spin_shortly
from tests.support.fork_server import protocol, session
from tests.support.labs import light_kernels
from tests.support.trained import train_once

__all__ = ["light_kernels", "train_once"]

spin_shortly()  # as runs do: said once, so that the fork server's processes and others have the same environment

ROOT = Path(__file__).parents[1]
# What pytest, hypothesis and coverage keep there while tests run.
OF_TOOLS = {".pytest_cache", ".hypothesis", ".coverage", "__pycache__", ".ruff_cache", ".mypy_cache"}


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A home folder of the test's own, a file of settings that is not there, and a list of trusted files; also in the
    environment, for the processes it starts."""
    path = tmp_path / "home"
    monkeypatch.setenv("FMNIST_TUI_HOME", str(path))
    monkeypatch.setenv("FMNIST_TUI_CONFIG", str(tmp_path / "config.toml"))
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    monkeypatch.delenv("TEXTUAL_THEME", raising=False)
    monkeypatch.setenv("FMNIST_TUI_PRELOAD", "0")
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    return path


@pytest.fixture(scope="session")
def real_data() -> Path:
    """The real Fashion-MNIST's folder; the test is skipped where there is none."""
    given = os.environ.get("FMNIST_TUI_DATA")
    if not given or not list(Path(given).rglob("train-images-idx3-ubyte*")):
        pytest.skip("needs the real data set: set FMNIST_TUI_DATA")
    return Path(given)


@pytest.fixture(autouse=True)
def no_process_is_left(tmp_path: Path) -> Iterator[None]:
    """End what the test started in its folder and did not end, by its id."""
    before = set(psutil.pids())  # what they were started with is only read of the others: it takes a while
    yield
    for pid in set(psutil.pids()) - before:
        with contextlib.suppress(psutil.Error, ProcessLookupError):
            if any(str(tmp_path) in part for part in psutil.Process(pid).cmdline()):
                os.kill(pid, signal.SIGKILL)


@pytest.fixture(autouse=True)
def nothing_is_left_in_the_repository() -> Iterator[None]:
    """Fail the test that leaves a file or a folder in the repository's root: the folder that it runs in is not its
    own."""
    before = set(os.listdir(ROOT))
    yield
    left = sorted(set(os.listdir(ROOT)) - before - OF_TOOLS)
    assert not left, f"a test left in {ROOT}: {left}"


@pytest.fixture
def cold(monkeypatch: pytest.MonkeyPatch) -> None:
    """What the test starts, and what that starts, begins as a person's does: nothing is forked off the fork server."""
    monkeypatch.delenv(protocol.ADDRESS, raising=False)


def pytest_configure(config: pytest.Config) -> None:
    """Tests interrupt programs that they start. A shell without job control starts what is in its background with
    SIGINT ignored, which they would inherit."""
    os.environ.setdefault(protocol.ONE_THREAD, "1")  # of torch, here too: several would wait for a core by spinning
    # Else some hundred processes would compile the program, each anew.
    os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
    sys.dont_write_bytecode = False
    if (server := session.begin()) is not None:
        config.add_cleanup(server.close)
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)


def pytest_collection_finish() -> None:
    """What all test modules have imported stands until the end: no search for garbage, of which there are many, walks
    through it again."""
    gc.collect()
    gc.freeze()


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """The longest first: begun last, it would keep one processor busy after all others are done."""
    items.sort(key=lambda item: item.path.name != "test_reference_run.py")
