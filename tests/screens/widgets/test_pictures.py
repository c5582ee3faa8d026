"""Pictures: colours, steadiness, boxes to their aspect, and how much of the link they take."""

from __future__ import annotations

from itertools import combinations

import numpy as np
import pytest
from rich.color import ColorSystem
from textual.app import App
from textual.geometry import Size

from screens.views.palette import nearest_256
from screens.widgets.picture_budget import BACK_AFTER_S, MOST_PER_S, PictureBudget, Quality
from screens.widgets.picture_colours import EIGHT_BIT, STANDARD, TRUE, picture_colours
from screens.widgets.picture_layout import FRAME_COLUMNS, FRAME_ROWS, boxes
from screens.widgets.preview import Preview

SYSTEMS = (TRUE, EIGHT_BIT, STANDARD)


def pixels(*colours: tuple[int, int, int]) -> np.ndarray:
    return np.array([colours], np.uint8)


@pytest.mark.parametrize("system", SYSTEMS)
def test_greys_are_grey_and_colours_are_coloured(system: str) -> None:
    colours = picture_colours(system)
    *greys, red, yellow = (
        colours.rgb(n) for n in colours.numbers(pixels((128, 128, 130), (133, 147, 165), (0, 0, 0), (255, 255, 255),
                                                       (250, 10, 10), (200, 180, 60)))[0].tolist()
    )  # fmt: skip
    for grey in greys:
        assert max(grey) - min(grey) <= (40 if system == TRUE else 0), grey
    assert red[0] > 120 and max(red[1:]) < 90
    assert system == STANDARD or (min(yellow[:2]) > 120 and yellow[2] < 100), "no olive"


def test_both_tables_of_256_colours_agree() -> None:
    rng = np.random.default_rng(3)
    cells = (rng.integers(0, 32, (1, 400, 3)) << 3).astype(np.uint8)
    cells |= cells >> 5
    ours = picture_colours(EIGHT_BIT).numbers(cells)[0].tolist()
    theirs = [nearest_256(*rgb) for rgb in cells[0].tolist()]
    assert sum(a != b for a, b in zip(ours, theirs, strict=True)) <= 8, "but for ties"


@pytest.mark.parametrize("system", SYSTEMS)
def test_noise_at_the_border_of_two_colours_changes_no_cell(system: str) -> None:
    rng, colours = np.random.default_rng(1), picture_colours(system)
    base = np.full((8, 8, 3), 115.0, np.float32)
    shown = colours.numbers(base.astype(np.uint8))
    for _ in range(50):
        noisy = np.clip(base + rng.normal(0, 1, base.shape), 0, 255).astype(np.float32)
        assert (colours.steady(noisy, shown) == shown).all()
    assert (colours.steady(base + 90, shown) != shown).all(), "what is seen to change does"


ASPECTS = ((4 / 3,), (16 / 9,), (4 / 3, 4 / 3), (16 / 9, 4 / 3), (4 / 3, 16 / 9, 1.0), (3 / 4, 4 / 3))
ROOMS = (Size(40, 18), Size(120, 20), Size(42, 34), Size(200, 36), Size(72, 54), Size(60, 12))


@pytest.mark.parametrize("room", ROOMS, ids=str)
@pytest.mark.parametrize("ratios", ASPECTS, ids=lambda r: "+".join(f"{x:.2f}" for x in r))
def test_pictures_fill_their_boxes(room: Size, ratios: tuple[float, ...]) -> None:
    placed = boxes(room, ratios)
    assert len(placed) == len(ratios)
    for one, other in combinations(placed, 2):
        assert not one.overlaps(other)
    for box, ratio in zip(placed, ratios, strict=True):
        assert room.region.contains_region(box), (box, room)
        width, height = box.width - FRAME_COLUMNS, (box.height - FRAME_ROWS) * 2
        if box.width > 24 and height > 4:  # below that the title's width decides
            assert width / height == pytest.approx(ratio, abs=ratio * 0.15)


def test_the_room_is_used_by_the_better_division() -> None:
    side_by_side = boxes(Size(120, 20), (4 / 3, 4 / 3))
    assert side_by_side[0].y == side_by_side[1].y
    above = boxes(Size(42, 34), (4 / 3, 4 / 3))
    assert above[0].y < above[1].y and above[0].x == above[1].x


class Clock:
    def __init__(self) -> None:
        self.now = 50.0

    def __call__(self) -> float:
        return self.now


CELLS = 1500
"""Two pictures on Record at 120x40."""


@pytest.mark.parametrize(
    ("takes", "quality"),
    [(0, Quality.FULL), (64_000, Quality.FULL), (25_000, Quality.SMALL), (12_000, Quality.OFF), (6_000, Quality.OFF)],
)
def test_a_slow_link_makes_pictures_smaller_then_turns_them_off(takes: float, quality: Quality) -> None:
    assert PictureBudget(Clock()).choose(CELLS, takes) is quality


def test_they_come_back_slowly() -> None:
    clock = Clock()
    budget = PictureBudget(clock)
    budget.choose(CELLS, 12_000)
    for second in range(int(BACK_AFTER_S)):
        clock.now += 1.0
        assert budget.choose(CELLS, 100_000) is Quality.OFF, second
    assert budget.choose(CELLS, 12_000) is Quality.OFF
    qualities = []
    for _ in range(int(2 * BACK_AFTER_S) + 4):
        clock.now += 1.0
        qualities.append(budget.choose(CELLS, 100_000))
    assert qualities[-1] is Quality.FULL
    assert budget.choose(CELLS, 12_000) is Quality.OFF, "down at once"


@pytest.mark.parametrize(("takes", "most"), [(0.0, MOST_PER_S), (30_000.0, 15_000), (1e6, MOST_PER_S)])
def test_pictures_that_change_wholly_stay_within_their_rate(takes: float, most: float) -> None:
    clock = Clock()
    budget = PictureBudget(clock)
    sent = 0
    for _ in range(5 * 60):
        clock.now += 0.2
        if budget.may_paint(takes):
            budget.painted(CELLS, 14)
            sent += CELLS * 14
    assert most * 0.8 < sent / 60 < most * 1.1


@pytest.mark.parametrize("system", SYSTEMS)
async def test_a_picture_that_comes_before_its_widget_is_seen_has_the_terminals_colours(system: str) -> None:
    rng = np.random.default_rng(3)
    first, second = (rng.integers(0, 256, 16 * 8 * 3, np.uint8).tobytes() for _ in range(2))
    app = App()
    async with app.run_test(size=(40, 12)) as pilot:
        app.console._color_system = ColorSystem[
            {TRUE: "TRUECOLOR", EIGHT_BIT: "EIGHT_BIT", STANDARD: "STANDARD"}[system]
        ]
        preview = Preview("overhead")
        assert preview.show(first, 16, 8) == 64
        await app.mount(preview)
        await pilot.pause()
        preview.show(second, 16, 8)
        await pilot.pause()
        assert any("▀" in strip.text for strip in app.screen._compositor.render_strips())
