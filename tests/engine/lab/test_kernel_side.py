"""What answers the program's requests in a real kernel, and how it comes there."""

import os
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from engine.errors import BugError, InspectionError
from engine.home import Home
from engine.inspection.kernel_requests import KernelGraphRequest, Storage, Variable, Variables, VariablesRequest
from engine.inspection.tensor_refs import KernelTensor
from engine.inspection.tensor_requests import PicturesRequest, StatsRequest, TensorRequest, TensorWindow
from engine.lab import kernel_main, kernel_side
from engine.lab.kernel import ALONE, Kernel, Ran
from engine.lab.kernel_objects import MIME, bundle, describe
from engine.worker.messages import Refused
from tests.support.lab_kernel import NOTE, SIDE, ask, read, wait_until_ready, written
from tests.support.waiting import HANG_S, wait_for


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Kernel, Path]]:
    home = tmp_path_factory.mktemp("home")
    with Kernel("python3", tmp_path_factory.mktemp("work"), {"FMNIST_TUI_HOME": str(home)}) as started:
        wait_until_ready(started)
        started.run("import numpy as np, torch\nfrom torch import nn")
        yield started, home


@pytest.fixture
def kernel(shared: tuple[Kernel, Path]) -> Kernel:
    ran = shared[0].run("%reset_selective -f ^(?!np$|torch$|nn$).*")
    assert ran.status == "ok"
    return shared[0]


ASKED = iter(range(1, 10**6))


def run(kernel: Kernel, code: str) -> Ran:
    ran = kernel.run(code)
    assert ran.status == "ok", ran.failure
    return ran


def variables(kernel: Kernel) -> Variables:
    found = ask(kernel, VariablesRequest(next(ASKED)))
    assert isinstance(found, Variables)
    return found


def by_name(found: Variables) -> dict[str, Variable]:
    return {one.name: one for one in found.variables}


def window(kernel: Kernel, expression: str, **more: Any) -> TensorWindow:
    asked: dict[str, Any] = {"rows": 3, "columns": 4} | more
    found = ask(kernel, TensorRequest(KernelTensor(expression), **asked))
    assert isinstance(found, TensorWindow)
    return found


def test_variables_marks_and_shared_memory(kernel: Kernel) -> None:
    run(kernel, "t = torch.ones(5); n = t.numpy(); sizes = [1, 2]")
    variables(kernel)
    ran = run(kernel, "t.add_(1)")
    found = variables(kernel)
    assert {name: one.mark for name, one in by_name(found).items()} == {"t": "in place", "n": "in place", "sizes": ""}
    assert found.storages == (Storage(("t", "n"), 20, "cpu"),)
    assert found.count == ran.count


def test_a_question_leaves_no_trace(kernel: Kernel) -> None:
    run(kernel, "w = torch.ones(3, requires_grad=True); loss = (w * w).sum(); random = torch.get_rng_state()")
    before = run(kernel, "'last'")
    said = kernel.evaluate(f"{SIDE}.answer({written(VariablesRequest(next(ASKED)))!r})")
    assert said.outputs.nodes() == []
    ask(kernel, KernelGraphRequest("loss"))
    window(kernel, "w", whole=True, view="t * t")
    after = run(kernel, "_")
    assert (after.outputs.nodes()[0]["data"]["text/plain"], after.count) == ("'last'", (before.count or 0) + 1)
    state = run(kernel, "(w._version, w.grad, w.requires_grad, bool((torch.get_rng_state() == random).all()))")
    assert state.outputs.nodes()[0]["data"]["text/plain"] == "(0, None, True, True)"


def test_a_warning_of_pytorchs_is_not_shown(kernel: Kernel) -> None:
    run(kernel, "import warnings; warnings.simplefilter('always'); was = warnings.showwarning")
    run(
        kernel, "class Odd(torch.Tensor):\n    @property\n    def x(self): warnings.warn('odd'); return self\no = Odd()"
    )
    said = kernel.evaluate(f"{SIDE}.answer({written(TensorRequest(KernelTensor('o.x')))!r})")
    assert (said.status, said.outputs.nodes()) == ("ok", [])
    kept = run(kernel, "warnings.warn('mine')\nwarnings.resetwarnings(); warnings.showwarning is was")
    assert "mine" in kept.outputs.nodes()[0]["text"]
    assert kept.outputs.nodes()[-1]["data"]["text/plain"] == "True"


def test_what_is_deleted_is_freed_at_once(kernel: Kernel) -> None:
    run(kernel, "import weakref\nbig = torch.ones(1 << 21); gone = weakref.ref(big)")
    variables(kernel)
    window(kernel, "big", view="[:9]", map_rows=4, map_columns=4)
    ask(kernel, StatsRequest(KernelTensor("big")))
    ran = run(kernel, "del big\ngone() is None")
    assert ran.outputs.nodes()[0]["data"]["text/plain"] == "True"


