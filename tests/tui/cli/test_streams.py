"""The command line where stdin, stdout or stderr is closed or full, or the locale is not UTF-8."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.made_up import MadeUpRun
from tests.support.waiting import HANG_S
from tui.cli.streams import encoding_for

PROGRAM = f"{sys.executable} -m tui.cli.main"
ROOT = Path(__file__).parents[3]
NAME = "[/] exp[lr=1e-3] :rocket: a\x1b[31mred\x1b]0;title\x07 caf\xe9 漢"


def shell(command: str, home: Path, **env: str) -> "subprocess.CompletedProcess[bytes]":
    """Run `command` in a shell; `@` in it is the program. The locale is C.UTF-8, but for `env`."""
    environment = {
        name: value for name, value in os.environ.items() if not name.startswith(("LC_", "LANG", "PYTHONIO"))
    }
    environment |= {"PYTHONPATH": str(ROOT), "FMNIST_TUI_HOME": str(home), "LANG": "C.UTF-8"} | env
    return subprocess.run(
        ["sh", "-c", command.replace("@", PROGRAM)], capture_output=True, timeout=HANG_S, env=environment, cwd=ROOT
    )


@pytest.fixture
def run(home: Path) -> MadeUpRun:
    made = MadeUpRun(home, "20260101-101010-aaaa", name=NAME, dead=True)
    MadeUpRun(home, "20260101-111111-bbbb", name="short", dead=True)
    return made


@pytest.mark.parametrize(
    "command", ["runs", "runs --json", "data --dataset demo", "--help", "--version", "runs --help"]
)
def test_output_that_can_not_be_written_is_one_line(command: str, home: Path, run: MadeUpRun) -> None:
    full = shell(f"@ {command} >/dev/full", home)
    assert full.returncode == 2
    assert full.stderr == b"fmnist-tui: cannot write to stdout (No space left on device)\n"
    closed = shell(f"@ {command} >&-", home)
    assert closed.returncode == 2
    assert closed.stderr.startswith(b"fmnist-tui: stdout is closed")
    assert closed.stderr.count(b"\n") == 1
    assert not (home / "fmnist-tui.log").exists()


def test_a_pipe_that_nobody_reads_is_no_fault(home: Path, run: MadeUpRun) -> None:
    for command in ("runs", "runs --json", "data --dataset demo", "--help"):
        piped = shell(f"(sleep 1; @ {command}; echo code $? >&2) | true", home)
        assert piped.stderr == b"code 141\n"


def test_without_stderr_nothing_of_it_is_in_the_output(home: Path, run: MadeUpRun) -> None:
    run.folder.run_json.write_text("{")
    for closed in ("2>&-", "2>/dev/full"):
        found = shell(f"@ runs --json {closed}", home)
        assert (found.returncode, found.stderr) == (2, b"")
        assert found.stdout.startswith(b"[\n")
        assert found.stdout.endswith(b"]\n")
        assert b"fmnist-tui:" not in found.stdout


def test_without_stdin_commands_work_and_the_app_says_what_it_needs(home: Path, run: MadeUpRun) -> None:
    assert shell("@ runs <&-", home).returncode == 0
    for closed in ("<&-", "<&- 2>&1 >&-", ""):
        app = shell(f"@ {closed}", home)
        assert app.returncode == 2
        assert (app.stderr + app.stdout).count(b"\n") == 1


def test_what_is_closed_is_no_other_file(home: Path) -> None:
    """The next file that is opened would have its number, and get what torch prints."""
    told = home.parent / "told"
    code = f"from tui.cli import streams; problem = streams.prepare(); file = open('{told}', 'w')"
    code += "; print(problem, file.fileno(), file=file)"
    assert shell(f'{sys.executable} -c "{code}" <&- >&- 2>&-', home).returncode == 0
    problem, number = told.read_text().rsplit(" ", 1)
    assert problem.startswith("stdout is closed")
    assert int(number) > 2


def test_names_are_printed_as_they_are_and_command_no_terminal(home: Path, run: MadeUpRun) -> None:
    out = shell("@ runs | cat", home).stdout.decode()
    assert "[/] exp[lr=1e-3] :rocket: a\\x1b[31mred\\x1b]0;title\\x07 café 漢" in out
    assert "\x1b" not in out


@pytest.fixture(scope="module")
def locales(tmp_path_factory: pytest.TempPathFactory) -> str:
    """A folder with locales that are not UTF-8, where they can be made; else none of them is installed."""
    folder = tmp_path_factory.mktemp("locales")
    if shutil.which("localedef"):
        for name, charmap in (("en_US", "ISO-8859-1"), ("de_DE", "ISO-8859-15"), ("ru_RU", "KOI8-R")):
            command = ["localedef", "-i", name, "-f", charmap, str(folder / f"{name}.{charmap}")]
            subprocess.run(command, capture_output=True, check=False, timeout=HANG_S)
    return str(folder)


LOCALES = ["C", "POSIX", "en_US.ISO-8859-1", "de_DE.ISO-8859-15", "ru_RU.KOI8-R"]


@pytest.mark.parametrize("name", LOCALES)
def test_in_any_locale_the_columns_stand_under_their_heads(name: str, home: Path, run: MadeUpRun, locales: str) -> None:
    found = shell("@ runs", home, LC_ALL=name, LOCPATH=locales)
    assert (found.returncode, found.stderr) == (0, b"")
    encoding = name.partition(".")[2] or "ascii"
    head, *rows = found.stdout.decode(encoding).splitlines()
    assert [row[head.index("state") :][:23] for row in rows] == ["ended without finishing"] * 2
    assert [row[head.index("best") :][:1] for row in rows] == ["-", "-"]  # and not a dash that the locale lacks
    cafe = "caf\xe9" if "8859" in name else "caf\\xe9"
    assert f"a\\x1b[31mred\\x1b]0;title\\x07 {cafe} \\u6f22" in rows[1]


NO_COERCION = {"PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}


@pytest.mark.parametrize(
    "variables", [{"LC_ALL": "C"}, {"LC_CTYPE": "POSIX"}, {"LANG": "C"}, {"LANG": "en_US.ISO-8859-1"}]
)
@pytest.mark.parametrize("python", [{}, NO_COERCION])
def test_a_locale_stops_no_listing(
    variables: dict[str, str], python: dict[str, str], home: Path, run: MadeUpRun, locales: str
) -> None:
    found = shell("@ runs", home, **variables, **python, LOCPATH=locales)
    assert (found.returncode, found.stderr) == (0, b"")
    assert b"ended without finishing" in found.stdout
    assert max(found.stdout) < 128 or "ISO" in str(variables)


@pytest.mark.parametrize(
    ("variables", "python"), [({"LC_ALL": "C"}, NO_COERCION), ({"LANG": "en_US.ISO-8859-1"}, {})], ids=["C", "latin-1"]
)
def test_what_the_locale_lacks_stops_no_command(
    variables: dict[str, str], python: dict[str, str], home: Path, locales: str
) -> None:
    env = variables | python | {"LOCPATH": locales}
    train = shell("@ train --dataset demo --model mlp --epochs 1 --threads 1 --name 'caf\u00e9 \u2013 1'", home, **env)
    assert (train.returncode, train.stderr) == (0, b"")
    lines = train.stdout.decode("ascii").splitlines()
    assert lines[0].startswith("run ")
    assert lines[-1].startswith("finished 1 epoch in ")
    (listed,) = json.loads(shell("@ runs --json --filter 'name=\"caf\u00e9 \u2013 1\"'", home, **env).stdout)
    assert listed["name"] == "caf\u00e9 \u2013 1"
    assert shell("@ stop 'caf\u00e9 \u2013 1'", home, **env).stderr.endswith(b"is not running: finished\n")
    model = shell("@ model --dataset demo", home, **env)
    assert (model.returncode, model.stderr) == (0, b"")
    assert b" x " in model.stdout
    (checkpoint,) = home.glob("runs/*/checkpoints/epoch-0001.pt")
    same = shell(f"@ inspect {checkpoint} --diff {checkpoint}", home, **env)
    assert (same.returncode, same.stderr) == (0, b"")
    other = checkpoint.with_name("other.pt")
    other.write_bytes(checkpoint.read_bytes())
    assert (
        shell(f"@ inspect {checkpoint} --diff {checkpoint.with_name('model_weights.pth')}", home, **env).stderr == b""
    )


@pytest.mark.parametrize(
    ("environ", "encoding"),
    [
        ({}, "utf-8"), ({"LANG": "en_US.UTF-8"}, "utf-8"), ({"LANG": "de_DE.utf8@euro"}, "utf-8"),
        ({"LANG": "de_DE.ISO-8859-15@euro"}, "iso8859-15"), ({"LANG": "C"}, "ascii"), ({"LC_ALL": "POSIX"}, "ascii"),
        ({"LC_ALL": "", "LC_CTYPE": "C", "LANG": "en_US.UTF-8"}, "ascii"), ({"LANG": "C.UTF-8"}, "utf-8"),
        ({"LC_ALL": "en_US.UTF-8", "LANG": "C"}, "utf-8"), ({"LANG": "xx_YY.no-such-set"}, "utf-8"),
        ({"LANG": "C", "PYTHONIOENCODING": "utf-8"}, "utf-8"), ({"LC_ALL": "C", "PYTHONUTF8": "1"}, "utf-8"),
    ],
)  # fmt: skip
def test_the_encoding_is_the_one_that_the_locale_names(environ: dict[str, str], encoding: str) -> None:
    assert encoding_for(environ, "utf-8") == encoding
