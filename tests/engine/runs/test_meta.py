"""What people say of a run: kept in meta.json, whoever else writes; whatever stands there, the run is listed."""

import json
import os
import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from engine.errors import RunError
from engine.home import RunFolder
from engine.runs import listing, meta, store
from engine.runs.meta import Meta
from tests.support.made_up import MadeUpRun
from tests.support.permissions import permissions_hold


@pytest.fixture
def run(tmp_path: Path) -> RunFolder:
    return MadeUpRun(tmp_path, "20260101-101010-aaaa", name="first", dead=True).folder


def test_nothing_is_said_before_somebody_says_it(run: RunFolder) -> None:
    assert meta.read(run) == Meta()
    assert not run.meta_json.exists()


def test_a_new_name_wins_over_the_one_that_the_run_was_made_with(run: RunFolder) -> None:
    meta.change(run, name="second")
    assert store.title(run) == listing.summary(run).name == "second"
    assert store.find(run.home.path, "second") == run
    with pytest.raises(RunError, match="no run 'first'"):
        store.find(run.home.path, "first")
    assert store.read_run(run)["name"] == "first"  # as it was asked for


def test_a_run_can_have_no_name_any_more(run: RunFolder) -> None:
    meta.change(run, name="")
    assert store.title(run) == listing.summary(run).title == run.id


def test_what_is_not_changed_stays(run: RunFolder) -> None:
    meta.change(run, name="n", note="one\ntwo", add=["b", "a"], hidden=True, pinned=True)
    meta.change(run, remove=["b"])
    assert meta.read(run) == Meta("n", "one\ntwo", ("a",), hidden=True, pinned=True)
    row = listing.summary(run)
    assert (row.name, row.note, row.tags, row.hidden, row.pinned) == ("n", "one\ntwo", ("a",), True, True)
    assert json.loads(json.dumps(row.to_dict()))["tags"] == ["a"]


def test_fields_of_another_version_are_kept(run: RunFolder) -> None:
    run.meta_json.write_text('{"v": 2, "colour": "red", "note": "old"}')
    meta.change(run, note="new")
    assert json.loads(run.meta_json.read_text()) == {
        "v": 2, "colour": "red", "note": "new", "tags": [], "hidden": False, "pinned": False,
    }  # fmt: skip


def test_the_log_and_run_json_stay_as_they_are(run: RunFolder) -> None:
    before = run.events.read_bytes(), run.run_json.read_bytes()
    meta.change(run, name="other", note="x", add=["t"])
    assert (run.events.read_bytes(), run.run_json.read_bytes()) == before


def test_a_number_that_python_does_not_read_is_no_fault(run: RunFolder) -> None:
    run.meta_json.write_text('{"big": ' + "1" * 5000 + "}")
    with pytest.raises(RunError, match="no JSON"):
        meta.change(run, note="new")


def test_nothing_is_written_where_nothing_changes(run: RunFolder) -> None:
    meta.change(run, add=["a"])
    before = run.meta_json.stat().st_ino
    meta.change(run, add=["a"], hidden=False)
    assert run.meta_json.stat().st_ino == before


def test_two_who_change_at_once_lose_nothing(run: RunFolder) -> None:
    def tag(prefix: str) -> None:
        for number in range(15):
            meta.change(run, add=[f"{prefix}{number}"])

    threads = [threading.Thread(target=tag, args=(prefix,)) for prefix in "abc"]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(meta.read(run).tags) == 45


@pytest.mark.parametrize("name", ["a\x1b[31m", "a\nb", "a\u202eb", "x" * 201])
def test_a_name_that_no_screen_can_show_is_refused(run: RunFolder, name: str) -> None:
    with pytest.raises(RunError, match="the run's name"):
        meta.change(run, name=name)
    assert not run.meta_json.exists()


@pytest.mark.parametrize("tag", ["", "two words", "+a", "-a", "a,b", 'a"', "\x1b[2J", "a\u202e", "x" * 51])
def test_what_is_no_word_is_no_tag(run: RunFolder, tag: str) -> None:
    with pytest.raises(RunError, match="tag"):
        meta.change(run, add=[tag])
    assert not run.meta_json.exists()


def test_one_spelling_of_an_accent_is_one_tag(run: RunFolder) -> None:
    meta.change(run, add=["caf\u00e9"])
    meta.change(run, add=["cafe\u0301"])
    assert meta.read(run).tags == ("caf\u00e9",)
    assert meta.change(run, remove=["cafe\u0301"]).tags == ()


def test_a_tag_that_could_not_be_given_can_be_taken_away(run: RunFolder) -> None:
    run.meta_json.write_text(json.dumps({"tags": ["\x1b[2J", "a b"]}))
    assert meta.change(run, remove=["\x1b[2J", "a b"]).tags == ()


