"""The row with the cursor's time, its place in the episode and its frame; a click goes there."""

from __future__ import annotations

from dataclasses import dataclass

from textual import events
from textual.message import Message

from screens.views.episode import Timeline, timeline
from screens.widgets.line import Line
from services.datasets.episode_view import EpisodeOpened


class TimelineBar(Line):
    """Shows one frame's place."""

    @dataclass
    class Scrubbed(Message):
        """A click chose this frame."""

        frame: int

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self._timeline: Timeline | None = None
        self._place: tuple[EpisodeOpened, int, bool] | None = None
        self._frames = 0

    def show_at(self, opened: EpisodeOpened, frame: int, *, playing: bool) -> None:
        """Show the place of this frame."""
        self._place = (opened, frame, playing)
        self._frames = opened.frames
        if self.size.width:  # else it is drawn once it has its size
            self._timeline = timeline(
                frame, opened.frames, opened.time_of(frame), opened.seconds, playing=playing, width=self.size.width,
                moments=opened.mark.moments if opened.mark else (),
            )  # fmt: skip
            self.show(self._timeline.content)

    def on_resize(self) -> None:
        if self._place is not None:
            opened, frame, playing = self._place
            self.show_at(opened, frame, playing=playing)

    def on_click(self, event: events.Click) -> None:
        """Go to the frame under the pointer."""
        frame = self._timeline.frame_at(event.x, self._frames) if self._timeline else None
        if frame is not None:
            self.post_message(self.Scrubbed(frame))
