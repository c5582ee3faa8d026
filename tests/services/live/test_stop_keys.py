"""The stop key's bytes: every real sequence passes, every Esc and x stops, however the bytes are cut."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from textual._ansi_sequences import ANSI_SEQUENCES_KEYS
from textual.keys import Keys

from services.live.stop_keys import ESC_CAUSE, LONE_ESC_S, PARTIAL_S, STRING_S, X_CAUSE, StopKey, StopScanner

ESC = b"\x1b"
QUICK = 0.001
LATER = 1.0


def stops(*chunks: bytes, text_entry: bool = False, gap: float = QUICK) -> list[str]:
    """The causes that a terminal sending these chunks, then nothing more, gives."""
    scanner, now = StopScanner(), 100.0
    found: list[StopKey] = []
    for chunk in chunks:
        found += scanner.feed(chunk, now, text_entry=text_entry)
        now += gap
    return [stop.cause for stop in found + scanner.expire(now + LATER)]


HARMLESS = [
    b"a",
    b"7",
    b"[",
    b"]",
    b"O",
    b" ",
    b"\r",
    b"\t",
    b"\x7f",
    b"\x18",  # ctrl+x
    "é".encode(),
    "ч".encode(),
    "把".encode(),
    "🤖".encode(),
    b"\xf8",  # a stray byte of no encoding
    b"\x1b[A",
    b"\x1b[D",
    b"\x1bOA",
    b"\x1bOP",
    b"\x1bOS",
    b"\x1b[P",
    b"\x1b[[A",
    b"\x1b[[E",
    b"\x1b[15~",
    b"\x1b[24~",
    b"\x1b[11^",
    b"\x1b[23$",
    b"\x1b[24@",
    b"\x1b[3~",
    b"\x1b[5~",
    b"\x1b[Z",
    b"\x1b[1;2A",
    b"\x1b[1;5D",
    b"\x1b[1;6H",
    b"\x1b[15;2~",
    b"\x1b[1;2P",
    b"\x1bO2P",
    b"\x1b[1;1:1A",
    b"\x1b[1;3:3A",  # Alt+Up let go
    b"\x1b[1;5x",  # mintty: ctrl+8
    b"\x1b[<0;12;5M",
    b"\x1b[<35;120;40m",
    b"\x1b[<0;-1;5M",
    b"\x1b[M x!",
    b"\x1b[M\x20\xf8\x78",
    b"\x1b[32;10;20M",
    b"\x1b[I",
    b"\x1b[O",
    b"\x1b[24;80R",
    b"\x1b[24;3R",
    b"\x1b[?2026;2$y",
    b"\x1b[?2048;0$y",
    b"\x1b[4;1$y",
    b"\x1b[?62;22;52c",
    b"\x1b[>41;366;0c",
    b"\x1b[?13u",
    b"\x1b[?997;1n",
    b"\x1b[0n",
    b"\x1b[48;40;120;800;960t",
    b"\x1b[4;800;960t",
    b"\x1b]11;rgb:1e1e/1e1e/xxxx\x07",
    b"\x1b]11;rgb:1e1e/1e1e/2e2e\x1b\\",
    b"\x1b]52;c;eHh4\x1b\\",
    b"\x1bP>|xterm(390)\x1b\\",
    b"\x1bP1+r524742=382f382f38\x1b\\",
    b"\x1bP!|00000000\x1b\\",
    b"\x1b_Gi=31;OK x\x1b\\",
    b"\x1b[200~exit x\r\x1b[31mX\x1b]x\x1b[201~",
    b"\x1b[97;1u",
    b"\x1b[97;;97u",
    b"\x1b[27;1:3u",  # Esc let go
    b"\x1b[120;1:3u",
    b"\x1b[120;5u",  # ctrl+x
    b"\x1b[120;9u",  # super+x
    b"\x1b[57443;3u",  # Alt pressed by itself
    b"\x1b[57441;2u",
    b"\x1b[57376;1u",
    b"\x1b[113:81:120;1;113u",  # q, where a Latin keyboard of another layout has its x
    b"\x1b[229;3;229u",  # Option composed a letter
    b"\x1b[27;5;120~",  # modifyOtherKeys: ctrl+x
    b"\x1b[27;2;65~",
]
ESCAPES = [
    ESC,
    b"\x1b\x1b",
    b"\x1b[",
    b"\x1bO",
    b"\x1b]",
    b"\x1bP",
    b"\x1b_",
    b"\x1b^",
    b"\x1b ",
    b"\x1ba",
    b"\x1b\r",
    b"\x1b\t",
    b"\x1b\x7f",
    b"\x1b\xc3\xa9",
    b"\x1b[ ",
    b"\x1b[s",
    b"\x1b[x",
    b"\x1b[?s",
    b"\x1b[1x",
    b"\x1b[12",
    b"\x1b[\r",
    b"\x1b[[x",
    b"\x1b[<3",
    b"\x1b[M ",
    b"\x1b[M\x07",
    b"\x1bO\r",
    b"\x1bOx",
    b"\x1bO3P",
    b"\x1b]s",
    b"\x1b]1",
    b"\x1b]1\r",
    b"\x1b]11;rgb:\x1b",
    b"\x1bPs",
    b"\x1b_s",
    b"\x1b[1;3A",  # tmux joins Esc and Up to this
    b"\x1b[1;3P",
    b"\x1b[1;3R",
    b"\x1b[15;3~",
    b"\x1b[27u",
    b"\x1b[27;1u",
    b"\x1b[27;2u",
    b"\x1b[27;1:1u",
    b"\x1b[27;1:2u",
    b"\x1b[27;129u",
    b"\x1b[97;3u",
    b"\x1b[91;5u",  # ctrl+[ sends the ESC byte elsewhere
    b"\x1b[27;1;27~",
    b"\x1b[27;3;97~",
]
LETTERS_X = [
    b"x",
    b"X",
    b"\x1b[120u",
    b"\x1b[120;1u",
    b"\x1b[120;1:2u",
    b"\x1b[120;;120u",
    b"\x1b[120;2;88u",
    b"\x1b[120:88;2;88u",
    b"\x1b[88;2u",
    b"\x1b[120;65u",  # caps lock
    b"\x1b[1095::120;1;1095u",  # the x key of a Cyrillic layout
    b"\x1b[27;1;120~",
    b"\x1b[27;2;88~",
]


@pytest.mark.parametrize("sequence", HARMLESS, ids=repr)
def test_a_real_sequence_or_another_key_is_no_stop(sequence: bytes) -> None:
    assert stops(sequence) == []
    assert stops(*(bytes([b]) for b in sequence)) == []


@pytest.mark.parametrize("keys", ESCAPES, ids=repr)
def test_esc_stops_whatever_follows_it(keys: bytes) -> None:
    assert set(stops(keys)) == {ESC_CAUSE}
    assert set(stops(*(bytes([b]) for b in keys), text_entry=True)) == {ESC_CAUSE}


@pytest.mark.parametrize("keys", LETTERS_X, ids=repr)
def test_x_stops_unless_text_is_typed(keys: bytes) -> None:
    assert stops(keys) == [X_CAUSE]
    assert stops(*(bytes([b]) for b in keys)) == [X_CAUSE]
    assert stops(keys, text_entry=True) == []


@pytest.mark.parametrize("sequence", sorted(ANSI_SEQUENCES_KEYS), ids=repr)
def test_every_key_that_textual_knows_is_told_from_esc(sequence: str) -> None:
    """What Textual's own table reads as Escape and a key stops; its other CSI and SS3 keys do not."""
    if len(sequence) < 3 or sequence.startswith("\x1b\x1b") or sequence == "\x1bOx":
        return
    keys = ANSI_SEQUENCES_KEYS[sequence]
    joined = isinstance(keys, tuple) and Keys.Escape in keys and not sequence.startswith("\x1b[1;9")
    assert stops(sequence.encode()) == ([ESC_CAUSE] if joined else [])


