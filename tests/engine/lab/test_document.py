"""Documents of cells: what is read, what is refused, and that nothing changes which nobody changed."""

import json
from pathlib import Path
from typing import Any

import nbformat
import pytest
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook, new_output, new_raw_cell

from engine.errors import LabError
from engine.lab import script
from engine.lab.document import Document, check_place, new_cell, open_document
from engine.lab.notebook import opened
from engine.lab.script import merged

WIDGET = {"application/vnd.jupyter.widget-view+json": {"model_id": "7"}}
SCRIPT = """\
# %% [markdown]
# # Tensors
# of ones

# %%
import torch

t = torch.ones(5)

# %% tags=["hide"]
t
"""


def written(tmp_path: Path, text: str, name: str = "document.py") -> Path:
    path = tmp_path / name
    path.write_bytes(text.encode())
    return path


def validate(path: Path) -> None:
    """Whether Jupyter takes it, but for what is none of its keys."""
    content = json.loads(path.read_text())
    nbformat.validate({key: content[key] for key in content if key not in ("unknown", "comment")})


def notebook(minor: int = 5, **changes: Any) -> dict[str, Any]:
    """One with a bit of everything, as JSON has it."""
    made = new_notebook(
        cells=[
            new_markdown_cell("# Title\nwith two lines", attachments={"a.png": {"image/png": "iVBORw0KGgo="}}),
            new_code_cell("x = 1\nx", execution_count=3, outputs=[new_output("stream", text="one\ntwo\n")]),
            new_raw_cell("raw *text*"),
            new_code_cell(
                "",
                outputs=[new_output("display_data", {"application/vnd.jupyter.widget-view+json": {"model_id": "7"}})],
            ),
        ],
        metadata={"kernelspec": {"name": "python3", "display_name": "P"}, "theirs": {"z": [1, {"a": None}], "b": 0.1}},
    )
    content: dict[str, Any] = json.loads(nbformat.writes(made))
    content["nbformat_minor"] = minor
    if minor < 5:
        for cell in content["cells"]:
            del cell["id"]
    content["unknown"] = {"kept": True}
    content["cells"][1]["metadata"]["collapsed"] = False
    return {**content, **changes}


@pytest.mark.parametrize("minor", range(6))
@pytest.mark.parametrize(
    "spelling",
    [{"indent": 1}, {"indent": 2, "ensure_ascii": False}, {"indent": 4}, {}, {"indent": 1, "sort_keys": True}],
)
def test_a_notebook_that_nobody_edited_is_written_as_it_was_read(
    tmp_path: Path, minor: int, spelling: dict[str, Any]
) -> None:
    text = json.dumps(notebook(minor, comment="ü"), **spelling) + "\n" * (minor % 2)
    path = written(tmp_path, text, "some.ipynb")
    document = open_document(path)
    assert not document.edited
    assert [cell.kind for cell in document.cells] == ["markdown", "code", "raw", "code"]
    assert document.cells[1].source == "x = 1\nx"
    document.save()
    assert path.read_bytes() == text.encode()


@pytest.mark.parametrize("spelling", [{"indent": 1}, {"indent": 2, "ensure_ascii": False}, {}])
def test_of_an_edited_notebook_the_rest_stays(tmp_path: Path, spelling: dict[str, Any]) -> None:
    content = notebook(4, comment="ü")
    path = written(tmp_path, json.dumps(content, **spelling) + "\n", "some.ipynb")
    document = open_document(path)
    document.cells[1].source = "x = 2\nx"
    assert document.edited
    document.cells.insert(2, new_cell(document, "code", "y"))
    document.save()
    content["cells"][1]["source"] = ["x = 2\n", "x"]
    content["cells"].insert(
        2, {"cell_type": "code", "metadata": {}, "source": ["y"], "execution_count": None, "outputs": []}
    )
    assert path.read_text() == json.dumps(content, **spelling) + "\n"
    validate(path)


def test_a_cell_of_a_newer_notebook_has_an_id(tmp_path: Path) -> None:
    path = written(tmp_path, json.dumps(notebook(5)), "some.ipynb")
    document = open_document(path)
    document.cells.append(new_cell(document, "markdown", "more"))
    document.save()
    validate(path)


def test_an_old_notebook_is_converted_and_written_only_where_it_is_edited(tmp_path: Path) -> None:
    old = {
        "nbformat": 3, "nbformat_minor": 0, "metadata": {"name": ""},
        "worksheets": [{"cells": [{"cell_type": "code", "input": ["1+1"], "outputs": [], "language": "python",
                                   "collapsed": False, "metadata": {}, "prompt_number": 1}], "metadata": {}}],
    }  # fmt: skip
    path = written(tmp_path, json.dumps(old), "old.ipynb")
    document = open_document(path)
    assert [cell.source for cell in document.code] == ["1+1"]
    document.save()
    assert json.loads(path.read_text()) == old
    document.code[0].source = "2+2"
    document.save()
    assert open_document(path).content["nbformat"] == 4