def test_nothing_large_is_copied_to_be_looked_at(kernel: Kernel) -> None:
    peak = "import resource; resource.getrusage(resource.RUSAGE_SELF).ru_maxrss"
    run(kernel, "small = torch.ones(2)")
    window(kernel, "small", whole=True, map_rows=2, map_columns=2)  # what is loaded once
    run(kernel, "big = torch.ones(1 << 14, 1 << 13); n = big.numpy(); wide = big.t(); leaf = nn.Parameter(big)")
    before = int(run(kernel, peak).outputs.nodes()[-1]["data"]["text/plain"])
    variables(kernel)
    for expression in ("big", "n", "wide", "leaf", "n[5:]"):
        assert window(kernel, expression, whole=True, map_rows=20, map_columns=60).cells[0] == ("1.",) * 4
        ask(kernel, StatsRequest(KernelTensor(expression)))
    after = int(run(kernel, peak).outputs.nodes()[-1]["data"]["text/plain"])
    assert after - before < 64 << 10  # KiB; each of them has 512 MiB


def test_the_statistics_of_a_large_tensor_come_bit_by_bit(kernel: Kernel) -> None:
    run(kernel, "many = [torch.arange(3 << 20), np.arange(3 << 20)]")
    for expression in ("many[0][1:]", "many[1]"):
        done = wait_for(
            lambda expression=expression: (  # type: ignore[misc]
                found if (found := ask(kernel, StatsRequest(KernelTensor(expression)))).done else None
            ),
            "the statistics",
        )
        assert done.stats.max == (3 << 20) - 1
    run(kernel, "many[1][-1] = 1 << 30")  # NumPy counts no version
    done = wait_for(
        lambda: found if (found := ask(kernel, StatsRequest(KernelTensor("many[1]")))).done else None, "the statistics"
    )
    assert done.stats.max == 1 << 30


@pytest.mark.parametrize(
    ("code", "expression", "cells"),
    [
        ("w = torch.ones(2, requires_grad=True); (w * 3).sum().backward()", "w.grad", (("3.", "3."),)),
        (
            "model = nn.Sequential(nn.Linear(1, 1)); nn.init.constant_(model[0].weight, 2)",
            "model[0].weight",
            (("2.",),),
        ),
        ("n = np.array([[1, 2], [3, 4]])", "n", (("1", "2"), ("3", "4"))),
        ("n = np.arange(3)[::-1]", "n", (("2", "1", "0"),)),
        ("n = np.arange(3, dtype='>i4')", "n", (("0", "1", "2"),)),
        ("n = np.arange(3); n.flags.writeable = False", "n", (("0", "1", "2"),)),
        ("n = np.array(1.5)", "n", (("1.5000",),)),
        ("d = {'k': [torch.eye(2).to_sparse()]}", "d['k'][0]", (("1.", "0."), ("0.", "1."))),
        ("with torch.inference_mode(): i = torch.ones(2)", "i", (("1.", "1."),)),
        ("c = torch.tensor([True, False])", "c", (("True", "False"),)),
        ("torch.set_default_device('meta'); d = torch.ones(2, device='cpu')", "d", (("1.", "1."),)),
    ],
)
def test_a_window_of_a_tensor(kernel: Kernel, code: str, expression: str, cells: tuple[tuple[str, ...], ...]) -> None:
    try:
        run(kernel, code)
        found = window(kernel, expression, whole=True, map_rows=2, map_columns=2)
    finally:
        run(kernel, "torch.set_default_device(None)")
    assert found.cells == cells
    assert found.expression == expression


def test_a_result_of_a_cell_is_a_tensor_too(kernel: Kernel) -> None:
    ran = run(kernel, "torch.ones(1, 1, 4, 4)")
    assert window(kernel, f"Out[{ran.count}]").shape == (1, 1, 4, 4)
    found = ask(kernel, PicturesRequest(KernelTensor(f"Out[{ran.count}]"), 0, 5))
    assert np.array_equal(found.pictures, np.ones((1, 4, 4), np.float32))


