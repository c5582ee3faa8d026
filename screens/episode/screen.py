"""An episode of a dataset: every camera in step, the joints over time, a cursor that is moved through both.

Opened over another screen by `Desk.look_at`. It is a lab screen: the stop keys, the alarm line and the keys of an arm
session act in it, and nothing in it takes the focus.
"""

from __future__ import annotations

from dataclasses import replace
from typing import ClassVar

from textual import events, on, work
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.content import Content
from textual.widgets import Static

from screens.episode.feed import Feed, Wanted
from screens.episode.marking import MarkedEpisode
from screens.episode.pictures import EpisodePictures, FrameBox
from screens.episode.playing import Player
from screens.episode.timeline import TimelineBar
from screens.frame import registry
from screens.frame.arm_actions import ARM_SESSION_KEYS
from screens.frame.availability import may_type
from screens.views import keys
from screens.views.episode import facts
from screens.views.measured import rows as sentence_rows
from screens.views.signs import clean, signs
from screens.views.traces import curves, legend
from screens.widgets.keyline import Key
from screens.widgets.line import Line
from screens.widgets.traces import Traces
from services.datasets.episode_view import EpisodeOpened, EpisodeProblem, EpisodeView, Picture

TALL = 30
"""Rows of a terminal with room for a second row of facts."""
LOOKS = ("frame", "second", "end", "play", "both", "enlarge", "details")
"""Actions that need an open episode."""


