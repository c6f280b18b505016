"""Outputs: cleaned, with an end, and where a cell failed."""

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.lab import outputs as outputs_module
from engine.lab.outputs import HEAD, TAIL, Outputs, Stream, failure_of, saved, text_of
from engine.lab.written_text import LONGEST, MOST_WORK, Written, clean, clean_part


@pytest.mark.parametrize(
    ("text", "cleaned"),
    [
        ("\x1b[31mred\x1b[0m", "red"),
        ("\x1b]0;title\x07x\x1b]8;;http://a\x1b\\link\x1b]8;;\x1b\\", "xlink"),
        ("\x1bP0;1q#0;2;0;0;0~\x1b\\after", "after"),
        ("\x1b_Gi=1;AAAA\x1b\\after", "after"),
        ("\x1bPq#0;2\n~~\n~~\x1b\\after\nit", "after\nit"),  # an image in several lines
        ("10%\r50%\r100%\ndone", "100%\ndone"),
        ("crlf\r\nline", "crlf\nline"),
        ("10 of 10 left\r9 of 10", "9 of 100 left"),  # as in a notebook: what is longer keeps its end
        ("a longer line\r\x1b[Kshort", "short"),
        ("a longer line\x1b[2K\rshort", "short"),
        ("abcdef\x1b[1K\rx", "x     "),
        ("abcd\b\bX\b\b\b\b\b\b0", "0bXd"),
        ("one\ntwo\x1b[A\rONE\ntwo!\n", "ONE\ntwo!\n"),
        ("one\ntwo\x1b[AX", "oneX\ntwo"),
        ("a\nb\nc\x1b[2Ax\x1b[By\x1b[Ez", "ax\nb y\nz"),
        ("a\nb\x1b[F\x1b[2Knew", "new\nb"),
        ("a\x1b[9Ab", "ab"),  # no line is above
        ("a\x1b[99999Ab\x1b[Bc", "abc"),
        ("x\x1b[1;1Hy\x1b[3Cz\x1b[sq\x1b[10Lr", "xyzqr"),  # other commands do nothing
        ("\r\x1b[32m 50%|█████\x1b[0m\r\x1b[32m100%|██████████\x1b[0m\n", "100%|██████████\n"),
        ("tab\tbell\x07nul\x00", "tab\tbellnul"),
        ("\x1b[2J\x1b[H\x1bc", ""),
        ("한국어 ⠿", "한국어 ⠿"),
    ],
)
def test_nothing_commands_the_terminal(text: str, cleaned: str) -> None:
    assert clean(text) == cleaned


def stream(outputs: Outputs, text: str, name: str = "stdout") -> None:
    assert outputs.take("stream", {"name": name, "text": text})


def test_a_stream_in_pieces_is_one_output_and_the_two_streams_are_two() -> None:
    outputs = Outputs()
    for piece in ("a", "b\nc", "\n"):
        stream(outputs, piece)
    stream(outputs, "warning\n", "stderr")
    stream(outputs, "d")
    assert [(node["name"], node["text"]) for node in outputs.nodes()] == [
        ("stdout", "ab\nc\n"),
        ("stderr", "warning\n"),
        ("stdout", "d"),
    ]


@pytest.mark.parametrize("size", [1, 2, 3, 5, 7, 100])
def test_a_line_that_is_written_over_is_the_same_in_whatever_parts_it_comes(size: int) -> None:
    whole = "first\n\r  0%|    |\x1b[2J\r 50%|\x1b[32m██  \x1b[0m|\r100%|████|\b\b\b\bxy\rdone\x1b[K\r\nab\rc"
    outputs = Outputs()
    for at in range(0, len(whole), size):
        stream(outputs, whole[at : at + size])
    assert outputs.nodes()[0]["text"] == clean(whole) == "first\ndone\ncb"


def test_a_bar_that_moves_for_long_takes_little_memory() -> None:
    outputs = Outputs()
    for number in range(20_000):
        stream(outputs, f"\r{number:>5} of 20000 |{'█' * (number // 1000)}")
    assert outputs.nodes()[0]["text"] == f"19999 of 20000 |{'█' * 19}"
    (part,) = outputs._parts
    assert isinstance(part, Stream)
    assert part.size < 100


def bars(outer: int, inner: int) -> str:
    """What tqdm writes for two bars, one in the other, the inner one with leave=False."""
    text = "\r outer 0"
    for at in range(1, outer + 1):
        text += "\n\r inner 0\x1b[A"
        text += "".join(f"\n\r inner {step}\x1b[A" for step in range(1, inner + 1))
        text += "\n\r         \r\x1b[A" + f"\r outer {at}"
    return text