@pytest.mark.parametrize(
    ("code", "expression", "words"),
    [
        ("a = 3", "a", "a is of type int, not a tensor"),
        ("pass", "missing", "there is no variable missing"),
        ("w = torch.ones(2)", "w.grad", "w.grad is None"),
        ("w = torch.ones(2)", "w.sum()", "can't be looked at"),
        ("s = np.array(['a'])", "s", "which no tensor has"),
        ("lazy = nn.LazyLinear(2)", "lazy.weight", "lazy module"),
        ("g = torch.ones(9); g.untyped_storage().resize_(0)", "g", "has been given back"),
        ("p = torch.sparse_coo_tensor(size=(1 << 20, 1 << 20))", "p", "as a dense tensor"),
        ("class A:\n    @property\n    def x(self): raise OSError('no\\nway')\na = A()", "a.x", "a.x: no way"),
    ],
)
def test_what_is_no_tensor_is_refused_in_one_line(kernel: Kernel, code: str, expression: str, words: str) -> None:
    run(kernel, code)
    with pytest.raises(InspectionError) as error:
        window(kernel, expression)
    assert words in str(error.value)
    assert "\n" not in str(error.value)


def test_a_bug_is_one_line_and_its_traceback_is_in_the_log(shared: tuple[Kernel, Path]) -> None:
    kernel, home = shared
    run(
        kernel,
        "import sys\nmodule = sys.modules['engine.inspection.kernel_graph']; was = module.graph; module.graph = 1",
    )
    with pytest.raises(BugError, match="a bug: TypeError"):
        ask(kernel, KernelGraphRequest("loss"))
    run(kernel, "module.graph = was; del module, was")
    assert "Traceback" in Home(home).worker_log.read_text()


def test_what_is_no_request_is_refused(home: Path) -> None:
    home.mkdir()
    refused = read(kernel_side.answer("bm8gcmVxdWVzdA=="))
    assert isinstance(refused, Refused)
    assert isinstance(refused.error, BugError)


@pytest.mark.parametrize(
    ("code", "found"),
    [
        ("torch.ones(2, 3)", {"type": "Tensor", "shape": [2, 3], "dtype": "float32", "device": "cpu", "images": False}),
        (
            "torch.ones(2, requires_grad=True) * 2",
            {"requires_grad": True, "grad_fn": "MulBackward0", "leaf": False, "images": False},
        ),
        ("nn.Parameter(torch.ones(8, 3, 5, 5))", {"type": "Parameter", "leaf": True, "images": True}),
        ("torch.ones(1 << 40, device='meta')", {"device": "meta", "shape": [1 << 40]}),
        ("torch.eye(4).to_sparse()", {"shape": [4, 4], "dtype": "float32"}),
        ("np.zeros((28, 28), np.uint8)", {"type": "ndarray", "dtype": "uint8", "images": True, "leaf": None}),
        ("import pandas as pd\npd.DataFrame({'dtype': [1], 'shape': [2]})", {"type": "DataFrame", "shape": [1, 2]}),
        ("import pandas as pd\npd.Series([1, 2])", {"type": "Series", "shape": [2], "dtype": "int64"}),
        ("from PIL import Image\nImage.new('RGB', (8, 6))", {"type": "Image", "shape": [6, 8], "dtype": "RGB"}),
    ],
)
def test_an_output_tells_what_it_shows(kernel: Kernel, code: str, found: dict[str, Any]) -> None:
    data = run(kernel, code).outputs.nodes()[-1]["data"]
    assert data["text/plain"]
    assert found.items() <= data[MIME].items()
    assert "image/png" in data or "Image" not in code


def test_what_cannot_be_described_is_shown_all_the_same() -> None:
    class Broken:
        shape, requires_grad = ("x",), property(lambda self: 1 / 0)

    with pytest.raises(ValueError, match="invalid literal"):
        describe(Broken())
    assert bundle(Broken()) == {}


def modules_everywhere(folder: Path, left_out: tuple[str, ...]) -> Path:
    """Modules of every name that a kernel may look for, each of which writes its name down when it is run."""
    ran = folder.parent / "ran"
    names = set(sys.stdlib_module_names) | {name.partition(".")[0] for name in sys.modules}
    names |= {"torch", "numpy", "engine", "torchvision", "sympy", "debugpy", "matplotlib", "pandas", "PIL", "packaging"}
    for name in names - set(left_out):
        if name.isidentifier() and name != "__main__":
            (folder / f"{name}.py").write_text(f"open({str(ran)!r}, 'a').write('{name} ')\n")
    return ran


