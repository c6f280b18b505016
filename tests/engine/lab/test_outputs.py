"""Outputs: cleaned, with an end, and where a cell failed."""

import pytest

from engine.lab import outputs as outputs_module
from engine.lab.outputs import HEAD, TAIL, Outputs, Stream, clean, clean_part, failure_of, saved, text_of


@pytest.mark.parametrize(
    ("text", "cleaned"),
    [
        ("\x1b[31mred\x1b[0m", "red"),
        ("\x1b]0;title\x07x\x1b]8;;http://a\x1b\\link\x1b]8;;\x1b\\", "xlink"),
        ("\x1bP0;1q#0;2;0;0;0~\x1b\\after", "after"),
        ("\x1b_Gi=1;AAAA\x1b\\after", "after"),
        ("10%\r50%\r100%\ndone", "100%\ndone"),
        ("crlf\r\nline", "crlf\nline"),
        ("10 of 10 left\r9 of 10", "9 of 100 left"),  # as in a notebook: what is longer keeps its end
        ("a longer line\r\x1b[Kshort", "short"),
        ("a longer line\x1b[2K\rshort", "short"),
        ("abcdef\x1b[1K\rx", "x     "),
        ("abcd\b\bX\b\b\b\b\b\b0", "0bXd"),
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
    whole = "first\n\r  0%|    |\x1b[A\r 50%|\x1b[32m██  \x1b[0m|\r100%|████|\b\b\b\bxy\rdone\x1b[K\r\nab\rc"
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
    assert len(part._open) < 100


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
