"""A document while it is edited: its cells, their names, what is undone, and what is saved when."""

import json
import os
from pathlib import Path
from typing import Any

import pytest

from engine.errors import LabError
from engine.lab import notebook as module
from engine.lab.document import Cell, new_document, open_document
from engine.lab.notebook import MOST_UNDONE, Notebook, empty_document, opened, restored

SCRIPT = "# %% [markdown]\n# # Title\n\n# %%\na = 1\n\n# %%\nb = 2\n"
OUTPUT = {"output_type": "stream", "name": "stdout", "text": ["one\n", "two\n"]}


def script(tmp_path: Path, text: str = SCRIPT) -> Notebook:
    path = tmp_path / "some.py"
    path.write_text(text)
    return Notebook(open_document(path))


def content(minor: int = 4, **more: Any) -> dict[str, Any]:
    """Of a notebook, as JSON has it, with keys that no format knows."""
    cells: list[dict[str, Any]] = [
        {"cell_type": "markdown", "metadata": {"slide": True}, "source": ["# Ünïcode\n", "text"]},
        {"cell_type": "code", "execution_count": 3, "metadata": {"theirs": [1]}, "outputs": [OUTPUT],
         "source": ["x = 1\n", "x"], "unknown": {"kept": 1}},
        {"cell_type": "code", "execution_count": None, "metadata": {}, "outputs": [], "source": []},
    ]  # fmt: skip
    if minor >= 5:
        for at, cell in enumerate(cells):
            cell["id"] = f"cell-{at}"
    return {"cells": cells, "metadata": {"theirs": {"z": 0.1}}, "nbformat": 4, "nbformat_minor": minor, **more}


def notebook(tmp_path: Path, text: str) -> Notebook:
    path = tmp_path / "some.ipynb"
    path.write_bytes(text.encode())
    return Notebook(open_document(path))


def sources(of: Notebook) -> list[str]:
    return [cell.source for cell in of.cells]


def names(of: Notebook) -> list[str]:
    return [of.name(cell) for cell in of.cells]


def test_each_change_of_the_cells_is_undone_in_its_turn(tmp_path: Path) -> None:
    found = script(tmp_path)
    seen = [(sources(found), names(found))]

    def note() -> None:
        seen.append((sources(found), names(found)))

    found.insert(1, "code", "new")
    note()
    assert sources(found) == ["# Title", "new", "a = 1", "b = 2"]
    found.cut(2)
    note()
    assert sources(found) == ["# Title", "new", "b = 2"]
    found.paste(0)
    note()
    assert sources(found) == ["a = 1", "# Title", "new", "b = 2"]
    assert names(found)[0] not in seen[0][1]  # a copy is another cell
    assert found.move(0, 2) == 2
    note()
    assert sources(found) == ["# Title", "new", "a = 1", "b = 2"]
    found.change_kind(1, "markdown")
    note()
    assert found.cells[1].kind == "markdown"
    places = []
    for before in reversed(seen[:-1]):
        assert found.can_undo
        places.append(found.undo())
        assert (sources(found), names(found)) == before
    assert places == [1, 0, 0, 2, 1]
    assert not found.can_undo
    assert all(found.cells[at].kind == kind for at, kind in enumerate(("markdown", "code", "code")))


def test_what_changes_nothing_is_no_step(tmp_path: Path) -> None:
    found = script(tmp_path)
    assert found.move(0, -1) == 0
    assert found.move(2, 1) == 2
    found.change_kind(0, "markdown")
    found.write(1, "a = 1")
    assert not found.can_undo
    assert not found.edited
    found.write(1, "a = 2")
    assert found.edited
    assert not found.can_undo  # what is typed is the field's to undo


def test_so_many_steps_are_kept(tmp_path: Path) -> None:
    found = script(tmp_path)
    for _ in range(MOST_UNDONE + 5):
        found.insert(0)
    undone = 0
    while found.can_undo:
        found.undo()
        undone += 1
    assert undone == MOST_UNDONE
    assert len(found.cells) == 3 + 5


def test_a_document_always_has_a_cell(tmp_path: Path) -> None:
    found = script(tmp_path, "")
    assert [(cell.kind, cell.source) for cell in found.cells] == [("code", "")]
    assert not found.edited
    found.write(0, "x")
    found.cut(0)
    assert sources(found) == [""]
    assert found.can_paste
    found.undo()
    assert sources(found) == ["x"]


