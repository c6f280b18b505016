"""A configuration as PyTorch: valid Python, each setting in its line."""

import ast

from engine.training.settings import SETTINGS, applies, defaults
from engine.training.snippet import snippet

RICH = defaults() | {
    "transform": "RandomCrop(28, padding=4); Normalize(0.286, 0.353)", "schedule": "cosine", "warmup": 0.5,
    "threads": 2,
    "weights": "a.pt", "freeze": "0.*", "optimizer": "adamw", "device": "cuda:0", "model": "torchvision:resnet18",
}  # fmt: skip


def test_it_is_python() -> None:
    for values in (defaults(), RICH, defaults() | {"dataset": "csv:a.csv:images/", "model": "my/net.py:Net"}):
        ast.parse("\n".join(line.text for line in snippet(values)))


def test_every_setting_that_pytorch_has_a_word_for_is_in_one_line() -> None:
    lines = snippet(RICH)
    for name, setting in SETTINGS.items():
        found = [line.text for line in lines if name in line.settings and line.text.strip() != "scheduler.step()"]
        assert found == [setting.pytorch(RICH)] * (bool(setting.pytorch(RICH)) and applies(name, RICH)), name


def test_a_schedule_takes_a_step_after_each_of_the_optimizers() -> None:
    assert snippet(RICH)[-1].text.strip() == "scheduler.step()"
    assert "scheduler" not in snippet(defaults())[-1].text
    text = "\n".join(line.text for line in snippet(RICH))
    assert "T_max=round(9.5 * len(loader))" in text
    assert "Compose([RandomCrop(28, padding=4), ToTensor(), Normalize(0.286, 0.353)])" in text
