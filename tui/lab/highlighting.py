"""Python and Markdown as styled lines."""

from collections.abc import Iterable
from functools import lru_cache
from typing import TYPE_CHECKING

from rich.segment import Segment
from rich.style import Style
from textual.app import App
from textual.content import Content

from engine.terminal_text import shown
from tui.widgets.palette import PLAIN, style_of

if TYPE_CHECKING:
    from pygments.lexer import Lexer
    from pygments.token import _TokenType
    from rich.console import Console, ConsoleRenderable
    from rich.theme import Theme

Piece = tuple[str, str]  # text, and the name of its style in the palette
Lines = tuple[tuple[Piece, ...], ...]
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
LONG = 100  # lines, from which on only what was edited is read again
PROBE = "import x"  # a line that looks otherwise where it does not begin anew
TAB = 4
UNWRAPPED = 10_000  # cells, more than a paragraph has


@lru_cache(maxsize=512)
def code_lines(source: str, language: str = "python") -> Lines:
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


def edited_lines(before: str, lines: Lines, source: str, language: str) -> Lines:
    """`code_lines` of a source that was `before`, whose lines are known. Of a long one in Python only those that were
    edited are read, with the line above and the one below, where that makes no difference: no text in three quotes
    begins or ends there, and they are not within one. In broken code a colour may be another until typing ends."""
    old, new = before.split("\n"), source.split("\n")
    if language != "python" or len(new) < LONG or len(old) != len(lines) or max(len(before), len(source)) > MOST:
        return code_lines(source, language)
    shorter = min(len(old), len(new))
    first = next((at for at in range(shorter) if old[at] != new[at]), shorter)
    same = next((at for at in range(shorter - first) if old[-1 - at] != new[-1 - at]), shorter - first)
    first, same = max(0, first - 1), max(0, same - 1)
    while first and not old[first].strip():
        first -= 1
    was, now = old[first : len(old) - same], new[first : len(new) - same]
    if any(quotes in line for quotes in ('"' * 3, "'" * 3) for line in (*was, *now)):
        return code_lines(source, language)
    known, found = (code_lines("\n".join([*part, PROBE])) for part in (was, now))
    if known[:-1] != lines[first : len(old) - same] or {known[-1], found[-1]} != {code_lines(PROBE)[0]}:
        return code_lines(source, language)  # within something that goes on over the end of a line
    return (*lines[:first], *found[:-1], *lines[len(old) - same :])


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


def markdown_lines(app: App[object], source: str, width: int, style: Style = PLAIN) -> list[list[Segment]]:
    """A text in Markdown, wrapped at `width` cells. `style`: of what has none of its own."""
    console = _console(max(8, width))
    with console.use_theme(_theme(app)):
        lines = console.render_lines(_markdown(app, source), console.options, pad=False)
    found = [[Segment(shown(one.text), style + one.style) for one in line if one.text != "\n"] for line in lines]
    while found and not "".join(one.text for one in found[-1]).strip():
        found.pop()
    return found


def markdown_content(app: App[object], source: str, width: int = UNWRAPPED) -> Content:
    """The same, for a `Static`, which wraps paragraphs itself."""
    from rich.text import Text

    lines = [
        Text.assemble(*((one.text, one.style or PLAIN) for one in line)) for line in markdown_lines(app, source, width)
    ]
    return Content.from_rich_text(Text("\n").join(lines))


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
    code += Style(bold=True) if app.no_color else PLAIN  # else it could not be told from the words around it
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