@pytest.mark.parametrize("ending", [".py", ".ipynb"])
def test_a_cell_that_is_offered_is_saved_once_it_has_a_text(tmp_path: Path, ending: str) -> None:
    path = tmp_path / f"own{ending}"
    script(tmp_path).document.save(path)
    found, before = opened(path), path.read_bytes()
    found.offer()
    assert sources(found)[-1] == ""
    assert (found.edited, found.can_undo) == (False, False)
    found.draft().save()
    assert path.read_bytes() == before
    found.write(0, "other")  # something else is saved, without it
    found.draft().save()
    assert len(opened(path).cells) == len(found.cells) - 1
    found.write(len(found.cells) - 1, "x = 1")
    assert found.edited
    found.draft().save()
    assert sources(opened(path)) == sources(found)
    found.insert(0)  # an empty one that somebody asked for
    found.draft().save()
    assert sources(opened(path)) == sources(found)


def test_an_offered_cell_is_all_that_is_left(tmp_path: Path) -> None:
    found = script(tmp_path)
    found.offer()
    for _ in range(3):
        found.cut(0)
    found.draft().save(tmp_path / "left.py")
    assert sources(opened(tmp_path / "left.py")) == [""]


def test_names_are_the_files_ids_and_stay(tmp_path: Path) -> None:
    told = content(5)
    told["cells"][2]["id"] = "cell-1"  # twice the same: no notebook should, some do
    found = notebook(tmp_path, json.dumps(told))
    first, second, third = names(found)
    assert (first, second) == ("cell-0", "cell-1")
    assert third not in ("cell-0", "cell-1")
    found.move(2, -2)
    assert names(found) == [third, first, second]
    assert [found.place(name) for name in (first, second, third)] == [1, 2, 0]
    found.change_kind(0, "markdown")
    assert found.name(found.cells[0]) == third
    found.cut(0)
    assert found.place(third) is None
    found.paste(1)
    assert len({*names(found), third}) == 4
    found.undo()
    found.undo()
    assert found.place(third) == 0


@pytest.mark.parametrize("minor", [4, 5])
def test_a_pasted_cell_keeps_what_it_had_but_its_id(tmp_path: Path, minor: int) -> None:
    found = notebook(tmp_path, json.dumps(content(minor)))
    found.cut(1)
    found.paste(0)
    found.paste(2)
    one, other = found.cells[0].node, found.cells[2].node
    assert {**one, "id": ""} == {**other, "id": ""}
    assert one["unknown"] == {"kept": 1}
    assert ("id" in one) == (minor == 5)
    assert one.get("id") != other.get("id") or minor == 4
    one["outputs"][0]["text"].append("three")
    assert other["outputs"] == [OUTPUT]  # a copy of its own


def test_a_cell_that_becomes_text_has_no_outputs_and_gets_none(tmp_path: Path) -> None:
    found = notebook(tmp_path, json.dumps(content()))
    name = found.name(found.cells[1])
    found.change_kind(1, "markdown")
    assert set(found.cells[1].node) == {"cell_type", "metadata", "source"}
    assert found.cells[1].node["metadata"] == {"theirs": [1]}
    version = found.version
    found.take_outputs(name, [OUTPUT], 1)
    found.take_outputs("nobody", [OUTPUT], 1)
    assert found.version == version
    found.undo()
    assert found.cells[1].outputs == [OUTPUT]


def test_outputs_are_a_change_of_a_notebook_and_not_of_a_script(tmp_path: Path) -> None:
    for found, counts in ((notebook(tmp_path, json.dumps(content())), True), (script(tmp_path), False)):
        name = found.name(found.cells[1])
        found.take_outputs(name, iter([OUTPUT]), 7)
        assert (found.cells[1].outputs, found.cells[1].node["execution_count"]) == ([OUTPUT], 7)
        assert found.edited == counts
        version = found.version
        found.take_outputs(name, [OUTPUT], 7)
        assert found.version == version
        found.forget_outputs()
        assert (found.cells[1].outputs, found.cells[1].node["execution_count"]) == ([], None)
        assert (found.version > version) == counts


