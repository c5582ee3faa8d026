"""How much output is on its way, and when one more update would be seen soon."""

from __future__ import annotations

import pytest

from console.answers import HOLD_S, Answers
from console.flow import LATE_S, LEAST_AHEAD, LOST_S, Flow


class Link:
    """A flow over a link of so many bytes per second, with a delay of its own; time is counted, not waited for."""

    def __init__(self, rate: float, delay: float = 0.03) -> None:
        self.now, self.rate, self.delay = 100.0, rate, delay
        self.flow = Flow(lambda: self.now)
        self._free_at = 0.0
        self._answers: list[float] = []
        self.paint(4)

    def paint(self, size: int) -> None:
        self._free_at = max(self._free_at, self.now) + size / self.rate
        if self.flow.sent(size):
            self._answers.append(self._free_at + self.delay)

    def wait(self, seconds: float) -> None:
        until = self.now + seconds
        while self._answers and self._answers[0] <= until:
            self.now = self._answers.pop(0)
            self.flow.answered()
        self.now = until

    def stream(self, seconds: float, size: int) -> float:
        """Paint `size` bytes as often as there is room; returns the longest lag in s."""
        longest, end = 0.0, self.now + seconds
        while self.now < end:
            if self.flow.ready:
                self.paint(size)
            longest = max(longest, self._free_at - self.now)
            self.wait(0.02)
        return longest


@pytest.mark.parametrize("rate", [6_000, 12_000, 25_000, 64_000])
def test_what_is_on_its_way_stays_short_whatever_the_link_takes(rate: int) -> None:
    link = Link(rate)
    link.wait(0.5)
    link.stream(6.0, 1500)
    assert link.stream(10.0, 1500) < 0.3 + 2 * 1500 / rate + 0.1
    assert rate * 0.7 < link.flow.takes_per_s < rate * 1.4
    assert rate * 0.6 < link.flow.bytes_per_s < rate * 1.1, "and the link is used"


@pytest.mark.parametrize("delay", [0.001, 0.3])
def test_a_fast_link_is_not_held_back_by_its_delay(delay: float) -> None:
    link = Link(5e6, delay)
    link.wait(1.0)
    held = 0
    for _ in range(200):
        held += not link.flow.ready
        link.paint(3000)
        link.wait(0.033)
    assert held == 0
    assert link.flow.takes_per_s > 200_000


def test_a_link_that_breaks_gets_no_more_and_goes_on_when_it_is_back() -> None:
    link = Link(20_000)
    link.stream(5.0, 2000)
    link.rate = 1e-3
    painted, end = 0, link.now + 20.0
    while link.now < end:
        if link.flow.ready:
            painted += 1
            link.paint(2000)
        link.wait(0.05)
    assert painted <= 7, "what finds room at once, and a few to ask again"
    assert link.flow.behind_s > LATE_S
    link.rate, link._free_at = 20_000, link.now
    link._answers = [link.now + 0.1 * n for n in range(1, len(link._answers) + 1)]
    link.wait(3.0)
    assert link.flow.ready and not link.flow.behind_s


def test_a_terminal_that_never_answers_is_asked_no_more() -> None:
    now = 10.0
    flow = Flow(lambda: now)
    assert flow.sent(4)
    assert not flow.sent(1000), "one question at a time until it is known to answer"
    now += LOST_S + 1
    assert flow.ready
    assert not flow.sent(1000)
    assert not flow.owed


def test_without_answers_writes_that_wait_tell_the_rate() -> None:
    now = 10.0
    flow = Flow(lambda: now)
    flow.sent(40_000)
    for _ in range(20):
        now += 1024 / 12_000
        flow.took(1024, 1024 / 12_000)
    assert 11_000 < flow.takes_per_s < 13_000
    assert not flow.ready and flow.behind_s > 0.5
    now += 1.0
    assert flow.ready
    assert flow.behind_s * flow.takes_per_s < max(LEAST_AHEAD, 4000)


class Input:
    """What is typed and answered, to Textual's parser."""

    def __init__(self) -> None:
        self.flow = Flow()
        self.flow.sent(4)
        self.answers = Answers(self.flow)

    def passes(self, *chunks: bytes) -> bytes:
        return b"".join(self.answers.feed(chunk, 1.0) for chunk in chunks)


def test_answers_are_taken_out_however_they_are_cut() -> None:
    assert Input().passes(b"a\x1b[0nb") == b"ab"
    assert Input().passes(b"a\x1b[", b"0n", b"\x1b[A") == b"a\x1b[A"
    typed = Input()
    assert typed.passes(b"\x1b") == b""
    assert typed.answers.expire(1.001 + HOLD_S) == b"\x1b", "it was the Esc key"
    assert not typed.flow.owed


def test_nothing_is_kept_back_while_no_answer_is_due() -> None:
    typed = Input()
    typed.passes(b"\x1b[0n")
    assert typed.passes(b"\x1b") == b"\x1b"
