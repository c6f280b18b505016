"""The app's timers by hand: what a screen does every few seconds, counted in ticks and not waited for."""

from typing import Any

from textual.app import App
from textual.pilot import Pilot

from tests.support.waiting import until


async def tick(pilot: Pilot[Any], times: int = 1) -> int:
    """Let each timer of the app, its screen and the widgets there, as far as they repeat, fire `times` times, and wait
    until the messages of each are handled and the workers that they started are done. Returns how many timers."""
    app: App[Any] = pilot.app
    timers = [timer for node in (app, app.screen, *app.screen.query("*")) for timer in list(node._timers)]
    repeating = [timer for timer in timers if timer._repeat is None and timer._active.is_set()]
    for count in range(1, times + 1):
        before = set(app.workers)
        for timer in repeating:
            await timer._tick(next_timer=0.0, count=count)
        await until(pilot, lambda before=before: all(one.is_finished for one in set(app.workers) - before))  # type: ignore[misc]
        await pilot.pause()
    return len(repeating)


def count_writes(app: App[Any], monkeypatch: Any) -> list[Any]:
    """What the app writes to its terminal from now on; a None stands for a refresh without a change."""
    written: list[Any] = []
    display = app._display

    def counted(screen: Any, update: Any) -> None:
        if update is not None:
            written.append(update)
        display(screen, update)

    monkeypatch.setattr(app, "_display", counted)
    return written
