"""The top line over a run: names the run's own data, which need not be the data that is browsed."""

from tui.widgets.topbar import TopBar


class RunTopBar(TopBar):
    """Names no data until `show_run` is called."""

    def show_run(self, title: str, demo: bool) -> None:
        """Name the data of the run on the screen; empty: none is."""
        if self._data != (title, demo):
            super()._show_data((title, demo))

    def _show_data(self, shown: tuple[str, bool]) -> None:
        """The browsed data is not shown here."""