def test_tags_are_typed_with_signs() -> None:
    assert meta.typed_tags(["+a", "b", "-c"]) == (["a", "b"], ["c"])
    for words in (["-"], ["+"], ["+a", "-a"], ["a b"]):
        with pytest.raises(RunError):
            meta.typed_tags(words)


def test_too_much_is_refused(run: RunFolder) -> None:
    with pytest.raises(RunError, match="101 tags"):
        meta.change(run, add=[f"t{number}" for number in range(101)])
    with pytest.raises(RunError, match="50001 characters"):
        meta.change(run, note="x" * 50_001)
    meta.change(
        run, note="\u5b57" * 50_000, add=["\u5b57" * 20 + str(at) for at in range(100)]
    )  # the most there can be
    assert len(meta.read(run).note) == 50_000


def a_pipe(path: Path) -> None:
    os.mkfifo(path)


def a_folder(path: Path) -> None:
    path.mkdir()


def of_a_gigabyte(path: Path) -> None:
    with open(path, "wb") as file:
        file.truncate(1 << 30)


def a_loop(path: Path) -> None:
    path.symlink_to(path.name)


def holds(content: bytes) -> Callable[[Path], object]:
    return lambda path: path.write_bytes(content)


HOSTILE: list[tuple[Callable[[Path], object], str]] = [
    (a_pipe, "a named pipe, not a file"),
    (a_folder, "a folder, not a file"),
    (a_loop, "Too many levels of symbolic links"),
    (of_a_gigabyte, "more than 1 MB"),
    (holds(b""), "no JSON"),
    (holds(b"\xff"), "no JSON"),
    (holds(b"[" * 100_000), "its content' is not an object"),
    (holds(b'{"other": ' + b"[" * 100_000 + b"]" * 100_000 + b"}"), "its JSON is too deep"),
    (holds(b"[]"), "its content' is not an object"),
    (holds(b'{"name": 1}'), "'name' is not a text"),
    (holds(b'{"note": ["x"]}'), "'note' is not a text"),
    (holds(b'{"note": null}'), "'note' is not a text"),
    (holds(b'{"tags": "paper"}'), "'tags' is not a list"),
    (holds(b'{"tags": [1]}'), "'tags[0]' is not a text"),
    (holds(b'{"hidden": 1}'), "'hidden' is not true or false"),
    (holds(b'{"pinned": "yes"}'), "'pinned' is not true or false"),
]


@pytest.mark.parametrize(("spoil", "why"), HOSTILE)
def test_whatever_meta_json_is_the_run_is_listed_and_it_is_said(
    run: RunFolder, spoil: Callable[[Path], object], why: str
) -> None:
    spoil(run.meta_json)
    (row,) = listing.Listing(run.home.path).look()
    assert (row.name, row.problem, row.hidden) == ("first", "", False)
    assert why in row.meta_problem
    assert store.find(run.home.path, "first") == run


@pytest.mark.parametrize(("spoil", "why"), HOSTILE)
def test_what_can_not_be_read_is_not_written_over(run: RunFolder, spoil: Callable[[Path], object], why: str) -> None:
    spoil(run.meta_json)
    before = run.meta_json.lstat()
    with pytest.raises(RunError, match="can't be read"):
        meta.change(run, note="mine")
    assert run.meta_json.lstat().st_ino == before.st_ino


def test_characters_that_command_a_terminal_are_read_as_text(run: RunFolder) -> None:
    run.meta_json.write_text(json.dumps({"name": "\x1b]0;x\x07", "note": "\x1b[2J", "tags": ["\x1b[31m"]}))
    row = listing.summary(run)
    assert (row.name, row.note, row.tags) == ("\x1b]0;x\x07", "\x1b[2J", ("\x1b[31m",))


def test_a_run_that_can_not_be_read_can_be_named_and_hidden(run: RunFolder) -> None:
    run.run_json.write_text("{")
    meta.change(run, name="broken", hidden=True)
    (row,) = listing.Listing(run.home.path).look()
    assert (row.state, row.name, row.hidden) == ("unreadable", "broken", True)


def test_a_list_sees_a_change_and_reads_nothing_else_for_it(run: RunFolder, monkeypatch: pytest.MonkeyPatch) -> None:
    look = listing.Listing(run.home.path)
    (before,) = look.look()
    meta.change(run, pinned=True)
    (after,) = look.look()
    assert (before.pinned, after.pinned) == (False, True)
    monkeypatch.setattr(meta, "known", lambda folder: pytest.fail("read again"))
    assert look.look()[0] is after


def test_where_nothing_can_be_written_it_is_said(run: RunFolder) -> None:
    run.path.chmod(0o500)
    with permissions_hold(), pytest.raises(RunError, match=r"cannot write .*Permission denied"):
        meta.change(run, note="x")
    run.path.chmod(0o700)
