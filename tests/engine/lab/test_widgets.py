"""Progress bars that are a browser's widgets, as `tqdm.auto` makes them where ipywidgets is installed."""

from typing import Any

import pytest

from engine.lab.outputs import Outputs, text_of
from engine.lab.widgets import VIEW

Message = tuple[str, dict[str, Any]]


def opens(name: str, model: str, **state: Any) -> Message:
    return "comm_open", {
        "comm_id": name,
        "target_name": "jupyter.widget",
        "data": {"state": {"_model_name": model, **state}},
    }


def updates(name: str, **state: Any) -> Message:
    return "comm_msg", {"comm_id": name, "data": {"method": "update", "state": state}}


def shows(name: str, text: str) -> Message:
    return "display_data", {"data": {"text/plain": text, VIEW: {"model_id": name}}, "metadata": {}}


BAR = [
    opens("layout", "LayoutModel", display=None),
    opens("bar", "FloatProgressModel", value=0.0, min=0.0, max=20.0),
    opens("left", "HTMLModel", value=""),
    opens("right", "HTMLModel", value=""),
    opens("box", "HBoxModel", children=["IPY_MODEL_left", "IPY_MODEL_bar", "IPY_MODEL_right"]),
    shows("box", "train:   0%|          | 0/20"),
]


def after(*messages: Message) -> Outputs:
    outputs = Outputs()
    for kind, content in messages:
        outputs.take(kind, content)
    return outputs


def text(*messages: Message) -> str:
    return "".join(map(text_of, after(*BAR, *messages).nodes()))


def test_a_bar_moves_in_its_line() -> None:
    left, right = updates("left", value="train:\u2007\u200750%"), updates("right", value=" 10/20 [00:01&lt;00:01]")
    assert text(left, updates("bar", value=10.0), right) == "train:  50%|█████     | 10/20 [00:01<00:01]\n"
    done = text(updates("left", value="<b>100%</b>"), updates("bar", value=20.0), updates("bar", bar_style="success"))
    assert done == "100%|██████████|\n"


def test_two_bars_are_two_lines_and_each_moves_in_its_own() -> None:
    second = opens("bar 2", "IntProgressModel", value=0, min=0, max=4, description="b")
    moved = text(second, shows("bar 2", "IntProgress(0)"), updates("bar", value=20), updates("bar 2", value=1))
    assert moved == "|██████████|\nb|██        |\n"


def test_a_bar_that_is_not_left_goes() -> None:
    assert text(updates("bar", value=20.0), ("comm_close", {"comm_id": "box"})) == "\n"


@pytest.mark.parametrize("state", [{"max": 0}, {"value": None}, {"value": "x"}, {"max": 0, "min": 0}, {"value": 1e9}])
def test_a_bar_with_odd_numbers_is_a_bar(state: dict[str, Any]) -> None:
    assert text(updates("bar", **state)).count("|") == 2


def test_another_widget_keeps_its_own_text_and_is_saved_as_a_notebook_has_it() -> None:
    outputs = after(opens("s", "IntSliderModel", value=3), shows("s", "IntSlider(value=3)"), updates("s", value=4))
    (node,) = outputs.nodes()
    assert text_of(node) == "IntSlider(value=3)\n"
    (bar,) = after(*BAR, updates("left", value="half")).nodes()
    assert set(bar["data"]) == {"text/plain", VIEW}
    assert bar["output_type"] == "display_data"


def test_messages_of_nothing_that_is_known_are_no_output() -> None:
    outputs = Outputs()
    assert not outputs.take(*updates("bar", value=1))
    assert not outputs.take("comm_open", {"comm_id": "c", "target_name": "other", "data": {}})
    assert not outputs.take("comm_msg", {"comm_id": "c", "data": None})
    assert outputs.take(*opens("box", "HBoxModel", children=["IPY_MODEL_box"]))  # a box in itself
    assert outputs.take(*shows("box", "a box"))
    assert [text_of(node) for node in outputs.nodes()] == ["a box\n"]
