"""What images are to the app: in which way this terminal shows them, and pixels painted over the cells."""

import os
import sys
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

from textual.geometry import Region

from engine.terminal_text import encoding
from tui.config import declared
from tui.config.preferences import Preferences
from tui.graphics import sixel
from tui.graphics.image import cell_style
from tui.graphics.pictures import Pictures, PictureStyle, Placed, rows_of
from tui.graphics.terminal import QUESTION, Answers, TerminalAnswers, cell_of
from tui.order_app import OrderApp
from tui.textual_private import Spans, every_screen, screens_shown, send, use_true_colour
from tui.widgets.picture_widget import PictureWidget

NO_KITTY = "Kitty's images need colours and UTF-8 here: they are drawn as characters."


class PictureApp(OrderApp):
    """An app whose widgets draw images with `pictures`. Where the terminal is to be asked what it can show, nothing
    waits for the answer: images are cells until it comes."""

    def __init__(self, preferences: Preferences, *, images: str = "", **options: Any) -> None:
        """`images`: how they are drawn; empty: as the preferences say."""
        super().__init__(preferences, **options)
        self._images = images or self.preferences.get(declared.IMAGES)
        self._can_kitty = cell_style(self.console.color_system or "truecolor", os.environ, encoding()) == "blocks"
        self.pictures = Pictures(
            self._first_style(),
            send=self._send_picture,
            ready=self._sixel_ready,
            tmux=bool(os.environ.get("TMUX")),
        )
        self.answers = TerminalAnswers(self._answers_came)
        self._to_paint: set[Region] = set()  # where sixels are missing that are being made ready
        self._sixels_ready = False  # whether some of them are ready, and are about to be painted

    def _first_style(self) -> PictureStyle:
        """Before the terminal has answered."""
        match self._images:
            case "kitty":
                return "kitty" if self._can_kitty else "ascii"
            case "blocks":
                return "blocks"
            case "ascii":
                return "ascii"
        return cell_style(self.console.color_system, os.environ, encoding())

    def ask_terminal(self) -> None:
        """Ask what it can show, where that matters."""
        if self._images == "kitty" and not self._can_kitty:
            self.notify(NO_KITTY, title="Images", severity="warning")
        elif self._images == "kitty":
            use_true_colour(self)  # which such a terminal has, whatever TERM says: a colour names the image
        if self._images in ("kitty", "sixel") or (self._images == "auto" and self.pictures.style == "blocks"):
            send(self, QUESTION)

    def _answers_came(self, answers: Answers) -> None:
        """In the thread that reads the keyboard."""
        self.call_later(self._answered, answers)

    def _answered(self, answers: Answers) -> None:
        if not all(answers.cell):
            answers = replace(answers, cell=cell_of(sys.__stderr__.fileno() if sys.__stderr__ else 2))
        style: PictureStyle | None = None
        if self._images == "auto" and answers.kitty and self._can_kitty:
            style = "kitty"
            use_true_colour(self)
        elif self._images == "sixel" or (self._images == "auto" and answers.sixel and all(answers.cell)):
            style = "sixel"
        if self.pictures.take(answers, style):
            self.redraw_pictures()

    def change_picture_style(self) -> None:
        """Draw images in the next way that the terminal has."""
        self.pictures.other_style()
        self.redraw_pictures()

    def redraw_pictures(self) -> None:
        """On all screens, also those that are not shown."""
        for screen in every_screen(self):
            for widget in screen.query(PictureWidget):
                widget.redraw()

    def forget_pictures(self) -> None:
        """The terminal need not keep them: the app ends."""
        self.pictures.close()

    def _send_picture(self, sequence: str) -> None:
        send(self, sequence)

    # Sixels, which are painted over the cells

    def painted(self, spans: Spans) -> None:
        """Cells were written: whatever pixels were on them are gone."""
        if self.pictures.style != "sixel":
            return
        self._paint([one for one in self._in_view() if spans.touch(_region(one)) or _region(one) in self._to_paint])

    def _sixel_ready(self) -> None:
        """In the thread that makes them ready."""
        if not self._sixels_ready:
            self._sixels_ready = True
            self.call_later(self._paint_ready)

    def _paint_ready(self) -> None:
        self._sixels_ready = False
        if self.pictures.style == "sixel":
            self._paint([one for one in self._in_view() if _region(one) in self._to_paint])

    def _paint(self, found: list[Placed]) -> None:
        """What is not ready yet is painted when it is."""
        self._to_paint = set()
        sequences = []
        for row in rows_of(found):
            if sequence := self.pictures.sixels(row):
                sequences.append(sixel.at(row[0].row, row[0].column, sequence))
            else:
                self._to_paint |= set(map(_region, row))
        if sequences:
            send(self, "".join(sequences))

    def _in_view(self) -> Iterator[Placed]:
        """The pictures on the terminal, with the cells that they take of it; without those that are not all in view, or
        over which something lies."""
        screens = screens_shown(self)
        for index, screen in enumerate(screens):
            above = [widget.region for one in screens[index + 1 :] for widget in one.children]
            above += [toast.region for toast in self.screen.query("Toast")]
            for widget in screen.query(PictureWidget):
                if not (content := widget.content_region):
                    continue
                in_view = screen.find_widget(widget).visible_region
                for picture in widget.placed():
                    there = replace(picture, column=picture.column + content.x, row=picture.row + content.y)
                    region = _region(there)
                    if in_view.contains_region(region) and not any(region.overlaps(other) for other in above):
                        yield there


def _region(picture: Placed) -> Region:
    return Region(picture.column, picture.row, picture.side, picture.side // 2)