def test_a_script_is_read_in_cells_and_written_as_it_was(tmp_path: Path) -> None:
    path = written(tmp_path, SCRIPT)
    document = open_document(path)
    assert [cell.kind for cell in document.cells] == ["markdown", "code", "code"]
    assert document.cells[0].source == "# Tensors\nof ones"
    assert document.kernel == "python3"
    document.save()
    assert path.read_text() == SCRIPT
    document.cells[1].source = "t = 1"
    document.save()
    changed = path.read_text()
    assert "t = 1" in changed
    assert "# # Tensors" in changed
    assert 'tags=["hide"]' in changed
    assert "# ---" not in changed  # no header where there was none
    assert [cell.source for cell in open_document(path).cells] == ["# Tensors\nof ones", "t = 1", "t"]


@pytest.mark.parametrize("text", ["", "print(1)\n", "# only a comment", "\r\n".join(SCRIPT.split("\n"))])
def test_any_script_has_cells_and_stays_as_it_is(tmp_path: Path, text: str) -> None:
    path = written(tmp_path, text)
    document = open_document(path)
    document.save()
    assert path.read_bytes() == text.encode()


def test_from_one_format_into_the_other(tmp_path: Path) -> None:
    document = open_document(written(tmp_path, SCRIPT))
    document.save(tmp_path / "out.ipynb")
    made = nbformat.read(tmp_path / "out.ipynb", as_version=4)
    nbformat.validate(made)
    assert [cell.cell_type for cell in made.cells] == ["markdown", "code", "code"]
    back = open_document(tmp_path / "out.ipynb")
    back.save(tmp_path / "back.py")
    again = open_document(tmp_path / "back.py")
    assert [cell.source for cell in again.cells] == [cell.source for cell in document.cells]


@pytest.mark.parametrize(
    ("name", "content", "words"),
    [
        ("a.ipynb", "{", "its JSON is broken (line 1, column 2)"),
        ("a.ipynb", "[" * 100_000, "its JSON is broken"),
        ("a.ipynb", "[]", "it names no nbformat"),
        ("a.ipynb", '{"nbformat": 5}', "format 5, newer than this program reads"),
        ("a.ipynb", '{"nbformat": 4, "metadata": {}}', "no list of cells"),
        ("a.ipynb", '{"nbformat": 4, "metadata": {}, "cells": [1]}', "no list of cells"),
        ("a.ipynb", '{"nbformat": 4, "cells": []}', "its metadata are no object"),
        ("a.ipynb", '{"nbformat": 2, "worksheets": 7}', "can't be converted to format 4"),
        ("a.py", b"\xff\xfe", "not text in UTF-8 (byte 0)"),
        ("a.txt", "x", "its name must end in .ipynb or .py"),
    ],
)
def test_what_is_no_document_is_one_line(tmp_path: Path, name: str, content: str | bytes, words: str) -> None:
    path = tmp_path / name
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    with pytest.raises(LabError) as error:
        open_document(path)
    assert words in str(error.value)
    assert "\n" not in str(error.value)


def test_a_file_that_is_not_there_and_a_place_that_can_not_be_written(tmp_path: Path) -> None:
    with pytest.raises(LabError, match="cannot read"):
        open_document(tmp_path / "nothing.py")
    document = open_document(written(tmp_path, SCRIPT))
    with pytest.raises(LabError, match="cannot write"):
        document.save(tmp_path / "no" / "where.py")
    with pytest.raises(LabError, match="must end in"):
        document.save(tmp_path / "document.txt")


def test_a_kernel_that_is_named_oddly_is_python(tmp_path: Path) -> None:
    for spec in ({}, {"name": ""}, {"name": 3}, "python"):
        content = notebook(metadata={"kernelspec": spec})
        assert open_document(written(tmp_path, json.dumps(content), "a.ipynb")).kernel == "python3"
    julia = notebook(metadata={"kernelspec": {"name": "julia-1.9"}})
    found: Document = open_document(written(tmp_path, json.dumps(julia), "a.ipynb"))
    assert found.kernel == "julia-1.9"


HEADER = """\
# ---
# jupyter:
#   custom: 7
#   kernelspec:
#     name: python3
#     display_name: Python 3
#   jupytext:
#     text_representation:
#       format_name: percent
# ---

"""
ODD = {
    "a header of theirs": HEADER + '# %% [md]\n# hi\n\n# %% tags=["a"] name="x"\nprint(5)\n\n# %%\nprint(6)\n',
    "other markers": "# In[1]:\n\nprint(5)\n\n# In[2]:\n\nprint(6)\n",
    "no marker": "#!/usr/bin/env python\nimport sys\n\n\n\nprint(5)\n",
    "the light format": "# +\nx = 1\n# -\n\nprint(5)\n",
    "more empty lines": "# %%\n\n\nprint(5)\n\n\n\n# %% [markdown]\n# text\n\n\n# %%\nprint(6)",
    "a mark of UTF-8": "\ufeff# %%\nprint(5)\n",
    "lines of Windows": "# %% [markdown]\r\n# text\r\n\r\n# %%\r\nx = 1\r\nprint(5)\r\n",
}