class EpisodeScreen(MarkedEpisode):
    """The viewer. Its process starts when it opens and ends when it closes."""

    CSS_PATH = "episode.tcss"
    FOOTER: ClassVar[tuple[str, ...]] = (
        "pause", "rest", "release", "take_over", "close_viewer", "play", "frame(1)", "episode(1)", "both", "mark",
        "second(1)", "enlarge", "note_to", "details", "finish",
    )  # fmt: skip
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("i", "close_viewer", "close", id="episode.close", tooltip="Back to the screen below; so does Esc"),
        Binding("space", "play", "play", id="episode.play", tooltip="Play at the recorded pace, and pause"),
        Binding("left", "frame(-1)", "frame back", show=False, id="episode.frame-back", tooltip="The frame before"),
        Binding("right", "frame(1)", "frame", key_display="left right", id="episode.frame",
                tooltip="The frame after"),
        Binding("less_than_sign,shift+left", "second(-1)", "second back", show=False, id="episode.second-back",
                tooltip="A second back"),
        Binding("greater_than_sign,shift+right", "second(1)", "second", key_display="< >", id="episode.second",
                tooltip="A second on"),
        Binding("home", "end(0)", "first frame", show=False, id="episode.first", tooltip="The first frame"),
        Binding("end", "end(-1)", "last frame", show=False, id="episode.last", tooltip="The last frame"),
        Binding("up", "episode(-1)", "episode before", show=False, id="episode.before",
                tooltip="The episode before, of the same dataset"),
        Binding("down", "episode(1)", "episode", key_display="up down", id="episode.after",
                tooltip="The episode after"),
        Binding("equals_sign", "both", "first and last", id="episode.both",
                tooltip="First and last frame side by side, and back"),
        Binding("w", "enlarge", "enlarge", id="session.enlarge", tooltip="One camera large, the next, all again"),
        Binding("d", "details", "pictures off", id="session.details", tooltip="Joints without pictures, and back"),
        Binding("r", "mark", "reject", id="record.reject", tooltip="Accept or reject the episode, with a reason"),
        Binding("n", "note_to", "note", id="episode.note",
                tooltip="Add a remark to the session that recorded the episode"),
        *ARM_SESSION_KEYS,
    ]  # fmt: skip

    def body(self) -> ComposeResult:
        """Facts at the top, pictures, the timeline, the joints."""
        yield Line(id="facts")
        yield Static(id="problem", markup=False)
        with Vertical(id="look"):
            yield EpisodePictures()
            yield TimelineBar(id="timeline")
            yield Line(id="legend")
            yield Traces(id="traces")

    def on_mount(self) -> None:
        self.query_one("#legend", Line).show(legend())
        looked_at = self.desk.looked_at
        assert looked_at is not None
        self._root, self._episode = looked_at
        self._opened: EpisodeOpened | None = None
        self._problem: EpisodeProblem | None = None
        self._frame = 0
        self.shown_frames: tuple[int, ...] = ()
        self._view = EpisodeView()
        self._feed = Feed(self._view, self._show_pictures, self._fail)
        self._player = Player(self)
        self._open()

    @on(events.Unmount)
    async def _close_view(self) -> None:
        await self._view.close()

    @property
    def opened(self) -> EpisodeOpened | None:
        """The episode that is shown; None before it is read, and where it cannot be."""
        return self._opened

    # --- reading --------------------------------------------------------------------------------

    def read(self) -> None:
        """Read the episode again: its mark has changed."""
        self._open()

    @work(group="episode", exclusive=True)
    async def _open(self) -> None:
        wanted = self._episode
        try:
            opened = await self._view.open(self._root, wanted)
        except EpisodeProblem as problem:
            if wanted == self._episode:
                self._fail(problem)
            return
        if wanted == self._episode:
            self._take(opened)

    def _take(self, opened: EpisodeOpened) -> None:
        before, self._opened, self._problem = self._opened, opened, None
        self._feed.forget()
        if before is None or before.episode != opened.episode:
            self._player.stop()
            self._frame = 0
        self.query_one(Traces).show(curves(opened), opened.frames)
        self.query_one(EpisodePictures).show_cameras(opened.cameras)
        self.redraw()
        self._ask_for_pictures()

    def _fail(self, problem: EpisodeProblem) -> None:
        self._problem, self._opened = problem, None
        self._player.stop()
        self.redraw()

    def _ask_for_pictures(self) -> None:
        opened, pictures = self._opened, self.query_one(EpisodePictures)
        if opened is None or not self.seen:
            return
        wanted = Wanted(pictures.frames(self._frame, opened.frames), pictures.sizes())
        if self._feed.want(wanted):
            self.desk.spawn(self._feed.run())

    def on_frame_box_sized(self, message: FrameBox.Sized) -> None:
        message.stop()
        self.call_after_refresh(self._ask_for_pictures)

    def _show_pictures(self, pictures: tuple[Picture, ...]) -> None:
        if self.is_mounted:
            self.query_one(EpisodePictures).show(pictures)
            self.shown_frames = tuple(dict.fromkeys(picture.frame for picture in pictures))
            self.call_after_refresh(self._player.drawn)

    # --- drawing --------------------------------------------------------------------------------

    def on_resize(self, event: events.Resize) -> None:
        self.call_after_refresh(self._refit)

    def _refit(self) -> None:
        if self.seen:
            self.query_one(EpisodePictures).choose()
            self.call_after_refresh(self._ask_for_pictures)

    def draw(self) -> None:
        """The facts, or why there are none; the cursor."""
        opened, problem = self._opened, self._problem
        self.set_class(opened is None, "-empty")
        self.query_one("#problem", Static).update(self._empty())
        name = clean(self._root.name, 60)
        self._draw_facts(sentence_rows(facts(opened, name), *self._facts_size) if opened else [Content(name)])
        self.set_class(opened is not None and not opened.cameras, "-blind")
        self.set_class(problem is not None, "-problem")
        self._draw_cursor()

    @property
    def _facts_size(self) -> tuple[int, int]:
        """(width, most rows) of the facts."""
        return self.size.width - 2, 2 if self.size.height >= TALL else 1

    def _draw_facts(self, rows: list[Content]) -> None:
        line = self.query_one("#facts", Line)
        if line.styles.height is None or line.styles.height.value != len(rows):
            line.styles.height = len(rows)
        line.show(Content("\n").join(rows))

    def _empty(self) -> str:
        if self._problem is None:
            return "" if self._opened else f"reading episode {self._episode}"
        text = clean(str(self._problem))
        more = f" {signs().dot} up and down: other episodes" if self._problem.episodes else ""
        if self._problem.empty:
            more = f" {signs().dot} {keys.RECORD} records the first one, which appears here"
        return f"{signs().warning} {text}\n\n{keys.CLOSE_EPISODE} closes{more}"

    def _draw_cursor(self) -> None:
        if self._opened is not None:
            self.query_one(Traces).move(self._frame)
            self.query_one(TimelineBar).show_at(self._opened, self._frame, playing=self._player.playing)

    # --- moving ---------------------------------------------------------------------------------

    @property
    def frame(self) -> int:
        """The frame under the cursor, counted from 0."""
        return self._frame

    def go_to(self, frame: int) -> None:
        """Put the cursor at this frame, or the nearest one there is."""
        if self._opened is None:
            return
        self._frame = min(max(frame, 0), self._opened.frames - 1)
        self._draw_cursor()
        self._ask_for_pictures()

    def on_traces_scrubbed(self, message: Traces.Scrubbed) -> None:
        message.stop()
        self._move(message.frame)

    def on_timeline_bar_scrubbed(self, message: TimelineBar.Scrubbed) -> None:
        message.stop()
        self._move(message.frame)

    def _move(self, frame: int) -> None:
        """The operator moves the cursor: playing ends."""
        self._player.stop()
        self.go_to(frame)

    def action_frame(self, by: int) -> None:
        self._move(self._frame + by)

    def action_second(self, by: int) -> None:
        if self._opened is not None:
            self._move(self._frame + by * max(1, round(self._opened.fps)))

    def action_end(self, at: int) -> None:
        if self._opened is not None:
            self._move(at % self._opened.frames)

    def action_play(self) -> None:
        self._player.toggle()
        self._draw_cursor()
        self._draw_keys()

    def action_episode(self, by: int) -> None:
        """Another episode of the dataset."""
        known = self._opened or self._problem
        wanted = self._episode + by
        if known is None or not 0 <= wanted < known.episodes:
            last = by > 0
            self.desk.notice(f"this is the {'last' if last else 'first'} episode of the dataset")
            return
        self._episode = wanted
        self._open()

    def action_both(self) -> None:
        """First and last frame of each camera, or the frame under the cursor."""
        self._player.stop()
        self.remove_class("-details")
        self.query_one(EpisodePictures).toggle_both()
        self.redraw()
        self.call_after_refresh(self._refit)

    def action_enlarge(self) -> None:
        self.remove_class("-details")
        self.query_one(EpisodePictures).enlarge_next()
        self.set_class(bool(self.query_one(EpisodePictures).large), "-enlarged")
        self.call_after_refresh(self._refit)

    def action_details(self) -> None:
        self.toggle_class("-details")
        self.call_after_refresh(self._refit)

    # --- keys -----------------------------------------------------------------------------------

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """What moves through an episode needs one; texts go to no field while the arm is busy."""
        if action in LOOKS:
            return self._opened is not None
        if action in ("mark", "note_to"):
            return self._opened is not None and may_type(self.desk)
        if action in ("episode", "close_viewer"):
            return True
        if action in ("rest", "release"):  # only for a running session, as in the Log
            return self.desk.live and super().check_action(action, parameters)
        return super().check_action(action, parameters)

    def footer_keys(self) -> list[Key]:
        """`r` and `space` say what they would do."""
        rejected = self._opened is not None and self._opened.mark is not None and not self._opened.mark.accepted
        now = {str(keys.REJECT): "accept"} if rejected else {}
        if self._player.playing:
            now[str(keys.PLAY)] = "freeze"
        return [replace(key, label=now.get(key.shown, key.label)) for key in super().footer_keys()]

    def close_open(self) -> None:
        """Esc closes the viewer."""
        self.action_close_viewer()

    def action_close_viewer(self) -> None:
        self.dismiss()

    def action_go(self, screen: str) -> None:
        """Another screen: the viewer is closed first, so that its process ends."""
        if screen != self.entry.mode:
            self.action_close_viewer()
            super().action_go(screen)

    def action_step(self, by: int) -> None:
        """The screen beside the one below."""
        below = self.app.current_mode
        self.action_close_viewer()
        self.app.switch_mode(registry.next_mode(below, by, self.desk))
