"""Which Python files run that a run names: those that the person named, with the bytes that they had then."""

import importlib.util
import io
import json
import multiprocessing
import os
import py_compile
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from engine import home as homes
from engine import plain_file
from engine.errors import ModelError
from engine.models import trusted_code
from engine.models.trusted_code import UntrustedCodeError
from engine.models.user_code import load_name
from engine.runs import host_answer
from engine.worker import wire
from tests.support.own_code import write_trusted


@pytest.fixture
def listed() -> Path:
    """The list's file."""
    return homes.trusted_code_file()


@pytest.fixture
def own(tmp_path: Path) -> Path:
    """A file that leaves a file beside it when it runs."""
    path = tmp_path / "own.py"
    path.write_text(writes(tmp_path / "ran"))
    return path


def writes(path: Path) -> str:
    return f"open({str(path)!r}, 'a').write('x')\nVALUE = 1\n"


def test_a_file_that_nobody_named_does_not_run_and_says_what_to_type(own: Path) -> None:
    with pytest.raises(UntrustedCodeError) as refused:
        load_name(f"{own}:VALUE")
    assert str(refused.value) == (
        f"{own} would be executed, and you have not said that you trust it; if you do: fmnist-tui trust {own}"
    )
    assert (refused.value.file, refused.value.changed) == (own, False)
    assert not (own.parent / "ran").exists()


def test_a_file_that_was_named_runs_until_it_changes(own: Path) -> None:
    trusted_code.trust(own)
    assert load_name(f"{own}:VALUE") == 1
    own.write_text(own.read_text().replace("VALUE = 1", "VALUE = 2"))
    with pytest.raises(UntrustedCodeError, match="has changed since you trusted it, and would be executed") as refused:
        load_name(f"{own}:VALUE")
    assert refused.value.changed
    assert (own.parent / "ran").read_text() == "x"
    trusted_code.name_remembered(f"{own}:VALUE")  # typed once, into a file of settings
    with pytest.raises(UntrustedCodeError):
        load_name(f"{own}:VALUE")
    trusted_code.name_typed(f" {own}:VALUE ")
    assert load_name(f"{own}:VALUE") == 2
    assert trusted_code.forget(own)
    assert not trusted_code.forget(own)
    with pytest.raises(UntrustedCodeError, match="you have not said"):
        load_name(f"{own}:VALUE")


def test_a_file_is_known_by_its_real_place(own: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    trusted_code.trust(own)
    (tmp_path / "copy.py").write_bytes(own.read_bytes())
    with pytest.raises(UntrustedCodeError, match=r"copy\.py would be executed"):
        load_name(f"{tmp_path / 'copy.py'}:VALUE")
    (tmp_path / "folder").symlink_to(tmp_path)
    (tmp_path / "link.py").symlink_to("folder/own.py")
    monkeypatch.chdir(tmp_path)
    assert load_name("link.py:VALUE") == 1
    assert load_name("folder/own.py:VALUE") == 1
    (tmp_path / "link.py").unlink()
    (tmp_path / "link.py").symlink_to("copy.py")
    with pytest.raises(UntrustedCodeError, match=r"copy\.py would be executed"):
        load_name("link.py:VALUE")
    monkeypatch.setenv("HOME", str(tmp_path))
    assert load_name("~/own.py:VALUE") == 1


def test_what_runs_are_the_bytes_that_were_compared(own: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Not what stands there by then, and no compiled file beside it, though its time and size fit."""
    trusted_code.trust(own)
    before, cached = own.stat(), Path(importlib.util.cache_from_source(str(own)))
    good, bad = own.read_text(), own.read_text().replace("VALUE = 1", "VALUE = 6")
    own.write_text(bad)
    os.utime(own, ns=(before.st_atime_ns, before.st_mtime_ns))
    py_compile.compile(str(own))
    assert cached.is_file()
    own.write_text(good)
    os.utime(own, ns=(before.st_atime_ns, before.st_mtime_ns))
    assert load_name(f"{own}:VALUE") == 1
    read = plain_file.read

    def read_and_exchanged(path: Path, *more: Any) -> bytes:
        data = read(path, *more)
        own.write_text(bad)
        return data

    monkeypatch.setattr(plain_file, "read", read_and_exchanged)
    assert load_name(f"{own}:VALUE") == 1
    assert own.read_text() == bad


def test_only_the_file_itself_is_looked_at_not_what_it_imports(tmp_path: Path) -> None:
    (tmp_path / "neighbour_of_own.py").write_text("WIDTH = 3\n")
    write_trusted(tmp_path / "own.py", "import neighbour_of_own\nVALUE = neighbour_of_own.WIDTH\n")
    (tmp_path / "neighbour_of_own.py").write_text("WIDTH = 40\n")
    assert load_name(f"{tmp_path / 'own.py'}:VALUE") == 40


def test_the_list_is_the_users_alone_whatever_the_umask(own: Path, listed: Path) -> None:
    before = os.umask(0)
    try:
        trusted_code.trust(own)
    finally:
        os.umask(before)
    modes = {path.name: path.stat().st_mode & 0o777 for path in (listed, listed.parent, *listed.parent.iterdir())}
    assert modes.pop(listed.parent.name) == 0o700
    assert set(modes.values()) == {0o600}


def test_a_list_in_a_home_folder_says_nothing(own: Path, home: Path, listed: Path) -> None:
    """A home folder may be somebody else's: copied, shared, unpacked."""
    sha256 = trusted_code.trust(own)
    home.mkdir()
    (home / listed.name).write_bytes(listed.read_bytes())
    listed.unlink()
    with pytest.raises(UntrustedCodeError):
        load_name(f"{own}:VALUE")
    assert sha256 in (home / listed.name).read_text()


def link(listed: Path) -> None:
    os.link(listed, listed.with_name("other"))


def pipe(listed: Path) -> None:
    listed.unlink()
    os.mkfifo(listed, 0o600)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda listed: listed.chmod(0o660), "can be written by others; look at it, then: chmod 600 "),
        (lambda listed: listed.chmod(0o602), "can be written by others"),
        (link, "can be written by others"),
        (lambda listed: os.truncate(listed, 5), "is not a list of files that you trust; delete it"),
        (lambda listed: listed.write_text("[" * 100_000), "is not a list of files"),
        (lambda listed: listed.write_text('["/a.py"]'), "is not a list of files"),
        (lambda listed: listed.write_text('{"files": {"/a.py": 1}}'), "is not a list of files"),
        (lambda listed: listed.write_text('{"files": {"/a.py": "AB"}}'), "is not a list of files"),
        (lambda listed: listed.write_bytes(b'{"files": {}, "\xff": 1}'), "is not a list of files"),
        (lambda listed: listed.write_text(" " * (5 << 20)), "is not a list of files"),
        (pipe, "a named pipe, not a file"),
    ],
)
def test_a_list_that_can_not_be_believed_lets_nothing_run(
    own: Path, listed: Path, change: Callable[[Path], object], words: str
) -> None:
    trusted_code.trust(own)
    change(listed)
    with pytest.raises(ModelError, match=words) as refused:
        load_name(f"{own}:VALUE")
    assert "\n" not in str(refused.value)
    with pytest.raises(ModelError, match=words):
        trusted_code.trust(own)
    assert not (own.parent / "ran").exists()


