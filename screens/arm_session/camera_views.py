"""The cameras of an arm session: which are shown, how large, and which previews are requested."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any, ClassVar

from textual.binding import Binding, BindingType

from screens.frame.lab_screen import LabScreen
from screens.widgets.pictures import Pictures
from sessions.models import SessionKind

VIEW_KEYS: list[BindingType] = [
    Binding("w", "enlarge", "enlarge", id="session.enlarge", tooltip="One camera large, the next, all again"),
    Binding(
        "i",
        "look_at_last",
        "look at it",
        id="session.look",
        tooltip="The last saved episode: pictures, joints, first and last frame",
    ),
    Binding(
        "d",
        "details",
        "pictures",
        id="session.details",
        tooltip="Pictures off, which a slow link thanks for, or on; the numbers take their room",
    ),
]


class CameraViewsScreen(LabScreen):
    """A screen with `Pictures`: Record and Evaluate for sessions of their kind, Bench for every session with an arm."""

    KIND: ClassVar[SessionKind]

    def preferred_cameras(self) -> Collection[str]:
        """The cameras to show while none is enlarged; empty for all."""
        return ()

    @property
    def shows_session(self) -> bool:
        """Whether the current session is of this screen's kind."""
        return self.desk.kind is self.KIND

    @property
    def shows_form(self) -> bool:
        """Whether the form hides everything else."""
        return False

    @property
    def cameras(self) -> Mapping[str, Mapping[str, Any]]:
        """The cameras of the session's bench; none once it is over."""
        return self.desk.cameras if self.shows_session and self.desk.live else {}

    @property
    def shows_one_camera(self) -> bool:
        """Whether there is room for a single picture."""
        return self.has_class("-compact")

    def draw_pictures(self) -> None:
        """Show one box per camera."""
        pictures = self.query_one(Pictures)
        pictures.show_cameras(self.cameras, one=self.shows_one_camera, first=self.preferred_cameras())
        pictures.use_link(self.link_state.takes_per_s)
        self.set_class(bool(pictures.large), "-enlarged")
        self.set_class(self.shows_session and self.desk.live and not self.cameras, "-blind")

    def request_previews(self) -> None:
        """Tell the worker which sizes this screen shows; none once no screen with pictures is seen."""
        if self.seen:
            self.query_one(Pictures).use_link(self.link_state.takes_per_s)
            self.desk.request_previews({} if self.shows_form else self.query_one(Pictures).sizes())
        elif not any(isinstance(screen, CameraViewsScreen) for screen in self.app.screen_stack):
            self.desk.request_previews({})

    def on_screen_suspend(self) -> None:
        """Request no pictures for a hidden screen (a dialog over it hides nothing)."""
        self.call_after_refresh(self.request_previews)

    def action_enlarge(self) -> None:
        """Enlarge the next camera; after the last, show all."""
        self.remove_class("-details")
        self.query_one(Pictures).enlarge_next()
        self.draw_pictures()

    def action_look_at_last(self) -> None:
        """Open the viewer on the last saved episode of the session."""
        started, episodes = self.desk.snapshot.started, self.desk.snapshot.episodes
        if started is not None and episodes:
            self.desk.look_at(Path(started.dataset_root), episodes[-1].index)

    def action_details(self) -> None:
        """Pictures off and on; numbers get the room."""
        self.toggle_class("-details")