def test_two_escs_are_two_stops() -> None:
    assert stops(b"\x1b\x1b") == [ESC_CAUSE, ESC_CAUSE]


def test_esc_just_before_an_arrow_stops_once() -> None:
    assert stops(b"\x1b\x1b[A") == [ESC_CAUSE]
    assert stops(b"\x1b]1\x1b[A") == [ESC_CAUSE]


def test_x_right_after_a_sequence_stops() -> None:
    for sequence in HARMLESS:
        assert stops(sequence + b"x") == [X_CAUSE], sequence
        assert stops(sequence, b"\x1b")[-1] == ESC_CAUSE, sequence


def test_a_lone_esc_is_due_after_its_wait_and_not_before() -> None:
    scanner = StopScanner()
    assert scanner.deadline() is None
    assert scanner.feed(ESC, 5.0) == []
    assert scanner.deadline() == pytest.approx(5.0 + LONE_ESC_S)
    assert scanner.expire(5.0 + LONE_ESC_S - 0.001) == []
    assert scanner.expire(5.0 + LONE_ESC_S) == [StopKey(ESC_CAUSE)]
    assert scanner.deadline() is None
    assert scanner.expire(99.0) == []


def test_a_late_thread_still_counts_the_overdue_esc_first() -> None:
    scanner = StopScanner()
    scanner.feed(ESC, 5.0)
    assert scanner.feed(b"[A", 5.2) == [StopKey(ESC_CAUSE)]


