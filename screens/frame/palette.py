"""The command palette: every action of the current screen that is available now, by name."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from textual.command import DiscoveryHit, Hit, Hits, Provider

from screens.frame.lab_screen import LabScreen


class Actions(Provider):
    """Feeds Textual's command palette from the screen's bindings and the console's own switches."""

    def _entries(self) -> list[tuple[str, str, Callable[[], object]]]:
        screen = self.screen
        if not isinstance(screen, LabScreen):
            return []
        entries: list[tuple[str, str, Callable[[], object]]] = []
        for key, label, tooltip, now, action in screen.all_actions():
            if now and action not in ("palette", "back", screen.entry.action):
                entries.append((f"{label}  ({key})", tooltip, partial(screen.run_action, action)))
        bells = screen.desk.bells
        switch = "bells off" if bells.on else "bells on"
        entries.append((switch, "Whether start, end, saved, refused and alarm ring", partial(_toggle, screen)))
        return entries

    async def discover(self) -> Hits:
        """All entries, before anything is typed."""
        for name, tooltip, call in self._entries():
            yield DiscoveryHit(name, call, help=tooltip)

    async def search(self, query: str) -> Hits:
        """The entries that match `query`."""
        matcher = self.matcher(query)
        for name, tooltip, call in self._entries():
            score = matcher.match(f"{name} {tooltip}")
            if score > 0:
                yield Hit(score, matcher.highlight(name), call, help=tooltip)


def _toggle(screen: LabScreen) -> None:
    bells = screen.desk.bells
    bells.on = not bells.on
    screen.desk.notice(f"bells are {'on' if bells.on else 'off'}")
