"""An episode in sentences, its timeline, its curves."""

from __future__ import annotations

import msgspec
import numpy as np
import pytest

from screens.views.episode import facts, timeline
from screens.views.measured import plain, sentence
from screens.views.signs import ASCII, UNICODE, use_signs
from screens.views.traces import Curve, curves, grid, title
from screens.widgets.traces import bits
from services.datasets.episode_view import EpisodeOpened, Trace
from services.datasets.marks import Mark
from sessions.models import Verdict

TIMES = np.arange(447, dtype="<f4") / 30
OPENED = EpisodeOpened(
    root="/data/datasets/pick_place", episode=12, episodes=81, frames=447, fps=30.0, times=TIMES.tobytes(),
    tasks=("put the cube into the bowl",), left_out=("depth (depth)",),
    mark=Mark(flags=("overhead black",), session="20260202-010203-aaaa", take=13),
)  # fmt: skip


def of(**changes: object) -> str:
    return plain(facts(msgspec.structs.replace(OPENED, **changes), "pick_place"))


def test_the_facts_of_an_episode_are_said_most_important_first():
    assert of() == (
        "episode 12 · ✓ accepted · ⚠ overhead black · 14.9 s · put the cube into the bowl · pick_place, 81 episodes · "
        "not shown: depth (depth) · 447 frames at 30 per second · take 13 of session 20260202-010203-aaaa"
    )
    narrow = sentence(facts(OPENED, "pick_place"), 58).plain
    assert narrow == "episode 12 · ✓ accepted · ⚠ overhead black · 14.9 s"


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"mark": None}, "episode 12 · ✓ accepted · 14.9 s"),
        ({"mark": Mark(accepted=False, why="cube fell")}, "✗ rejected: cube fell · 14.9 s"),
        ({"mark": Mark(verdict=Verdict.SUCCESS, take=4, session="s1")}, "✓ accepted · ✓ success · 14.9 s"),
        ({"mark": Mark(accepted=False, verdict=Verdict.FAILURE, take=4, session="s1")}, "✗ rejected · ✗ failure"),
        ({"mark": Mark(verdict=Verdict.VOID, take=4, session="s1")}, "trial 4 of session s1"),
        ({"mark": None, "doubtful": True}, "⚠ its number is rejected, but with other values"),
        ({"tasks": ("a\x1b[31m\nb",)}, "a b"),
    ],
)
def test_what_became_of_an_episode_is_said(changes, said):
    assert said in of(**changes)


@pytest.mark.parametrize("width", [40, 60, 80, 200])
def test_the_timeline_fills_its_row_and_a_click_on_it_is_a_frame(width):
    for frame in (0, 1, 200, 446):
        line = timeline(frame, 447, frame / 30, 14.9, playing=frame == 1, width=width)
        assert line.content.cell_length == width
        assert line.content.plain.count("●") == 1
        at = line.content.plain.index("●")
        assert abs(line.frame_at(at, 447) - frame) <= 447 / (line.right - line.left)
        assert line.content.plain.startswith(">") == (frame == 1)
    assert line.frame_at(0, 447) is None and line.frame_at(line.left, 447) == 0
    assert line.frame_at(line.right - 1, 447) == 446 and line.frame_at(line.right, 447) is None


@pytest.mark.parametrize("width", [40, 80])
def test_the_moments_that_were_marked_in_a_take_stand_on_its_timeline_and_among_its_facts(width):
    marked = msgspec.structs.replace(OPENED, mark=Mark(moments=(126, 300)))
    assert "marked at 4.2 s, 10.0 s" in plain(facts(marked, "pick_place"))
    assert "marked at" not in of()
    line = timeline(0, 447, 0.0, 14.9, playing=False, width=width, moments=(126, 300))
    places = [x for x, c in enumerate(line.content.plain) if c == "▲"]
    assert line.content.cell_length == width
    assert [
        abs(line.frame_at(x, 447) - frame) <= 447 / (line.right - line.left)
        for x, frame in zip(places, (126, 300), strict=True)
    ] == [True, True]
    assert "▲" not in timeline(126, 447, 4.2, 14.9, playing=False, width=width, moments=(126,)).content.plain


def test_an_episode_of_one_frame_has_a_timeline():
    line = timeline(0, 1, 0.0, 0.03, playing=False, width=80)
    assert "frame 0 of 0" in line.content.plain and line.frame_at(line.left, 1) == 0


@pytest.mark.parametrize(
    ("count", "width", "height"), [(6, 118, 14), (6, 78, 8), (14, 118, 12), (1, 200, 20), (40, 60, 6)]
)
def test_curves_share_their_box(count, width, height):
    made = grid(count, width, height)
    lines = -(-made.shown // made.columns)
    assert lines * made.rows <= height and made.rows >= 2 and width // made.columns >= 18
    assert made.shown == count or (count, made.shown) == (40, 9)


def test_a_wide_terminal_puts_curves_side_by_side():
    assert grid(6, 198, 30).columns == 2 and grid(6, 98, 30).columns == 1


def test_a_title_tells_both_values_with_their_unit():
    state = np.linspace(-20, 40, 10, dtype=np.float32)
    opened = msgspec.structs.replace(
        OPENED,
        traces=(
            Trace(name="shoulder_pan.pos", state=state.tobytes(), action=(state + 1).tobytes()),
            Trace(name="gripper.pos", state=state.tobytes()),
            Trace(name="delta_x", action=(state / 1000).astype("<f4").tobytes()),
        ),
    )
    pan, gripper, delta = curves(opened)
    assert title(pan, 0, 40).plain == f"{'shoulder_pan':24} -20.0° ◇-19.0° "
    assert title(pan, 0, 18).plain.split() == ["shoulder_…", "-20.0°"]
    assert title(gripper, 9, 30).plain.split() == ["gripper", "40.0%"]
    assert title(delta, 9, 30).plain.split() == ["delta_x", "0.040"]
    assert title(pan, 99, 30).plain.split() == ["shoulder_pan"]
    still = Curve("shoulder_pan", np.float32([-35.52, -35.6]), np.zeros(0, np.float32), "°")
    assert title(still, 0, 26).plain.split() == ["shoulder_pan", "-35.5°"], "a servo's step is 0.09 degrees"


def test_a_curve_is_drawn_from_left_to_right_and_gaps_stay_empty():
    rising = bits(np.arange(80, dtype=np.float32), (0.0, 79.0), 10, 4)
    assert [(rising[:, x] > 0).argmax() for x in (0, 9)] == [3, 0]
    assert (rising > 0).any(axis=0).all()
    holed = np.arange(80, dtype=np.float32)
    holed[40:64] = np.nan
    assert not bits(holed, Curve("x", holed, holed[:0]).limits, 10, 4)[:, 5:7].any()
    assert not bits(holed[:0], (0.0, 1.0), 10, 4).any()


@pytest.mark.parametrize("values", [[], [1.0, 1.0], [np.nan, np.inf]])
def test_a_curve_without_a_span_has_limits(values):
    low, high = Curve("x", np.array(values, np.float32), np.zeros(0, np.float32)).limits
    assert low < high


def test_ascii_has_signs_of_its_own():
    use_signs(ASCII)
    try:
        text = of() + timeline(3, 447, 0.1, 14.9, playing=True, width=80).content.plain
        assert text.isascii()
    finally:
        use_signs(UNICODE)
