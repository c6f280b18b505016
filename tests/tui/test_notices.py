"""The app tells of the end of a run that asks for it, whatever screen is shown."""

from pathlib import Path

import pytest

from engine.runs import store
from engine.training import events as ev
from tests.support.made_up import MadeUpRun, ScreensApp
from tests.support.waiting import until
from tui import order_app
from tui.notices import Notices

WARNED = ev.Warned(code="non_finite_loss", message="the loss is nan", epoch=1, step=5)


def asking(home: Path, run_id: str = "20260101-101010-aaaa", *ways: str, dead: bool = False) -> MadeUpRun:
    made = MadeUpRun(home, run_id, name=f"run{run_id[-1]}", dead=dead)
    store.write_run(made.folder, store.read_run(made.folder) | {"notify": list(ways or ("bell",))})
    made.train([1])
    return made


def test_the_end_of_a_run_is_told_once(tmp_path: Path) -> None:
    made, notices = asking(tmp_path), Notices(tmp_path)
    assert notices.look() == []
    made.add(ev.Finished(epochs=1, seconds=1.0))
    ((ways, told),) = notices.look()
    assert (ways, told.state) == (("bell",), "finished")
    assert notices.look() == []


def test_a_nan_is_told_and_the_stop_because_of_it_is_not(tmp_path: Path) -> None:
    made, notices = asking(tmp_path), Notices(tmp_path)
    notices.look()
    made.add(WARNED)
    assert [told.state for _, told in notices.look()] == ["nan"]
    made.add(ev.Stopped(epoch=1, step=5, reason="non_finite_loss"))
    assert notices.look() == []


def test_a_run_whose_host_is_killed_is_told_of(tmp_path: Path) -> None:
    made, notices = asking(tmp_path), Notices(tmp_path)
    notices.look()
    made.folder.host_json.unlink()
    assert [told.state for _, told in notices.look()] == ["ended"]
    assert notices.look() == []


def test_what_ended_before_is_old_news(tmp_path: Path) -> None:
    asking(tmp_path, dead=True).add(ev.Finished(epochs=1, seconds=1.0))
    notices = Notices(tmp_path)
    assert notices.look() == notices.look() == []


def test_a_run_that_is_resumed_is_told_of_again(tmp_path: Path) -> None:
    made, notices = asking(tmp_path), Notices(tmp_path)
    notices.look()
    made.add(ev.Finished(epochs=1, seconds=1.0))
    assert len(notices.look()) == 1
    made.add(ev.EpochFinished(epoch=1, loss=1.0, seconds=1.0, samples_per_s=1.0), ev.Unpaused(epoch=1, step=1))
    notices.look()
    made.add(ev.Finished(epochs=1, seconds=1.0))
    assert len(notices.look()) == 1


def test_a_run_that_asks_for_nothing_is_not_told_of(tmp_path: Path) -> None:
    made, notices = MadeUpRun(tmp_path, "20260101-101010-aaaa"), Notices(tmp_path)
    notices.look()
    made.add(ev.Finished(epochs=1, seconds=1.0))
    assert notices.look() == []


def test_a_run_that_begins_and_ends_is_told_of_and_one_that_goes_is_not(tmp_path: Path) -> None:
    notices = Notices(tmp_path)
    assert notices.look() == []
    gone, made = asking(tmp_path, "20260101-101010-aaaa"), asking(tmp_path, "20260102-101010-bbbb")
    notices.look()
    made.add(ev.Failed(message="x", log="y", epoch=1, step=1))
    gone.folder.events.unlink()
    gone.folder.run_json.unlink()
    assert [told.state for _, told in notices.look()] == ["failed"]


@pytest.mark.parametrize("ways", [("bell",), ("osc9", "bell"), ("make a sound",)])
async def test_the_terminal_is_told_and_the_person(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, ways: tuple[str, ...]
) -> None:
    sent = list[str]()
    monkeypatch.setattr(order_app, "send", lambda app, sequence: sent.append(sequence))
    made = asking(tmp_path, "20260101-101010-aaaa", *ways)
    app = ScreensApp(tmp_path, "runs")
    async with app.run_test(size=(80, 24)) as pilot:
        app.look_for_notices()
        await until(pilot, lambda: "notices" in vars(app) and made.folder in app.notices.looked_at)
        made.add(ev.Finished(epochs=1, seconds=1.0))
        app.look_for_notices()
        await until(pilot, lambda: any("runa is finished" in one.message for one in app._notifications))
    sent_once = "".join(sent)
    assert sent_once.count("\x1b]9;") == ("osc9" in ways)
    assert sent_once.replace("\x1b]9;", "").count("\x07") == len([way for way in ways if way in ("bell", "osc9")])
