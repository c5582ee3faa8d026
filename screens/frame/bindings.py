"""The keys of every screen, and what footer, key list and palette read from the bindings."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from textual import events
from textual.actions import parse
from textual.binding import Binding, BindingsMap, BindingType
from textual.screen import Screen
from textual.widgets import Input

from screens.frame import availability, registry
from screens.frame.link_state import LinkState
from screens.views.keys import keymap, shown, stop_keys
from screens.widgets.keyline import Key

if TYPE_CHECKING:
    from screens.desk.desk import Desk
    from screens.frame.registry import ScreenEntry


SPARE = frozenset({"palette", "app.leave", "details", "look_at_last"})
"""The first to go from a narrow footer: `?` names them."""


def frame_keys() -> list[BindingType]:
    """The keys that act on every screen, starting with one per screen."""
    return [
        *(
            Binding(entry.keys, entry.action, entry.title, id=f"go.{entry.mode}", tooltip=entry.help)
            for entry in registry.SCREENS
        ),
        Binding("left_square_bracket", "step(-1)", "previous screen", show=False, id="go.previous",
                tooltip="Previous screen"),
        Binding("right_square_bracket", "step(1)", "next screen", show=False, id="go.next",
                tooltip="Next screen"),
        Binding("exclamation_mark", "next_alarm", "next alarm", id="alarm.next",
                tooltip="Show the next of several alarms, in the line and large"),
        Binding("question_mark,f1", "keys", "help", id="keys",
                tooltip="Every key of this screen, and the fields of its form; F1 while a field has the keys"),
        Binding("colon", "palette", "palette", id="palette", tooltip="Every action, by name"),
        Binding("q", "app.leave", "leave", id="leave", tooltip="Leave the console; asks when a session runs"),
        Binding("x", "stop", "STOP", id="stop", tooltip="Hold the arm where it is, at once"),
        Binding("escape", "back", "back", show=False, id="back", tooltip="Stop while the arm can move, else go back"),
    ]  # fmt: skip


def _merged(frame: BindingsMap, own: BindingsMap) -> BindingsMap:
    """The frame's bindings before a screen's own, in declared order, with the keys of lab.toml applied.

    Textual's App.set_keymap would come too late: by then, a binding on a letter that a text field consumes is lost.
    """
    whole = BindingsMap.from_keys({**own.key_to_bindings, **frame.key_to_bindings})
    place = {binding.id: at for at, (_, binding) in enumerate([*frame, *own])}
    whole.apply_keymap(keymap())
    return BindingsMap.from_keys(dict(sorted(whole.key_to_bindings.items(), key=lambda item: place[item[1][0].id])))


WORDS_S = 0.8
"""What is typed so soon after a note was refused, or after a word of it, is a part of that note."""


@dataclass(frozen=True)
class Action:
    """What a key does, for help and palette. `id`: its binding's; `keys`: all of its keys, for display."""

    id: str
    keys: str
    label: str
    tooltip: str
    action: str
    acts: bool


