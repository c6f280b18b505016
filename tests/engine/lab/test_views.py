"""What is shown of a cell's outputs, whatever they are."""

import base64
from typing import Any

import pytest

from engine.lab.views import KEPT_LINES, LONGEST, MOST_LINES, MOST_OF_OBJECT, OBJECT, OutputView, views, whole_text

TENSOR = {"type": "Tensor", "shape": [2, 3], "dtype": "torch.float32", "device": "cpu", "requires_grad": True,
          "grad_fn": "<AddBackward0>", "images": False}  # fmt: skip
PNG = base64.b64encode(b"\x89PNG and so on").decode()


def stream(text: object, name: str = "stdout") -> dict[str, Any]:
    return {"output_type": "stream", "name": name, "text": text}


def result(count: object = 3, **data: object) -> dict[str, Any]:
    named = {key.replace("_", "/", 1): value for key, value in data.items()}
    return {"output_type": "execute_result", "execution_count": count, "metadata": {}, "data": named}


def tensor(count: object = 3, text: object = "tensor(1)", **facts: object) -> dict[str, Any]:
    made = result(count, text_plain=text)
    made["data"][OBJECT] = {**TENSOR, **facts}
    return made


def one(node: Any, **more: Any) -> OutputView:
    (found,) = views([node], **more)
    return found


@pytest.mark.parametrize(
    ("kind", "content", "lines"),
    [
        ("text/markdown", "# head\n*it*", ("# head", "*it*")),
        ("text/latex", ["$x^2$"], ("$x^2$",)),
        ("application/json", {"a": [1, "한"]}, ("{", '  "a": [', "    1,", '    "한"', "  ]", "}")),
    ],
)
def test_of_a_display_object_what_stands_in_it_is_shown(kind: str, content: object, lines: tuple[str, ...]) -> None:
    bare = {"text/plain": "<IPython.core.display.Markdown object>", kind: content}
    assert one({"output_type": "display_data", "data": bare}).lines == lines
    assert one({"output_type": "display_data", "data": {**bare, "text/plain": "its own"}}).lines == ("its own",)
    nothing = {"text/plain": bare["text/plain"]}
    assert one({"output_type": "display_data", "data": nothing}).lines == (bare["text/plain"],)


def test_a_stream_is_shown_from_both_ends() -> None:
    assert one(stream("one\ntwo\n")).lines == ("one", "two")
    assert one(stream(["one\n", "two"])).lines == ("one", "two")
    assert one(stream("")).lines == ()
    assert one(stream("", "stderr")).kind == "warning"
    exact = one(stream("".join(f"{n}\n" for n in range(MOST_LINES))))
    assert (len(exact.lines), exact.more, exact.opens) == (MOST_LINES, 0, False)
    long = one(stream("".join(f"{n}\n" for n in range(5000))))
    assert long.opens
    assert long.lines[0] == "0"
    assert long.lines[-1] == "4999"
    head = MOST_LINES * 2 // 3
    assert (long.more, long.cut) == (5000 - MOST_LINES, head)
    assert long.lines[head - 1] == str(head - 1)
    assert long.lines[head] == str(5000 - (MOST_LINES - head))


def test_an_object_is_shown_from_its_beginning() -> None:
    text = "\n".join(map(str, range(100)))
    found = one(tensor(text=text))
    assert (found.lines, found.more) == (tuple(map(str, range(MOST_OF_OBJECT))), 100 - MOST_OF_OBJECT)
    plain = one(result(text_plain=text))
    assert (plain.lines, plain.more, plain.kind) == (tuple(map(str, range(MOST_LINES))), 100 - MOST_LINES, "result")


def test_an_object_opens_as_long_as_the_kernel_has_it() -> None:
    found = one(tensor(3), count=3)
    assert (found.kind, found.expression, found.opens) == ("object", "Out[3]", True)
    assert found.facts is not None
    assert (found.facts.shape, found.facts.dtype, found.facts.grad_fn) == ((2, 3), "float32", "<AddBackward0>")
    assert one(tensor(3), count=None).expression == ""  # read from a file, or of a kernel that is gone
    assert one(tensor(3), count=4).expression == ""
    assert one({**tensor(3), "output_type": "display_data"}, count=3).expression == ""
    assert one(tensor(3, type="DataFrame"), count=3).expression == ""
    assert one(tensor(3, type="ndarray"), count=3).expression == "Out[3]"


def test_an_error_has_its_line_and_its_traceback() -> None:
    node = {"output_type": "error", "ename": "ValueError", "evalue": "bad\nvery bad",
            "traceback": ["\x1b[31mTraceback\x1b[0m", "  Cell In[3], line 2"]}  # fmt: skip
    found = one(node, error_line=2)
    assert (found.kind, found.lines, found.cell_line, found.opens) == (
        "error",
        ("ValueError: bad", "very bad"),
        2,
        True,
    )
    assert whole_text(node) == "Traceback\n  Cell In[3], line 2\n"
    bare = {"output_type": "error", "ename": "KeyboardInterrupt", "evalue": ""}
    assert one(bare).lines == ("KeyboardInterrupt",)
    assert whole_text(bare).startswith("KeyboardInterrupt")


