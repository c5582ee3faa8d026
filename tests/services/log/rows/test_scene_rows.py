"""What a page tells of a session's episodes: light, strategy, and the map of its grasps."""

from __future__ import annotations

from services.log.rows.scene_rows import grasp_sections, light_groups, light_words, scene_rows
from sessions.conditions import Place
from sessions.document import Session
from sessions.models import Episode
from tests.support import facts


def recorded(*episodes: Episode) -> Session:
    return facts.session("20261127-142001-0001", episodes=episodes)


def taken(n: int, **more: object) -> Episode:
    return Episode(index=n, take=n + 1, frames=300, seconds=10.0, **more)  # type: ignore[arg-type]


def test_light_in_two_groups_is_told_with_how_many_episodes_each_has() -> None:
    night = [taken(n, light={"overhead": 60 + n % 4, "wrist": 70}) for n in range(47)]
    day = [taken(47 + n, light={"overhead": 121 + n % 3, "wrist": 75}) for n in range(34)]
    overhead, wrist = scene_rows(recorded(*night, *day))
    assert overhead.text == (
        "overhead 60 to 123 of 255 bright, 47 episodes darker (about 61), 34 episodes brighter (about 122)"
    )
    assert wrist.text == "wrist 70 to 75 of 255 bright"


def test_light_that_differs_little_or_is_not_known_makes_no_groups() -> None:
    assert light_groups([100, 119, 101]) == [[100, 101, 119]]
    assert light_groups([]) == [] and light_groups([5]) == [[5]]
    assert light_words("overhead", [taken(0)]) == []
    assert light_words("overhead", [taken(0, light={"overhead": 9})]) == ["overhead 9 of 255 bright"]
    assert scene_rows(recorded(taken(0))) == []


def test_strategies_are_counted() -> None:
    rows = scene_rows(recorded(taken(0, strategy="roll"), taken(1, strategy="tilt[b]"), taken(2, strategy="roll")))
    assert [row.text for row in rows] == ["roll: 2 episodes", "tilt[b]: 1 episode"]


def test_the_grasp_map_has_far_above_near_and_left_on_the_left() -> None:
    places = [(262.0, 55.0), (261.0, 51.0), (199.0, -35.0), (222.0, 0.0)]
    session = recorded(*(taken(n, grasp=Place(*place)) for n, place in enumerate(places)), taken(9))
    (section,) = grasp_sections(session)
    assert [(row.name, row.text) for row in section.rows] == [
        ("grasped", "in 4 of 5 episodes, x 199 to 262 mm ahead, y -35 to 55 mm to the left"),
        ("x 260", "2 · · · ·"),
        ("x 240", "· · · · ·"),
        ("x 220", "· · 1 · ·"),
        ("x 200", "· · · · ·"),
        ("x 180", "· · · · 1"),
        ("cells", "20 mm wide, from y 60 on the left to -40"),
    ]


def test_places_that_no_arm_reaches_have_an_extent_and_no_map() -> None:
    (section,) = grasp_sections(recorded(taken(0, grasp=Place(1e9, 0.0)), taken(1, grasp=Place(0.0, -5.0))))
    assert [row.name for row in section.rows] == ["grasped"]
    assert grasp_sections(recorded(taken(0))) == []