class BoundScreen(Screen[None]):
    """A screen whose keys follow the rules of availability. `FOOTER`: the order of the actions in the footer."""

    FOOTER: ClassVar[tuple[str, ...]] = ()

    def __init__(self, desk: Desk, entry: ScreenEntry) -> None:
        super().__init__(id=entry.mode)
        self.desk, self.entry = desk, entry
        self.link_state = LinkState()
        self._words_until = 0.0
        self._bindings = _merged(BindingsMap(frame_keys()), self._bindings)

    @property
    def keys_wait(self) -> bool:
        """Whether a widget that takes keys is about to be mounted: typed keys wait for it."""
        return False

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Whether a key is shown and obeyed now."""
        if action == "go":
            return any(entry.mode in parameters and entry.opens(self.desk) for entry in registry.SCREENS)
        return availability.may(action, self.desk)

    def on_key(self, event: events.Key) -> None:
        """For a key that is likely to be pressed but does nothing now, show why.

        Only `stop` is obeyed: a session may have the arm that this console does not know of yet.
        """
        for binding in self._bindings.key_to_bindings.get(event.key, ()):
            _, name, parameters = parse(binding.action)
            if self.check_action(name, parameters):
                continue
            if name == "stop" and not self.desk.live:
                self.desk.stop()
            else:
                self.explain(binding.action)

    def is_word(self, event: events.Key) -> bool:
        """Whether this key belongs to a note that was refused: what is typed for it must judge and start nothing."""
        if not (event.is_printable and event.time < self._words_until):
            return False
        bound = self._bindings.key_to_bindings.get(event.key, ())
        if any(binding.action == "stop" for binding in bound):
            return False
        self._words_until = event.time + WORDS_S
        return True

    def explain(self, action: str) -> None:
        """Show why the key of `action` does nothing now, if that is worth a sentence."""
        if action == "note":
            self._words_until = time.monotonic() + WORDS_S
        if why := availability.why_not(action, self.desk):
            self.desk.refuse(why)

    def footer_keys(self) -> list[Key]:
        """The footer's places in their order; one whose key does not act now is blank."""
        active: dict[str | None, Binding] = {}
        for each in self.active_bindings.values():
            if each.enabled:
                active.setdefault(each.binding.id, each.binding)
        found: dict[str, Key] = {}
        for _, binding in self._bindings:
            name = binding.action
            if not binding.show or name in found or name == "stop" or (binding.id or "").startswith("go."):
                continue
            acts = binding.id in active
            if acts or availability.keeps_place(name, self.desk):
                found[name] = self._footer_key(active.get(binding.id, binding), acts=acts)
        for name, place in availability.SHARES.items():
            if place in found and (other := found.pop(name, None)) and other.acts:
                found[place] = other
        first = [name for name in self.FOOTER if name in found]
        rest = [name for name in found if name not in first]
        return [*(found[name] for name in [*first, *rest]), self._stop_key(active)]

    def _footer_key(self, binding: Binding, *, acts: bool) -> Key:
        name = binding.action
        text = availability.label(name, binding.description, self.desk)
        place = availability.PLACES.get(parse(name)[1], availability.Place())
        short = availability.short_label(name, text)
        return Key(
            binding.key, binding.key_display or shown(binding.key), text, lists=name == "keys", spare=name in SPARE,
            acts=acts, room=place.room, short=short, short_room=place.short_room,
        )  # fmt: skip

    def _stop_key(self, active: Mapping[str | None, Binding]) -> Key:
        """At the right end, in sight while anything can move; where text is typed, x is a letter."""
        letters = "stop" in active or not isinstance(self.focused, Input)
        acts = self.desk.can_move or "stop" in active
        return Key("x" if letters else "escape", stop_keys() if letters else "Esc", "STOP", stop=True, acts=acts)

    def all_actions(self) -> list[Action]:
        """Every binding of this screen."""
        found: dict[str, Action] = {}
        for _, binding in self._bindings:
            name, action = binding.id or binding.action, binding.action
            if not binding.tooltip or name in found:
                continue
            acts = bool(self.app._check_action_state(action, self))
            text = availability.label(action, binding.description, self.desk)
            found[name] = Action(name, self._keys_of(binding), text, binding.tooltip, action, acts)
        place = {name: at for at, name in enumerate(self.FOOTER)}
        return sorted(found.values(), key=lambda each: place.get(each.action, len(place)))

    def _keys_of(self, binding: Binding) -> str:
        """Every key of this binding's action."""
        if binding.id == "stop":
            return stop_keys()
        same = [key for key, other in self._bindings if other.id == binding.id and other.action == binding.action]
        return binding.key_display or " ".join(map(shown, same))

    def action_go(self, screen: str) -> None:
        self.app.switch_mode(screen)

    def action_step(self, by: int) -> None:
        self.app.switch_mode(registry.next_mode(self.entry.mode, by, self.desk))

    def action_keys(self) -> None:
        from screens.frame.help_page import HelpPage

        self.app.push_screen(HelpPage(self.desk, self))

    def action_palette(self) -> None:
        from screens.frame.palette import Palette

        self.app.push_screen(Palette(self.desk, self))

    def action_back(self) -> None:
        """Stop while the arm can move; otherwise close what is open."""
        if self.desk.can_move:
            self.desk.stop()
        else:
            self.close_open()

    def close_open(self) -> None:
        """Close what Esc closes on this screen."""
