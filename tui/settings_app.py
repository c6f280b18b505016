"""What the program's own settings are to the app: its theme, its keys, and what is told of them at its start."""

from functools import partial
from typing import Any

from textual import work

from tui import themes
from tui.config import declared
from tui.config.preferences import Preferences, problem_lines
from tui.textual_private import CrashHandlingApp, parse_css_once
from tui.widgets.palette import readable_colors

PROBLEMS_S = 20  # that what is wrong with the settings is shown


class SettingsApp(CrashHandlingApp):
    """An app with the theme and the keys that the file says; a theme that is chosen is kept."""

    def __init__(self, preferences: Preferences, **options: Any) -> None:
        parse_css_once()
        super().__init__(**options)
        self.preferences = preferences
        for theme in themes.OWN.values():
            self.register_theme(theme)
        self.theme = themes.resolved(preferences.get(declared.THEME), self.console.color_system)

    def get_css_variables(self) -> dict[str, str]:
        """The theme's colours; text can be read in each of them, whoever made the theme."""
        self.theme_variables = readable_colors(super().get_css_variables())
        return self.theme_variables

    def take_settings(self) -> None:
        """At the app's start: tell what is wrong in the file, and take its keys."""
        tell = partial(self.notify, title="Settings", severity="warning", timeout=PROBLEMS_S)
        self.preferences.on_failure = partial(self.call_later, tell)
        if problems := problem_lines(self.preferences.problems, self.preferences.path):
            tell(problems)
        if self.preferences.has_keys:
            self._take_keys()

    @work(thread=True, group="settings")
    def _take_keys(self) -> None:
        """Once the first screen stands: to know which keys there are, the code of all screens is read."""
        from tui.config.keymap import keymap
        from tui.config.rooms import rooms

        keys, problems = keymap(self.preferences.contents, rooms(type(self)))
        self.call_later(self.set_keymap, keys)
        if lines := problem_lines(problems, self.preferences.path):
            self.call_later(self.notify, lines, title="Settings", severity="warning", timeout=PROBLEMS_S)

    def watch_theme(self, theme: str) -> None:
        """A theme that is chosen while the app runs is kept."""
        asked = self.preferences.get(declared.THEME)
        if not self.is_running or theme == themes.resolved(asked, self.console.color_system):
            return
        if self.preferences.origin(declared.THEME) == "environment":
            self.notify("The theme is kept; TEXTUAL_THEME, which is set, counts before it when the app starts.")
        self.preferences.keep(declared.THEME, theme)
