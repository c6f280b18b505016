"""Asks, over whatever screen is shown, whether a Python file may run that a run or a file of weights names."""

import asyncio
import contextlib
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

from textual.app import App

from engine.errors import ConfigError, EngineError
from engine.models import trusted_code
from engine.models.trusted_code import UntrustedCodeError
from tui.dialogs.prompt import PromptScreen
from tui.textual_private import is_exiting

R = TypeVar("R")
LOOK_S = 0.2  # seconds between two looks whether the dialog went without an answer


class CodeTrust:
    """One question at a time, from the threads in which the screens wait for an answer of the engine's."""

    def __init__(self, app: App[Any], typing_stopped: Callable[[], Any]) -> None:
        """`typing_stopped`: of the app; awaited before a dialog opens by itself."""
        self._app, self._typing_stopped = app, typing_stopped
        self._turn = threading.Lock()
        self._declined: set[tuple[Path, str]] = set()  # versions of files that a screen is not to ask about again

    def settles(self, error: EngineError) -> bool:
        """Whether the person now trusts the file that a question of a screen's came to: then it can be asked again.
        They are asked once about each version of a file. From any thread but the app's."""
        return isinstance(error, UntrustedCodeError) and self._trusted(error, again=False)

    def calling(self, call: Callable[[], R]) -> R:
        """Call what the person has asked for, such as a resume, and again where they trust the file that it came to.
        From any thread but the app's. Raises what `call` raises."""
        while True:
            try:
                return call()
            except UntrustedCodeError as error:
                if not self._trusted(error, again=True):
                    raise

    def _trusted(self, error: UntrustedCodeError, *, again: bool) -> bool:
        """`again`: ask even where they were asked before."""
        version = error.file, error.sha256
        with self._turn:
            if trusted_code.trusts(*version):  # another question came to the same file
                return True
            if (version in self._declined and not again) or not self._ask(error):
                self._declined.add(version)
                return False
            trusted_code.record(*version)
            self._declined.discard(version)
            return True

    def _ask(self, error: UntrustedCodeError) -> bool:
        answered, answer = threading.Event(), [False]
        prompt = _prompt(error)

        def take(text: str | None) -> None:
            answer[0] = text is not None
            answered.set()

        async def ask() -> None:
            await self._typing_stopped()
            await self._app.push_screen(prompt, take)

        if is_exiting(self._app):
            return False
        try:
            self._app.call_from_thread(ask)  # type: ignore[arg-type]  # its type has no coroutine functions
            while not answered.wait(LOOK_S) and prompt.is_attached and not is_exiting(self._app):
                pass
            answered.wait(LOOK_S)  # it goes just before it says what was typed
        except RuntimeError:  # the app has ended meanwhile
            return False
        return answer[0]


async def name_if_new(typed: str, before: str) -> None:
    """The person has entered a model or a transform in a prompt that had the text `before`: a Python file that was not
    in it may run."""
    if typed not in before:
        with contextlib.suppress(EngineError):  # where it is used, they are asked
            await asyncio.to_thread(trusted_code.name_typed, typed)


def _prompt(error: UntrustedCodeError) -> PromptScreen:
    name = error.file.name

    def check(text: str) -> str:
        if text.strip() != name:
            raise ConfigError("", f"type {name} if you trust it, or press escape")
        return f"trust it: {name} runs here from now on, as long as it does not change"

    why = "It has changed since you trusted it." if error.changed else "You have not said yet that you trust it."
    about = (
        f"{error.file}\nThe network or the transform is in this Python file. {why} It can do all that you can do. "
        f"If you trust its author, type its name, {name}."
    )
    return PromptScreen(f"Run {name}?", about, check, kept=False, by_itself=True)
