"""What is said of the ghost, in the room there is, and which cameras it lies over."""

from __future__ import annotations

import pytest

from screens.views.ghost import arm_away, foot, over, title
from services.datasets.episode_view import Picture
from services.ghost.nearness import Reading, Trend
from services.ghost.reference import Reference

OVERHEAD = Picture(camera="overhead", frame=0, width=4, height=3, rgb=bytes(36))
REFERENCE = Reference("pick#12", {"overhead": OVERHEAD}, {"overhead": (640, 480)}, joints={"lift.pos": 10.0})
CAMERAS = {"overhead": {"width": 320, "height": 240}, "wrist": {"width": 640, "height": 480}}


@pytest.mark.parametrize(
    ("width", "said"),
    [
        (60, "overhead  ghost 12.4 closer  best 8.1  noise 0.2"),
        (38, "overhead  ghost 12.4 closer  best 8.1"),
        (30, "ghost 12.4 closer  best 8.1"),
    ],
)
def test_the_number_is_told_with_its_trend_and_the_best_so_far(width, said):
    assert title("overhead", Reading(12.4, 8.1, 0.2, Trend.CLOSER), width).plain == said


def test_a_scene_as_it_was_is_called_the_same():
    assert title("overhead", Reading(1.2, 0.8, 0.1, Trend.FARTHER), 60).plain.startswith("overhead  ghost 1.2 the same")


def test_an_arm_that_stands_elsewhere_is_named_since_the_number_counts_it():
    assert foot(REFERENCE, {"lift.pos": 12.0}).plain == "pick#12, 0 = the same"
    assert foot(REFERENCE, {"lift.pos": 44.0}).plain == "pick#12, arm 34° lift away"
    assert foot(REFERENCE, {"lift": 44.0}).plain == "pick#12, arm 34° lift away"
    assert arm_away({"gripper.pos": 0.0}, {"gripper.pos": 90.0}) == ""
    assert arm_away({"other.pos": 0.0}, {"lift.pos": 90.0}) == ""


def test_a_ghost_lies_over_the_camera_of_its_name_or_of_the_operators_map():
    assert over(REFERENCE, CAMERAS, {}) == ({"overhead": "overhead"}, "")
    assert over(REFERENCE, {"top": {}}, {"top": "overhead"}) == ({"top": "overhead"}, "")


def test_a_camera_of_the_same_name_is_taken_before_the_map():
    assert over(REFERENCE, CAMERAS, {"overhead": "front"})[0] == {"overhead": "overhead"}


def test_no_such_camera_and_another_shape_are_said_in_words():
    fits, why = over(REFERENCE, {"top": {}}, {})
    assert not fits and why == "pick#12 has the cameras overhead, this bench top: none of the same name"
    fits, why = over(REFERENCE, {"overhead": {"width": 1280, "height": 720}}, {})
    assert not fits and "overhead with 640x480, this bench with 1280x720" in why


def test_a_camera_that_cannot_be_decoded_is_said_while_the_others_have_their_ghost():
    broken = Reference(
        "pick#12", {"overhead": OVERHEAD}, REFERENCE.shapes, {"wrist": "w.mp4 cannot be read: end of file"}
    )
    assert over(broken, CAMERAS, {}) == ({"overhead": "overhead"}, "pick#12: w.mp4 cannot be read: end of file")
