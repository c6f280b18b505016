"""The keys of a screen as commands of the palette, by their descriptions."""

from collections.abc import Iterator

from textual.app import SystemCommand
from textual.screen import Screen


def key_commands(screen: Screen[object]) -> Iterator[SystemCommand]:
    """Each act of the screen that can be done now, once."""
    app, seen = screen.app, set[str]()
    for node, binding, enabled, _tooltip in screen.active_bindings.values():
        if not enabled or not binding.description or binding.action in seen or "." not in (binding.id or ""):
            continue
        seen.add(binding.action)
        shown = app.get_key_display(binding)

        def act(node: object = node, action: str = binding.action) -> None:
            app.call_later(app.run_action, action, node)

        yield SystemCommand(f"{binding.description}  ({shown})", f"press {shown}", act)
