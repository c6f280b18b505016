"""What is typed in a prompt, completed: at right what is suggested, at tab as far as that is certain."""

from abc import abstractmethod
from collections.abc import Callable, Sequence

from textual.suggester import Suggester

Completions = tuple[str, Sequence[str]]  # what stays of a text, and what may come after that, sorted


class Completer(Suggester):
    """Completes the end of a text."""

    def __init__(self) -> None:
        super().__init__(use_cache=False, case_sensitive=True)

    @abstractmethod
    async def looked_up(self, value: str) -> Completions:
        """What `value` can be completed to."""

    async def get_suggestion(self, value: str) -> str | None:
        whole, names = await self.looked_up(value)
        return whole + names[0] if names and whole + names[0].rstrip("/") != value else None

    async def completed(self, value: str) -> tuple[str, list[str]]:
        """As far as all that begins like `value` goes on alike, and the names of that, where they are several."""
        whole, names = await self.looked_up(value)
        return whole + _common(names) if names else value, list(names) if len(names) > 1 else []


class WordCompleter(Completer):
    """Completes by a function that takes no time, such as the last word of a text from a list."""

    def __init__(self, look_up: Callable[[str], Completions]) -> None:
        super().__init__()
        self._look_up = look_up

    async def looked_up(self, value: str) -> Completions:
        return self._look_up(value)


def _common(names: Sequence[str]) -> str:
    """The beginning that sorted names share."""
    first, last = names[0], names[-1]
    differs = next((at for at, (a, b) in enumerate(zip(first, last, strict=False)) if a != b), len(first))
    return first[:differs]
