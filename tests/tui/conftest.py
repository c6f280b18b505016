"""What every test of a screen stands on: no worker of the app may fail unnoticed."""

from collections.abc import Iterator

import pytest

from tui.app import FmnistApp


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
