"""How keys are written on the screens, and which keys lab.toml assigns to actions."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from textual.keys import format_key

from sessions.models import SessionKind

_FUNCTION_KEY = re.compile(r"f\d+")
_keymap: dict[str, str] = {}
_added_stops: list[str] = []


def use_keymap(keymap: Mapping[str, str], added_stops: Iterable[str] = ()) -> None:
    """Use these keys (Textual's names, with commas) by action id, and these extra stop keys, as displayed."""
    _keymap.clear()
    _keymap.update(keymap)
    _added_stops[:] = added_stops


def keymap() -> dict[str, str]:
    """The keys by action id, for actions whose keys lab.toml changes."""
    return dict(_keymap)


def shown(key: str) -> str:
    """A key for display, from Textual's name: `F2` for f2, `[` for left_square_bracket, `ctrl+f`."""
    *modifiers, name = key.split("+")
    sign = format_key(name)  # an arrow for left, whose name reads better and is ASCII
    if name == "escape":
        name = "Esc"
    elif _FUNCTION_KEY.fullmatch(name):
        name = name.upper()
    elif len(sign) == 1 and sign.isascii():
        name = sign
    return "+".join([*modifiers, name])


def key_of(action: str, own: str) -> str:
    """The first key of an action for display; `own` is its key without a keymap."""
    return shown(_keymap.get(action, own).partition(",")[0])


def stop_keys() -> str:
    """All stop keys for display: `Esc x`, and those added by lab.toml."""
    return " ".join(["Esc", "x", *_added_stops])


@dataclass(frozen=True)
class NamedKey:
    """A key for use in sentences: str() is the current key of its action."""

    action: str
    own: str

    def __str__(self) -> str:
        return key_of(self.action, self.own)


def verdicts() -> str:
    """`s, f or v`."""
    return f"{SUCCESS}, {FAILURE} or {VOID}"


PAUSE = NamedKey("session.pause", "p")
REST = NamedKey("session.rest", "g")
RELEASE = NamedKey("session.release", "R")
FINISH = NamedKey("session.finish", "F")
TAKE_OVER = NamedKey("session.take-over", "T")
GHOST_FROM = NamedKey("session.choose-ghost", "L")
TAKE = NamedKey("record.take", "space")
REJECT = NamedKey("record.reject", "r")
MARK = NamedKey("record.mark", "M")
NEXT_ALARM = NamedKey("alarm.next", "exclamation_mark")
TRIAL = NamedKey("evaluate.trial", "space")
PREFLIGHT = NamedKey("evaluate.preflight", "k")
UNDO = NamedKey("evaluate.undo", "u")
NEW_RECORDING = NamedKey("record.new", "N")
NEW_EVALUATION = NamedKey("evaluate.new", "N")
NEW_TRAINING = NamedKey("train.new", "N")
BENCH = NamedKey("go.bench", "f2")
RECORD = NamedKey("go.record", "f3")
TRAIN = NamedKey("go.train", "f4")
EVALUATE = NamedKey("go.evaluate", "f5")
LOG = NamedKey("go.log", "f7")
ATTACH = NamedKey("bench.attach", "a")
TELEOPERATE = NamedKey("bench.teleoperate", "m")
HOLD = NamedKey("bench.hold", "H")
SUCCESS = NamedKey("evaluate.success", "s")
FAILURE = NamedKey("evaluate.failure", "f")
VOID = NamedKey("evaluate.void", "v")
UNBLIND = NamedKey("evaluate.unblind", "W")
NEW_MODE = NamedKey("evaluate.mode-new", "o")
ASSIST = NamedKey("evaluate.assist", "h")
STAGE = NamedKey("evaluate.stage", "full_stop")
ENLARGE = NamedKey("session.enlarge", "w")
STOP_TRAINING = NamedKey("train.stop", "S")
RESUME = NamedKey("train.resume", "C")
NOTE = NamedKey("session.note", "n")
LEAVE = NamedKey("leave", "q")
FILTER = NamedKey("log.filter", "slash")
MARK_BESIDE = NamedKey("log.beside", "space")
COMPARE_SESSIONS = NamedKey("log.compare", "c")
CHOOSE_BENCH = NamedKey("bench.choose", "b")
OPEN = NamedKey("bench.open", "enter")
CLOSE_EPISODE = NamedKey("episode.close", "i")
PLAY = NamedKey("episode.play", "space")
MEASURE = NamedKey("train.measure", "ctrl+n")
LOOK = NamedKey("session.look", "i")
LOG_AXIS = NamedKey("train.log-axis", "l")
AXIS = NamedKey("train.axis", "A")
OVERLAY = NamedKey("train.overlay", "space")
COMPARE = NamedKey("train.compare", "c")
EDIT_CONFIG = NamedKey("train.config", "ctrl+t")


def starts_again(kind: SessionKind | None, here: str = "") -> str:
    """What begins the next session after one of this kind, from the screen of mode `here`, with the way to its key.

    After a bench session the arm comes first.
    """
    mode, screen, key, does = {
        SessionKind.EVAL: ("evaluate", EVALUATE, NEW_EVALUATION, "starts again"),
        SessionKind.BENCH: ("bench", BENCH, HOLD, "holds the arm"),
    }.get(kind or SessionKind.RECORD, ("record", RECORD, NEW_RECORDING, "starts again"))
    return f"{key} {does}" if here == mode else f"{screen}, then {key} {does}"
