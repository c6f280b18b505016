"""The filter of runs: what passes it, and what is said of a text that can't be read."""

import time
from pathlib import Path

import pytest

from engine.home import Home
from engine.runs.listing import RunSummary
from engine.runs.run_filter import ABOUT, FilterError, names, parse
from engine.training.events import SettingValue
from engine.training.settings import SETTINGS, defaults


def run(
    name: str = "",
    *,
    state: str = "finished",
    model: str = "mlp",
    best: float | None = None,
    loss: float | None = None,
    epoch: int = 1,
    seconds: float = 5.0,
    hours: float = 1.0,
    demo: bool = False,
    note: str = "",
    tags: tuple[str, ...] = (),
    hidden: bool = False,
    pinned: bool = False,
    **settings: SettingValue,
) -> RunSummary:
    return RunSummary(
        id=f"20260101-101010-{name[:4]}", name=name, state=state, model=model, dataset="Fashion-MNIST", demo=demo,
        epoch=epoch, epochs=10, accuracy=best, best_accuracy=best, started=time.time() - 3600 * hours,
        folder=Home(Path("home")).run("x"), parent="", parent_epoch=0, parent_step=0, loss=loss, seconds=seconds,
        settings={**defaults(), "model": model, **settings}, note=note, tags=tags, hidden=hidden, pinned=pinned,
    )  # fmt: skip


def passing(text: str, *runs: RunSummary) -> str:
    """The names of those that pass."""
    wanted = parse(text)
    return " ".join(one.name for one in runs if wanted.passes(one))


RUNS = (
    run("fast", best=0.852, loss=0.3912, lr=1e-3, optimizer="adam", epochs=5, epoch=5, shuffle=True, seconds=120),
    run("Größe", model="nets/mine.py:Cnn", best=0.7, loss=0.81, lr=0.01, state="failed", epoch=3, seed=2**62 + 1),
    run("live one", model="torchvision:resnet18", loss=float("nan"), lr=1.0, state="training", epoch=0, hours=72),
    run("gone", state="ended", best=0.01, lr=0.05, batch_size=128, weights="/some/where/fast@best.pt", demo=True),
)  # fmt: skip


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("", "fast Größe live one gone"),
        ("  ", "fast Größe live one gone"),
        # Words
        ("fast", "fast"),
        ("FAST finished", "fast"),
        ("grösse", "Größe"),
        ("GRO\u0308SSE", "Größe"),
        ("without", "gone"),
        ("demo", "gone"),
        ("20260101", "fast Größe live one gone"),
        ('"live one"', "live one"),
        ("-live", "fast Größe gone"),
        ("mine.py:Cnn", "Größe"),
        ("torchvision:resnet18", "live one"),
        ('"lr=1"', ""),
        ('""', "fast Größe live one gone"),
        # Settings
        ("lr>=1e-2", "Größe live one gone"),
        ("lr>=0.01", "Größe live one gone"),
        ("lr >= 1%", "Größe live one gone"),
        ("lr≥.05 lr ≤ 1", "live one gone"),
        ("lr=0.001", "fast"),
        ("lr:1e-3", "fast"),
        ("lr==1", "live one"),
        ("lr!=1", "fast Größe gone"),
        ("-lr=1", "fast Größe gone"),
        ("LR>0.05", "live one"),
        ("batch>64", "gone"),
        ("batch-size>64", "gone"),
        ("batch_size > 1_00", "gone"),
        ("seed=4611686018427387905", "Größe"),
        ("seed=4611686018427387904", ""),
        ("epochs<10", "fast"),
        ("optimizer=adam", "fast"),
        ("optim=Adam", "fast"),
        ("optimizer!=adam", "Größe live one gone"),
        ("optimizer:ad", "fast"),
        ("shuffle=yes", "fast"),
        ("shuffle!=no", "fast"),
        ("shuffle:off", "Größe live one gone"),
        ("weights=fast@best.pt", "gone"),
        ('-weights=""', "gone"),
        ("loss=cross_entropy", "fast Größe live one gone"),
        ("loss_fn!=cross_entropy", ""),
        # Results
        ("model=cnn", "Größe"),
        ("model=nets/mine.py:Cnn", "Größe"),
        ("model=resnet18", "live one"),
        ("model:resnet", "live one"),
        ("state:failed", "Größe"),
        ("-state:failed", "fast live one gone"),
        ("-state:failed -state:ended lr>0", "fast live one"),
        ("state=training", "live one"),
        ('name="live one"', "live one"),
        ("name:gr", "Größe"),
        ("data=demo", "gone"),
        ("dataset:fashion -data:demo", "fast Größe live one"),
        ("best>=85", "fast"),
        ("best>=85%", "fast"),
        ("best >= 0.85", "fast"),
        ("best=85.2", "fast"),
        ("best=85", "fast"),
        ("best=85.1", ""),
        ("best<85", "Größe gone"),
        ("best<1%", ""),
        ("best<=1%", "gone"),
        ("-best<85", "fast live one"),
        ("best!=85.2", "Größe live one gone"),
        ("accuracy>60", "fast Größe"),
        ("loss<0.4", "fast"),
        ("loss=0.39", "fast"),
        ("loss=nan", "live one"),
        ("loss<inf", "fast Größe"),
        ("epoch>=3", "fast Größe"),
        ("epoch=3", "Größe"),
        ("epoch=1e1", ""),
        ("time>=2min", "fast"),
        ("time<1h time>100", "fast"),
        ("time=2min", "fast"),
        ("age<2d", "fast Größe gone"),
        ("age > 2d", "live one"),
        ("lr>=1e-3 best>=60 fast", "fast"),
    ],
)  # fmt: skip
def test_the_runs_for_which_all_holds_pass(text: str, found: str) -> None:
    assert passing(text, *RUNS) == found


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("lr>=x", "lr is compared with a number, not with 'x'; such as lr>=1e-3"),
        ("lr>=1,5", "lr is compared with a number, not with '1,5'"),
        ("lr>=1e-3s", "lr is compared with a number, not with '1e-3s'"),
        ("lr>=", "lr is compared with what? Such as lr>=1e-3"),
        ("lr>= %", "lr is compared with a number, not with '%'"),
        ("lr=>1", "lr is compared with a number, not with '>1'"),
        ("fast lr =", "lr is compared with what?"),
        ("weights=", "weights is compared with what?"),
        ("best>=good", "best is compared with a number, not with 'good'; such as best>=85"),
        ("time<5x", "time is compared with a time, not with '5x'; such as time<5min"),
        ("time<", "such as time<5min"),
        ("lrr>=1", "there is no 'lrr' to compare; did you mean lr?"),
        ("stat:failed", "there is no 'stat' to compare; did you mean state?"),
        ("größe=1", "there is no 'größe' to compare; names are those of the settings, and state, name, id"),
        ("state=faild", "no state is called 'faild'; there are training, paused"),
        ("optimizer>adam", "optimizer takes =, != and :, not >; such as optimizer=sgd"),
        ("shuffle=maybe", "shuffle is yes or no, such as shuffle=yes"),
        ("shuffle>no", "shuffle takes = and !=, not >"),
        ("=", "a name must stand before =, such as lr>=1e-3"),
        (">= 3", "a name must stand before >"),
        (":x", "a name must stand before :"),
        ("0.1<lr", "a name must stand before <"),
        ("-", "- excludes what comes after it"),
        ("fast - lr=1", "- excludes what comes after it"),
        ('name="live', 'a " has no other one after it'),
        ('"live', 'a " has no other one after it'),
    ],
)
def test_what_cannot_be_read_is_told_in_a_line(text: str, said: str) -> None:
    with pytest.raises(FilterError) as refused:
        parse(text)
    assert said.casefold() in str(refused.value).casefold()
    assert "\n" not in str(refused.value)


