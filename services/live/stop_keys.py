"""Which bytes from a terminal are a stop key: pure, byte by byte, whatever the chunks.

Stops are Esc and `x`, in every encoding that terminals use, and the keys that lab.toml adds. Other real sequences
(arrow, function key, mouse, focus, report, reply, paste) are not. Bytes that could be either count as a stop: a
needless hold costs one key press, a missed stop costs more. So only sequences that terminals are known to send count
as sequences, and Alt with a key, which terminals do not distinguish from Esc followed by that key, is a stop.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import Enum, auto

from services.live.reasons import StopCause

LONE_ESC_S = 0.025
"""How long an ESC byte may wait for the rest of a sequence before it is the Esc key."""
PARTIAL_S = 0.060
"""How long, from its ESC, a sequence may stay incomplete before it counts as Esc and other keys."""
STRING_S = 0.300
"""The same for a string reply (OSC, DCS, APC), as long as its bytes keep coming."""
PASTE_GAP_S = 0.250
PASTE_S = 2.0
"""A bracketed paste counts as over after such a gap, or in total, so that a lost end marker hides no stop."""

ESC_CAUSE, X_CAUSE = StopCause.ESC, StopCause.X

_ESC = 0x1B
_BEL = 0x07
_BODY_LIMIT = 64  # maximum bytes of a control sequence; anything longer is not one
_SHIFT_OR_LOCK_OR_ALT = 0b11000011
_ALT, _CTRL = 0b10, 0b100
_MODIFIER_KEYS = range(57441, 57455)  # kitty's codes for Shift, Ctrl, Alt and their like, pressed alone

_BARE_FINALS = frozenset("ABCDEFGHIOPQSZabcd~")
_KEY_FINALS = frozenset("ABCDEFGHPQRSZabcd~^@")
_REPORT_FINALS = frozenset("MmRnt")
_MINTTY_FINALS = frozenset("pqrstuvwxy")
_SS3_FINALS = frozenset("ABCDEFGHPQRSMIjklmnopqrstuvwyabcd")
_PRIVATE = re.compile(r"<-?\d[-\d;]*[Mm]|[>=?][\d;:]*\d[\d;:]*[A-Za-z~]|\??\d+(;\d+)*\$y")
_PARAMETERS = re.compile(r"[\d:;]*\d[\d:;]*")
_STRING_STARTS = {ord("]"): b"0123456789", ord("P"): b"0123456789>!", ord("_"): b"G"}


_FUNCTION_KEY = re.compile(r"[fF](\d{1,2})")
_FUNCTION_KEYS = 24
_FUNCTION_CODES = {
    code: at for at, code in enumerate([*range(11, 16), *range(17, 22), *range(23, 27), 28, 29, *range(31, 35)], 1)
}
"""The numbers in `ESC [ number ~`, of F1 to F20."""
_FUNCTION_FINALS, _LINUX_FUNCTION_FINALS = "PQRS", "ABCDE"
_KITTY_F13 = 57376
_SHIFT, _LOCKS = 0b1, 0b11000000


@dataclass(frozen=True)
class StopKeys:
    """The stop keys besides Esc: bytes of printable characters and numbers of function keys, each with its cause."""

    signs: Mapping[int, str]
    functions: Mapping[int, str]

    @classmethod
    def adding(cls, names: Iterable[str] = ()) -> StopKeys:
        """The letter x and `names`: printable ASCII characters (letters in both cases, for Caps Lock), or F1 to F24.

        Raises ValueError, with the reason, for other keys: terminals encode those differently or ambiguously.
        """
        signs, functions = dict[int, str](dict.fromkeys(b"xX", X_CAUSE)), dict[int, str]()
        for name in names:
            function = _FUNCTION_KEY.fullmatch(name)
            if function and 1 <= int(function[1]) <= _FUNCTION_KEYS:
                functions[int(function[1])] = f"{name.upper()} key"
            elif len(name) == 1 and name.isascii() and name.isprintable() and name != " ":
                signs |= dict.fromkeys((name.lower() + name.upper()).encode(), f"{name} key")
            else:
                raise ValueError("a stop key is one letter, digit or sign, or a function key F1 to F24")
        return cls(signs, functions)


@dataclass(frozen=True)
class StopKey:
    """One press of the stop key; `cause` names the key."""

    cause: str


class _State(Enum):
    GROUND = auto()
    ESC = auto()
    CSI = auto()
    LINUX_KEY = auto()
    X10_MOUSE = auto()
    SS3 = auto()
    STRING = auto()
    STRING_ESC = auto()


class StopScanner:
    """Finds stops in a terminal's input. `now` is monotonic time in seconds, never going back."""

    def __init__(self, keys: StopKeys | None = None) -> None:
        self._keys = keys or StopKeys.adding()
        self._state = _State.GROUND
        self._body = ""
        self._opener = 0
        self._esc_at = 0.0
        self._last_at = 0.0
        self._paste_at: float | None = None

    def feed(self, data: bytes, now: float, *, text_entry: bool = False) -> list[StopKey]:
        """The stops that these bytes complete, after one that was overdue at `now`.

        With `text_entry`, printable characters are text; Esc and function keys still stop.
        """
        stops = self.expire(now)
        for byte in data:
            cause = self._take(byte, now, text_entry)
            if cause and self._paste_at is None:
                stops.append(StopKey(cause))
        self._last_at = now
        return stops

    def deadline(self) -> float | None:
        """When to call `expire`, which turns pending bytes into a stop; None if nothing is pending."""
        match self._state:
            case _State.GROUND:
                return None
            case _State.ESC:
                return self._esc_at + LONE_ESC_S
            case _State.STRING | _State.STRING_ESC if self._body:
                return min(self._last_at + PARTIAL_S, self._esc_at + STRING_S)
            case _:
                return self._esc_at + PARTIAL_S

    def expire(self, now: float) -> list[StopKey]:
        """The stop from a sequence that is still incomplete at its deadline, if any."""
        if self._paste_at is not None and (now - self._last_at > PASTE_GAP_S or now - self._paste_at > PASTE_S):
            self._paste_at = None
        due = self.deadline()
        if due is None or now < due:
            return []
        self._state = _State.GROUND
        self._paste_at = None
        return [StopKey(ESC_CAUSE)]

    def _take(self, byte: int, now: float, text_entry: bool) -> str:
        """Advance by one byte; the cause of the stop that it completes, or ''."""
        if byte == _ESC:
            return self._begin(now)
        char, cause = chr(byte), ""
        match self._state:
            case _State.GROUND:
                cause = "" if text_entry else self._keys.signs.get(byte, "")
            case _State.ESC | _State.STRING_ESC:
                cause = self._after_esc(byte, now)
            case _State.CSI:
                cause = self._control(char, text_entry)
            case _State.LINUX_KEY:
                cause = self._end(known=char in _LINUX_FUNCTION_FINALS)
                cause = cause or self._keys.functions.get(_LINUX_FUNCTION_FINALS.index(char) + 1, "")
            case _State.X10_MOUSE:
                cause = self._mouse(char)
            case _State.SS3:
                cause = self._single_shift(char)
            case _State.STRING:
                cause = self._string(byte)
        return cause

    def _begin(self, now: float) -> str:
        """An ESC byte. Unless it may end a string, a sequence that it cuts short was Esc and other keys."""
        if self._state is _State.STRING and self._body:
            self._state = _State.STRING_ESC
            return ""
        cut_short = self._state is not _State.GROUND
        self._state, self._esc_at, self._body = _State.ESC, now, ""
        return ESC_CAUSE if cut_short else ""

    def _end(self, *, known: bool) -> str:
        self._state, self._body = _State.GROUND, ""
        return "" if known else ESC_CAUSE

    def _after_esc(self, byte: int, now: float) -> str:
        if self._state is _State.STRING_ESC:
            if byte == ord("\\"):
                return self._end(known=True)
            self._state, self._esc_at = _State.ESC, now  # it did not end the string: it begins a new sequence
            self._after_esc(byte, now)
            return ESC_CAUSE
        self._body, self._opener = "", byte
        if byte == ord("["):
            self._state = _State.CSI
        elif byte == ord("O") and self._paste_at is None:
            self._state = _State.SS3
        elif byte in _STRING_STARTS and self._paste_at is None:
            self._state = _State.STRING
        else:
            return self._end(known=False)
        return ""

    def _control(self, char: str, text_entry: bool) -> str:
        """The next byte after ESC [ and `_body`."""
        if not self._body and char in "[M":
            self._state = _State.LINUX_KEY if char == "[" else _State.X10_MOUSE
            return ""
        if char == "$" and self._body.isdecimal():
            return self._end_key(self._body, "$")  # rxvt: Shift with a key
        if char in "0123456789:;<=>?-$" and len(self._body) < _BODY_LIMIT:
            self._body += char
            return ""
        body = self._body
        if body in ("200", "201") and char == "~":
            self._paste_at = self._esc_at if body == "200" else None
            return self._end(known=True)
        cause = control_sequence(body, char, text_entry=text_entry, signs=self._keys.signs)
        return self._end_key(body, char) or cause

    def _end_key(self, body: str, final: str) -> str:
        """The end of a sequence that may be a function key."""
        self._end(known=True)
        return self._keys.functions.get(function_key(body, final), "") if self._keys.functions else ""

    def _mouse(self, char: str) -> str:
        """ESC [ M and three bytes, none of them a control."""
        self._body += char
        return "" if char >= " " and len(self._body) < 3 else self._end(known=char >= " ")

    def _single_shift(self, char: str) -> str:
        """The next byte after ESC O and `_body`, where old terminals put modifiers."""
        if char in "0123456789;" and len(self._body) < 8:
            self._body += char
            return ""
        modifier = self._body.rpartition(";")[2]
        alt = modifier.isdecimal() and bool((int(modifier) - 1) & _ALT)
        if char not in _SS3_FINALS or alt:
            return self._end(known=False)
        return self._end_key(f"1;{modifier}" if modifier else "", char)

    def _string(self, byte: int) -> str:
        """The next byte of a reply: ESC ] or P or _, a known first byte, and BEL or ESC backslash at the end."""
        if not self._body:
            self._body = chr(byte)
            return "" if byte in _STRING_STARTS[self._opener] else self._end(known=False)
        if byte == _BEL:
            return self._end(known=True)
        return "" if byte >= 0x20 else self._end(known=False)