@pytest.mark.parametrize("size", [1, 2, 3, 7, 1000])
def test_two_bars_move_in_their_places(size: int) -> None:
    outputs = Outputs()
    stream(outputs, "before\n")
    whole = bars(3, 20)
    whole = whole[: whole.rindex("inner 7") + len("inner 7")]
    for at in range(0, len(whole), size):
        stream(outputs, whole[at : at + size])
    assert outputs.nodes()[0]["text"] == "before\n outer 2\n inner 7 "  # the blanks that a bar before it left
    stream(outputs, "\x1b[A" + bars(3, 20) + "\nafter")
    assert outputs.nodes()[0]["text"].rstrip() == "before\n outer 3\nafter"


def test_bars_that_move_for_long_among_lines_that_are_left_out_take_little_memory() -> None:
    outputs = Outputs()
    stream(outputs, "".join(f"{number}\n" for number in range(5000)))
    for _ in range(20):
        stream(outputs, bars(50, 10))
    stream(outputs, "\n")
    (part,) = outputs._parts
    assert isinstance(part, Stream)
    lines = part.text.split("\n")
    assert lines[0] == "0"
    assert lines[-3:] == ["4999", " outer 50", ""]
    assert part.size < 40_000


def test_what_goes_far_up_stays_within_what_is_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(outputs_module, "HEAD", 3)
    monkeypatch.setattr(outputs_module, "TAIL", 3)
    outputs = Outputs()
    stream(outputs, "".join(f"{number}\n" for number in range(20)))
    for _ in range(50):
        stream(outputs, "\x1b[9A\rup")
    text = outputs.nodes()[0]["text"]
    assert text.startswith("0\n1\n2\n… ")
    assert text.count("up") == 1
    stream(outputs, "\n" * 300 + "end")
    assert outputs.nodes()[0]["text"].endswith("\nend")


PIECES = [
    "a", "long text ", "\n", "\r", "\b", "\x1b", "\x1b[A", "\x1b[3A", "\x1b[B", "\x1b[K", "\x1b[1K", "\x1b[2K",
    "\x1b[E", "\x1b[F", "\x1bPq", "\x1b\\", "\\", "\x1b[", "\x1b]0;t", "\x07", "1", ";",
]  # fmt: skip


@settings(max_examples=300, deadline=None, derandomize=True)
@given(parts=st.lists(st.sampled_from(PIECES)))
def test_whatever_is_written_is_text_and_the_same_in_whatever_parts_it_comes(parts: list[str]) -> None:
    whole, outputs = "".join(parts), Outputs()
    for part in ["", *parts]:
        stream(outputs, part)
    text = outputs.nodes()[0]["text"]
    assert all(one >= " " or one == "\n" for one in text)
    one = Outputs()
    stream(one, whole)
    assert one.nodes()[0]["text"] == text == clean(whole)


