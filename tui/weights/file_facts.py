"""What is in a file of weights, in facts: what it is, how far its training was, its parts, its settings. No widgets."""

from collections.abc import Sequence
from dataclasses import dataclass

from engine.digits import significant
from engine.training.settings import SETTINGS
from engine.weights.contents import Named
from engine.weights.requests import FileListing, Section
from tui import format as fmt
from tui.widgets.lines import Line, fit_end, padded

MOST_NUMBERS = 6  # of another program's file
LEFT_OUT = ("model", "dataset")  # settings that are facts of their own
LEAST_NAME = (18, 22, 1000)  # cells of a name beside its shape, its dtype, its size; or the longest name's


@dataclass(frozen=True)
class Fact:
    """A line about a file."""

    label: str
    text: str
    style: str = ""


def of_file(listing: FileListing) -> list[Fact]:
    """What it is, and what is in it, the most wanted first."""
    untrusted = any(not one.allowed for one in listing.imports)
    facts = [
        Fact("format", f"{listing.format}, {fmt.size(listing.bytes)}"),
        Fact("safety", listing.safety, "warning" if untrusted else ""),
        *(Fact("kind" if not at else "", note) for at, note in enumerate(listing.notes)),
        *_problems(listing),
        *(_training(listing) if listing.own else _numbers(listing)),
        *_sections(listing),
    ]
    if listing.modules:
        facts.append(Fact("module", f"{listing.modules[0].type}, {fmt.counted(listing.counts['modules'], 'module')}"))
    return [fact for fact in facts if fact.text]


def changed_settings(listing: FileListing) -> list[tuple[str, str]]:
    """The settings of a checkpoint's run that are not at their defaults: what each is called, and its value."""
    found = []
    for name, setting in SETTINGS.items():
        value = listing.values.get(f"config.{name}")
        if listing.own and name not in LEFT_OUT and value is not None and value != setting.default:
            found.append((setting.title, setting.shown(value)))
    return found


def weights(listing: FileListing) -> Section | None:
    """The part of the file that is the likeliest to be a network's weights."""
    return listing.sections[0] if listing.sections else None


def in_order(listing: FileListing) -> list[Named]:
    """The tensors, the likeliest weights first."""
    first = weights(listing)
    return sorted(listing.tensors, key=lambda one: first is None or one.section != first.name)


def tensor_lines(tensors: Sequence[Named], width: int) -> list[Line]:
    """A line a tensor: its name, shape, dtype and size, as many of these as fit."""
    cells = [(fmt.shape(one.tensor.shape), one.tensor.dtype, fmt.size(one.tensor.bytes)) for one in tensors]
    longest = max((len(one.name) for one in tensors), default=0)
    columns = list[int]()
    room = width
    for column, least in enumerate(LEAST_NAME):
        needed = max((len(row[column]) for row in cells), default=0) + 2
        if room - needed < min(least, longest):
            break
        columns.append(needed)
        room -= needed
    room = min(room, longest)
    return [
        [
            (padded(fit_end(one.name, room), room), ""),
            *(
                (padded(f"  {text}" if column < 2 else text, needed, right=column == 2), "dim")
                for column, (text, needed) in enumerate(zip(row, columns, strict=False))
            ),
        ]
        for one, row in zip(tensors, cells, strict=True)
    ]


def _training(listing: FileListing) -> list[Fact]:
    """Of a checkpoint of this program."""
    values = listing.values
    get = values.get
    facts = [
        Fact("model", _text(get("config.model"))),
        Fact("data", _text(get("config.dataset"))),
    ]
    epoch, step, steps = get("epoch"), get("step"), get("steps")
    if isinstance(epoch, int) and isinstance(step, int) and isinstance(steps, int):
        facts.append(Fact("place", f"epoch {epoch}, step {fmt.count(step)} of {fmt.count(steps)}"))
    accuracy, total = get("accuracy"), get("loss_sum")
    if isinstance(accuracy, float):
        images = "validation" if _text(get("config.val")) else "test"
        facts.append(Fact("accuracy", f"{fmt.percent(accuracy)} of the {images} images"))
    if isinstance(total, float) and isinstance(step, int) and step > 0:
        facts.append(Fact("train loss", f"{fmt.loss(total / step)}, the mean of the epoch's steps"))
    trained = get("training_s")
    if isinstance(trained, float):
        facts.append(Fact("trained for", fmt.duration(trained)))
    if torch := _text(get("environment.torch")):
        facts.append(Fact("made with", f"PyTorch {torch}"))
    return facts


def _numbers(listing: FileListing) -> list[Fact]:
    """The numbers that another program's file has beside its tensors, such as the epoch and a loss."""
    found = [
        f"{name} {significant(value, 6)}"
        for name, value in listing.values.items()
        if "." not in name and isinstance(value, int | float) and not isinstance(value, bool)
    ]
    more = f" · and {len(found) - MOST_NUMBERS} more" if len(found) > MOST_NUMBERS else ""
    return [Fact("numbers", " · ".join(found[:MOST_NUMBERS]) + more)]


def _sections(listing: FileListing) -> list[Fact]:
    """The weights, the optimizer's state, and the rest."""
    facts = list[Fact]()
    for at, one in enumerate(listing.sections):
        if _is_optimizer(one):
            facts.append(Fact("optimizer", _optimizer(listing, one)))
        elif not at:
            facts.append(Fact("weights", _section(one)))
    if listing.own and not any(_is_optimizer(one) for one in listing.sections):
        facts.append(Fact("optimizer", f"{_text(listing.values.get('config.optimizer'))}: keeps no tensors"))
    others = [one for one in listing.sections[1:] if not _is_optimizer(one)]
    if others:
        both = Section("", *(sum(getattr(one, field) for one in others) for field in ("tensors", "elements", "bytes")))
        names = ", ".join(dict.fromkeys(filter(None, (one.name for one in others))))
        facts.append(Fact("other tensors", f"{_section(both)}{f' ({names})' if names else ''}"))
    return facts


def _is_optimizer(section: Section) -> bool:
    return section.name.rpartition(".")[2].startswith("optim")


def _section(one: Section) -> str:
    name = f" ({one.name})" if one.name else ""
    return f"{fmt.counted(one.tensors, 'tensor')}, {fmt.counted(one.elements, 'number')}, {fmt.size(one.bytes)}{name}"


def _optimizer(listing: FileListing, section: Section) -> str:
    kept = dict.fromkeys(one.name.rpartition(".")[2] for one in listing.tensors if one.section == section.name)
    name = _text(listing.values.get("config.optimizer")) if listing.own else ""
    return f"{name}{': ' if name else ''}{', '.join(list(kept)[:4])}; {_section(section)}"


def _problems(listing: FileListing) -> list[Fact]:
    facts = [Fact("problem", problem, "bad") for problem in listing.problems[:2]]
    if (more := listing.counts["problems"] - len(facts)) > 0:
        facts.append(Fact("", f"and {fmt.counted(more, 'more problem')}", "bad"))
    return facts


def _text(value: object) -> str:
    return value if isinstance(value, str) else ""