def control_sequence(body: str, final: str, *, text_entry: bool, signs: Mapping[int, str]) -> str:
    """The stop cause of `ESC [ body final`, or '' if it is another key or a report."""
    if _PRIVATE.fullmatch(body + final):
        return ""
    if not _PARAMETERS.fullmatch(body):
        return "" if not body and final in _BARE_FINALS else ESC_CAUSE
    fields = [_numbers(field) for field in body.split(";")]
    if final == "u":
        return _key(fields, {} if text_entry else signs)
    if final == "~" and fields[0] == [27] and len(fields) == 3:  # xterm's modifyOtherKeys
        return _key([fields[2], fields[1]], {} if text_entry else signs)
    position = final == "R" and fields[0] != [1]  # of the cursor; otherwise it is F3
    mintty = final in _MINTTY_FINALS and fields[0] == [1] and len(fields) == 2
    if position or not (mintty or final in _KEY_FINALS):
        return "" if final in _REPORT_FINALS else ESC_CAUSE
    return ESC_CAUSE if _pressed(fields) & _ALT else ""


def function_key(body: str, final: str) -> int:
    """The function key number of `ESC [ body final`, or 0. Shift with F1 counts as F13: both are sent alike."""
    fields = [_numbers(field) for field in body.split(";")] if _PARAMETERS.fullmatch(body) else []
    if (body and not fields) or _released(fields):
        return 0
    code = fields[0][0] if fields else 1
    shifted = final == "$" or _pressed(fields) & ~_LOCKS
    number = 0
    if final in "~$":
        number = _FUNCTION_CODES.get(code, 0)
    elif final in _FUNCTION_FINALS and code == 1:
        number = _FUNCTION_FINALS.index(final) + 1
    elif final == "u" and 0 <= code - _KITTY_F13 <= _FUNCTION_KEYS - 13:
        number = code - _KITTY_F13 + 13
    if shifted not in (0, _SHIFT) or (shifted and number > 12):
        return 0
    return number + 12 if number and shifted else number


