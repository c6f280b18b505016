"""A document in Korean: its screen says everything in Korean."""

import re
import signal
import string
from collections.abc import Iterator, Mapping
from dataclasses import fields, is_dataclass
from pathlib import Path
from typing import Any

import pytest
from textual.widgets import Input

from engine.lab.durations import words as duration
from engine.lab.kernel_process import why_ended
from engine.lab.listing import LabSummary
from tests.support.documents import block, opened, screen_lines, sees, told, written
from tests.support.fake_lab import FakeLab, Script, graph_of_loss, shared_ones, stream
from tests.support.made_up import ScreensApp
from tests.support.waiting import until
from tui.app import FmnistApp
from tui.dialogs.choice import ChoiceScreen
from tui.dialogs.prompt import PromptScreen
from tui.lab.documents import DocumentsScreen
from tui.lab.words import ENGLISH, LANGUAGES

ABC = "# %%\na\n\n# %%\nb\n\n# %%\nc\n"
ASKS = '# %%\na\n\n# %% [markdown] ask="n" kind="value"\n# 무엇일까요?\n#\n# 이유: 셋입니다.\n\n# %%\nb\n'
HANGUL = re.compile(r"[가-힣]")


def said(words: Any) -> Iterator[tuple[str, str]]:
    """All of its sentences, by where they stand."""
    for one in fields(words):
        value = getattr(words, one.name)
        if isinstance(value, Mapping):
            for key, text in value.items():
                parts = text if isinstance(text, tuple) else (text,)
                yield from ((f"{one.name}.{key}.{at}", part) for at, part in enumerate(parts))
        elif is_dataclass(value):
            yield from ((f"{one.name}.{name}", text) for name, text in said(value))
        elif isinstance(value, str):
            yield one.name, value


def blanks(text: str) -> set[str]:
    return {name for _, name, _, _ in string.Formatter().parse(text) if name is not None}


def test_korean_says_all_that_english_does_and_has_the_same_blanks() -> None:
    english, korean = dict(said(ENGLISH)), dict(said(LANGUAGES["ko"]))
    assert set(english) <= set(korean)
    for name, text in english.items():
        assert blanks(text) == blanks(korean[name]), name
        assert HANGUL.search(korean[name]) or name in ("lang", "of_all", "list_title", "exercises_of") or not text, name


def test_each_key_that_has_a_korean_name_is_there(home: Path) -> None:
    from tui.lab.code_field import CodeField
    from tui.lab.document import DocumentScreen
    from tui.lab.document_pane import DocumentPane

    holders = (DocumentScreen, DocumentPane, CodeField)
    ids = {one.id for holder in holders for one in holder.BINDINGS if not isinstance(one, tuple) and one.id}
    named = LANGUAGES["ko"].keys
    assert {one for one in ids if one not in named and one.partition(".")[2] not in named} == set()
    assert {one for one in named if one not in ids and not any(full.endswith(f".{one}") for full in ids)} == set()


@pytest.mark.parametrize(
    "sentence",
    [
        *(why_ended(code) for code in (None, 0, 3, -signal.SIGKILL, -signal.SIGSEGV)),
        "a cell before it failed (ZeroDivisionError)",
        f"the lab has ended: idle for {duration(7200)}",
        "the kernel did not obey an interrupt for 5 s, and was killed",
    ],
)
def test_what_the_host_tells_of_a_kernel_is_said_in_korean(sentence: str) -> None:
    assert ENGLISH.sentence(sentence) == sentence
    assert HANGUL.search(LANGUAGES["ko"].sentence(sentence))
    assert LANGUAGES["ko"].sentence("something new") == "something new"


