import shlex
from typing import Any

import pytest
from textual.app import App, ComposeResult
from textual.widgets import Input

from engine.errors import ConfigError, DataError
from engine.training.config import TrainConfig
from tests.support.waiting import until
from tui.runs import form_fields as fields
from tui.runs.form import ConfigForm
from tui.runs.form_lines import AboutSetting, SettingRows, Snippet, StartRow
from tui.runs.rate_preview import RatePreview, rate_chart
from tui.widgets.chart.chart_view import ChartView
from tui.widgets.lines import Lines


class FormApp(App[None]):
    BINDINGS = [("2", "digit", "2")]

    def __init__(self) -> None:
        super().__init__()
        self.submitted: list[ConfigForm.Submitted] = []
        self.digits = 0

    def compose(self) -> ComposeResult:
        yield ConfigForm(fields.start_values())

    def on_mount(self) -> None:
        self.form.focus()

    def on_config_form_submitted(self, event: ConfigForm.Submitted) -> None:
        self.submitted.append(event)

    def action_digit(self) -> None:
        self.digits += 1

    @property
    def form(self) -> ConfigForm:
        return self.query_one(ConfigForm)

    def text(self) -> str:
        return "\n".join(widget.text() for widget in self.query(Lines))


ROWS = fields.all_names()


def steps(start: str, name: str) -> list[str]:
    return ["j"] * (ROWS.index(name) - ROWS.index(start))


def down_to(name: str) -> list[str]:
    return ["down"] * ROWS.index(name)


@pytest.mark.parametrize("size", [(80, 24), (120, 40), (200, 60)])
async def test_every_setting_is_on_the_screen_with_its_value(size: tuple[int, int]) -> None:
    app = FormApp()
    async with app.run_test(size=size) as pilot:
        text = app.text()
        if size[1] < 70:
            assert "more below" in text
            assert "Start training" in text, "always in sight"
            for _ in ROWS:
                await pilot.press("j")
                text += app.text()
        for name in ROWS:
            assert fields.declared(name).title in text
        assert "Start training" in text
        assert "1e-3" in text
        assert "64 images" in text
        assert "fmnist-tui train" in text
        assert all(widget.region.bottom <= size[1] for widget in app.query(Lines))


async def test_every_setting_explains_itself() -> None:
    app = FormApp()
    async with app.run_test(size=(120, 40)) as pilot:
        for name in ROWS:
            assert fields.about(name).split(".")[0].split(":")[0] in " ".join(app.text().split())
            await pilot.press("j")


async def test_arrows_and_letters_change_values_and_the_command_line_follows() -> None:
    app = FormApp()
    async with app.run_test(size=(120, 40)) as pilot:
        await pilot.press(*down_to("model"), "right", *steps("model", "optimizer"), "l", "j", "l")
        await pilot.press("g", *down_to("batch_size"), "h")
        assert app.form.values["model"] == "cnn"
        assert app.form.values["optimizer"] == "adam"
        assert app.form.values["lr"] == 3e-3
        assert app.form.values["batch_size"] == 32
        line = "fmnist-tui train --batch-size 32 --model cnn --optimizer adam --lr 3e-3"
        assert app.form.command_line == line
        assert line in " ".join(app.text().split())


async def test_a_typed_value_is_taken_with_enter_and_left_with_escape() -> None:
    app = FormApp()
    async with app.run_test(size=(80, 24)) as pilot:
        await pilot.press(*down_to("epochs"), "enter", "2", "5", "enter")
        assert app.form.values["epochs"] == 25
        await pilot.press("enter", "7", "escape")
        assert app.form.values["epochs"] == 25
        assert not app.form.editing


async def test_a_wrong_value_says_so_while_it_is_typed_and_stays_to_be_mended() -> None:
    app = FormApp()
    async with app.run_test(size=(80, 24)) as pilot:
        await pilot.press(*down_to("lr"), "enter", "end", "x")
        assert "is not a number" in " ".join(app.text().split())
        await pilot.press("enter", "down")
        assert app.form.editing
        assert app.query_one(Input).value == "1e-3x"
        assert app.form.values["lr"] == 1e-3
        await pilot.press("backspace", "down")
        assert not app.form.errors
        assert app.form.cursor == ROWS.index("lr") + 1


