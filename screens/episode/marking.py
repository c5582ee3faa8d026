"""Accepts or rejects the episode that is looked at, and adds notes to the session that recorded it."""

from __future__ import annotations

from pathlib import Path

from screens.frame.dialogs import TextEntry
from screens.frame.log_writing import LogWriter
from services.datasets.episode_view import EpisodeOpened


class MarkedEpisode(LogWriter):
    """A screen with an episode whose mark can be changed."""

    @property
    def opened(self) -> EpisodeOpened | None:
        """The episode."""
        return None

    def action_mark(self) -> None:
        """Accept a rejected episode, or reject an accepted one; asks for the reason."""
        opened = self.opened
        if opened is not None and opened.mark is not None and (session := self._session(opened)):
            self.ask_for_mark(session, Path(opened.root).name, opened.episode, opened.mark)

    def action_note_to(self) -> None:
        """Add a note to the session that recorded the episode; it names the episode."""
        opened = self.opened
        if opened is not None and (session := self._session(opened)):
            entry = TextEntry(self.desk, f"Note on episode {opened.episode}, in the log of its session")
            self.app.push_screen(entry, lambda text: self._note_to(session, opened.episode, text))

    def _note_to(self, session: str, episode: int, text: str | None) -> None:
        if text:
            self.add_note(session, f"episode {episode}: {text}", text)

    def _session(self, opened: EpisodeOpened) -> str:
        """The session that recorded the episode, which keeps its marks and notes. Empty, and said, if none did."""
        session = opened.mark.session if opened.mark is not None else ""
        if not session:
            self.desk.refuse(f"no session of this log recorded episode {opened.episode}: none keeps its mark or note")
        return session
