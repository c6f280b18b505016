"""What runs are filtered by: words, and comparisons of settings and results, such as `lr>=1e-3 -state:failed`.

Imports no torch.
"""

import difflib
import math
import re
import time
import unicodedata
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from enum import Enum, auto

from engine.errors import EngineError
from engine.runs.listing import STATES, RunSummary
from engine.training.setting import Kind as SettingKind
from engine.training.setting import Setting
from engine.training.settings import SETTINGS

# What can be typed, for a prompt.
ABOUT = (
    "Words that are in a name, id, model, data set, state, tag or note, and comparisons (= != < <= > >=, : contains) "
    "of a setting or of state, name, tag, note, epoch, best, test, accuracy, loss, time or age: lr>=1e-3, "
    "optimizer=adam, best>=85, tag:paper, -state:failed, pinned, -hidden. All must hold; - excludes."
)


class FilterError(EngineError):
    """A filter that can't be read."""


class Kind(Enum):
    """What a value is, and so how it is typed."""

    NUMBER = auto()
    PERCENT = auto()  # a fraction of 1, which is shown in percent
    TIME = auto()  # seconds
    SWITCH = auto()
    TEXT = auto()


Value = float | bool | str | tuple[str, ...] | None  # of a text: the forms that it has


@dataclass(frozen=True)
class Field:
    """Something of a run that can be compared."""

    name: str
    kind: Kind
    of: Callable[[RunSummary], Value]
    exact: bool = True  # else = takes what rounds to the number that is typed
    example: str = ""
    words: bool = False  # a set of words: : takes one of them, whole


@dataclass(frozen=True)
class Term:
    """One word or comparison of a filter."""

    holds: Callable[[RunSummary], bool]
    excludes: bool = False


@dataclass(frozen=True)
class RunFilter:
    """The terms of a text; without any, every run passes."""

    text: str = ""
    terms: tuple[Term, ...] = ()
    about_hidden: bool = False  # whether it says something of hidden runs: they are not left out then

    def passes(self, run: RunSummary) -> bool:
        return all(term.holds(run) != term.excludes for term in self.terms)


OPERATOR = r">=|<=|!=|==|=|<|>|:"
_TYPED = {"≥": ">=", "≤": "<=", "≠": "!=", "\N{NO-BREAK SPACE}": " "}
_COMPARISON = re.compile(
    rf'(?P<minus>-?)(?P<name>[^\W\d][\w-]*)\s*(?P<operator>{OPERATOR})\s*(?P<value>"[^"]*"|[^\s"]\S*)?'
)
_FLAG = re.compile(r"(?P<minus>-?)(?P<name>pinned|hidden)(?!\S|\s*(?:[<>=!]=?))", re.IGNORECASE)
_WORD = re.compile(r'(?P<minus>-?)(?P<word>"[^"]*"|[^\s"]\S*|)')
_SECONDS = {"": 1, "s": 1, "min": 60, "h": 3600, "d": 86400}
_YES, _NO = ("yes", "true", "on", "1"), ("no", "false", "off", "0")


def parse(text: str) -> RunFilter:
    """What a person typed. Raises FilterError, in one line, where it can't be read."""
    for sign, plain in _TYPED.items():
        text = text.replace(sign, plain)
    terms, at, about_hidden = list[Term](), 0, False
    while (at := _after_space(text, at)) < len(text):
        found = _COMPARISON.match(text, at)
        field = _field(found["name"]) if found else None
        flag = _FLAG.match(text, at)
        if flag is not None:
            found = flag
            field = _OWN[flag["name"].casefold()]
            terms.append(_comparison(field, field.name, "=", "yes", flag["minus"]))
        elif found is not None and (field is not None or not _is_word(found)):
            value = found["value"]
            if value is None:
                _refuse_quote(text, found.end())
            terms.append(_comparison(field, found["name"], found["operator"], value, found["minus"]))
        else:
            found = _WORD.match(text, at)
            assert found is not None
            _refuse_quote(text, found.end() if not found["word"] else len(text))
            terms.append(_word(found["word"], found["minus"]))
        about_hidden = about_hidden or (field is not None and field.name == "hidden")
        at = found.end()
    return RunFilter(text.strip(), tuple(terms), about_hidden)


def names() -> tuple[str, ...]:
    """What can be compared."""
    return tuple(_fields())


def named(name: str) -> Field | None:
    """What is compared by that name; None: nothing is called so."""
    return _field(name)


def _after_space(text: str, at: int) -> int:
    return len(text) - len(text[at:].lstrip())


def _refuse_quote(text: str, at: int) -> None:
    if text[at : at + 1] == '"':
        raise FilterError('a " has no other one after it')