def test_a_draft_is_what_was_there_when_it_was_made(tmp_path: Path) -> None:
    found = script(tmp_path)
    found.write(1, "a = 10")
    draft = found.draft()
    found.write(1, "a = 100")
    found.insert(0, "code", "first")
    found.cells[2].node["metadata"]["later"] = True
    draft.save()
    found.saved(draft)
    assert [cell.source for cell in open_document(found.document.path).cells] == ["# Title", "a = 10", "b = 2"]
    assert "later" not in found.document.path.read_text()
    assert found.edited
    assert not found.changed_on_disk()
    last = found.draft()
    last.save()
    found.saved(last)
    assert not found.edited
    assert [cell.source for cell in open_document(found.document.path).cells] == [
        "first",
        "# Title",
        "a = 100",
        "b = 2",
    ]
    found.saved(draft)  # one that was slower: it is no step back
    assert not found.edited


def test_a_draft_that_cannot_be_saved_is_one_line(tmp_path: Path) -> None:
    found = script(tmp_path)
    found.write(1, "a = 10")
    with pytest.raises(LabError, match="cannot write"):
        found.draft().save(tmp_path / "nowhere" / "some.py")
    assert found.edited


def test_what_somebody_else_writes_is_seen_until_it_is_decided(tmp_path: Path) -> None:
    found = script(tmp_path)
    path = found.document.path
    assert not found.changed_on_disk()
    path.write_text(SCRIPT)
    assert not found.changed_on_disk()  # the same again
    path.write_text("# %%\ntheirs = 1\n")
    assert found.changed_on_disk()
    assert sources(found.reopened()) == ["theirs = 1"]
    found.keep_mine()
    assert not found.changed_on_disk()
    assert found.edited
    draft = found.draft()
    draft.save()
    found.saved(draft)
    assert path.read_text() == SCRIPT
    assert not found.edited
    path.unlink()
    assert not found.changed_on_disk()  # gone: the next save makes it anew
    with pytest.raises(LabError, match="cannot read"):
        found.reopened()


def test_cells_that_were_edited_elsewhere_keep_their_names(tmp_path: Path) -> None:
    path = tmp_path / "some.py"
    path.write_text("# %%\nx = 1\n\n# %%\nfor i in range(3):\n    print(i)\n\n# %%\nlast\n\n# %% [markdown]\n# text\n")
    found = Notebook(open_document(path))
    x, loop, last, _ = map(found.name, found.cells)
    path.write_text("# %%\nnew\n\n# %%\nx = 1\n\n# %%\nfor i in range(300):\n    print(i)\n\n# %%\nquite another\n")
    names = [again.name(cell) for again in [found.reopened()] for cell in again.cells]
    assert names[1:3] == [x, loop]
    assert not {names[0], names[3]} & {x, loop, last}


def test_a_change_that_is_taken_back_is_written_as_it_was_read(tmp_path: Path) -> None:
    text = json.dumps(content(), indent=3) + "\n\n"
    found = notebook(tmp_path, text)
    found.insert(1)
    found.undo()
    found.write(1, "other")
    found.write(1, "x = 1\nx")
    found.draft().save()
    assert found.document.path.read_bytes() == text.encode()


@pytest.mark.parametrize("end", ["\n", ""])
@pytest.mark.parametrize(
    "spelling",
    [
        {"indent": 1}, {"indent": 2}, {"indent": 4}, {}, {"indent": 1, "ensure_ascii": False},
        {"ensure_ascii": False}, {"indent": 2, "ensure_ascii": False, "sort_keys": True},
    ],
)  # fmt: skip
def test_the_rest_of_an_edited_notebook_stays_byte_for_byte(tmp_path: Path, spelling: dict[str, Any], end: str) -> None:
    read = json.dumps(content(5, unknown=["kept"]), **spelling) + end
    found = notebook(tmp_path, read)
    found.write(1, "x = 2\nx")
    found.draft().save()
    written = found.document.path.read_bytes().decode()
    assert written == read.replace("x = 1", "x = 2")


def test_a_notebook_without_indents_between_its_lines_stays_readable(tmp_path: Path) -> None:
    """Spelled as no JSON library spells: it is written anew, and nothing of its contents is lost."""
    read = "\n" + json.dumps(content(), separators=(",", ":")).replace('"cells"', '\n\t"cells"')
    found = notebook(tmp_path, read)
    found.write(2, "y")
    found.draft().save()
    expected = content()
    expected["cells"][2]["source"] = ["y"]
    assert json.loads(found.document.path.read_text()) == expected


