"""*Lab*: the list, a document, and what lies over it."""

import base64
from io import BytesIO
from pathlib import Path

import pytest
from PIL import Image

from engine.inspection.kernel_requests import Evaluated
from engine.lab import listing
from engine.lab.client import Completion
from engine.lab.listing import LabSummary
from tests.support.documents import opened as shown
from tests.support.fake_lab import FakeLab, Script, failure, graph_of_loss, lab, result, shared_ones, shows, stream  # noqa: F401
from tests.tui.pictures.conftest import SIZES, Picture, opened, still
from tests.tui.pictures.world import NOW
from tui.lab import document_list, saving

DOCUMENT = """\
# %% [markdown]
# # Shared memory
#
# `numpy()` copies **nothing**.

# %%
import torch

t = torch.ones(5)
n = t.numpy()

# %%
for epoch in range(40):
    print(f"epoch {epoch}: loss {1 / (epoch + 1):.3f}")

# %% [markdown] ask="n.tolist()" kind="value"
# What does `n` hold after the next cell?
#
# Why: Both names mean the same memory.

# %%
t.add_(1)

# %%
def scaled(x, by):
    return x / by  # all of it

scaled(t, 0 / 0)
"""
LOOP = 'for epoch in range(40):\n    print(f"epoch {epoch}: loss {1 / (epoch + 1):.3f}")'
ADD = "t.add_(1)"
FAILS = "def scaled(x, by):\n    return x / by  # all of it\n\nscaled(t, 0 / 0)"


@pytest.fixture(autouse=True)
def not_saved(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is typed stays `edited`, however long a picture takes."""
    monkeypatch.setattr(saving, "SAVE_S", 1e6)


@pytest.fixture
def document(place: Path) -> Path:
    path = place / "shared.py"
    path.write_text(DOCUMENT)
    return path


@pytest.fixture
def scripted(lab: FakeLab) -> FakeLab:  # noqa: F811
    lab.scripts = {
        LOOP: Script((stream("".join(f"epoch {n}: loss {1 / (n + 1):.3f}\n" for n in range(40))),), seconds=2.5),
        ADD: Script((result("tensor([2., 2., 2., 2., 2.])", shape=[5]),)),
        FAILS: Script(
            (stream("careful\n", "stderr"),
             failure("ZeroDivisionError", "division by zero", "Cell In[4], line 4", "ZeroDivisionError")),
            "error", "line 4: ZeroDivisionError: division by zero", 4,
        ),
    }  # fmt: skip
    lab.graphs["loss"] = graph_of_loss()
    lab.values["n.tolist()"] = Evaluated("[2.0, 2.0, 2.0, 2.0, 2.0]")
    lab.variables = shared_ones()
    return lab


async def test_the_list_of_documents(
    home: Path, scripted: FakeLab, picture: Picture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(document_list, "recent", lambda file: [Path("/data/notes/shared.py")])
    living = LabSummary("a", "/data/living.py", "python3", "busy", NOW, NOW, 250 * 2**20, 1, 2, "here")
    monkeypatch.setattr(listing, "living", lambda home: [living])
    async with opened(home, "lab").run_test(size=SIZES[0]) as pilot:
        await picture(pilot, "1. Tensors", "living.py", "shared.py", name="documents")
        await pilot.press("G", "k")
        await picture(pilot, "living.py", name="living")


async def test_a_document_and_what_the_kernel_holds(
    home: Path, document: Path, scripted: FakeLab, picture: Picture
) -> None:
    app = opened(home, "lab")
    async with app.run_test(size=SIZES[0]) as pilot:
        await shown(pilot, document)
        await picture(pilot, "Shared memory", "cell 1 of 6", "idle", name="opened")
        await pilot.press("G", "k", "R")
        await still(pilot, ("tensor([2.",))
        await picture(pilot, "tensor([2.", "cell 5 of 6", name="outputs")
        await pilot.press("G", "f5")
        await picture(pilot, "ZeroDivisionError: division by zero", "at line 4 of this cell", name="error")
        await pilot.press("tab")
        await picture(pilot, "Variables · 5", "loss [] torch.float32", name="variables")
        await pilot.press("k", "k")
        await picture(pilot, "A: one storage, 20 B, 2 names", name="shared")
        await pilot.press("G", "tab")
        await picture(pilot, "Graph of loss", "MulBackward0", name="graph")
        await pilot.press("escape", "0")
        await picture(pilot, "Restart the kernel?", name="restart")
        await pilot.press("escape")
        scripted.die()
        await picture(pilot, "died", "0 restarts the kernel", name="died")


async def test_a_document_in_korean(home: Path, document: Path, scripted: FakeLab, picture: Picture) -> None:
    text = DOCUMENT.replace("What does `n` hold after the next cell?", "다음 셀을 실행하면 `n`에는 무엇이 있을까요?")
    document.write_text(
        text.replace("Why: Both names mean the same memory.", "이유: 두 이름은 같은 메모리를 가리킵니다.")
    )
    app = opened(home, "lab")
    async with app.run_test(size=SIZES[0]) as pilot:
        await shown(pilot, document)
        await pilot.press("G", "f5")
        await picture(pilot, "셀 6/6 · 대기 중", "이 셀의 4번째 줄", name="error")
        await pilot.press("tab", "k", "k")
        await picture(pilot, "변수 · 5", "저장소 하나(20 B)를 공유", name="shared")
        await pilot.press("escape", "0")
        await picture(pilot, "커널을 다시 시작할까요?", name="restart")
        await pilot.press("escape", "question_mark")
        await picture(pilot, "여기까지 실행", name="keys")


async def test_typing(home: Path, document: Path, scripted: FakeLab, picture: Picture) -> None:
    app = opened(home, "lab")
    async with app.run_test(size=SIZES[0]) as pilot:
        await shown(pilot, document)
        await pilot.press("j", "enter", "enter", *"torch.s")
        await picture(pilot, "typing (Esc ends)", "torch.s", name="field")
        end = len("import torch\n\nt = torch.ones(5)\nn = t.numpy()\ntorch.s")
        scripted.completion = Completion(
            ("sin", "sinh", "sqrt", "sum"), end - 1, end, ("function", "function", "function", "function")
        )
        await pilot.press("tab")
        await picture(pilot, "sinh", "sqrt", name="completion")


async def test_a_prediction(home: Path, document: Path, scripted: FakeLab, picture: Picture) -> None:
    app = opened(home, "lab")
    async with app.run_test(size=SIZES[0]) as pilot:
        await shown(pilot, document)
        await pilot.press("G", "k", "f5")
        await picture(pilot, "Your prediction", "What does n hold after the next cell?", name="asked")
        await pilot.press(*"[1, 2]", "enter")
        await picture(pilot, "Both names mean the same memory.", name="wrong")


async def test_an_image_among_the_outputs(home: Path, document: Path, scripted: FakeLab, picture: Picture) -> None:
    file = BytesIO()
    Image.linear_gradient("L").resize((28, 28)).save(file, format="PNG")
    data = {"image/png": base64.b64encode(file.getvalue()).decode(), "text/plain": "<Figure>"}
    scripted.scripts[ADD] = Script((shows(data),))
    app = opened(home, "lab")
    async with app.run_test(size=SIZES[0]) as pilot:
        await shown(pilot, document)
        await pilot.press("G", "k", "R", "j", "k")
        await picture(pilot, "t.add_(1)", name="image")