def _is_word(found: re.Match[str]) -> bool:
    """Whether what looks like a comparison of something unknown is a word, such as `torchvision:resnet18`."""
    attached = f"{found['minus']}{found['name']}:{found['value']}" == found[0]
    return found["operator"] == ":" and attached and found["value"] is not None and not _close(found["name"])


def _word(word: str, minus: str) -> Term:
    quoted = word.startswith('"')
    if not word.strip('"') and not quoted:
        raise FilterError("- excludes what comes after it, such as -state:failed")
    if not quoted and (found := re.search(r"[<>=]|^:", word)):
        raise FilterError(f"a name must stand before {found[0]}, such as lr>=1e-3")
    wanted = _plain(word.strip('"') if quoted else word)
    return Term(lambda run: wanted in _searched(run), bool(minus))


def _comparison(field: Field | None, name: str, operator: str, typed: str | None, minus: str) -> Term:
    if field is None:
        close = _close(name)
        hint = f"did you mean {close}?" if close else f"names are those of the settings, and {', '.join(_OWN)}"
        raise FilterError(f"there is no {name!r} to compare; {hint}")
    if typed is None:
        raise FilterError(f"{field.name} is compared with what? Such as {_example(field)}")
    value = typed.strip('"') if typed.startswith('"') else typed
    if field.name == "loss" and operator in _SAME and _number(value) is None:
        field = _fields()["loss_fn"]  # the name of a loss function
    operator = "=" if operator == "==" else operator
    if field.kind in (Kind.TEXT, Kind.SWITCH) and operator not in _SAME:
        can = "=, != and :" if field.kind is Kind.TEXT else "= and !="
        raise FilterError(f"{field.name} takes {can}, not {operator}; such as {_example(field)}")
    holds = {Kind.TEXT: _text_term, Kind.SWITCH: _switch_term}.get(field.kind, _number_term)(field, operator, value)
    return Term(holds, bool(minus))


_SAME = ("=", "==", "!=", ":")


def _text_term(field: Field, operator: str, typed: str) -> Callable[[RunSummary], bool]:
    wanted = _plain(typed)
    if field.name == "state" and operator != ":" and wanted not in STATES:
        raise FilterError(f"no state is called {typed!r}; there are {', '.join(STATES)}")

    def forms(run: RunSummary) -> list[str]:
        value = field.of(run)
        return [_plain(str(form)) for form in (value if isinstance(value, tuple) else (value,))]

    if operator == ":" and not field.words:
        return lambda run: any(wanted in form for form in forms(run))
    return lambda run: (wanted in forms(run)) == (operator != "!=")


def _switch_term(field: Field, operator: str, typed: str) -> Callable[[RunSummary], bool]:
    if typed.casefold() not in _YES + _NO:
        raise FilterError(f"{field.name} is yes or no, such as {_example(field)}")
    wanted = (typed.casefold() in _YES) == (operator != "!=")
    return lambda run: bool(field.of(run)) is wanted


def _number_term(field: Field, operator: str, typed: str) -> Callable[[RunSummary], bool]:
    found = _amount(field, typed)
    if found is None:
        what = "a time" if field.kind is Kind.TIME else "a number"
        raise FilterError(f"{field.name} is compared with {what}, not with {typed!r}; such as {_example(field)}")
    wanted, half = found

    def same(value: float) -> bool:
        if math.isnan(wanted):
            return math.isnan(value)
        return value == wanted or abs(value - wanted) <= half

    compare: Mapping[str, Callable[[float], bool]] = {
        "=": same, ":": same, "!=": lambda value: not same(value),
        "<": lambda value: value < wanted, "<=": lambda value: value <= wanted,
        ">": lambda value: value > wanted, ">=": lambda value: value >= wanted,
    }  # fmt: skip

    def holds(run: RunSummary) -> bool:
        value = field.of(run)
        if not isinstance(value, int | float):  # not known (yet)
            return operator == "!="
        return compare[operator](value)

    return holds


def _amount(field: Field, typed: str) -> tuple[float, float] | None:
    """The number that is typed, and how far from it a value still rounds to it; None where it is none."""
    scale = 1.0
    if field.kind is Kind.TIME:
        found = re.fullmatch(r"(.*?)\s*(s|min|h|d|)", typed)
        assert found is not None
        typed, scale = found[1], _SECONDS[found[2]]
    elif typed.endswith("%"):
        typed, scale = typed[:-1].rstrip(), 0.01
    number = _number(typed)
    if number is None:
        return None
    if field.kind is Kind.PERCENT and scale == 1.0 and number > 1:
        scale = 0.01
    half = 0.0
    if not field.exact and math.isfinite(number):
        exponent = Decimal(typed.strip().replace("_", "")).as_tuple().exponent
        half = 0.5 * 10.0 ** min(0, int(exponent)) * scale
    return (number if scale == 1.0 else number * scale), half