async def test_digits_reach_the_app_unless_a_value_is_being_typed() -> None:
    app = FormApp()
    async with app.run_test(size=(80, 24)) as pilot:
        await pilot.press("2")
        assert app.digits == 1
        await pilot.press(*down_to("seed"), "enter", "2", "enter")
        assert app.digits == 1
        assert app.form.values["seed"] == 2


async def test_settings_that_do_not_go_together_are_refused_at_their_place() -> None:
    app = FormApp()
    async with app.run_test(size=(120, 40)) as pilot:
        await pilot.press(*down_to("momentum"), "right", "up", "up", "right", "s")
        assert (app.form.values["optimizer"], app.form.values["momentum"]) == ("adam", 0.5)
        assert app.form.chosen == "momentum"
        assert "adam has no momentum" in " ".join(app.text().split())
        assert not app.submitted


async def test_what_does_not_apply_is_dim_says_why_and_can_not_be_changed() -> None:
    app = FormApp()
    async with app.run_test(size=(120, 45)) as pilot:
        assert "(step only)" in app.text()
        await pilot.press(*down_to("optimizer"), "right")  # adam
        assert "(not for adam)" in app.text()
        await pilot.press("down", "down", "right", "enter")
        assert (app.form.chosen, app.form.values["momentum"], app.form.editing) == ("momentum", 0.0, False)
        assert app.form.why_not("turn", (1,)) == "not for adam"
        assert "Not with optimizer adam" in app.text()
        app.form.values["gamma"] = 0.5  # not at its default: its value is shown, and can be taken back
        await pilot.press(*["down"] * (ROWS.index("gamma") - ROWS.index("momentum")))
        assert app.form.chosen == "gamma"
        assert "0.5 › *" in app.text()
        await pilot.press("u")
        assert app.form.values["gamma"] == 0.1


async def test_what_differs_from_the_defaults_is_marked_and_counted() -> None:
    app = FormApp()
    async with app.run_test(size=(120, 45)) as pilot:
        assert "*" not in app.text()
        await pilot.press(*down_to("lr"), "right")
        assert "3e-3 › *" in app.text()
        assert f"1 of {len(ROWS)}" in app.text()


async def test_the_whole_configuration_stands_beside_it_in_pytorch_with_the_setting_s_line_bright() -> None:
    app = FormApp()
    async with app.run_test(size=(140, 45)) as pilot:
        await pilot.press(*down_to("momentum"), "right", "right")
        shown = app.query_one(Snippet)
        bright = [text for line in shown._lines for text, style in line if style == "strong"]
        assert bright == ["optimizer = torch.optim.SGD(model.parameters(), lr=1e-3, momentum=0.9, weight_decay=0)"]
        assert "for epoch in range(10):" in shown.text()
        await pilot.resize_terminal(80, 24)
        await pilot.pause()
        assert not shown.region.area
        assert "momentum=0.9" in app.query_one(AboutSetting).text(), "its line stands with what it means"


async def test_a_click_chooses_a_row_and_one_on_start_starts() -> None:
    app = FormApp()
    async with app.run_test(size=(120, 45)) as pilot:
        rows = app.query_one(SettingRows)
        await pilot.click(rows, offset=(3, rows.place("seed")))
        assert app.form.chosen == "seed"
        await pilot.click(StartRow)
        await pilot.pause()
        assert len(app.submitted) == 1


async def test_a_model_of_ones_own_is_asked_for_and_kept() -> None:
    app = FormApp()
    async with app.run_test(size=(120, 40)) as pilot:
        await pilot.press(*down_to("model"), "left")
        assert app.form.editing
        await pilot.press(*"net.py:Net", "enter")
        assert app.form.values["model"] == "net.py:Net"
        await pilot.press("right", "left", "left")
        assert app.form.values["model"] in ("net.py:Net", "cnn")


