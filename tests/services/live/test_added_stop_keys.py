"""Stop keys that lab.toml adds: signs and function keys stop in every form that terminals send, nothing else does."""

from __future__ import annotations

import string

import pytest
from textual._ansi_sequences import ANSI_SEQUENCES_KEYS
from textual._keyboard_protocol import FUNCTIONAL_KEYS

from services.live.stop_keys import ESC_CAUSE, X_CAUSE, StopKeys, StopScanner

LOCKS = ("", ";1", ";65", ";129", ";193", ";1:1", ";1:2")
"""How kitty's protocol says: nothing else is pressed, Caps Lock and Num Lock aside; pressed, or repeated."""


def stops(data: bytes, *added: str, text_entry: bool = False) -> list[str]:
    """The causes, byte by byte as in one piece."""
    found = []
    for chunks in ([data], [bytes([byte]) for byte in data]):
        scanner, now = StopScanner(StopKeys.adding(added)), 5.0
        causes = []
        for chunk in chunks:
            causes += scanner.feed(chunk, now, text_entry=text_entry)
            now += 0.001
        found.append([stop.cause for stop in causes + scanner.expire(now + 1.0)])
    assert found[0] == found[1]
    return found[0]


def sequences(key: str) -> list[str]:
    """Every sequence that Textual reads as this key."""
    table = {s: [k.value for k in keys] for s, keys in ANSI_SEQUENCES_KEYS.items() if isinstance(keys, tuple)}
    plain = [sequence for sequence, keys in table.items() if keys == [key]]
    kitty = [form for form, name in FUNCTIONAL_KEYS.items() if name == key]
    plain += [f"\x1b[{form[:-1]}{locks}{form[-1]}" for form in kitty for locks in LOCKS]
    return [s for s in plain if s != "\x1b[1R"]  # where the cursor is, as nobody sends the key


@pytest.mark.parametrize("number", range(1, 25))
def test_a_function_key_stops_in_every_form_and_no_other_key_does(number: int) -> None:
    key = f"f{number}"
    mine = set(sequences(key))
    assert mine
    for sequence in mine:
        assert stops(sequence.encode(), key) == [f"F{number} key"], sequence
        assert stops(sequence.encode(), key, text_entry=True) == [f"F{number} key"], sequence
    others = {s for n in range(1, 25) if n != number for s in sequences(f"f{n}")} - mine
    for sequence in others:
        assert stops(sequence.encode(), key) == [], sequence


@pytest.mark.parametrize(
    "data",
    [b"\x1b[24;5~", b"\x1b[24;2~", b"\x1b[24;1:3~", b"\x1b[24^", b"\x1b[24;80R", b"\x1b[<24;1;1M", b"\x1b[24;1t",
     b"\x1b[200~\x1b[24~\x1b[201~", b"24~"],
)  # fmt: skip
def test_what_only_looks_like_it_is_no_stop(data: bytes) -> None:
    assert stops(data, "f12") == []


def test_alt_with_it_stops_as_esc_does() -> None:
    assert stops(b"\x1b[24;3~", "f12") == [ESC_CAUSE]


SIGNS = sorted(set(string.printable) - set(string.whitespace) - set("xX"))


@pytest.mark.parametrize("sign", SIGNS)
def test_a_sign_stops_unless_text_is_typed(sign: str) -> None:
    cause = f"{sign} key"
    assert stops(sign.encode(), sign) == [cause]
    assert stops(sign.encode(), sign, text_entry=True) == []
    assert stops(f"\x1b[{ord(sign)}u".encode(), sign) == [cause]
    with_ctrl = [ESC_CAUSE] if sign == "[" else []  # ctrl+[ sends the ESC byte elsewhere
    assert stops(f"\x1b[{ord(sign)};5u".encode(), sign) == with_ctrl
    if sign.isalpha():
        assert stops(sign.swapcase().encode(), sign) == [cause]
    assert stops(b"x", sign) == [X_CAUSE] and stops(b"\x1b", sign) == [ESC_CAUSE]


@pytest.mark.parametrize("sign", SIGNS)
def test_within_a_sequence_or_a_paste_a_sign_is_none(sign: str) -> None:
    for data in (b"\x1b[A", b"\x1bOP", b"\x1b[<0;12;5M", b"\x1b[24;80R", b"\x1b[M !!", b"\x1b]11;rgb:0/0/0\x07"):
        assert stops(data, sign) == [], data
    assert stops(b"\x1b[200~" + sign.encode() + b"\x1b[201~", sign) == []


@pytest.mark.parametrize("key", ["", "space", " ", "ctrl+k", "f0", "f25", "enter", "up", "é", "ab", "\t", "pageup"])
def test_a_key_that_is_not_sent_alone_in_one_way_is_refused(key: str) -> None:
    with pytest.raises(ValueError, match="one letter, digit or sign, or a function key F1 to F24"):
        StopKeys.adding([key])


def test_nothing_takes_x_or_esc_away() -> None:
    assert StopKeys.adding().signs == StopKeys.adding(["x"]).signs == {ord("x"): X_CAUSE, ord("X"): X_CAUSE}
    assert stops(b"x\x1b", "f12", "k") == [X_CAUSE, ESC_CAUSE]