def _number(typed: str) -> float | None:
    try:
        return int(typed)
    except ValueError:
        pass
    try:
        Decimal(typed)  # what it takes, float does
        return float(typed)
    except (ValueError, InvalidOperation):
        return None


def _example(field: Field) -> str:
    return (
        field.example
        or {
            Kind.NUMBER: f"{field.name}>=10",
            Kind.PERCENT: f"{field.name}>=85",
            Kind.TIME: f"{field.name}<5min",
            Kind.SWITCH: f"{field.name}=yes",
            Kind.TEXT: f"{field.name}=NAME",
        }[field.kind]
    )


def _plain(text: str) -> str:
    """So that capitals and the ways to write an accent make no difference."""
    return unicodedata.normalize("NFC", text).casefold()


def _searched(run: RunSummary) -> str:
    of_it = (run.id, run.name, run.model, run.dataset, "demo" if run.demo else "", run.state_words)
    return _plain(" ".join((*of_it, *run.tags, run.note)))


def _models(run: RunSummary) -> tuple[str, ...]:
    return (run.model, run.model.rpartition(":")[2])


def _data(run: RunSummary) -> tuple[str, ...]:
    return (run.dataset, str(run.settings.get("dataset", "")), *(("demo", "demo data") if run.demo else ()))


_OWN: Mapping[str, Field] = {
    field.name: field
    for field in (
        Field("state", Kind.TEXT, lambda run: (run.state, run.state_words), example="state=finished"),
        Field("name", Kind.TEXT, lambda run: (run.name, run.title), example="name:fast"),
        Field("id", Kind.TEXT, lambda run: run.id, example="id:20260101"),
        Field("tag", Kind.TEXT, lambda run: run.tags, example="tag:paper", words=True),
        Field("note", Kind.TEXT, lambda run: run.note, example='note:"try again"'),
        Field("pinned", Kind.SWITCH, lambda run: run.pinned),
        Field("hidden", Kind.SWITCH, lambda run: run.hidden),
        Field("model", Kind.TEXT, _models, example="model=cnn"),
        Field("data", Kind.TEXT, _data, example="data=demo"),
        Field("epoch", Kind.NUMBER, lambda run: run.epoch),
        Field("best", Kind.PERCENT, lambda run: run.best_accuracy, exact=False),
        Field("test", Kind.PERCENT, lambda run: run.test_accuracy, exact=False),
        Field("accuracy", Kind.PERCENT, lambda run: run.accuracy, exact=False),
        Field("loss", Kind.NUMBER, lambda run: run.loss, exact=False, example="loss<0.4"),
        Field("time", Kind.TIME, lambda run: run.seconds if run.epoch else None, exact=False),
        Field("age", Kind.TIME, lambda run: max(0.0, time.time() - run.started), exact=False, example="age<2d"),
    )
}
_OTHER_NAMES = {
    "run": "name", "dataset": "data", "best_accuracy": "best", "acc": "best", "test_accuracy": "test",
    "seconds": "time", "tags": "tag", "notes": "note",
}  # fmt: skip
_fields_made: dict[str, Field] = {}


def _fields() -> Mapping[str, Field]:
    """By the names that are typed: those of the settings and of their columns, too."""
    if not _fields_made:
        for setting in SETTINGS.values():
            field = _of_setting(setting)
            column = (setting.column or setting.name).casefold().replace(" ", "_")
            _fields_made.update({column: field, setting.name: field})
        _fields_made.update(_OWN)
        _fields_made.update({other: _OWN[name] for other, name in _OTHER_NAMES.items()})
    return _fields_made


def _of_setting(setting: Setting) -> Field:
    def of(run: RunSummary) -> Value:
        value = run.settings.get(setting.name)
        return (str(value), str(value).rpartition("/")[2]) if isinstance(value, str) else value

    kind = {SettingKind.TEXT: Kind.TEXT, SettingKind.BOOLEAN: Kind.SWITCH}.get(setting.kind, Kind.NUMBER)
    operator = ">=" if kind is Kind.NUMBER else "="
    typed = setting.example or setting.typed(setting.default) or "NAME"
    example = "" if kind is Kind.SWITCH else f"{setting.name}{operator}{typed}"
    return Field("loss_fn" if setting.name == "loss" else setting.name, kind, of, example=example)


def _field(name: str) -> Field | None:
    return _fields().get(_key(name))


def _key(name: str) -> str:
    return name.casefold().replace("-", "_")


def _close(name: str) -> str:
    """The name that was meant; "": none is like it."""
    return next(iter(difflib.get_close_matches(_key(name), _fields(), 1, cutoff=0.7)), "")
