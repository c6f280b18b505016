"""What every test of a screen stands on: no worker of the app fails unnoticed."""

from collections.abc import Iterator

import pytest

from tests.support.idle import Idle, idle
from tui import gc_tuning
from tui.app import FmnistApp

__all__ = ["idle"]


@pytest.fixture(autouse=True)
def short_waits(idle: Idle) -> None:
    """A key costs a test what it sets off, not 40 ms of sleep."""


@pytest.fixture(autouse=True)
def no_app_is_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    """An app tells Python never to look again at what stands a second after its start: here one comes after another,
    and each would stay in memory."""
    monkeypatch.setattr(gc_tuning, "STANDING_S", ())


@pytest.fixture
def worker_failures() -> list[BaseException]:
    """The failures that the app was told of. A test that takes this expects them, and looks at them itself."""
    return []


@pytest.fixture(autouse=True)
def no_worker_fails_unnoticed(
    request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch, worker_failures: list[BaseException]
) -> Iterator[None]:
    """A worker's failure does not end the app; it ends the test."""
    handle = FmnistApp.handle_worker_failure

    def noting(app: FmnistApp, error: BaseException) -> None:
        worker_failures.append(error)
        handle(app, error)

    monkeypatch.setattr(FmnistApp, "handle_worker_failure", noting)
    yield
    if "worker_failures" not in request.function.__code__.co_varnames:
        for error in worker_failures:
            raise AssertionError("a worker of the app failed") from error