def test_an_incomplete_sequence_is_due_from_its_esc_on() -> None:
    scanner = StopScanner()
    scanner.feed(b"\x1b[", 5.0)
    scanner.feed(b"1", 5.05)
    assert scanner.deadline() == pytest.approx(5.0 + PARTIAL_S)
    assert scanner.expire(5.0 + PARTIAL_S) == [StopKey(ESC_CAUSE)]
    assert scanner.feed(b"x", 6.0) == [StopKey(X_CAUSE)]


def test_key_repeat_does_not_keep_a_reply_that_is_none_open() -> None:
    scanner, now = StopScanner(), 5.0
    found = scanner.feed(b"\x1b]1", now)
    while not found and now < 9.0:
        now += 0.033
        found = scanner.feed(b"x", now)
    assert now - 5.0 <= STRING_S + 0.04


def test_a_long_reply_may_come_in_pieces() -> None:
    assert stops(b"\x1b]52;c;", b"xx" * 500, b"xx", b"\x1b", b"\\", gap=0.05) == []


def test_a_paste_without_its_end_hides_stops_for_a_moment_only() -> None:
    scanner = StopScanner()
    assert scanner.feed(b"\x1b[200~text x", 5.0) == []
    assert scanner.feed(b"more x", 5.1) == []
    assert scanner.feed(b"x", 5.5) == [StopKey(X_CAUSE)]
    assert scanner.feed(b"\x1b[200~", 6.0) == []
    assert scanner.feed(ESC, 6.1) == []
    assert scanner.expire(6.2) == [StopKey(ESC_CAUSE)]
    assert scanner.feed(b"x", 6.21) == [StopKey(X_CAUSE)]


def test_a_paste_that_never_pauses_hides_stops_for_two_seconds_at_most() -> None:
    scanner, now = StopScanner(), 5.0
    found = scanner.feed(b"\x1b[200~", now)
    while not found:
        now += 0.033
        found = scanner.feed(b"x", now)
    assert now < 7.1


def cut(data: bytes, places: list[int]) -> list[bytes]:
    edges = sorted({min(p, len(data)) for p in places} | {0, len(data)})
    return [data[a:b] for a, b in pairwise(edges)]


streams = st.lists(st.sampled_from(HARMLESS), max_size=12)
places = st.lists(st.integers(0, 200), max_size=30)


@given(streams, places)
def test_no_stream_of_real_sequences_stops_however_it_is_cut(parts: list[bytes], where: list[int]) -> None:
    chunks = cut(b"".join(parts), where)
    assert stops(*chunks, gap=QUICK / 4) == []


@given(streams, streams, places, st.sampled_from([ESC, b"x", b"\x1b[27u", b"\x1b[", b"\x1b]", b"\x1bO"]))
def test_a_stop_key_with_a_pause_is_always_found(
    before: list[bytes], after: list[bytes], where: list[int], key: bytes
) -> None:
    scanner, now, found = StopScanner(), 100.0, 0
    for chunk in cut(b"".join(before), where):
        found += len(scanner.feed(chunk, now))
    found += len(scanner.feed(key, now + 0.01))
    found += len(scanner.feed(b"".join(after), now + 0.2))
    assert found == 1


@given(st.binary(max_size=60), st.sampled_from([ESC, b"x"]))
def test_after_a_pause_no_garbage_hides_a_stop(garbage: bytes, key: bytes) -> None:
    scanner = StopScanner()
    scanner.feed(garbage, 100.0)
    scanner.expire(103.0)
    found = scanner.feed(key, 103.0) + scanner.expire(104.0)
    assert len(found) == 1


@settings(max_examples=300)
@given(st.lists(st.sampled_from([*HARMLESS, *LETTERS_X]), max_size=10), places)
def test_cutting_changes_no_verdict(parts: list[bytes], where: list[int]) -> None:
    whole = b"".join(parts)
    assert stops(*cut(whole, where), gap=QUICK / 4) == stops(whole)


@given(st.text(alphabet=st.characters(exclude_characters="xX\x1b"), max_size=80), places)
def test_text_of_any_script_is_no_stop(text: str, where: list[int]) -> None:
    assert stops(*cut(text.encode("utf-8", "surrogatepass"), where), gap=QUICK / 4) == []
