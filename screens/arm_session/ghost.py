"""The keys of the ghost: an earlier episode's first pictures over the live ones while the scene is set."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import ClassVar

from textual import work
from textual.binding import Binding, BindingType

from screens.arm_session.camera_views import CameraViewsScreen
from screens.views import keys
from screens.views.ghost import over
from screens.widgets.ghost import Ghost
from screens.widgets.pictures import Pictures
from services.datasets.episode_view import EpisodeProblem
from services.ghost.reference import Episode, episode_named, read
from services.refusal import Refusal
from services.tone import Tone

GHOST_KEYS: list[BindingType] = [
    Binding(
        "G",
        "ghost",
        "ghost",
        show=False,
        id="session.ghost",
        tooltip="An earlier first picture over the live one, half-transparent, or off",
    ),
    Binding(
        "L", "choose_ghost", "choose ghost", show=False, id="session.choose-ghost", tooltip="Which episode the ghost is"
    ),
]
Proposal = tuple[str, Episode]
"""Why an episode may be the ghost, in words, and which it is."""


class GhostScreen(CameraViewsScreen):
    """Record and Evaluate: between two takes or trials the ghost may lie over the pictures."""

    BINDINGS: ClassVar[list[BindingType]] = GHOST_KEYS
    _ghost: Ghost | None = None
    _ghost_episode: Episode | None = None
    """Whose pictures the ghost is."""
    _ghost_chosen = False
    """Whether the operator chose it; else the next trial does."""
    _ghost_enlarged = ""
    """The camera that is large because of the ghost."""
    _ghost_waited = False

    # --- for subclasses -------------------------------------------------------------------------

    def ghosts(self) -> Iterator[Proposal]:
        """The episodes that the next take or trial may be set up like, the best first; from what is in memory."""
        snapshot = self.desk.snapshot
        if snapshot.started is not None and snapshot.episodes:
            last = snapshot.episodes[-1]
            yield (
                f"as take {last.take} began",
                Episode(Path(snapshot.started.dataset_root), last.index, f"take {last.take}"),
            )

    def ghosts_of_log(self) -> Iterator[Proposal]:
        """Those that the log and the disk know; called in a thread. Raises Refusal, LogbookProblem or OSError."""
        yield from ()

    @property
    def camera_names(self) -> Mapping[str, str]:
        """The name that a camera of this bench has in datasets, where it is another one."""
        return {}

    # --- keys -----------------------------------------------------------------------------------

    def action_ghost(self) -> None:
        """The ghost off; or on, as last chosen or as the next trial wants it."""
        if self._ghost is not None:
            self._put_ghost(None)
        elif self._ghost_chosen and self._ghost_episode is not None:
            self._load_ghost(self._ghost_episode)
        else:
            self._propose_ghost()

    def action_choose_ghost(self) -> None:
        self._propose_ghost(ask=True)

    @work(exclusive=True, group="ghost")
    async def _propose_ghost(self, ask: bool = False) -> None:
        """The best of the proposals; asks if there is none, or if told to."""
        from services.log.problem import LogbookProblem

        found = list(self.ghosts())
        if ask or not found:
            try:
                found += await asyncio.to_thread(lambda: list(self.ghosts_of_log()))
            except (Refusal, LogbookProblem, OSError) as problem:
                self.desk.notice(problem)
        unique = list({(episode.root, episode.number): (why, episode) for why, episode in reversed(found)}.values())
        found = unique[::-1]
        if ask or not found:
            self._ask_for_ghost(found)
        else:
            self._ghost_chosen = False
            await self._show_ghost(found[0][1])

    def _ask_for_ghost(self, found: Sequence[Proposal]) -> None:
        from screens.frame.dialogs import Choice, Question

        proposed = [Choice(str(n), f"{why}: {episode.name}", str(n)) for n, (why, episode) in enumerate(found[:8], 1)]
        other = Choice("enter" if not proposed else "enter,9", "another: type DATASET#EPISODE", "type")
        sentences = [
            "Its first picture is laid half-transparent over the live one.",
            "A number says how far they differ: 0 is the same.",
        ]
        self.app.push_screen(
            Question(self.desk, "Which episode is the ghost?", sentences, [*proposed, other]),
            lambda answer: self._ghost_answered(answer, found),
        )

    def _ghost_answered(self, answer: str | None, found: Sequence[Proposal]) -> None:
        from screens.frame.dialogs import TextEntry

        if answer == "type":
            entry = TextEntry(self.desk, "The ghost: DATASET#EPISODE, or FOLDER#EPISODE", goes_to="ghost")
            self.app.push_screen(entry, self._ghost_typed)
        elif answer:
            self._ghost_chosen = True
            self._load_ghost(found[int(answer) - 1][1])

    def _ghost_typed(self, text: str | None) -> None:
        if not text:
            return
        try:
            episode = episode_named(self.desk.folder, text)
        except Refusal as refusal:
            self.desk.refuse(refusal, f"{keys.GHOST_FROM} chooses another")
            return
        self._ghost_chosen = True
        self._load_ghost(episode)

    # --- reading --------------------------------------------------------------------------------

    @work(exclusive=True, group="ghost")
    async def _load_ghost(self, episode: Episode) -> None:
        await self._show_ghost(episode)

    async def _show_ghost(self, episode: Episode) -> None:
        """Read its pictures, and lay them over."""
        self._ghost_episode = episode
        if not await asyncio.to_thread(episode.root.is_dir):
            self._refuse_ghost(f"no ghost of {episode.name}: there is no dataset at {episode.root}")
            return
        try:
            reference = await read(episode)
        except EpisodeProblem as problem:
            self._refuse_ghost(f"no ghost of {episode.name}: {problem}")
            return
        if not self.cameras or self.desk.works:  # the session ended meanwhile, or a trial began
            return
        fits, why = over(reference, self.cameras, self.camera_names)
        if not fits:
            self._refuse_ghost(why)
            return
        if why:
            self.desk.notice(why, Tone.WARNING)
        self._put_ghost(Ghost(reference, fits))

    def _refuse_ghost(self, why: str) -> None:
        self._put_ghost(None)
        self.desk.refuse(why, f"{keys.GHOST_FROM} chooses another")

    # --- drawing --------------------------------------------------------------------------------

    def _put_ghost(self, ghost: Ghost | None) -> None:
        """Lay this one over the pictures, with one that it lies over large; or none."""
        self._change_ghost(ghost)
        self.remove_class("-details")
        self.redraw()

    def _change_ghost(self, ghost: Ghost | None) -> None:
        self._ghost, pictures = ghost, self.query_one(Pictures)
        if ghost is None:
            if self._ghost_enlarged and pictures.large == self._ghost_enlarged:
                pictures.large = ""
            self._ghost_enlarged = ""
        elif pictures.large not in ghost.shows:
            self._ghost_enlarged = pictures.large = ghost.shows[0]

    def draw_ghost(self) -> None:
        """The ghost is out of sight while the arm works; the scene of the next trial may be another episode's."""
        pictures = self.query_one(Pictures)
        if self._ghost is not None and not self.cameras:
            self._change_ghost(None)
        if self._ghost is not None and not self.desk.works:
            if self._ghost_waited:
                self._ghost.begin_anew()
            self._follow_ghost()
        self._ghost_waited = self.desk.works
        pictures.ghost = None if self.desk.works else self._ghost

    def _follow_ghost(self) -> None:
        """Take the ghost that the next trial wants, unless the operator chose one."""
        wanted = None if self._ghost_chosen else next(self.ghosts(), None)
        if wanted is not None and wanted[1] != self._ghost_episode:
            self._load_ghost(wanted[1])