@pytest.mark.parametrize("text", ODD.values(), ids=ODD)
def test_of_a_script_that_is_edited_all_else_stays_as_it_is(tmp_path: Path, text: str) -> None:
    path = written(tmp_path, text)
    document = open_document(path)
    document.save()
    assert path.read_bytes() == text.encode()
    assert all("\r" not in cell.source and "\ufeff" not in cell.source for cell in document.cells)
    for cell in document.cells:
        cell.source = cell.source.replace("print(5)", "print(55)  # five")
    document.save()
    assert path.read_bytes() == text.replace("print(5)", "print(55)  # five").encode()
    again = open_document(path)
    assert [cell.source for cell in again.cells] == [cell.source for cell in document.cells]


def test_a_script_keeps_its_cells_however_it_is_changed(tmp_path: Path) -> None:
    for number, text in enumerate(ODD.values()):
        path = written(tmp_path, text, f"{number}.py")
        document = open_document(path)
        document.cells.insert(0, new_cell(document, "code", "first = 1"))
        document.cells.append(new_cell(document, "markdown", "the end"))
        document.cells[1].source = "x = 2"
        document.content["metadata"]["kernelspec"] = {"name": "other", "display_name": "Other"}
        document.save()
        again = open_document(path)
        assert [(cell.kind, cell.source) for cell in again.cells] == [
            (cell.kind, cell.source) for cell in document.cells
        ]
        assert again.kernel == ("other" if text.startswith("# ---") else "python3")  # no header where there was none


def test_changes_of_the_same_lines_are_not_merged() -> None:
    base = ["a", "b", "c"]
    assert merged(base, ["a", "B", "c"], ["a", "b", "c", "d"]) == ["a", "B", "c", "d"]
    assert merged(base, ["a", "B", "c"], ["a", "β", "c"]) is None
    assert merged(base, ["a", "c"], ["a", "b", "C"]) == ["a", "C"]
    assert merged(base, base, ["c"]) == ["c"]


def test_an_edited_notebook_keeps_the_ends_of_its_lines_and_its_mark(tmp_path: Path) -> None:
    text = "\ufeff" + json.dumps(notebook(), indent=1).replace("\n", "\r\n") + "\r\n"
    path = written(tmp_path, text, "some.ipynb")
    document = open_document(path)
    document.cells[1].source = "x = 2\nx"
    document.save()
    assert path.read_bytes() == text.replace("x = 1", "x = 2").encode()


def test_an_empty_script_stays_empty_until_something_is_typed(tmp_path: Path) -> None:
    path = written(tmp_path, "", "empty.py")
    open_document(path).save()
    assert path.read_bytes() == b""
    notebook = opened(path)
    notebook.draft().save()
    assert path.read_bytes() == b""
    notebook.write(0, "x = 1")
    notebook.draft().save()
    assert path.read_text() == "# %%\nx = 1\n"
    empty = written(tmp_path, json.dumps({"cells": [], "metadata": {}, "nbformat": 4, "nbformat_minor": 5}), "e.ipynb")
    before = empty.read_bytes()
    opened(empty).draft().save()
    assert empty.read_bytes() == before


def test_a_place_that_can_not_be_written_is_told(tmp_path: Path) -> None:
    (tmp_path / "folder.py").mkdir()
    for path, why in (
        (tmp_path / "no" / "x.py", "there is no folder"),
        (tmp_path / "folder.py", "it is a folder"),
        (tmp_path / "x.txt", "must end in"),
    ):
        with pytest.raises(LabError, match=why):
            check_place(path)
    check_place(tmp_path / "x.ipynb")


def test_a_notebook_with_a_number_of_thousands_of_digits_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "x.ipynb"
    path.write_text('{"nbformat": 4, "metadata": {"x": ' + "9" * 5000 + '}, "cells": []}')
    with pytest.raises(LabError, match="its JSON is broken"):
        open_document(path)


def test_only_cells_with_metadata_are_held_against_the_schema(monkeypatch: pytest.MonkeyPatch) -> None:
    """Those of text alone are valid as nbformat makes them, and the check takes most of the time of reading."""
    script.read("# %%\n")
    checked: list[str | None] = []
    check = nbformat.validate

    def counted(node: Any, ref: str | None = None, **more: Any) -> None:
        checked.append(ref)
        check(node, ref=ref, **more)

    monkeypatch.setattr(nbformat, "validate", counted)
    plain = script.read("# %% [markdown]\n# a\n# %%\n1\n\n\n\n# %% [raw]\n# b\n")
    assert [cell["cell_type"] for cell in plain["cells"]] == ["markdown", "code", "raw"]
    assert not [ref for ref in checked if ref is not None]
    assert script.read(SCRIPT)["cells"][2]["metadata"] == {"tags": ["hide"]}
    assert checked.count("code_cell") == 1
    with pytest.raises(nbformat.ValidationError):
        new_code_cell(metadata={"tags": ["with, comma"]})
    with pytest.raises(nbformat.ValidationError):
        new_code_cell(source=5)  # no text