def test_sequences_without_end_cost_no_more_than_their_length(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each would move a line of 100,000 characters."""
    moved: list[int] = []
    move = Written._move

    def noted(written: Written, where: str, lines: int, at: int) -> int:
        moved.append(len(written._line))
        return move(written, where, lines, at)

    monkeypatch.setattr(Written, "_move", noted)
    for hostile in ("\x1b[A\x1b[B", "\x1b[A\n", "\x1b[A\rx\n"):
        moved.clear()
        outputs = Outputs()
        stream(outputs, ("x" * LONGEST + "\n") * 2)
        stream(outputs, hostile * 20_000)
        assert sum(moved) < 3 * MOST_WORK


def test_a_part_of_a_stream_keeps_what_writes_over() -> None:
    assert clean_part("\r\x1b[32m 50%\x1b[0m\x07") == "\r 50%"


def test_a_million_lines_keep_their_head_and_tail() -> None:
    outputs = Outputs()
    for first in range(0, 1_000_000, 10_000):
        stream(outputs, "".join(f"{number}\n" for number in range(first, first + 10_000)))
    (node,) = outputs.nodes()
    lines = node["text"].split("\n")
    assert lines[:HEAD] == [str(number) for number in range(HEAD)]
    assert lines[HEAD] == f"… {1_000_000 - HEAD - TAIL:,} lines left out …"
    assert lines[HEAD + 1 :] == [str(number) for number in range(1_000_000 - TAIL, 1_000_000)] + [""]


def test_a_line_without_an_end_takes_little_memory() -> None:
    outputs = Outputs()
    for _ in range(50):
        stream(outputs, "x" * 100_000 + "\r")
    assert len(outputs.nodes()[0]["text"]) <= 200_000


def test_of_a_very_long_line_the_beginning_is_kept() -> None:
    outputs = Outputs()
    stream(outputs, f"{'a' * LONGEST}{'b' * LONGEST}\nend\n")
    assert outputs.nodes()[0]["text"] == f"{'a' * LONGEST}\nend\n"


def test_results_displays_and_what_replaces_them() -> None:
    outputs = Outputs()
    outputs.take("display_data", {"data": {"text/plain": "1%"}, "metadata": {}, "transient": {"display_id": "bar"}})
    outputs.take("update_display_data", {"data": {"text/plain": "9%"}, "transient": {"display_id": "bar"}})
    outputs.take("execute_result", {"data": {"text/plain": "\x1b[1m2\x1b[0m"}, "metadata": {}, "execution_count": 4})
    outputs.take("display_data", {"data": {"image/png": "iVBO"}, "metadata": {}})
    first, second, third = saved(outputs.nodes())
    assert first == {"output_type": "display_data", "data": {"text/plain": "9%"}, "metadata": {}}
    assert second["execution_count"] == 4
    assert [text_of(node) for node in (first, second, third)] == ["9%\n", "2\n", "[image/png]\n"]
    outputs.take("clear_output", {"wait": True})
    assert len(outputs.nodes()) == 3
    stream(outputs, "new")
    assert len(outputs.nodes()) == 1
    outputs.take("clear_output", {})
    assert outputs.nodes() == []
    assert not outputs.take("status", {"execution_state": "busy"})


def test_the_line_of_a_failure_is_one_of_its_own_cell() -> None:
    traceback = ["\x1b[31mCell In[7], line 3\x1b[0m", "      f()", "Cell In[2], line 40, in f()", "ValueError: a\nb"]
    content = {"ename": "ValueError", "evalue": "a\nb", "traceback": traceback}
    failure = failure_of(content, 7)
    assert failure.line == 3
    assert str(failure) == "line 3: ValueError: a b"
    assert failure.traceback[0] == "Cell In[7], line 3"
    assert str(failure_of({"ename": "KeyboardInterrupt", "evalue": "", "traceback": []})) == "KeyboardInterrupt"


def test_of_long_lines_the_first_and_the_last_characters_are_kept() -> None:
    stream = outputs_module.Stream("stdout")
    for number in range(300):
        stream.add(f"{number} {'x' * 50_000}\n")
    text = stream.text
    assert text.startswith("0 xxx")
    assert text.splitlines()[-1].startswith("299 xxx")
    assert "lines left out …" in text
    assert len(text) < 3 * outputs_module.MOST


def test_of_very_many_outputs_the_first_and_the_last_are_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(outputs_module, "PARTS", 10)
    many = Outputs()
    for number in range(30):
        many.take("display_data", {"data": {"text/plain": str(number)}, "metadata": {}})
    texts = [node.get("text", node.get("data", {}).get("text/plain")) for node in many.nodes()]
    assert texts == ["0", "1", "2", "3", "4", "… 20 outputs left out …\n", "25", "26", "27", "28", "29"]
    many.take("clear_output", {"wait": False})
    assert many.nodes() == []


def test_of_very_large_outputs_the_last_are_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(outputs_module, "DATA", 1000)
    many = Outputs()
    for number in range(30):
        many.take("display_data", {"data": {"image/png": str(number) * 100}, "metadata": {}})
    pictures = [node["data"]["image/png"] for node in many.nodes() if "data" in node]
    assert pictures[-1] == "29" * 100
    assert sum(map(len, pictures)) <= 1000


def test_an_error_names_no_file_that_nobody_has() -> None:
    found = failure_of({"ename": "SyntaxError", "evalue": "'(' was never closed (3134063903.py, line 2)"})
    assert str(found) == "SyntaxError: '(' was never closed"
    theirs = failure_of({"ename": "SyntaxError", "evalue": "invalid syntax (module.py, line 2)"})
    assert str(theirs) == "SyntaxError: invalid syntax (module.py, line 2)"


MESSAGES = st.dictionaries(
    st.sampled_from(["name", "text", "data", "metadata", "transient", "wait", "ename", "traceback", "execution_count"]),
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=3),
        lambda inner: (
            st.lists(inner, max_size=2)
            | st.dictionaries(st.sampled_from(["text/plain", "image/png", "display_id", "model_id"]), inner, max_size=2)
        ),
        max_leaves=4,
    ),
)
KINDS = ["stream", "execute_result", "display_data", "update_display_data", "clear_output", "error"]


@settings(deadline=None, derandomize=True)
@given(st.lists(st.tuples(st.sampled_from(KINDS), MESSAGES), max_size=4))
def test_a_message_of_any_content_is_an_output_or_nothing(messages: list[tuple[str, dict[str, Any]]]) -> None:
    outputs = Outputs()
    for kind, content in messages:
        assert outputs.take(kind, content)
    for node in outputs.nodes():
        if node["output_type"] in ("execute_result", "display_data"):
            assert isinstance(node["data"], dict)
            assert isinstance(node["metadata"], dict)
        if node["output_type"] == "error":
            assert all(isinstance(line, str) for line in node["traceback"])
