"""The keymap of lab.toml, checked against the keys of every screen before anything opens."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from difflib import get_close_matches

from textual.binding import Binding, BindingsMap
from textual.keys import Keys, _character_to_key, format_key

from screens.frame import registry
from screens.views.keys import shown
from screens.views.signs import clean
from services.bench.profiles import Keymap, ProfileProblem
from services.live.stop_keys import StopKeys

STOP, DIALOG_STOP = "stop", "dialog.stop"
FIXED = ("back", "dialog.close", DIALOG_STOP)
"""Esc on screens and in dialogs, and x in dialogs, which follows `stop`."""
STOPS = frozenset({"escape", "x", "X"})
SENT_AS = {"ctrl+i": "tab", "ctrl+m": "enter", "ctrl+left_square_bracket": "escape"}
"""Keys that a terminal sends as another key."""
MODIFIERS = frozenset({"ctrl", "shift"})
_KEYS = frozenset(key.value for key in Keys)


@dataclass(frozen=True)
class CheckedKeymap:
    """`keys`: Textual's key names, with commas, by action; `stops` for the input thread; `added` for display."""

    keys: dict[str, str]
    stops: StopKeys
    added: tuple[str, ...] = ()


def check(keymap: Keymap, app: Iterable[Binding] = ()) -> CheckedKeymap:
    """Translate the keymap to Textual's key names. `app` has the app's own bindings, which act on every screen.

    Raises ProfileProblem with file, action and reason: an unknown action (the nearest one is named), an unknown
    key, a key that stops the arm, a key with two meanings on one screen. Imports every screen if there is a keymap.
    """
    if not keymap.keys:
        return CheckedKeymap({}, StopKeys.adding())
    places = _places(list(app))
    actions = sorted({binding.id for bindings in places.values() for binding in bindings if binding.id})
    wanted = {action: _keys(keymap, action, actions) for action in keymap.keys}
    stops, added = StopKeys.adding(), []
    if STOP in wanted:
        added = [key for key in dict.fromkeys(wanted[STOP]) if key not in STOPS]
        try:
            stops = StopKeys.adding(map(shown, added))
        except ValueError as error:
            raise _problem(keymap, STOP, error) from None
        wanted[STOP] = wanted[DIALOG_STOP] = ["x", *dict.fromkeys(same for key in added for same in _same_stop(key))]
    for place, bindings in places.items():
        _refuse_clash(keymap, place, bindings, wanted)
    return CheckedKeymap({action: ",".join(keys) for action, keys in wanted.items()}, stops, tuple(map(shown, added)))


def _problem(keymap: Keymap, action: str, why: object) -> ProfileProblem:
    entry = f'"{action}" = "{keymap.keys[action]}"'
    return ProfileProblem(f"{keymap.source}: keymap: {clean(entry, 120)}: {clean(str(why), 200)}")


# --- actions and keys -------------------------------------------------------------------------------


def _keys(keymap: Keymap, action: str, actions: list[str]) -> list[str]:
    """The keys wanted for an action, by Textual's names."""
    if action not in actions:
        near = get_close_matches(action, actions, n=1, cutoff=0.0)
        raise _problem(keymap, action, f'there is no such action; the nearest is "{near[0]}"')
    if action in FIXED:
        raise _problem(keymap, action, 'Esc and x stay as they are; keys of "stop" are added to them')
    parts = [part.strip() for part in keymap.keys[action].split(",")]
    keys = [_key(keymap, action, part) for part in parts if part]
    if not keys:
        raise _problem(keymap, action, 'it names no key; write such as "F,ctrl+f"')
    if action != STOP and (taken := STOPS.intersection(keys)):
        raise _problem(keymap, action, f"{shown(min(taken))} stops the arm and can do nothing else")
    return keys


def _key(keymap: Keymap, action: str, text: str) -> str:
    """One key, by Textual's name."""
    *modifiers, name = text.split("+") if len(text) > 1 else [text]
    if "alt" in modifiers:
        raise _problem(keymap, action, f"{text}: a terminal sends Alt with a key as Esc and the key, which is a stop")
    name = _character_to_key(name) if len(name) == 1 else name.lower()
    if not MODIFIERS.issuperset(modifiers) or (name not in _KEYS and len(format_key(name)) != 1):
        raise _problem(keymap, action, f"no key is called {text}; write such as F, ctrl+f, f8, space or pageup")
    if modifiers == ["shift"] and len(name) == 1:
        raise _problem(keymap, action, f"{text}: a terminal sends it as {name.upper()}, so write that")
    key = "+".join([*modifiers, name])
    if key in SENT_AS:
        raise _problem(keymap, action, f"{text}: a terminal sends it as {SENT_AS[key]}, so write that")
    return key


def _same_stop(key: str) -> list[str]:
    """A stop key and the keys that count as it: the other case of a letter, and Shift+F1 for F13, sent alike."""
    if len(key) == 1:
        return [key, key.swapcase()]
    number = int(key[1:]) if key[0] == "f" and key[1:].isdecimal() else 0
    return [key, f"shift+f{number - 12}"] if number > 12 else [key]


# --- clashes ----------------------------------------------------------------------------------------


def _places(app: list[Binding]) -> dict[str, list[Binding]]:
    """The bindings that act together: of each screen and each kind of dialog, by a phrase for the place."""
    from screens.frame import dialogs, help_page, palette
    from screens.frame.bindings import frame_keys

    frame = [binding for _, binding in BindingsMap(frame_keys())]
    found = {f"on {entry.title}": [*_bound(entry.load()), *frame, *app] for entry in registry.every_screen()}
    found |= {"in a dialog": _bound(dialogs.Dialog), "on the help page": _bound(help_page.HelpPage)}
    found["in the palette"] = _bound(palette.Palette)
    found["in a question"] = [*_bound(dialogs.Question), *(Binding(key, "an answer") for key in dialogs.ANSWERS)]
    return found


def _bound(kind: type) -> list[Binding]:
    """The bindings of a class and its bases."""
    return [binding for base in kind.__mro__ for _, binding in BindingsMap(vars(base).get("BINDINGS", ()))]


def _refuse_clash(keymap: Keymap, place: str, bindings: list[Binding], wanted: dict[str, list[str]]) -> None:
    users: dict[str, dict[str, None]] = defaultdict(dict)
    for binding in bindings:
        name = STOP if binding.id == DIALOG_STOP else binding.id or binding.action
        for key in wanted.get(name, [binding.key]):
            users[key][name] = None
    for key, names in users.items():
        given = [name for name in names if name in keymap.keys]
        others = [name for name in names if name != given[0]] if given else []
        if others:
            raise _problem(
                keymap, given[0], f'{shown(key)} is "{others[0]}" {place}: choose another key for one of them'
            )
