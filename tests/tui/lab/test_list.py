"""The list of documents: the course, what lives, what was opened recently."""

import json
from pathlib import Path

import pytest
from textual.widgets import Input, Static

from engine.errors import LabError
from engine.home import Home
from engine.lab import course, progress
from engine.lab.listing import LabSummary
from tests.support.documents import CELLS, opened, screen_lines, sees, sources, told, written
from tests.support.fake_lab import FakeLab
from tests.support.made_up import ScreensApp
from tests.support.timers import tick
from tests.support.waiting import until
from tui import recent_files
from tui.dialogs.prompt import PromptScreen
from tui.lab import document_list
from tui.lab.document import DocumentScreen
from tui.lab.documents import DocumentsScreen


class Labs:
    """Those that live."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.living: list[LabSummary] = []
        self.stopped: list[str] = []
        self.trouble = ""
        monkeypatch.setattr("engine.lab.listing.living", self._living)
        monkeypatch.setattr("engine.lab.listing.find", self._find)
        monkeypatch.setattr("engine.lab.listing.stop", self._stop)

    def add(self, path: Path, phase: str = "idle") -> None:
        self.living.append(LabSummary(path.stem, str(path), "python3", phase, 0, 0, 250 * 2**20, 1, 2, "here"))

    def _living(self, home: Path) -> list[LabSummary]:
        if self.trouble:
            raise LabError(self.trouble)
        return list(self.living)

    def _find(self, home: Path, text: str) -> LabSummary | None:
        return next((one for one in self.living if one.document == text), None)

    def _stop(self, home: Path, lab: LabSummary) -> None:
        self.stopped.append(lab.id)
        if lab.hostname != "here":
            raise LabError(f"{lab.id} lives on {lab.hostname}; stop it there")
        self.living.remove(lab)


@pytest.fixture
def labs(monkeypatch: pytest.MonkeyPatch) -> Labs:
    monkeypatch.setenv("LC_ALL", "C.UTF-8")
    return Labs(monkeypatch)


async def test_the_list_is_filtered_opened_and_stopped(tmp_path: Path, home: Path, lab: FakeLab, labs: Labs) -> None:
    first = course.chapters("en")[0]
    progress.mark(home, first.name, first.exercises[0])
    mine, gone = written(tmp_path / "mine", CELLS, "mine.py"), tmp_path / "gone.py"
    for path in (gone, mine):
        recent_files.remember(Home(home).recent_documents, path)
    labs.add(tmp_path / "living.py", "busy")
    labs.add(home / "documents" / "course" / "en" / "2_data.py")
    app = ScreensApp(home, "lab")
    async with app.run_test(size=(140, 45)) as pilot:
        screen = app.screen
        assert isinstance(screen, DocumentsScreen)
        count = len(course.chapters("en"))
        await sees(pilot, "1. Tensors", f"1 of {len(first.exercises)}", "living.py", "busy", "250 MiB", "mine.py",
                   f"{count + 2} documents")  # fmt: skip
        assert not any("gone.py" in line for line in screen_lines(pilot))
        assert screen.why_not("stop", ()) == "it has no running kernel"
        assert f"1 of {len(first.exercises)} exercises done" in str(screen.query_one("#about", Static).content)
        await pilot.press("j", "x")
        await until(pilot, lambda: labs.stopped == ["2_data"])
        await until(pilot, lambda: screen.why_not("stop", ()) == "it has no running kernel")
        # another one ends by itself: seen at the next look
        labs.living.clear()
        await tick(pilot)
        await until(pilot, lambda: not any("living.py" in line for line in screen_lines(pilot)))
        # filter
        await pilot.press("slash")
        await until(pilot, lambda: isinstance(app.screen, PromptScreen))
        app.screen.query_one(Input).value = "mine"
        await pilot.pause()
        assert f"1 of {count + 1} documents" in str(app.screen.query_one("#verdict", Static).content)
        await pilot.press("enter")
        await sees(pilot, "1 document")
        assert [row.key for row in screen.table.rows] == [str(mine)]
        await pilot.press("enter")
        await until(pilot, lambda: isinstance(app.screen, DocumentScreen) and app.screen.path == mine)
        await pilot.press("escape")
        await until(pilot, lambda: app.screen is screen)
        await pilot.press("escape")
        await until(pilot, lambda: len(screen.table.rows) == count + 1)
        # a chapter: the person's own copy of it
        await pilot.press("g", "enter")
        await until(pilot, lambda: isinstance(app.screen, DocumentScreen) and app.screen.pane.notebook is not None)
        own = home / "documents" / "course" / "en" / first.path.name
        assert own.read_bytes() == first.path.read_bytes()
        assert isinstance(app.screen, DocumentScreen)
        assert app.screen.path == own
        await sees(pilot, "1. Tensors")
        assert own not in recent_files.recent(Home(home).recent_documents)


async def test_a_path_is_typed_and_a_new_name_is_a_new_document(
    tmp_path: Path, home: Path, lab: FakeLab, labs: Labs
) -> None:
    app = ScreensApp(home, "lab")
    async with app.run_test(size=(140, 45)) as pilot:
        screen = app.screen
        await pilot.press("o")
        await until(pilot, lambda: isinstance(app.screen, PromptScreen))
        line, verdict = app.screen.query_one(Input), app.screen.query_one("#verdict", Static)
        written(tmp_path, CELLS)
        for text, words in {
            "": "type the path", "x.txt": "its name must end in", str(tmp_path): "its name must end in",
            str(tmp_path / "no" / "x.py"): "there is no folder", str(tmp_path / "some.py"): "open some.py",
            str(tmp_path / "new.ipynb"): "a new document: new.ipynb",
        }.items():  # fmt: skip
            line.value = text
            await pilot.pause()
            assert words in str(verdict.content)
        await pilot.press("enter")
        await until(pilot, lambda: isinstance(app.screen, DocumentScreen) and app.screen.pane.notebook is not None)
        assert isinstance(app.screen, DocumentScreen)
        assert sources(app.screen) == [""]
        assert json.loads((tmp_path / "new.ipynb").read_text())["nbformat"] == 4
        await pilot.press("o")  # from a document too
        await until(pilot, lambda: isinstance(app.screen, PromptScreen))
        app.screen.query_one(Input).value = str(tmp_path / "some.py")
        await pilot.press("enter")
        await until(pilot, lambda: isinstance(app.screen, DocumentScreen) and len(sources(app.screen)) == 3)
        await pilot.press("escape")
        await until(pilot, lambda: app.screen is screen)
        await sees(pilot, "new.ipynb", "some.py")


async def test_what_can_not_be_read_is_one_line(tmp_path: Path, home: Path, lab: FakeLab, labs: Labs) -> None:
    labs.trouble = "no permission"
    home.mkdir()
    Home(home).recent_documents.write_text("{")
    broken = tmp_path / "broken.ipynb"
    broken.write_text("{")
    app = ScreensApp(home, "lab")
    async with app.run_test(size=(140, 45)) as pilot:
        await sees(pilot, "the running labs can't be listed (no permission)", "can't be read", "1. Tensors")
        app.open_document(broken)
        await until(pilot, lambda: isinstance(app.screen, DocumentScreen))
        await sees(pilot, "notebook:", "broken", "column")  # wherever the line breaks
        await pilot.press("r", "enter", "x", "j", "tab", "0", "i", "w", "v", "slash", "R")  # nothing is there
        assert app.is_running
        assert lab.calls == []
        await pilot.press("escape")
        await until(pilot, lambda: isinstance(app.screen, DocumentsScreen))
        # a place that can't be written
        (tmp_path / "file").write_text("")
        app.open_document(tmp_path / "file" / "new.py")
        await until(pilot, lambda: any("cannot write" in one for one in told(pilot)))
        assert isinstance(app.screen, DocumentsScreen)
        # a lab on another machine
        labs.trouble = ""
        labs.living.append(LabSummary("far", str(tmp_path / "far.py"), "python3", "idle", 0, 0, None, 0, 1, "there"))
        await pilot.press("r")
        await sees(pilot, "far.py")
        await pilot.press("G", "x")
        await until(pilot, lambda: any("lives on there; stop it there" in one for one in told(pilot)))
    assert broken.read_text() == "{"


async def test_the_list_is_made_on_a_small_screen_too(tmp_path: Path, home: Path, lab: FakeLab, labs: Labs) -> None:
    labs.add(tmp_path / ("a very long name of a document" * 4 + ".py"))
    app = ScreensApp(home, "lab")
    async with app.run_test(size=(80, 24)) as pilot:
        await sees(pilot, "1. Tensors", "a very long")
        assert not app.screen.query_one("#about-panel").display
        await pilot.press("right", "left", "G", "g")
        assert max(map(len, screen_lines(pilot))) <= 80
        await opened(pilot, written(tmp_path, CELLS))


def test_the_language_is_that_of_the_locale(home: Path, labs: Labs, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LC_ALL", "ko_KR.UTF-8")
    found = document_list.documents(home, "")
    assert found.language == "ko"
    assert found.listed[0].title == "1. 텐서"
    assert document_list.documents(home, "en").listed[0].title == "1. Tensors"
