"""Pure parts of the screens: words, glyphs, pictures, strips, footers."""

from __future__ import annotations

import asyncio

import pytest
from textual.app import App
from textual.content import Content
from textual.geometry import Region
from textual.widgets import Static

from console.theme import LAB_DARK
from screens.desk.bells import PATTERNS, Bells
from screens.views.signs import ASCII, UNICODE, bar, clean, use_signs
from screens.views.take_strip import take_marks, take_strip
from screens.widgets import glyphs
from screens.widgets.joints import Joint, joint_line
from screens.widgets.keyline import Key, KeyLine, fitting
from screens.widgets.preview import Preview
from screens.widgets.rows import RowList
from screens.widgets.titles import set_titles
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


async def test_a_title_repaints_its_row_and_only_if_it_changed():
    app = App()
    async with app.run_test(size=(30, 10)) as pilot:
        box = Static(" ", id="box")
        box.styles.border, box.styles.padding, box.styles.height = ("round", "white"), 1, 6
        await app.mount(box)
        await pilot.pause()
        painted = []

        def look(title, below):
            set_titles(box, Content(title), Content(below))
            painted.append([(region.y, region.height) for region in sorted(box._dirty_regions)])
            box._dirty_regions.clear()
            return box.render_lines(Region(0, 0, 30, 6))

        for words in (("loss", "mean"), ("loss", "mean"), ("loss 0.1", "mean"), ("loss 0.1", "raw")):
            rows = look(*words)
            assert words[0] in rows[0].text and words[1] in rows[5].text
        assert painted == [[(0, 6)], [], [(0, 1)], [(5, 1)]]


async def test_a_list_repaints_the_rows_that_changed():
    app = App()
    app.register_theme(LAB_DARK)
    app.theme = LAB_DARK.name
    async with app.run_test(size=(30, 10)) as pilot:
        rows = RowList()
        await app.mount(rows)
        await pilot.pause()
        texts = [f"row {n}" for n in range(30)]
        rows.show([Content(text) for text in texts], 20)
        await pilot.pause()
        rows._dirty_regions.clear()
        painted = []
        for at in (18, 2, 29):  # the first is seen
            texts[at] += " changed"
            rows.show([Content(text) for text in texts], 20)
            painted.append([region.height for region in rows._dirty_regions])
            rows._dirty_regions.clear()
        assert painted == [[1], [], []]
        assert "row 18 changed" in "".join(line.text for line in rows.render_lines(Region(0, 0, 30, 10)))
        rows.show([Content(text) for text in texts], 2)
        assert [region.height for region in rows._dirty_regions] == [10]


def footer(width: int, *keys: Key) -> str:
    return " | ".join(key.text for key in fitting([*keys, Key("x", "Esc x", "STOP", stop=True)], width))


def test_a_narrow_footer_loses_spare_keys_then_long_words_then_keys_from_the_end():
    keys = (
        Key("space", "space", "start take 3", room=13, short="start 3", short_room=8),
        Key("F", "F", "finish"),
        Key("d", "d", "details", spare=True),
        Key("question_mark", "?", "help", lists=True),
    )
    assert footer(70, *keys) == "space start take 3 | F finish | d details | ? help | Esc x STOP"
    assert footer(53, *keys) == "space start take 3 | F finish | ? help | Esc x STOP"
    assert footer(43, *keys) == "space start 3 | F finish | ? | Esc x STOP"
    assert footer(30, *keys) == "space start 3 | ? | Esc x STOP"
    assert footer(12, *keys) == "? | Esc x STOP"


async def test_a_key_that_ceases_to_act_leaves_its_place_blank_and_moves_no_other(open_console):
    async with open_console() as console:
        line = console.screen.query_one(KeyLine)
        places = []
        for acts in (True, False):
            keys = [Key("r", "r", "reject", acts=acts, room=8), Key("F", "F", "finish")]
            line.draw([*keys, Key("x", "Esc x", "STOP", stop=True, acts=acts)])
            places.append(line.text.index("F finish"))
        assert places[0] == places[1] and "reject" not in line.text and "STOP" not in line.text