async def test_a_korean_document_is_korean_on_its_whole_screen(tmp_path: Path, home: Path, lab: FakeLab) -> None:
    lab.scripts["a"] = Script((stream("".join(f"{n}\n" for n in range(2000))),), waits=True)
    app = ScreensApp(home, "lab")
    async with app.run_test(size=(160, 50)) as pilot:
        screen = await opened(pilot, written(tmp_path, ABC), lang="ko")
        await sees(pilot, "변수", "그래프", "셀 1/3 · 대기 중", "r 실행", "x 잘라내기", "아직 없습니다", "? 도움말")
        await pilot.press("percent_sign")
        await sees(pilot, "Lab으로 보내기 – 셀로 만들 것을 고르지 않았습니다")
        await pilot.press("question_mark")
        await sees(pilot, "이 패널", "이 화면", "모든 화면", "지금은 쓸 수 없는 키", "Esc: 닫기")
        assert not any(word in line for line in screen_lines(pilot) for word in ("This", "Everywhere", "Quit", "Help"))
        await pilot.press("escape")
        await pilot.press("r", "r")
        await sees(pilot, "실행 중", "실행을 기다리는 중", "1,976줄 더 있음")
        await until(pilot, lambda: not screen.why_not("interrupt", ()))
        await pilot.press("i")
        await sees(pilot, "실행하지 않음: 앞의 셀이 중단되었습니다", "만에 중단됨")
        await pilot.press("p")
        await sees(pilot, "붙여넣기 – 잘라낸 셀이 없습니다")
        await pilot.press("0")
        await until(pilot, lambda: isinstance(app.screen, ChoiceScreen))
        await sees(pilot, "커널을 다시 시작할까요?", "다시 시작하고 모두 실행", "다른 파이썬 환경")
        await pilot.press("escape", "slash")
        await until(pilot, lambda: isinstance(app.screen, PromptScreen))
        await sees(pilot, "찾기", "Enter: 확인", "Esc: 취소")
        app.screen.query_one(Input).value = "b"
        await sees(pilot, "셀 1개")
        await pilot.press("escape", "enter")
        await sees(pilot, "입력 중 (Esc: 끝내기)", "tab 완성")
        await pilot.press("escape", "y")
        await until(pilot, lambda: "복사했습니다" in told(pilot))
        lab.die("the kernel was ended by SIGSEGV")
        await sees(pilot, "비정상 종료", "커널이 SIGSEGV 신호로 종료되었습니다", "0: 커널 다시 시작")


async def test_the_list_of_documents_speaks_the_labs_language(
    home: Path, lab: FakeLab, monkeypatch: pytest.MonkeyPatch
) -> None:
    living = LabSummary("a", "/elsewhere/a.py", "python3", "idle", 0, 0, 250 * 2**20, 1, 2, "here")
    monkeypatch.setattr("engine.lab.listing.living", lambda home: [living])
    app = FmnistApp(home=home, lab_language="ko")
    async with app.run_test(size=(140, 45)) as pilot:
        await pilot.press("6")
        await sees(
            pilot, "연습 문제", "위치", "강의", "0/6", "문서 8개", "연습 문제 6개 중 0개 완료", "⏎ 열기", "? 도움말"
        )
        await pilot.press("x")
        await sees(pilot, "종료 – 실행 중인 커널이 없습니다")
        await pilot.press("end")
        await sees(pilot, "커널: 대기 중, 250 MiB")
        await pilot.press("slash")
        await sees(pilot, "문서 이름이나 폴더의 일부를 쓰세요", "문서 8개 중 8개", "Enter: 확인")
        app.screen.query_one(Input).value = "nothing"
        await pilot.press("enter")
        await sees(pilot, "nothing(이)라는 말이 있는 문서가 없습니다", "필터: nothing")
        await pilot.press("escape", "question_mark")
        await sees(pilot, "모든 화면", "경로로 열기")


async def test_what_the_kernel_holds_is_told_in_korean(tmp_path: Path, home: Path, lab: FakeLab) -> None:
    lab.variables, lab.graphs = shared_ones(), {"loss": graph_of_loss()}
    app = ScreensApp(home, "lab")
    async with app.run_test(size=(160, 50)) as pilot:
        await opened(pilot, written(tmp_path, ABC), lang="ko")
        await pilot.press("f5")
        await sees(pilot, "이름", "공유", "제자리 변경 2", "loss의 그래프", "backward용으로", "연산")
        await pilot.press("tab", "k", "k")
        await sees(pilot, "저장소 하나", "공유", "스트라이드 (1,)", "오프셋 0", "버전")


async def test_a_document_that_asks_in_korean_speaks_korean_in_any_locale(
    tmp_path: Path, home: Path, lab: FakeLab
) -> None:
    app = ScreensApp(home, "lab")
    async with app.run_test(size=(120, 40)) as pilot:
        screen = await opened(pilot, written(tmp_path, ASKS, "ko.py"), lang="en")
        await sees(pilot, "변수", "대기 중", "실행")
        await pilot.press("escape")
        await opened(pilot, written(tmp_path, ABC, "en.py"), lang="en")
        await sees(pilot, "Variables", "idle", "r Run")
        assert screen.is_attached is False
        await pilot.press("f5")
        await until(pilot, lambda: block(app.screen, 0).phase == "ok")  # type: ignore[arg-type]


async def test_the_language_can_be_chosen_for_once(home: Path, lab: FakeLab, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LC_ALL", "C.UTF-8")
    app = FmnistApp(home=home, dataset="demo", start="lab", lab_language="ko")
    async with app.run_test(size=(120, 40)) as pilot:
        await sees(pilot, "1. 텐서")
        assert isinstance(app.screen, DocumentsScreen)
        await pilot.press("enter")
        await sees(pilot, "변수", "대기 중")
