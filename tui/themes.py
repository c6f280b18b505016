"""The themes: Textual's, and five of our own.

Each of ours names every colour that carries a meaning, the text colours too: Textual would derive those by mixing with
white or black, which takes away what keeps them apart. `tests/tui/test_themes.py` says what is asked of them: text that
can be read, and for the two `colorblind` ones that right and wrong, and the curves of a chart, stay apart for people
with protanopia, deuteranopia and tritanopia.
"""

from collections.abc import Collection
from dataclasses import replace

from textual.theme import BUILTIN_THEMES, Theme

AUTO = "auto"


def _theme(
    name: str,
    *,
    dark: bool,
    grounds: tuple[str, str, str],
    foreground: str,
    strong: dict[str, str],
    text: dict[str, str],
) -> Theme:
    """`grounds`: of the screen, of what lies on it, of the bars. `strong`: the colours of surfaces and borders by their
    names in Textual; `text`: the same as text."""
    background, surface, panel = grounds
    return Theme(
        name=name,
        dark=dark,
        foreground=foreground,
        background=background,
        surface=surface,
        panel=panel,
        **strong,  # type: ignore[arg-type]
        variables={
            **{f"text-{role}": color for role, color in text.items()},
            "block-cursor-foreground": background,
            "block-cursor-background": text["primary"],
            "block-cursor-text-style": "none",
            "border": strong["primary"],
            "border-blurred": panel,
            "footer-key-foreground": text["accent"],
            "input-selection-background": f"{strong['primary']} 40%",
            "link-color": text["primary"],
            "scrollbar": f"{foreground} 25%",
            "scrollbar-hover": f"{foreground} 40%",
            "scrollbar-active": text["primary"],
            "scrollbar-background": surface,
            "scrollbar-background-hover": surface,
            "scrollbar-background-active": surface,
            "scrollbar-corner-color": surface,
        },
    )


# The terminal's own 16 colours on its own ground, which may be dark or light: those that can be read on either.
SIXTEEN = replace(
    BUILTIN_THEMES["ansi-dark"],
    name="fmnist-16",
    primary="ansi_cyan",
    secondary="ansi_blue",
    accent="ansi_magenta",
    surface="ansi_default",
    panel="ansi_default",
)
OWN = {
    theme.name: theme
    for theme in (
        _theme(
            "fmnist-dark",
            dark=True,
            grounds=("#15181e", "#1c2028", "#272c37"),
            foreground="#d7dbe3",
            strong={
                "primary": "#5b8fd6",
                "secondary": "#8f7fc8",
                "accent": "#e2b366",
                "success": "#5fae74",
                "warning": "#dd9f57",
                "error": "#d8616b",
            },
            text={
                "primary": "#7fb0f0",
                "secondary": "#b8a9ee",
                "accent": "#f0c57e",
                "success": "#8bd09b",
                "warning": "#f0b26b",
                "error": "#f2898f",
            },
        ),
        _theme(
            "fmnist-light",
            dark=False,
            grounds=("#f7f6f2", "#edebe5", "#e0ddd4"),
            foreground="#2a2d33",
            strong={
                "primary": "#2f66b3",
                "secondary": "#6a54a8",
                "accent": "#a86400",
                "success": "#2f8a4c",
                "warning": "#b06a00",
                "error": "#c23b47",
            },
            text={
                "primary": "#1f569f",
                "secondary": "#6a3fa0",
                "accent": "#8a4f00",
                "success": "#1d6a36",
                "warning": "#8a4f00",
                "error": "#a8202d",
            },
        ),
        _theme(
            "colorblind-dark",
            dark=True,
            grounds=("#14161b", "#1b1e25", "#262a33"),
            foreground="#dcdfe5",
            strong={
                "primary": "#4a9ede",
                "secondary": "#c58ab8",
                "accent": "#e69f00",
                "success": "#2f8fd8",
                "warning": "#e6cf4a",
                "error": "#e0662a",
            },
            text={
                "primary": "#6cb8f5",
                "secondary": "#f2eef0",
                "accent": "#f0a824",
                "success": "#6cb8f5",
                "warning": "#f2e06a",
                "error": "#f58a4c",
            },
        ),
        _theme(
            "colorblind-light",
            dark=False,
            grounds=("#f7f7f5", "#ecebe8", "#dfdedb"),
            foreground="#24272c",
            strong={
                "primary": "#0068a8",
                "secondary": "#8a3f74",
                "accent": "#b85c00",
                "success": "#0072b2",
                "warning": "#8a6d00",
                "error": "#c74a00",
            },
            text={
                "primary": "#005f9c",
                "secondary": "#101214",
                "accent": "#a34d00",
                "success": "#005f9c",
                "warning": "#8a6d00",
                "error": "#9a2c00",
            },
        ),
        SIXTEEN,
    )
}


def names() -> Collection[str]:
    """What can be chosen: the one that fits the terminal, ours, Textual's."""
    return [AUTO, *OWN, *sorted(BUILTIN_THEMES)]


def resolved(name: str, color_system: str | None) -> str:
    """The theme's own name. `color_system`: the terminal's, as Rich has it."""
    if name != AUTO:
        return name
    return SIXTEEN.name if color_system == "standard" else "fmnist-dark"