def test_runs_find_their_cells_in_a_document_that_is_opened_again() -> None:
    cells = [("a", "x = 1"), ("b", "x"), ("c", "x"), ("d", "new")]
    assert restored(cells, []) == {}
    assert restored([], [("r", "x")]) == {}
    assert restored(cells, [("r1", "x = 1"), ("r2", "x"), ("r3", "x"), ("r4", "x"), ("r5", "gone")]) == {
        "r1": "a", "r3": "b", "r4": "c",
    }  # fmt: skip  # of more runs than cells the last ones: the others were of a document that was opened before
    # a name that both have, of a file with ids, is that cell; with another source it is not what was run
    assert restored(cells, [("c", "x"), ("r", "x")]) == {"c": "c", "r": "b"}
    assert restored(cells, [("a", "before"), ("r", "x = 1")]) == {"r": "a"}


def test_a_new_document_is_not_made_over_another(tmp_path: Path) -> None:
    for name in ("new.py", "new.ipynb"):
        document = empty_document(tmp_path / name)
        assert not (tmp_path / name).exists()
        document.save()
        assert [(cell.kind, cell.source) for cell in open_document(tmp_path / name).cells] == [("code", "")]
        with pytest.raises(LabError, match="is there already"):
            empty_document(tmp_path / name)
    with pytest.raises(LabError, match="must end in"):
        empty_document(tmp_path / "new.txt")


def test_cells_of_odd_shapes_can_be_edited(tmp_path: Path) -> None:
    told = content(5)
    told["cells"] = [
        {}, {"cell_type": 7, "source": 3, "metadata": "none"}, {"cell_type": "code", "source": None, "outputs": "no"},
        {"cell_type": "code", "source": ["a\n", 1], "id": ["no"], "metadata": None, "outputs": [1, OUTPUT]},
    ]  # fmt: skip
    found = notebook(tmp_path, json.dumps(told))
    assert [cell.kind for cell in found.cells] == ["raw", "raw", "code", "code"]
    assert len(set(names(found))) == 4
    assert [cell.outputs for cell in found.cells[2:]] == [[], [OUTPUT]]
    for at in range(4):
        found.write(at, f"{at}")
    found.change_kind(1, "code")
    found.cut(3)
    found.paste(0)
    found.take_outputs(found.name(found.cells[2]), [OUTPUT], 1)
    found.draft().save()
    assert sources(Notebook(open_document(found.document.path))) == ["3", "0", "1", "2"]
    assert isinstance(found.cells[0], Cell)


def test_an_undo_keeps_what_was_typed_since_and_what_goes_can_be_pasted(tmp_path: Path) -> None:
    notebook = Notebook(new_document(tmp_path / "new.py"))
    notebook.write(0, "a = 1")
    notebook.change_kind(0, "markdown")
    notebook.write(0, "a = 1 and more")
    notebook.undo()
    assert [(cell.kind, cell.source) for cell in notebook.cells] == [("code", "a = 1 and more")]
    notebook.insert(1)
    notebook.write(1, "typed")
    notebook.undo()
    assert [cell.source for cell in notebook.cells] == ["a = 1 and more"]
    notebook.paste(1)
    assert [cell.source for cell in notebook.cells] == ["a = 1 and more", "typed"]


def test_a_glance_reads_the_file_only_where_it_looks_otherwise(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "some.py"
    path.write_text("# %%\nx = 1\n")
    found = opened(path)
    read: list[Path] = []
    digest = module._digest_of

    def noted(path: Path) -> str | None:
        read.append(path)
        return digest(path)

    monkeypatch.setattr(module, "_digest_of", noted)
    assert not found.changed_on_disk(glance=True)
    assert read == []
    os.utime(path, ns=(1, 1))  # touched, and nothing else
    assert not found.changed_on_disk(glance=True)
    assert not found.changed_on_disk(glance=True)
    assert read == [path]
    found.write(0, "x = 2")
    draft = found.draft()
    draft.save()
    found.saved(draft)
    read.clear()
    assert not found.changed_on_disk(glance=True)
    assert read == []
    path.write_text("# %%\nx = 3\n")
    assert found.changed_on_disk(glance=True)
    found.keep_mine()
    assert not found.changed_on_disk(glance=True)
    path.unlink()
    assert not found.changed_on_disk(glance=True)