@pytest.mark.usefixtures("cold")
@pytest.mark.parametrize("own", [(), ("torch",), ("numpy",), ("engine",)])
def test_nothing_of_the_folder_runs_by_itself(
    tmp_path: Path, own: tuple[str, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("PYTHONPATH", raising=False)  # its modules come before the folder's
    folder = tmp_path / "work"
    folder.mkdir()
    ran = modules_everywhere(folder, tuple({"torch", "numpy", "engine"} - set(own)))
    with Kernel("python3", folder) as kernel:
        if own:
            wait_for(lambda: "of its own" in str(kernel.evaluate(f"{NOTE}.why").value), "the note")
            assert f"a module {own[0]} of its own" in str(kernel.evaluate(f"{NOTE}.why").value)
            assert kernel.evaluate(SIDE).status == "error"
        else:
            wait_until_ready(kernel)
            assert variables(kernel).variables == ()
            loaded = kernel.evaluate("[name in __import__('sys').modules for name in ('torch', 'torchvision')]")
            assert loaded.value == "[True, False]", "the second takes as long as the first, and no question needs it"
        assert not ran.exists()
        mine = own[0] if own else "PIL"  # which what answers requests has loaded, too
        shown = kernel.run(f"import {mine}\n{mine}.__file__")
        assert shown.outputs.nodes()[-1]["data"]["text/plain"] == repr(str(folder / f"{mine}.py"))
    assert ran.read_text() == f"{mine} "


@pytest.mark.usefixtures("cold")
def test_a_kernel_that_is_asked_nothing_loads_nothing(tmp_path: Path) -> None:
    with Kernel("python3", tmp_path, ALONE) as kernel:
        found = run(
            kernel, "import os, sys\n[name in sys.modules for name in ('torch', 'engine', 'fmnist_tui_kernel')]"
        )
        assert found.outputs.nodes()[-1]["data"]["text/plain"] == "[False, False, False]"
        assert run(kernel, "[name for name in os.environ if 'ALONE' in name]").outputs.nodes()[-1]["data"] == {
            "text/plain": "[]"
        }


def test_a_folder_that_holds_the_program_is_no_other_program() -> None:
    assert "engine" not in kernel_main.modules_of(kernel_main.ROOT)


@pytest.mark.usefixtures("cold")
@pytest.mark.parametrize(
    "code",
    [
        "import torch.nn as nn\nimport torch\nnn.Linear(2, 2)(torch.ones(1, 2)).shape",
        "import numpy.linalg, torchvision\nimport torch\ntorch.Size([1, 2])",
        "def f():\n    import torch.utils.data, torch\n    return torch.Size([1, 2])\nf()",
    ],
)
def test_a_cell_may_import_torch_while_the_kernel_does(tmp_path: Path, code: str) -> None:
    with Kernel("python3", tmp_path) as kernel:
        assert kernel.run("1 + 1").status == "ok"
        ran = kernel.run(code)
        assert ran.status == "ok", ran.failure
        assert ran.outputs.nodes()[-1]["data"]["text/plain"] == "torch.Size([1, 2])"
        wait_until_ready(kernel)
        assert by_name(variables(kernel)).keys() <= {"f"}


@pytest.mark.usefixtures("cold")
def test_what_is_typed_may_be_completed_while_the_kernel_imports(tmp_path: Path) -> None:
    with Kernel("python3", tmp_path) as kernel:
        assert kernel.run("1 + 1").status == "ok"
        assert kernel._client is not None
        for code in ("from torch.nn import Lin", "from torch.utils.data import Data"):
            reply = kernel._client.complete(code, reply=True, timeout=HANG_S)
            assert {"Linear", "DataLoader"} & set(reply["content"]["matches"])
        wait_until_ready(kernel)
        assert kernel.evaluate("'do_complete' in vars(get_ipython().kernel)").value == "False"


@pytest.mark.parametrize(
    ("code", "may"),
    [
        ("1 + 1", False),
        ("x = [len('a'), print(2)]", False),
        ("def f(): return 1", False),
        ("f()", True),
        ("import os, random\nfrom pathlib import Path", False),
        ("import unittest.mock", True),
        ("import torch", True),
        ("from . import x", True),
        ("%matplotlib inline", True),
        ("def f():\n    from torch import nn", True),
        ("a.b(1)", True),
        ("__import__('os')", True),
        ("getattr(__builtins__, '__import__')('os')", True),
    ],
)
def test_a_cell_that_may_import_is_told_from_one_that_does_not(code: str, may: bool) -> None:
    assert kernel_main.may_import(code) is may


def test_a_kernel_asks_for_nothing_of_the_program_where_it_is_not_its_own(tmp_path: Path) -> None:
    assert kernel_main.modules_of(tmp_path) == set()
    (tmp_path / "engine").mkdir()
    (tmp_path / "torch").mkdir()  # a folder of data is no package
    (tmp_path / "fast.cpython-311-x86_64-linux-gnu.so").touch()
    (tmp_path / "notes.txt").touch()
    (tmp_path / "pack").mkdir()
    (tmp_path / "pack" / "__init__.py").touch()
    os.symlink(tmp_path / "nowhere", tmp_path / "gone.py")
    assert kernel_main.modules_of(tmp_path) == {"engine", "fast", "pack", "gone"}
