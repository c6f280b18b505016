"""A panel: its title and state stand in the border, the focused one is bright, and only what changed is sent."""

from textual.app import App, ComposeResult
from textual.widgets import Static

from tests.support.waiting import until
from tui.widgets.panel import Edge, Panel


class Two(App[None]):
    def compose(self) -> ComposeResult:
        with Panel(title="Runs", id="first"):
            yield Static("the runs", id="inside")
        yield Panel(Static("the chosen one"), title="fast", id="second")


def _shown(app: App[None]) -> list[str]:
    return ["".join(segment.text for segment in strip) for strip in app.screen._compositor.render_strips()]


async def test_the_border_has_the_title_at_its_left_and_the_state_at_its_right() -> None:
    app = Two()
    async with app.run_test(size=(40, 12)) as pilot:
        panel = app.query_one("#first", Panel)
        panel.describe(right="3 of 14", below="by age", below_right="all")
        await pilot.pause()
        lines = _shown(app)
        assert lines[0] == "╭─ Runs ───────────────────── 3 of 14 ─╮"
        assert lines[1] == "│the runs                              │"
        assert lines[5].startswith("╰─ by age ──")
        assert lines[5].endswith("── all ─╯")
        assert all(len(line) == 40 for line in lines)


async def test_what_does_not_fit_the_border_ends_in_an_ellipsis_and_a_state_is_whole_or_not_there() -> None:
    app = Two()
    async with app.run_test(size=(40, 12)) as pilot:
        panel = app.query_one("#first", Panel)
        panel.describe(title="a title of a good many words and some more", right="3 of 14", below="left")
        await pilot.pause()
        assert panel.edges[0] == "╭─ a title of a good many … ─ 3 of 14 ─╮"
        panel.describe(right="3 of 14, by a criterion of some words")
        panel.describe(below="a chosen thing, in some words", below_right="page 3 of 9")
        await pilot.pause()
        assert panel.edges[0] == "╭─ a title of a good many words and … ─╮"
        assert panel.edges[1] == "╰─ a chosen thing, in some words ──────╯"


async def test_tab_goes_to_the_next_panel_whose_border_is_bright() -> None:
    app = Two()
    async with app.run_test(size=(40, 12)) as pilot:
        first, second = app.query_one("#first", Panel), app.query_one("#second", Panel)
        await pilot.press("tab")
        styles = []
        for _ in range(2):
            await pilot.pause()
            styles.append([panel.query(Edge).first(Edge)._lines[0][0][1] for panel in (first, second)])
            await pilot.press("tab")
        assert sorted(styles) == [["edge", "edge-focused"], ["edge-focused", "edge"]]
        await pilot.click("#second")
        assert second.has_focus


async def test_another_state_sends_only_the_cells_of_the_border_that_differ() -> None:
    app = Two()
    async with app.run_test(size=(40, 12)) as pilot:
        panel = app.query_one("#first", Panel)
        panel.describe(right="3 of 14")
        await pilot.pause()
        edge = panel.query(Edge).first(Edge)
        sent = edge.sent
        panel.describe(right="3 of 14")
        assert edge.sent == sent
        panel.describe(right="4 of 14")
        assert edge.sent == sent + 1


async def test_a_text_stands_in_place_of_what_is_in_it() -> None:
    app = Two()
    async with app.run_test(size=(40, 12)) as pilot:
        panel = app.query_one("#first", Panel)
        panel.say("No runs yet. Press N to start one.")
        await pilot.pause()
        text = "\n".join(_shown(app))
        assert "No runs yet. Press N" in text
        assert "the runs" not in text
        panel.say("")
        await pilot.pause()
        assert "the runs" in "\n".join(_shown(app))


async def test_it_says_what_is_being_done_and_the_spinner_turns_until_it_is_done() -> None:
    app = Two()
    async with app.run_test(size=(40, 12)) as pilot:
        panel = app.query_one("#first", Panel)
        panel.describe(right="3 of 14")
        panel.busy("reading 3 of 10")
        first = panel.edges[0]
        assert "⠋ reading 3 of 10" in first
        await until(pilot, lambda: panel.edges[0] != first)
        panel.busy("")
        assert "3 of 14" in panel.edges[0]
        assert panel._spinning is None


async def test_what_is_being_done_stands_in_an_empty_panel_too_and_moves_nothing() -> None:
    app = Two()
    async with app.run_test(size=(40, 12)) as pilot:
        panel, inside = app.query_one("#first", Panel), app.query_one("#inside", Static)
        await pilot.pause()
        before = inside.region
        panel.busy("reading the runs …", empty=True)
        await pilot.pause()
        assert any("│" in line and "Reading the runs …" in line for line in _shown(app))
        assert "reading the runs …" in panel.edges[0]
        assert inside.region == before
        panel.say("")  # there is nothing else to say: what is done stays
        await pilot.pause()
        assert any("Reading the runs …" in line for line in _shown(app))
        panel.busy("2 more runs to read …")
        await pilot.pause()
        lines = _shown(app)
        assert "the runs" in lines[1]
        assert not any("Reading" in line for line in lines)
        panel.say("No runs yet.")
        panel.busy("reading the runs …", empty=True)  # what was said stays in its place
        await pilot.pause()
        assert any("No runs yet." in line for line in _shown(app))
        panel.busy("")
        panel.say("")
        await pilot.pause()
        assert "the runs" in _shown(app)[1]
