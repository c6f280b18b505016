"""Python and Markdown as styled lines."""

from collections.abc import Iterable
from functools import lru_cache
from typing import TYPE_CHECKING

from rich.segment import Segment
from rich.style import Style
from textual.app import App

from engine.terminal_text import shown
from tui.widgets.palette import style_of

if TYPE_CHECKING:
    from pygments.lexer import Lexer
    from pygments.token import _TokenType
    from rich.console import Console, ConsoleRenderable
    from rich.theme import Theme

Piece = tuple[str, str]  # text, and the name of its style in the palette
# The first of these that a token is of, by Pygments' names, and the palette's style for it.
STYLES = (
    ("Token.Comment", "dim"),
    ("Token.Keyword.Constant", "test"),
    ("Token.Keyword", "train"),
    ("Token.Operator.Word", "train"),
    ("Token.Literal.String", "good"),
    ("Token.Literal.Number", "test"),
    ("Token.Name.Decorator", "edit"),
    ("Token.Name.Function", "strong"),
    ("Token.Name.Class", "strong"),
    ("Token.Name.Builtin", "edit"),
    ("Token.Name.Exception", "edit"),
    ("Token.Error", ""),
)
MOST = 60_000  # characters that are highlighted
TAB = 4


@lru_cache(maxsize=512)
def code_lines(source: str, language: str = "python") -> tuple[tuple[Piece, ...], ...]:
    """The lines of a source, each in pieces; as many as the source has."""
    if len(source) > MOST or not language:
        return tuple(((line, ""),) if line else () for line in source.split("\n"))
    lines: list[list[Piece]] = [[]]
    for token, text in _lexer(language).get_tokens(source):
        style = _style(token)
        for at, part in enumerate(text.split("\n")):
            if at:
                lines.append([])
            if part:
                lines[-1].append((part, style))
    wanted = source.count("\n") + 1
    return tuple(map(tuple, (lines + [[] for _ in range(wanted)])[:wanted]))


@lru_cache(maxsize=8)
def _lexer(language: str) -> "Lexer":
    from pygments.lexers import get_lexer_by_name
    from pygments.lexers.special import TextLexer
    from pygments.util import ClassNotFound

    try:
        return get_lexer_by_name(language, stripnl=False, ensurenl=False)
    except ClassNotFound:
        return TextLexer(stripnl=False, ensurenl=False)


@lru_cache(maxsize=256)
def _style(token: "_TokenType") -> str:
    name = str(token)
    return next((style for prefix, style in STYLES if name == prefix or name.startswith(f"{prefix}.")), "")


def segments(app: App[object], pieces: Iterable[Piece]) -> list[Segment]:
    """The pieces as they may go to the terminal."""
    return [Segment(shown(text.expandtabs(TAB)), style_of(app, style)) for text, style in pieces]


def markdown_lines(app: App[object], source: str, width: int) -> list[list[Segment]]:
    """A text in Markdown, wrapped at `width` cells."""
    console = _console(max(8, width))
    with console.use_theme(_theme(app)):
        lines = console.render_lines(_markdown(app, source), console.options, pad=False)
    found = [[Segment(shown(one.text), one.style or Style()) for one in line if one.text != "\n"] for line in lines]
    while found and not "".join(one.text for one in found[-1]).strip():
        found.pop()
    return found


@lru_cache(maxsize=4)
def _console(width: int) -> "Console":
    from rich.console import Console

    return Console(width=width, color_system=None, force_terminal=False, legacy_windows=False)


def preload() -> None:
    """Import what highlights: the first document is drawn sooner then."""
    import rich.markdown  # noqa: F401

    code_lines("x = 1")
    _console(80)


def _markdown(app: App[object], source: str) -> "ConsoleRenderable":
    from rich.markdown import CodeBlock, Heading, Markdown
    from rich.text import Text

    class PlainHeading(Heading):
        """At the left, without a frame."""

        def __rich_console__(self, console: object, options: object) -> Iterable[Text]:
            self.text.justify = "left"
            yield self.text

    class PlainCode(CodeBlock):
        """On the document's own ground."""

        def __rich_console__(self, console: object, options: object) -> Iterable[Text]:
            for pieces in code_lines(str(self.text).rstrip("\n"), self.lexer_name):
                line = Text("  ", no_wrap=True, overflow="ellipsis")
                for text, style in pieces:
                    line.append(text.expandtabs(TAB), style_of(app, style))
                yield line

    class PlainMarkdown(Markdown):
        elements = {**Markdown.elements, "heading_open": PlainHeading, "fence": PlainCode, "code_block": PlainCode}

    return PlainMarkdown(source, hyperlinks=False, code_theme="bw")


def _theme(app: App[object]) -> "Theme":
    from rich.theme import Theme

    strong, code, dim = style_of(app, "strong"), style_of(app, "test"), style_of(app, "dim")
    title = style_of(app, "train") + Style(bold=True)
    return Theme(
        {
            **{f"markdown.h{level}": title if level < 3 else strong for level in range(1, 8)},
            "markdown.code": code,
            "markdown.code_block": code,
            "markdown.block_quote": dim,
            "markdown.item.bullet": dim,
            "markdown.item.number": dim,
            "markdown.hr": dim,
            "markdown.link": Style(underline=True),
            "markdown.link_url": dim,
            "markdown.em": Style(italic=True),
            "markdown.strong": Style(bold=True),
            "markdown.table.border": dim,
            "markdown.table.header": strong,
            "markdown.list": Style(),
            "markdown.paragraph": Style(),
            "markdown.text": Style(),
            "markdown.s": Style(strike=True),
        },
        inherit=False,
    )
