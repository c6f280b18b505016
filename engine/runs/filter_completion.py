"""What the end of a filter, or of a line of tags, can be completed to. Imports no torch."""

import re
from collections.abc import Collection, Sequence

from engine.runs import run_filter
from engine.runs.listing import STATES, RunSummary
from engine.runs.run_filter import Field, Kind

MOST_VALUES = 500  # different values of a field that are looked at
_LAST = re.compile(rf'(?:^|(?<=\s))(?P<minus>-?)(?:(?P<name>[^\W\d][\w-]*)(?P<operator>{run_filter.OPERATOR}))?'
                   r'(?P<typed>"[^"]*|[^\s"]*)$')  # fmt: skip


def complete(text: str, runs: Sequence[RunSummary]) -> tuple[str, list[str]]:
    """What stays of the text, and what can come after that, sorted: the names that can be compared, and the values that
    the runs have of one."""
    found = _LAST.search(text)
    if found is None:
        return text, []
    head, typed, name = text[: found.start("typed")], found["typed"], found["name"]
    if name is None:
        names = [*run_filter.names(), "-hidden", "-pinned"] if not found["minus"] else run_filter.names()
        return head, _beginning(typed, names) if typed else []
    field = run_filter.named(name)
    values = sorted(_values(field, runs)) if field is not None else []
    return head, _beginning(typed, [f'"{one}"' if re.search(r"\s", one) else one for one in values])


def complete_tags(text: str, tags: Collection[str], had: Collection[str]) -> tuple[str, list[str]]:
    """The same of a line such as `+paper -old`. `tags`: all that runs have; `had`: those that can be taken away."""
    head, _, typed = text.rpartition(" ") if " " in text else ("", "", text)
    head = f"{head} " if head else ""
    sign = typed[:1] if typed[:1] in ("+", "-") else ""
    offered = had if sign == "-" else [tag for tag in tags if tag not in had]
    return head + sign, _beginning(typed[len(sign) :], offered) if typed else []


def _values(field: Field, runs: Sequence[RunSummary]) -> set[str]:
    if field.kind is Kind.SWITCH:
        return {"yes", "no"}
    if field.name == "state":
        return set(STATES)
    if field.kind is not Kind.TEXT:
        return set()
    found = set[str]()
    for run in runs:
        value = field.of(run)
        found.update(str(form) for form in (value if isinstance(value, tuple) else (value,)) if form)
        if len(found) >= MOST_VALUES:
            break
    return {one for one in found if one.isprintable() and '"' not in one and len(one) <= 80}


def _beginning(typed: str, names: Collection[str]) -> list[str]:
    """Those that begin so; capitals make no difference, and a quote is not said."""
    wanted = typed.removeprefix('"').casefold()
    return sorted({one for one in names if one.removeprefix('"').casefold().startswith(wanted)})