def test_images_and_what_has_no_text() -> None:
    image = one({"output_type": "display_data", "data": {"image/png": [PNG[:6], PNG[6:]], "text/plain": "<Figure>"}})
    assert (image.kind, image.image, image.lines) == ("image", b"\x89PNG and so on", ("<Figure>",))
    assert image.opens
    assert one({"output_type": "display_data", "data": {"image/png": "not base 64 é", "text/plain": "x"}}).image == b""
    html = {"text/html": "<style>b {}</style><script>evil()</script><b>bold</b>\n<i>text</i>"}
    assert one({"output_type": "display_data", "data": html}).lines == ("bold text",)
    assert one({"output_type": "display_data", "data": {"text/html": "<br>"}}).lines == ("[HTML]",)
    widget = {"application/vnd.jupyter.widget-view+json": {"model_id": "7"}, "text/html": "no"}
    assert one({"output_type": "display_data", "data": widget}).lines == ("[a widget: shown in a browser only]",)
    other = {"text/latex": "$x$", "application/json": {}}
    assert one({"output_type": "display_data", "data": other}).lines == ("[application/json, text/latex]",)
    assert one({"output_type": "display_data", "data": {}}).lines == ("[nothing]",)


def test_nothing_that_commands_a_terminal_is_shown() -> None:
    evil = "\x1b[2J\x1b]52;c;aGk=\x07safe\x07\x9b31m\u202e end\tx\rshown"
    for node in (
        stream(evil), result(text_plain=evil),
        {"output_type": "error", "ename": "E", "evalue": evil, "traceback": [evil]},
        {"output_type": "display_data", "data": {"text/html": evil}},
        {"output_type": "display_data", "data": {evil: evil}},
    ):  # fmt: skip
        for line in one(node).lines:
            assert not any(ord(character) < 32 or 127 <= ord(character) < 160 for character in line), line
            assert "\u202e" not in line
        assert "\x1b" not in whole_text(node)


def test_html_is_read_as_text_where_there_is_no_other_text() -> None:
    html = {"text/html": "<h1>Loss</h1> <b>0.5</b>", "text/plain": "<IPython.core.display.HTML object>"}
    node = {"output_type": "display_data", "data": html}
    assert (one(node).lines, whole_text(node)) == (("Loss 0.5",), "Loss 0.5\n")
    table = {"output_type": "display_data", "data": {**html, "text/plain": "   a\n0  1"}}
    assert one(table).lines == ("   a", "0  1")


def test_tabs_are_columns() -> None:
    assert one(stream("a\tb\tc\n한글\td\n\te")).lines == ("a       b       c", "한글    d", "        e")
    assert whole_text(stream("a\tb")) == "a\tb"  # to be copied


def test_a_line_and_a_text_have_an_end() -> None:
    (line,) = one(stream("x" * 10 * LONGEST)).lines
    assert (len(line), line[-2:]) == (LONGEST, "x…")
    assert one(stream("x" * LONGEST)).lines == ("x" * LONGEST,)
    text = whole_text(stream("".join(f"{n}\n" for n in range(KEPT_LINES * 2))))
    lines = text.split("\n")
    assert len(lines) == KEPT_LINES + 1
    assert lines[KEPT_LINES // 2] == f"… {KEPT_LINES + 1:,} lines left out …"
    assert len(whole_text(stream("y" * 10 * LONGEST))) == LONGEST


SHAPES: list[Any] = [
    {}, {"output_type": None}, {"output_type": ["stream"]}, {"output_type": "stream"},
    {"output_type": "stream", "text": None}, {"output_type": "stream", "text": {"a": 1}, "name": 3},
    {"output_type": "stream", "text": [1, None, "x"]},
    {"output_type": "error"}, {"output_type": "error", "ename": None, "evalue": 3, "traceback": 5},
    {"output_type": "error", "traceback": "one text"}, {"output_type": "error", "traceback": [None, 3]},
    {"output_type": "error", "ename": ["E"], "traceback": {"a": 1}},
    {"output_type": "execute_result"}, {"output_type": "execute_result", "data": None},
    {"output_type": "execute_result", "data": ["text/plain"]}, {"data": {"text/plain": "no type"}},
    {"output_type": "display_data", "data": {"text/plain": None}},
    {"output_type": "display_data", "data": {"text/plain": 3}},
    {"output_type": "display_data", "data": {"text/plain": {"a": 1}}},
    {"output_type": "display_data", "data": {"text/plain": [1, 2]}},
    {"output_type": "display_data", "data": {"text/html": 3}},
    {"output_type": "display_data", "data": {"image/png": 3}},
    {"output_type": "display_data", "data": {"image/png": {"a": "é"}, "image/jpeg": [None]}},
    {"output_type": "display_data", "data": {"text/plain": "x", OBJECT: "no"}},
    {"output_type": "display_data", "data": {"text/plain": "x", OBJECT: {"type": 3}}},
    {"output_type": "execute_result", "execution_count": "x",
     "data": {"text/plain": "x", OBJECT: {"type": "Tensor", "shape": "no", "dtype": 3, "device": None}}},
    {"output_type": "execute_result", "data": {OBJECT: {"type": "Tensor", "shape": [None], "grad_fn": {}}}},
    {"output_type": "nobody knows"},
]  # fmt: skip


@pytest.mark.parametrize("node", SHAPES, ids=range(len(SHAPES)))
def test_no_shape_of_an_output_raises(node: Any) -> None:
    found = one(node, count=1, error_line=1)
    assert all(isinstance(line, str) and "\n" not in line for line in found.lines)
    assert isinstance(whole_text(node), str)
    assert isinstance(found.opens, bool)