def test_a_list_of_another_user_says_nothing(own: Path, listed: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    trusted_code.trust(own)
    other = os.geteuid() + 1
    monkeypatch.setattr(os, "geteuid", lambda: other)
    with pytest.raises(ModelError, match=f"{listed}, the list .*, belongs to another user; delete it"):
        load_name(f"{own}:VALUE")


def test_who_has_no_config_folder_keeps_the_list_in_a_folder_for_temporary_files(
    own: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "file"))
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    trusted_code.trust(own)
    assert homes.trusted_code_file() == tmp_path / f"fmnist-tui-{os.getuid()}" / "trusted-code.json"
    assert load_name(f"{own}:VALUE") == 1


def test_a_list_that_can_not_be_written_is_one_line(
    own: Path, listed: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    listed.parent.mkdir(parents=True)
    listed.with_name(f".{listed.name}.lock").mkdir()
    with pytest.raises(
        ModelError, match=r"the list of the files that you trust, can't be written \(a folder, not a file\)"
    ):
        trusted_code.trust(own)


def test_the_list_is_bounded_and_what_was_named_last_stays(listed: Path, own: Path) -> None:
    listed.parent.mkdir(parents=True)
    files = {f"/{number}.py": "0" * 64 for number in range(trusted_code.MOST_FILES)}
    listed.write_text(json.dumps({"files": files}))
    listed.chmod(0o600)
    trusted_code.trust(own)
    kept = list(trusted_code.files())
    assert (len(kept), kept[0], kept[-1]) == (trusted_code.MOST_FILES, "/1.py", str(own))


def test_names_of_any_bytes_are_kept(tmp_path: Path) -> None:
    path = tmp_path / os.fsdecode(b"caf\xe9 \n'x'.py")
    write_trusted(path, "VALUE = 3\n")
    assert load_name(f"{path}:VALUE") == 3
    path.write_text("VALUE = 4\n")
    with pytest.raises(UntrustedCodeError):
        load_name(f"{path}:VALUE")


def test_processes_that_name_files_at_once_lose_none(tmp_path: Path) -> None:
    paths = [tmp_path / f"{number}.py" for number in range(24)]
    for path in paths:
        path.write_text(path.name)
    with ProcessPoolExecutor(4, mp_context=multiprocessing.get_context("spawn")) as pool:
        list(pool.map(trusted_code.trust, paths))
    assert set(trusted_code.files()) == set(map(str, paths))


def test_the_refusal_crosses_to_another_process_with_what_a_screen_needs(own: Path, tmp_path: Path) -> None:
    error = UntrustedCodeError(own, "ab" * 32, changed=True)
    host_answer.write(tmp_path / "ready", host_answer.Refused(error))
    answer = host_answer.read(tmp_path / "ready")
    assert isinstance(answer, host_answer.Refused)
    message = io.BytesIO()
    wire.send(message, error)
    for same in (answer.error, wire.receive(io.BytesIO(message.getvalue()))):
        assert isinstance(same, UntrustedCodeError)
        assert (str(same), vars(same)) == (str(error), vars(error))