def _key(fields: list[list[int]], signs: Mapping[int, str]) -> str:
    """The stop cause, or '', of a key in kitty's protocol: code:shifted:base ; modifiers:event ; text."""
    codes, text = fields[0], fields[2] if len(fields) > 2 else [0]
    modifiers = _pressed(fields)
    if _released(fields) or codes[0] in _MODIFIER_KEYS:
        return ""
    control = modifiers & ~_SHIFT_OR_LOCK_OR_ALT  # and Super, Hyper, Meta
    if codes[0] == 27 or (codes[0] == ord("[") and control == _CTRL):
        return ESC_CAUSE
    if modifiers & _ALT and not any(text):
        return ESC_CAUSE
    latin = codes[0] < 0x80  # otherwise the key's place on a Latin keyboard counts as well
    named = codes[:1] if latin else codes
    causes = [signs[code] for code in (*named, *text) if code in signs and not control]
    return causes[0] if causes else ""


def _numbers(field: str) -> list[int]:
    return [int(part) if part else 0 for part in field.split(":")]


def _pressed(fields: list[list[int]]) -> int:
    """The bits of a key's modifiers; 0 if it has none, or is released."""
    if len(fields) < 2 or _released(fields):
        return 0
    return max(fields[1][0] - 1, 0)


def _released(fields: list[list[int]]) -> bool:
    return len(fields) > 1 and len(fields[1]) > 1 and fields[1][1] == 3
