"""Asks which network or weights are meant; what is typed is a `Source`."""

from collections.abc import Callable
from pathlib import Path

from engine import sources
from engine.errors import InspectionError
from engine.sources import NewModel, Source
from tui.dialogs.paths import PathSuggester
from tui.dialogs.prompt import PromptScreen

ABOUT = (
    "A run's id, the beginning of its id, its name, or last; then @ and an epoch (3), a step in it (3:412), last or "
    "best. Or a file of weights and the model they belong to: mlp=FILE, then changes of its keys: module. NEW=OLD"
)


def source_prompt(
    home: Path, title: str, *, about: str = ABOUT, value: str = "", refuse: Callable[[Source], None] | None = None
) -> PromptScreen:
    """A prompt whose text `sources.parse` reads. `refuse` raises an EngineError for a source that can't be used."""

    def check(text: str) -> str:
        source = sources.parse(text)
        if refuse is not None:
            refuse(source)
        return sources.describe(home, source)

    return PromptScreen(title, about, check, value=value, suggester=PathSuggester(among_others=True))


def prediction_prompt(home: Path, value: str) -> PromptScreen:
    """Which model's predictions to show: a run's checkpoint, or a file of weights."""

    def refuse(source: Source) -> None:
        if isinstance(source, NewModel):
            raise InspectionError(f"a new {source} has learned nothing yet: name a run, or {source}=FILE")

    return source_prompt(home, "Show which model's predictions?", value=value, refuse=refuse)