SAID = (
    run("one", tags=("paper", "v2"), pinned=True, best=0.95, optimizer="adam"),
    run("two", tags=("paperback",), note="Try AGAIN with\na lower rate", hidden=True, best=0.91),
    run("pinned-lr", best=0.2, optimizer="adamw"),
    run("hidden layers"),
)  # fmt: skip


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("tag:paper", "one"),
        ("tag=Paper", "one"),
        ("tags:v2 tag:paper", "one"),
        ("tag:pap", ""),
        ("-tag:paper", "two pinned-lr hidden layers"),
        ("tag!=paper", "two pinned-lr hidden layers"),
        ("again", "two"),
        ('"again with"', "two"),
        ("note:rate", "two"),
        ('note:"lower rate"', "two"),
        ("-note:rate paper", "one"),
        ("pinned", "one"),
        ("PINNED", "one"),
        ("-pinned", "two pinned-lr hidden layers"),
        ("pinned=yes", "one"),
        ("pinned = no", "two pinned-lr hidden layers"),
        ("hidden", "two"),
        ("-hidden", "one pinned-lr hidden layers"),
        ("hidden=no pinned", "one"),
        ("pinned-lr", "pinned-lr"),
        ('"pinned"', "pinned-lr"),
        ('"hidden"', "hidden layers"),
        ("acc>0.9", "one two"),
        ("acc>90", "one two"),
        ("acc>0.9 -hidden", "one"),
        ("optimizer:adam", "one pinned-lr"),
        ("optimizer=adam", "one"),
    ],
)
def test_what_people_say_of_runs_can_be_asked_for(text: str, found: str) -> None:
    assert passing(text, *SAID) == found


@pytest.mark.parametrize(
    ("text", "asks"), [("", False), ("tag:paper", False), ("hidden", True), ("lr>0 -hidden", True), ("hidden=no", True)]
)
def test_a_filter_that_names_hidden_runs_is_about_them(text: str, asks: bool) -> None:
    assert parse(text).about_hidden is asks


def test_every_setting_can_be_compared_by_its_name_and_its_column() -> None:
    for setting in SETTINGS.values():
        assert setting.name in names()
        assert (setting.column or setting.name).replace(" ", "_").casefold() in names()


def test_what_is_compared_in_the_prompts_words_can_be_read() -> None:
    examples = ABOUT.partition("age: ")[2].partition(". ")[0]
    assert len(parse(examples.replace(",", "")).terms) == 7
    own = ABOUT.partition("a setting or of ")[2].partition(":")[0].replace(" or ", ", ").split(", ")
    assert set(own) <= set(names())


def test_a_value_that_another_program_has_written_is_no_failure() -> None:
    odd = run("odd", lr="high", shuffle=1, optimizer=3)
    assert passing("lr>0", odd) == ""
    assert passing("lr!=1 shuffle=yes optimizer=3", odd) == "odd"
