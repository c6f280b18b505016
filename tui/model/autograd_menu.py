"""What *Autograd*'s steps take: other images, the switches of the next forward and backward, a vector."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import ClassVar, Literal

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.content import Content
from textual.screen import ModalScreen
from textual.widgets import Static

from tui.widgets.text import update_text

Then = Literal["", "batch", "vector"]


@dataclass(frozen=True)
class Switches:
    """Each for the next step of its kind alone."""

    retain_graph: bool = False  # backward
    no_grad: bool = False  # forward
    detach: str = ""  # forward: after which module

    def words(self) -> str:
        """Those that are on; "" for none."""
        forward = ["no_grad"] if self.no_grad else []
        forward += [f"detach after {self.detach}"] if self.detach else []
        on = [f"next forward: {', '.join(forward)}"] if forward else []
        return "; ".join(on + (["next backward: retain_graph"] if self.retain_graph else []))


class AutogradMenu(ModalScreen[tuple[Switches, Then]]):
    """Gives the switches as they are left, and what is to be asked next. The letters stand beside the choices."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("b", "then('batch')", "Other images", id="autograd_menu.batch"),
        Binding("v", "then('vector')", "pred.backward(v)", id="autograd_menu.vector"),
        Binding("r", "retain_graph", "retain_graph", id="autograd_menu.retain_graph"),
        Binding("n", "no_grad", "no_grad", id="autograd_menu.no_grad"),
        Binding("d", "detach", "detach", id="autograd_menu.detach"),
        Binding("escape,enter,c", "then('')", "Done", id="autograd_menu.done"),
    ]

    def __init__(self, switches: Switches, modules: Sequence[str], images: str) -> None:
        """`modules`: after which the graph can be detached. `images`: the batch, in words."""
        super().__init__()
        self._switches, self._modules, self._images = switches, modules, images

    def compose(self) -> ComposeResult:
        with Vertical(id="dialog"):
            yield Static(id="choices", markup=False)

    def on_mount(self) -> None:
        self._show()

    def _show(self) -> None:
        switches = self._switches
        lines = (
            ("b", "images", self._images),
            ("r", "retain_graph", f"{_on(switches.retain_graph)}   the next backward keeps the graph"),
            ("n", "no_grad", f"{_on(switches.no_grad)}   the next forward makes no graph"),
            ("d", "detach", f"{f'after {switches.detach}' if switches.detach else 'off'}   in the next forward"),
            ("v", "pred.backward(v)", "a vector–Jacobian product, instead of a loss"),
        )
        text = Content("")
        for key, name, says in lines:
            text += Content.assemble((f"{key}  ", "bold $text-accent"), (f"{name:<18}", "bold"), f"{says}\n")
        update_text(self, "#choices", text + Content.styled("\nesc: done", "$text-muted"))

    def action_then(self, then: Then) -> None:
        self.dismiss((self._switches, then))

    def action_retain_graph(self) -> None:
        self._switches = replace(self._switches, retain_graph=not self._switches.retain_graph)
        self._show()

    def action_no_grad(self) -> None:
        self._switches = replace(self._switches, no_grad=not self._switches.no_grad)
        self._show()

    def action_detach(self) -> None:
        """After the next module, and after the last after none."""
        choices = ["", *self._modules]
        here = choices.index(self._switches.detach) if self._switches.detach in choices else 0
        self._switches = replace(self._switches, detach=choices[(here + 1) % len(choices)])
        self._show()


def _on(switch: bool) -> str:
    return "on " if switch else "off"
