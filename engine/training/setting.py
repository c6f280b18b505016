"""`Setting`: the declaration of one training setting, and the checks that it is made of. Imports no torch."""

import enum
import math
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

from engine.digits import short_exponent
from engine.errors import ConfigError

Check = Callable[[Any], None]  # raises ValueError, saying what is wrong with the value
Values = Mapping[str, Any]  # settings by name
Display = Callable[[Any], str]
DIGITS = 4  # of a number in a column
WHOLE = 1e6  # below it a whole number is written as one
MOST = 1_000_000  # of anything that is counted in a training
TUNE = -1  # in place of a number that is to be chosen by measuring, before the run begins
LARGEST_FLOAT = 3.4028234663852886e38  # torch.finfo(torch.float32).max: PyTorch takes no larger factor
_YES_NO = {"yes": True, "true": True, "on": True, "no": False, "false": False, "off": False}


class Kind(enum.Enum):
    """The type of a setting's value."""

    FLOAT = "number"
    INTEGER = "integer"
    BOOLEAN = "yes or no"
    TEXT = "text"


@dataclass(frozen=True, kw_only=True)
class Choice:
    """One entry of a registry of choices that only differ in what the code makes of them."""

    about: str  # for the form
    settings: tuple[str, ...] = ()  # which of our settings apply to it alone


@dataclass(frozen=True, kw_only=True)
class Setting:
    """Everything that the program knows about one setting; see `engine.training.settings` for what derives from it."""

    name: str  # as in TrainConfig: batch_size
    default: Any
    check: Check
    # A phrase for `--help`, and a sentence or two for the form and the documentation, as `settings.help_text` and
    # `settings.about` fill them in: {choices}, {explained} (the choices with what each does), {with} (see depends_on).
    help: str
    about: str
    group: str = ""  # under which heading the form has it
    label: str = ""  # what the form calls it; empty: the name
    column: str = ""  # the title of a column with it; empty: the name
    unit: str = ""  # plural: "images", "epochs", "seconds"
    example: str = ""  # a value for error messages; empty: the default
    choices: Collection[str] = ()  # the names there are; a registry, whose entries may say which settings apply
    typed_choice: str = ""  # what to type after the last choice of the arrow keys, "own file…"; empty: there is none
    words: Mapping[str, Any] = field(default_factory=dict)  # what may be typed in place of some values
    steps: Sequence[Any] | Callable[[Any, int], Any] = ()  # what the arrow keys step through, beside choices
    display: Display | None = None  # the value as the form shows it; None: as it is typed
    cell: Display | None = None  # the value in a column, the same however it was typed; None: as it is typed
    pytorch: Callable[[Values], str] = lambda values: (
        ""
    )  # the line of PyTorch that it is in, with these values; empty: there is none
    editable: bool = False  # whether it can be changed while a run trains
    depends_on: str = ""  # a setting whose chosen registry entry says whether this one applies
    # Beside that: with what it would apply, `validation`, where it does not; empty where it does.
    needs: Callable[[Values], str] = lambda values: ""
    strict: bool = False  # where it does not apply, a value other than the default is an error

    @property
    def kind(self) -> Kind:
        """By the default's type."""
        if isinstance(self.default, bool):
            return Kind.BOOLEAN
        return {int: Kind.INTEGER, float: Kind.FLOAT}.get(type(self.default), Kind.TEXT)

    @property
    def option(self) -> str:
        """The command line's name: `--batch-size`."""
        return "--" + self.name.replace("_", "-")

    @property
    def title(self) -> str:
        """The name for a form: `batch size`."""
        return self.label or self.name.replace("_", " ")

    def validate(self, value: Any) -> None:
        """Check a value by itself. Raises ConfigError with what is wrong and what is allowed."""
        try:
            self.check(value)
        except ValueError as error:
            raise ConfigError(self.name, f"{self.option}: {error}") from None

    def parse(self, text: str) -> Any:
        """What was typed, as the setting's own type and checked. Raises ConfigError."""
        text = text.strip()
        if text.lower() in self.words:
            return self.words[text.lower()]
        value: Any = text
        try:
            match self.kind:
                case Kind.FLOAT:
                    value = float(text)
                case Kind.INTEGER:
                    value = int(text)
                case Kind.BOOLEAN:
                    value = _YES_NO[text.lower()]
        except (ValueError, KeyError):
            raise ConfigError(self.name, f"{self.option}: {text!r} is not {self._expected}") from None
        self.validate(value)
        return value

    def typed(self, value: Any) -> str:
        """The value as a person would type it: what `parse` takes back."""
        for word, meant in self.words.items():
            if value == meant and type(value) is type(meant):
                return word
        match self.kind:
            case Kind.FLOAT:
                return number_text(value)
            case Kind.BOOLEAN:
                return "yes" if value else "no"
        return str(value)

    def shown(self, value: Any) -> str:
        """The value for a form's row."""
        if self.display is not None:
            return self.display(value)
        return self.typed(value)

    def column_texts(self, values: Iterable[Any]) -> dict[Any, str]:
        """The values of a column as its cells have them, each once: the same value looks the same however it was
        typed, others differ, and numbers have one format."""
        different = set(values)
        if self.cell is not None:
            return {value: self.cell(value) for value in different}
        texts = {value: self.typed(value) for value in different}
        if self.kind is not Kind.FLOAT:
            return texts
        return texts | numbers_alike(
            value for value, text in texts.items() if isinstance(value, int | float) and text not in self.words
        )

    def convert(self, number: float) -> float | int:
        """A number that was read from JSON, as the setting's own type."""
        return int(number) if self.kind is Kind.INTEGER else number

    @property
    def _expected(self) -> str:
        if self.kind is Kind.BOOLEAN:
            return str(self.kind.value)
        article = "an" if self.kind is Kind.INTEGER else "a"
        unit = f" of {self.unit}" if self.unit and self.kind is Kind.FLOAT else ""
        number = f"{self.kind.value} ({self.unit})" if self.unit and not unit else f"{self.kind.value}{unit}"
        return f"{article} {number}, such as {self.example or self.typed(self.default)}"


