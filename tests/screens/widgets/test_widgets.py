"""Pure parts of the screens: words, glyphs, pictures, strips, footers."""

from __future__ import annotations

import asyncio

import numpy as np
import pytest

from screens.desk.bells import PATTERNS, Bells
from screens.views.signs import ASCII, UNICODE, bar, clean, use_signs
from screens.views.take_strip import take_marks, take_strip
from screens.widgets import glyphs
from screens.widgets.joints import Joint, joint_line
from screens.widgets.keyline import Key, fitting
from screens.widgets.preview import Preview, palette_index, steady_index
from services.live.phases import Phase
from services.live.snapshots import Snapshot
from services.units import duration, size
from sessions.models import Episode


@pytest.fixture
def in_ascii():
    use_signs(ASCII)
    yield
    use_signs(UNICODE)


def test_text_from_outside_is_one_harmless_line():
    assert clean("\x1b[31mred\x1b[0m [bold]x[/]\n\ttwo\x07") == "red [bold]x[/]  two"
    assert clean("a\u202eb") == "ab"
    assert len(clean("y" * 1000, 20)) == 20


@pytest.mark.parametrize("text", ["RECORDING", "10/50", "7.4", "STARTING", "?"])
@pytest.mark.parametrize("scale", [1, 2, 3])
def test_big_glyphs_are_as_wide_and_high_as_they_say(text, scale):
    lines = glyphs.big(text, scale)
    assert {len(line) for line in lines} == {glyphs.width(text, scale)}
    assert len(lines) == glyphs.height(scale)


def test_big_glyphs_have_an_ascii_form():
    assert all(ord(c) < 128 for line in glyphs.big("HELD", 1, unicode=False) for c in line)


def test_greys_become_greys_and_colours_colours():
    rgb = np.array([[[128, 128, 130], [250, 10, 10], [0, 0, 0], [255, 255, 255]]], np.uint8)
    grey, red, black, white = palette_index(rgb)[0].tolist()
    assert 232 <= grey <= 255 and red == 196 and black >= 232 and white >= 231


def test_noise_at_the_border_of_two_colours_changes_no_cell():
    rng = np.random.default_rng(1)
    base = np.full((8, 8, 3), 115.0, np.float32)
    shown = palette_index(base.astype(np.uint8))
    for _ in range(50):
        shown_next = steady_index(np.clip(base + rng.normal(0, 1, base.shape), 0, 255).astype(np.float32), shown)
        assert (shown_next == shown).all()


def test_a_damaged_picture_is_left_out():
    preview = Preview("wrist")
    preview.show(b"123", 40, 30)
    preview.show(b"", 0, 0)
    assert preview._cells is None


def test_joint_lines_fill_their_width_and_say_units():
    for width in (24, 36, 42, 80):
        line = joint_line(Joint("shoulder_lift", -95.83, -60.0), width)
        assert len(line.plain) <= width
    assert "-95.8°" in line.plain and "Δ 35.8°" in line.plain
    assert "%" in joint_line(Joint("gripper", 30, None), 60).plain
    assert "-0.0" not in joint_line(Joint("wrist_roll", -0.01, None), 60).plain


def episode(take, **values):
    return Episode(index=take - 1, take=take, frames=1, seconds=1.0, **values)


def test_the_strip_shows_every_kind_of_take():
    episodes = (episode(1), episode(2, accepted=False), episode(3, flags=("black",)))
    snapshot = Snapshot(episodes=episodes, take=4, phase=Phase.RECORDING)
    assert take_strip(snapshot, 80).plain.split() == ["01✓", "02✗", "03⚠", "04●"]
    assert take_marks(Snapshot(episodes=episodes, take=4, unsaved_take=4))[-1][:2] == (4, "…")


def test_a_long_strip_keeps_the_newest():
    snapshot = Snapshot(episodes=tuple(episode(n) for n in range(1, 101)))
    line = take_strip(snapshot, 60).plain
    assert line.startswith("+") and "100✓" in line and len(line) <= 60


def test_the_strip_in_ascii(in_ascii):
    snapshot = Snapshot(episodes=(episode(1), episode(2, accepted=False)))
    assert take_strip(snapshot, 80).plain.split() == ["01+", "02x"]


def test_the_footer_keeps_stop_when_room_is_short():
    keys = [Key("space", "space", "end take 12"), Key("r", "r", "reject"), Key("x", "Esc x", "STOP", stop=True)]
    assert [k.key for k in fitting(keys, 34)] == ["space", "x"]
    assert [k.key for k in fitting(keys, 5)] == ["x"]


def test_words_have_units():
    assert (duration(45), duration(725), duration(11220)) == ("45 s", "12 m 05 s", "3 h 07 m")
    assert (size(212e9), size(9e8), size(12e6), size(1.5e12)) == ("212 GB", "900 MB", "12 MB", "1.5 TB")
    assert bar(0.5, 10) == ("█████", "░░░░░")


async def test_every_bell_pattern_is_its_own():
    rung = []
    bells = Bells(lambda: rung.append(1))
    assert len(set(PATTERNS.values())) == len(PATTERNS)
    bells.play("saved")
    await asyncio.sleep(0.5)
    assert len(rung) == 3
    bells.on = False
    bells.play("start")
    await asyncio.sleep(0.05)
    assert len(rung) == 3
