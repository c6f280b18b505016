"""The way from *Runs* to the studies; their screens are read when somebody first goes there."""

from typing import Any

from textual.app import App

from engine.home import Home
from engine.runs.groups import Group
from engine.runs.listing import RunSummary
from engine.studies.study_name import NAME
from tui.services import Services


def open_studies(app: App[Any], services: Services, group: Group | None, run: RunSummary | None) -> None:
    """Over *Runs*, the list of studies; over that the study whose trials, or whose trial, the cursor is on."""
    from tui.runs.studies import StudiesScreen
    from tui.runs.study import StudyScreen

    app.push_screen(StudiesScreen(services))
    name = group.study if group is not None else run.study if run is not None else ""
    if name and NAME.fullmatch(name) and Home(services.home).study(name).study_json.exists():
        app.push_screen(StudyScreen(services, Home(services.home).study(name)))