def number_text(number: float) -> str:
    """A number exactly as it is, the shorter of two spellings: `1e-3`, `0.01`, `0.9`, `0`."""
    if number == int(number) and abs(number) < WHOLE:
        return str(int(number))
    for places in range(17):
        digits, _, exponent = f"{number:.{places}e}".partition("e")
        scientific = f"{digits}e{int(exponent)}"
        if float(scientific) == number:
            break
    plain = repr(number)
    return scientific if len(scientific) < len(plain) else plain


def numbers_alike(numbers: Iterable[float]) -> dict[float, str]:
    """The numbers of a column in one format: whole ones as they are, else the shorter of two, all with as many
    decimals, or all with an exponent and as many digits. They have up to four significant digits, of sixteen that a
    sampler has drawn, and more only where two would look the same. Zero is `0`."""
    numbers = set(numbers)
    finite = {number for number in numbers if math.isfinite(number)}
    texts = {number: str(number) if number else "0" for number in numbers if number not in finite or not number}
    if all(number == int(number) and abs(number) < WHOLE for number in finite):
        return texts | {number: str(int(number)) for number in finite}
    exact = [Decimal(repr(float(number))).normalize() for number in finite if number]
    for most in range(DIGITS, 18):
        kept = [Decimal(f"{number:.{most - 1}e}").normalize() for number in exact]
        if len(set(kept)) == len(exact):
            break
    decimals = max(0, *(-int(number.as_tuple().exponent) for number in kept))
    digits = max(map(_digits, kept))
    plain = [f"{number:.{decimals}f}" for number in kept]
    scientific = [short_exponent(f"{number:.{digits - 1}e}") for number in kept]
    shorter = min(plain, scientific, key=lambda column: max(map(len, column)))
    return texts | dict(zip((number for number in finite if number), shorter, strict=True))


def _digits(number: Decimal) -> int:
    """Its significant digits."""
    return len(number.as_tuple().digits)


def one_of(choices: Collection[str]) -> Check:
    """One of the names; looked up at each check, so that a registry may grow."""

    def check(value: Any) -> None:
        if value not in choices:
            raise ValueError(f"{value!r} is unknown; choose from {', '.join(choices)}")

    return check


def number(low: float, high: float = math.inf, *, low_included: bool = True) -> Check:
    """A finite number from `low` to `high`."""

    def check(value: Any) -> None:
        if isinstance(value, bool) or not isinstance(value, int | float):
            raise ValueError(f"{value!r} is not a number")
        if not math.isfinite(value):
            raise ValueError(f"{value} is not a finite number")
        if value < low or (value == low and not low_included) or value > high:
            bound = "at least" if low_included else "more than"
            ceiling = f" and at most {high:g}" if math.isfinite(high) else ""
            raise ValueError(f"{value:g} is out of range; it must be {bound} {low:g}{ceiling}")

    return check


def integer(low: int, high: int) -> Check:
    """An integer from `low` to `high`, both included."""

    def check(value: Any) -> None:
        if isinstance(value, bool) or not isinstance(value, int):
            raise ValueError(f"{value!r} is not an integer")
        if not low <= value <= high:
            raise ValueError(f"{value} is out of range; it must be from {low} to {high}")

    return check


def or_tuned(check: Check) -> Check:
    """What passes another check, or TUNE."""

    def checked(value: Any) -> None:
        if isinstance(value, bool) or value != TUNE:
            check(value)

    return checked


def yes_or_no(value: Any) -> None:
    if not isinstance(value, bool):
        raise ValueError(f"{value!r} is neither yes nor no")


def text(value: Any) -> None:
    if not isinstance(value, str):
        raise ValueError(f"{value!r} is not text")


def with_unit(unit: str, zero: str = "", template: str = "{}") -> Callable[[Any], str]:
    """Shows a number with its unit, `64 images`, `1 epoch`; 0 as `zero` where that is given."""

    def show(value: Any) -> str:
        if not value and zero:
            return zero
        return template.format(f"{number_text(value)} {unit.removesuffix('s') if value == 1 else unit}")

    return show


def or_if_empty(words: str) -> Callable[[Any], str]:
    """Shows a text as it is, and an empty one as `words`."""
    return lambda value: str(value) or words


def one_or_three(value: float, direction: int) -> float:
    """The next of …, 1e-3, 3e-3, 1e-2, … above or below `value`."""
    exponent = math.floor(math.log10(value))
    ladder = [float(f"{m}e{e}") for e in range(exponent - 1, exponent + 3) for m in (1, 3)]
    if direction > 0:
        return next(step for step in ladder if step > value * (1 + 1e-9))
    return next(step for step in reversed(ladder) if step < value * (1 - 1e-9))
