"""The panel about the thing under a cursor, such as a parameter: its figures at once, its values and picture when the
worker process has answered."""

import asyncio
from dataclasses import replace

from textual import work
from textual.containers import Container
from textual.widgets import Static

from engine.errors import BugError, EngineError
from engine.inspection.detail_requests import (
    Detail,
    DifferenceDetailRequest,
    ModuleDetailRequest,
    TensorDetailRequest,
)
from tui.detail import subject as subjects
from tui.detail.latest import LatestQuestion
from tui.detail.subject import Subject
from tui.detail.waiting import waiting
from tui.graphics.image import CellStyle
from tui.widgets.heatmap import HeatMap
from tui.widgets.lines import Line
from tui.widgets.panel import Panel
from tui.widgets.scrolled_lines import ScrolledLines
from tui.widgets.shares import Shares
from tui.widgets.text import set_text

LEAST_PICTURE = 6  # lines below the text
STAYS_S = 0.06  # that the cursor stays before the worker process is asked

DetailRequest = ModuleDetailRequest | TensorDetailRequest | DifferenceDetailRequest


class DetailText(ScrolledLines):
    """The lines of a subject."""

    def __init__(self) -> None:
        super().__init__(id="detail-text")
        self.subject: Subject | None = None
        self.detail: Detail | None = None

    def all_lines(self, width: int, height: int) -> list[Line]:
        return [] if self.subject is None else subjects.lines(self.subject, self.detail, width)


class DetailPane(Panel):
    """Text, which scrolls, and a picture below it or, where it is wide (`put_picture`), beside it."""

    DEFAULT_CSS = """
    DetailPane {
        & #detail-parts { height: 1fr; width: 1fr; padding: 0 1; }
        & #detail-picture, & #detail-reason { margin: 1 0 0 0; height: 1fr; }
        & #detail-reason { color: $text-warning; display: none; }
        &.-refused #detail-reason { display: block; }
        &.-refused #detail-picture { display: none; }
        &.-text-alone #detail-picture, &.-shares #detail-picture { display: none; }
        & #detail-shares { margin: 1 0 0 0; display: none; }
        &.-shares #detail-shares { display: block; }
        & #detail-parts.-wide { layout: horizontal; }
        & #detail-parts.-wide #detail-text { height: 1fr; width: 5fr; min-width: 40; margin: 0 2 0 0; }
        & #detail-parts.-wide #detail-picture, & #detail-parts.-wide #detail-shares { width: 7fr; margin: 0; }
        & #detail-parts.-wide #detail-reason { width: 7fr; margin: 0; }
    }
    """

    def __init__(self, style: CellStyle, questions: LatestQuestion, *, id: str = "detail") -> None:  # noqa: A002
        self._questions = questions
        self._text = DetailText()
        self._picture = HeatMap(style, id="detail-picture")
        self._reason = Static("", id="detail-reason", markup=False)
        self._shares = Shares(id="detail-shares")
        self._parts = Container(self._text, self._picture, self._shares, self._reason, id="detail-parts")
        super().__init__(self._parts, id=id)
        self._wide = False
        self._asked: DetailRequest | None = None  # whose answer is awaited

    def put_picture(self, *, wide: bool) -> None:
        """The picture beside the text, or below it."""
        self._wide = wide
        self._parts.set_class(wide, "-wide")
        self._fit()

    def follow(self, subject: Subject, request: DetailRequest | None) -> None:
        """Another thing: what is known of it at once, and the answer to `request` when it is there; None: that is all
        there is, and it has no picture."""
        if self._text.subject is None or subject.title != self._text.subject.title:
            self._text.top = 0
        self._text.subject, self._text.detail = subject, None
        self.update_classes({"-text-alone": request is None and not subject.beside, "-shares": bool(subject.beside)})
        self._shares.show(subject.beside, subject.title)
        self.describe(title=subject.title, right=subject.kind, below="", below_right="")
        self._fit()
        self._text.repaint(now=True)
        self.set_class(False, "-refused")
        self._questions.leave()
        self._asked = None
        self.busy("")
        if subject.missing or request is None:
            self._picture.clear()
            if subject.missing:
                self._refuse(subject.missing)
            return
        sized = self._sized(request)
        if sized is not None and (known := self._questions.known(sized)) is not None:
            self._take(known)
        else:
            self._picture.clear()
            self._asked = request
            self._ask(request)

    @work(group="detail", exclusive=True)
    async def _ask(self, request: DetailRequest) -> None:
        await asyncio.sleep(STAYS_S)
        sized = self._sized(request)  # of a panel that has just been arranged it is known only now
        if sized is None:
            return
        self.busy(waiting(self._questions.worker, "reading its values …"))
        try:
            answer = await asyncio.to_thread(self._questions.ask, sized)
        except EngineError as error:
            if self._asked is request:  # else another thing is followed by now
                self.busy("")
                if isinstance(error, BugError):
                    raise
                self._refuse(str(error))
            return
        if self._asked is request:
            self.busy("")
            self._take(answer)

    def _sized(self, request: DetailRequest) -> DetailRequest | None:
        """For what is to be seen; None before that is known, or where there is no room."""
        picture, text = self._picture.size, self._text.size
        if not self.display or not picture.height or not text.width:
            return None
        return replace(request, rows=2 * picture.height, columns=picture.width, width=text.width)

    def _take(self, detail: Detail) -> None:
        self._text.detail = detail
        self._text.repaint(now=True)
        self._picture.show(detail.values, gaps=True)
        assert self._text.subject is not None
        shown = self._text.subject.picture_of
        below = f"{shown}: {detail.description}" if shown else detail.description
        self.describe(below=below, below_right=self._picture.legend)

    def _refuse(self, reason: str) -> None:
        """Say in the picture's place why there is none; what is known stays."""
        self._picture.clear()
        set_text(self._reason, reason)
        self.set_class(True, "-refused")

    def _fit(self) -> None:
        subject = self._text.subject
        if self._wide or subject is None or self.has_class("-text-alone"):
            self._text.styles.height = "1fr"
            return
        whole = self._parts.content_size.height
        wanted = subjects.height_above_a_picture(subject, self._text.size.width or 42)
        if subject.missing:
            wanted = len(subjects.lines(subject, None, self._text.size.width or 42))
        self._text.styles.height = max(1, min(wanted, whole - LEAST_PICTURE - 1) if whole else wanted)