async def test_start_gives_the_config_once_and_a_refusal_keeps_what_was_typed() -> None:
    app = FormApp()
    async with app.run_test(size=(120, 40)) as pilot:
        await pilot.press(*down_to("model"), "right", *steps("model", "name"), "enter", *"try 1", "enter", "s", "s")
        await pilot.pause()
        assert [(event.config, event.name) for event in app.submitted] == [(TrainConfig(model="cnn"), "try 1")]
        assert "starting PyTorch, reading the data …" in app.text()
        app.form.refuse(DataError("Fashion-MNIST is not here; fetch it in Data"))
        assert "Fashion-MNIST is not here" in " ".join(app.text().split())
        assert app.form.values["name"] == "try 1"
        assert app.form.values["model"] == "cnn"
        app.form.refuse(ConfigError("device", "--device: cuda:3 is not on this machine"))
        assert app.form.cursor == ROWS.index("device")
        assert "--device: cuda:3 is not on" in " ".join(app.text().split())


async def test_enter_on_the_last_row_starts() -> None:
    app = FormApp()
    async with app.run_test(size=(80, 24)) as pilot:
        await pilot.press("end", "enter")
        await pilot.pause()
        assert len(app.submitted) == 1


@pytest.mark.parametrize("direction", [1, -1])
@pytest.mark.parametrize("name", [name for name in fields.all_names() if fields.turns(name) and name != "model"])
def test_arrows_only_reach_values_that_are_allowed(name: str, direction: int) -> None:
    value: Any = fields.start_values()[name]
    for _ in range(30):
        value = fields.turn(name, value, direction, ["cpu", "cuda:0"])
        fields.read(name, fields.declared(name).typed(value))


def test_the_command_line_says_the_same() -> None:
    config = TrainConfig(lr=3e-4, shuffle=True, model="a b/net.py:Net")
    values = {**fields.start_values(), **config.to_dict(), "name": "my run", "seeds": "3..7", "queue": True}
    words = shlex.split(fields.command_line(values))
    pairs = ["--model", "a b/net.py:Net", "--lr", "3e-4", "--name", "my run", "--seeds", "3..7", "--queue"]
    assert words == ["fmnist-tui", "train", "--shuffle", *pairs]


async def test_seeds_and_the_queue_are_typed_checked_and_submitted() -> None:
    app = FormApp()
    async with app.run_test(size=(120, 60)) as pilot:
        await pilot.press(*down_to("seeds"), "enter", *"3..", "enter")
        assert app.form.editing
        assert "neither a number of seeds" in " ".join(app.text().split())
        await pilot.press("5", "enter", "down", "right", "s")
        await pilot.pause()
        (event,) = app.submitted
        assert (event.seeds, event.queue) == ("3..5", True)


async def test_the_cursor_stops_at_the_first_field_and_at_the_start_below_the_last() -> None:
    app = FormApp()
    async with app.run_test(size=(100, 60)) as pilot:
        form = app.form
        last = len(form.names)
        await pilot.press("up", "k")
        assert (form.cursor, form.chosen) == (0, form.names[0])
        await pilot.press(*["down"] * (last - 1))
        assert (form.cursor, form.chosen) == (last - 1, form.names[-1])
        await pilot.press("j", "down", "j")
        assert (form.cursor, form.chosen) == (last, "")
        await pilot.press("up")
        assert form.chosen == form.names[-1]


async def test_a_tall_form_draws_the_learning_rate_over_the_run() -> None:
    app = FormApp()
    async with app.run_test(size=(140, 45)) as pilot:
        preview = app.query_one(RatePreview)
        await until(pilot, lambda: "1e-3" in preview.query_one(ChartView).text())
        assert "the same at each step" in preview.edges[0]
        await pilot.press(*down_to("schedule"), "right")
        assert "changes at each step" in preview.edges[0]
        await pilot.resize_terminal(140, 36)
        await until(pilot, lambda: not preview.display)


def test_the_learning_rate_is_the_one_that_the_training_has() -> None:
    config = TrainConfig(epochs=4, lr=0.1, schedule="step", step_size=2, gamma=0.5, warmup=1)
    (series,) = rate_chart(config).series
    assert series.mean[0] == pytest.approx(0.001), "the warm-up's beginning"
    assert series.mean.max() == pytest.approx(0.1)
    assert series.mean[-1] == pytest.approx(0.05)
    assert float(series.places.epoch[-1]) < 4
