"""`make allowlist`: what it prints, writes and returns, with torch's lists made up; it installs nothing here."""

import sys
from pathlib import Path

import pytest

from engine.weights import allowlist
from engine.weights.allowlist import BASE, Span
from tools import allowlist as tool
from tools.allowlist import Measured, ToolError

TABLE = (Span((2, 10), (2, 11)), Span((2, 12), (2, 14), adds=("torch.new",), removes=("builtins.set",)))
FIRST, SECOND = BASE, (BASE | {"torch.new"}) - {"builtins.set"}


@pytest.mark.parametrize(
    ("wanted", "asked"), [("2.12", "torch==2.12.*"), ("2.12.1", "torch==2.12.1"), ("newest", "torch")]
)
def test_pip_is_asked_for_a_version(wanted: str, asked: str) -> None:
    assert tool.requirement(wanted) == asked


@pytest.mark.parametrize("wanted", ["2", "latest", "--index-url=x", "2.12 torchvision", ""])
def test_what_is_no_version_never_reaches_pip(wanted: str) -> None:
    with pytest.raises(ToolError, match="is not a version of torch"):
        tool.requirement(wanted)


def test_a_command_that_fails_is_named_with_the_last_line_of_its_complaint() -> None:
    assert tool.output("python", [sys.executable, "-c", "print('said')"]) == "said\n"
    complaint = "raise SystemExit('looking\\nERROR: no matching distribution\\n')"
    with pytest.raises(ToolError, match=r"^pip install torch failed: ERROR: no matching distribution$"):
        tool.output("pip install torch", [sys.executable, "-c", complaint])


def test_differences_are_told_in_both_directions() -> None:
    assert tool.differences(Measured("2.11.0+cpu", FIRST), TABLE) == []
    assert tool.differences(Measured("2.13.0", SECOND), TABLE) == []
    assert tool.differences(Measured("2.11.0", SECOND), TABLE) == [
        "torch has, the table has not: torch.new",
        "the table has, torch has not: builtins.set",
    ]
    # Right by chance only: nobody has looked before.
    assert tool.differences(Measured("2.15.0", SECOND), TABLE) == ["not in the table; compared with 2.14"]


def test_the_table_takes_what_was_found_and_keeps_the_rest() -> None:
    third = SECOND | {"torch.newer"}
    assert tool.updated([], TABLE) == TABLE
    assert tool.updated([Measured("2.15.0", SECOND)], TABLE) == (
        TABLE[0], Span((2, 12), (2, 15), ("torch.new",), ("builtins.set",)),
    )  # fmt: skip
    assert tool.updated([Measured("2.13.0+cpu", third)], TABLE) == (
        TABLE[0],
        Span((2, 12), (2, 12), ("torch.new",), ("builtins.set",)),
        Span((2, 13), (2, 13), ("torch.newer",)),
        Span((2, 14), (2, 14), (), ("torch.newer",)),
    )
    # 2.15 was not asked: it stays unknown.
    assert tool.updated([Measured("2.16.0", SECOND)], TABLE) == (*TABLE, Span((2, 16), (2, 16)))
    assert tool.updated([Measured("3.0.0", SECOND)], TABLE) == (*TABLE, Span((3, 0), (3, 0)))


@pytest.mark.parametrize(
    ("found", "words"),
    [
        ([Measured("2.15.0a0+git1", FIRST)], "2.15.0a0.git1 is not a release"),
        ([Measured("2.12.0", FIRST), Measured("2.12.1", SECOND)], "2.12.1 differs from another patch release"),
    ],
)
def test_what_the_table_cannot_hold_is_refused(found: list[Measured], words: str) -> None:
    with pytest.raises(ToolError, match=words):
        tool.updated(found, TABLE)


def test_what_is_written_is_read_back_the_same_and_fits_the_line() -> None:
    text = allowlist_text()
    assert tool.rewritten(text, allowlist.TABLE) == text
    long = tuple(f"torch._utils._rebuild_something_with_a_long_name_{at}" for at in range(4))
    table = (*TABLE, Span((2, 15), (2, 15), adds=long, removes=("torch.new",)))
    written = tool.rewritten(text, table)
    assert max(map(len, written.splitlines())) <= tool.WIDTH
    module: dict[str, object] = {"__name__": "engine.files.written"}
    exec(compile(written, "written", "exec", dont_inherit=True), module)
    assert repr(module["TABLE"]) == repr(table)


def allowlist_text() -> str:
    return Path(allowlist.__file__).read_text()


@pytest.fixture
def table_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    path = tmp_path / "table.py"
    path.write_text(allowlist_text())
    monkeypatch.setattr(tool, "TABLE_FILE", path)
    return path


def installs(monkeypatch: pytest.MonkeyPatch, found: dict[str, Measured]) -> list[str]:
    """Versions that can be installed, and what they say; all others fail. Returns which are asked for."""
    asked = []

    def measure(wanted: str, folder: Path | None) -> Measured:
        asked.append(wanted)
        if wanted not in found:
            raise ToolError("pip failed: no matching distribution")
        return found[wanted]

    monkeypatch.setattr(tool, "measure", measure)
    return asked


def test_the_exit_code_is_0_where_the_table_is_right(
    table_file: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    right = {
        wanted: Measured(version, allowlist.of(version).names)
        for wanted, version in (("2.10", "2.10.0"), ("2.12", "2.12.1+cpu"), ("newest", "2.15.0"))
    }
    asked = installs(monkeypatch, right)
    before = table_file.read_text()
    assert tool.main(["--write"]) == 0
    assert asked == ["2.10", "2.12", "newest"]
    assert "torch 2.12.1+cpu: " in capsys.readouterr().out
    assert table_file.read_text() == before


def test_the_exit_code_is_1_where_it_differs_and_write_mends_the_table(
    table_file: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    names = allowlist.of("2.12.0").names
    installs(monkeypatch, {"2.12": Measured("2.12.1", names | {"torch.new"})})
    before = table_file.read_text()
    assert tool.main(["2.12"]) == 1
    assert table_file.read_text() == before
    assert tool.main(["2.12", "--write"]) == 0
    out = capsys.readouterr().out
    assert "DIFFERENT\n  torch has, the table has not: torch.new\n" in out
    assert 'Span((2, 12), (2, 12), adds=("torch.new",' in table_file.read_text()


def test_the_exit_code_is_2_where_a_version_cannot_be_installed_and_the_others_are_still_compared(
    table_file: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    installs(monkeypatch, {"2.12": Measured("2.12.1", allowlist.of("2.12.1").names)})
    assert tool.main(["2.99", "2.12"]) == 2
    out, err = capsys.readouterr()
    assert err == "torch 2.99: pip failed: no matching distribution\n"
    assert "torch 2.12.1: " in out
