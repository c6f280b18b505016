"""`make mutants`: the changes that it makes, and what it says of a tiny package with good tests and bad ones."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.waiting import HANG_S
from tools import mutants as tool
from tools.mutations import mutants

REPOSITORY = Path(__file__).parents[1]


def changes(source: str) -> list[tuple[str, str]]:
    return [(one.before, one.after) for one in mutants(source)]


@pytest.mark.parametrize(
    ("source", "found"),
    [
        ("a < b", [("a < b", "a <= b"), ("a < b", "a >= b")]),
        ("a is not b", [("a is not b", "a is b")]),
        ("a + b", [("a + b", "a - b")]),
        ("a += b", [("a += b", "a -= b"), ("a += b", "")]),
        ("a and b", [("a and b", "a or b")]),
        ("not a", [("not a", "a")]),
        ("x[0]", [("0", "1")]),
        ("x = True", [("True", "False")]),
        ("x = min(a, b)", [("min", "max")]),
        ("x = f(a, b)", [("f(a, b)", "f(b, a)")]),
        ("x = f(key=a)", [("f(key=a)", "f()")]),
        ("x = a if b else c", [("a if b else c", "c if b else a")]),
        ("x = [a for a in b if a]", [(" for a in b if a", " for a in b")]),
        ("x.y = a", [("x.y = a", "")]),
        ("f()", [("f()", "")]),
        ("def f():\n    return a", [("return a", "return None")]),
        ("def f():\n    return None", []),
        ("while True:\n    break", [("True", "False"), ("break", "continue")]),
        ("if a:\n    b = 'text'", [("if a:\n    b = 'text'", "if not a:\n    b = 'text'")]),
        ("def f(a: 'X[1]' = 2) -> 'Y[3]':\n    'Not 4.'", [("2", "3")]),
        ("@d(1)\nclass A:\n    import x\n    size = 200", []),
        ("if TYPE_CHECKING:\n    a = 1\nx = f'{a:>{1}}' + b", []),
    ],
)
def test_each_change_is_made_once(source: str, found: list[tuple[str, str]]) -> None:
    assert changes(source) == found


def test_a_mutant_is_the_module_with_one_change_at_its_line() -> None:
    first, second = mutants("a = 0\n\nb = (\n    1)\n")
    assert (first.line, first.source) == (1, "a = 1\nb = 1")
    assert (second.line, second.last_line, second.source, second.change) == (4, 4, "a = 0\nb = 2", "1  →  2")


MODULE = '''"""Sums."""


def capped(values, most):
    total = 0
    for value in values:
        if value < 0:
            continue
        total += value
    return min(total, most)


def unused(a):
    return a * 2
'''
GOOD = "from engine.sums import capped\n\n\ndef test_it():\n    assert capped([2, 0, -1, 3], 9) == 5\n"
BETTER = "\n\ndef test_the_rest():\n    from engine.sums import unused\n\n    assert unused(3) == 6\n"


@pytest.fixture
def package(tmp_path: Path) -> Path:
    """A checkout of its own."""
    root = tmp_path / "checkout"
    for folder in ("engine", "tests/engine"):
        (root / folder).mkdir(parents=True)
        for part in (root / folder, (root / folder).parent):
            if part != root:
                (part / "__init__.py").touch()
    (root / "engine/sums.py").write_text(MODULE)
    (root / "tests/engine/test_sums.py").write_text(GOOD)
    (root / "tests/engine/test_other.py").write_text("from engine import sums, x\n")
    (root / "tests/engine/test_neither.py").write_text("import engine.summing\n")
    (root / "pyproject.toml").write_text("[tool.pytest.ini_options]\nmarkers = ['slow']\n")
    subprocess.run(["git", "init", "-q"], cwd=root, check=True)
    return root


def run(package: Path, *arguments: str) -> "subprocess.CompletedProcess[str]":
    """The tool on the package. Its pytest starts once a change, quicker without the plugins that are installed."""
    return subprocess.run(
        [sys.executable, "-m", "tools.mutants", *arguments], cwd=package, capture_output=True, text=True,
        timeout=HANG_S, env={**os.environ, "PYTHONPATH": str(REPOSITORY), "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"},
    )  # fmt: skip


def test_the_tests_of_the_name_come_first_and_others_that_import_the_module(package: Path) -> None:
    nearby = tool.nearby_tests(package, "engine/sums.py")
    assert nearby == ["tests/engine/test_sums.py", "tests/engine/test_other.py"]
    with pytest.raises(tool.ToolError, match=r"no test in tests/engine imports engine\.nothing: name the tests"):
        tool.nearby_tests(package, "engine/nothing.py")


@pytest.mark.slow
def test_what_no_test_sees_is_named_and_the_checkout_stays_as_it_is(package: Path) -> None:
    (package / "tests/engine/test_other.py").unlink()
    poor = run(package, "engine/sums.py")
    *survivors, score = poor.stdout.splitlines()
    assert (poor.returncode, poor.stderr) == (0, "")
    assert sorted(survivors) == sorted(
        [
            "engine/sums.py:7: survived: value < 0  →  value <= 0",
            "engine/sums.py:7: survived: 0  →  1",
            "engine/sums.py:14: not reached: return a * 2  →  return None",
            "engine/sums.py:14: not reached: a * 2  →  a / 2",
            "engine/sums.py:14: not reached: 2  →  3",
        ]
    )
    assert score == "engine/sums.py: 7 of 12 changes seen (58%), 2 survived, 3 not reached"
    assert (package / "engine/sums.py").read_text() == MODULE


@pytest.mark.slow
def test_better_tests_make_a_better_score_and_a_sample_is_the_same_each_time(package: Path) -> None:
    (package / "tests/engine/test_sums.py").write_text(GOOD + BETTER)
    tests = ("--tests", "tests/engine/test_sums.py")
    sampled = [run(package, "engine/sums.py", *tests, "--limit", "4", "--seed", "1").stdout for _ in range(2)]
    assert sampled[0] == sampled[1]
    assert " of 4 changes seen" in sampled[0]
    score = run(package, "engine/sums.py", *tests, "-n", "2").stdout.splitlines()[-1]
    assert score == "engine/sums.py: 10 of 12 changes seen (83%), 2 survived, 0 not reached"


@pytest.mark.slow
def test_tests_that_fail_anyway_are_an_error(package: Path) -> None:
    (package / "tests/engine/test_sums.py").write_text("def test_it():\n    assert 1 == 2\n")
    (package / "tests/engine/test_other.py").unlink()
    refused = run(package, "engine/sums.py")
    assert (refused.returncode, refused.stdout) == (2, "")
    assert "the tests fail without any change" in refused.stderr
    assert "assert 1 == 2" in refused.stderr
    assert run(package, "engine/none.py").stderr == "mutants: there is no engine/none.py here\n"
