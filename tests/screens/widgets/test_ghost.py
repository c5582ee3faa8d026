"""The ghost over a preview: what is asked for, what is drawn, and that it costs the link nothing."""

from __future__ import annotations

import msgspec
import numpy as np
import pytest
from textual.app import App

from screens.widgets.ghost import Ghost
from screens.widgets.picture_colours import picture_colours
from screens.widgets.pictures import BUDGET, Pictures
from screens.widgets.preview import Preview
from services.datasets.episode_view import Picture
from services.ghost.reference import Reference
from services.live.protocol import CameraView, Telemetry

DRAWN = (40, 30)
LARGE = (128, 96)


def scene(left: int, size: tuple[int, int] = LARGE, seed: int = 0) -> np.ndarray:
    """A picture (height, width, 3) of a red thing on a table, so many hundredths from the left, with noise."""
    width, height = size
    rgb = np.random.default_rng(seed).integers(90, 94, (height, width, 3), dtype=np.uint8)
    at = left * width // 100
    rgb[height // 2 : height // 2 + height // 8, at : at + width // 10] = (220, 40, 40)
    return rgb


def view(rgb: np.ndarray) -> CameraView:
    return CameraView(fps=30.0, brightness=90.0, width=rgb.shape[1], height=rgb.shape[0], rgb=rgb.tobytes())


def ghost(left: int = 50, **cameras: str) -> Ghost:
    rgb = scene(left)
    reference = Picture(camera="overhead", frame=0, width=128, height=96, rgb=rgb.tobytes())
    ticks = iter(np.arange(1000) * 0.2)
    names = cameras or {"overhead": "overhead", "wrist": "wrist"}
    found = {"overhead": reference} if not cameras else dict.fromkeys(cameras.values(), reference)
    return Ghost(Reference("pick#1", found), names, clock=lambda: float(next(ticks)))


def test_it_lies_over_the_cameras_that_it_has_a_picture_for():
    assert ghost().shows == ("overhead",)
    live = view(scene(50))
    assert ghost().over("wrist", live, DRAWN) is live


def test_what_is_drawn_is_half_of_each_at_the_size_of_the_box():
    drawn = ghost(20).over("overhead", view(scene(70)), DRAWN)
    assert (drawn.width, drawn.height) == DRAWN
    row = np.frombuffer(drawn.rgb, np.uint8).reshape(30, 40, 3)[16]
    then, now, table = row[10], row[30], row[20]
    assert table.max() - table.min() < 4
    for half in (then, now):
        assert table[0] + 40 < half[0] < 180 and half[1] < table[1], "red, and the table through it"


def test_it_is_measured_at_its_own_size_also_where_a_slow_link_draws_nothing():
    over = ghost()
    assert over.asks({"overhead": DRAWN, "wrist": DRAWN}, {"overhead": DRAWN}, BUDGET) == {
        "overhead": LARGE,
        "wrist": DRAWN,
    }
    assert over.asks({}, {"overhead": DRAWN}, BUDGET) == {"overhead": LARGE}
    assert over.asks({"overhead": (200, 150)}, {"overhead": (200, 150)}, BUDGET) == {"overhead": (200, 150)}


def test_what_is_asked_for_never_exceeds_the_budget_of_all_pictures():
    over = ghost(50, a="a", b="b", c="c", d="d")
    drawn = dict.fromkeys("abcd", (40, 30))
    asked = over.asks(drawn, drawn, BUDGET)
    assert sum(width * height for width, height in asked.values()) <= BUDGET
    assert list(asked.values()).count(LARGE) == 3


def test_a_picture_that_is_drawn_again_is_measured_once():
    over = ghost()
    first = view(scene(60))
    over.over("overhead", first, DRAWN)
    before = over.reading("overhead")
    over.over("overhead", first, DRAWN)
    assert over.reading("overhead") is before
    over.over("overhead", view(scene(60, seed=1)), DRAWN)
    assert over.reading("overhead") is not before


def test_the_number_falls_as_the_thing_comes_to_its_place_and_is_forgotten_with_the_trial():
    over, told = ghost(50), []
    for frame, left in enumerate((80, 80, 80, 70, 70, 70, 60, 60, 60, 50, 50, 50)):
        over.over("overhead", view(scene(left, seed=frame)), DRAWN)
        told.append(over.reading("overhead"))
    assert [told[n].now for n in (2, 5, 8, 11)] == sorted((told[n].now for n in (2, 5, 8, 11)), reverse=True)
    assert told[11].matched and told[11].best == told[11].now and not told[8].matched
    over.begin_anew()
    assert over.reading("overhead") is None


@pytest.mark.parametrize("colours", ["truecolor", "256", "standard"])
async def test_with_a_ghost_no_more_cells_are_repainted_than_without(colours, monkeypatch):
    class Two(App[None]):
        def compose(self):
            yield Preview("plain")
            yield Preview("ghost")

    monkeypatch.setattr("screens.widgets.preview.picture_colours", lambda system: picture_colours(colours))
    async with Two().run_test(size=(80, 40)) as pilot:
        plain, ghostly = pilot.app.query(Preview)
        over, cells = ghost(50), [0, 0]
        for frame in range(12):
            live = scene(60 + 2 * frame, DRAWN, seed=frame)
            live = np.clip(live.astype(int) + np.random.default_rng(frame).integers(-9, 10, live.shape), 0, 255)
            laid = over.over("overhead", view(live.astype(np.uint8)), DRAWN)
            counted = plain.show(live.astype(np.uint8).tobytes(), *DRAWN), ghostly.show(laid.rgb, *DRAWN)
            cells = [a + b for a, b in zip(cells, counted, strict=True)] if frame else cells
        assert 0 < cells[1] <= cells[0]


async def test_the_title_tells_the_number_and_a_camera_in_trouble_its_trouble():
    class Bench(App[None]):
        def compose(self):
            yield Pictures()

    async with Bench().run_test(size=(100, 40)) as pilot:
        pictures = pilot.app.query_one(Pictures)
        pictures.show_cameras({"overhead": {"width": 640, "height": 480}}, one=False)
        await pilot.pause()
        pictures.ghost = ghost(50)
        assert pictures.sizes()["overhead"][0] >= 72
        pictures.show(Telemetry(at=0.0, cameras={"overhead": view(scene(60))}))
        (box,) = pictures.boxes
        assert box.title.text.startswith("overhead  ghost ") and " best " in box.title.text
        assert "pick#1, 0 = the same" in box.border_subtitle
        slow = msgspec.structs.replace(view(scene(60, seed=1)), state="slow")
        pictures.show(Telemetry(at=0.1, cameras={"overhead": slow}))
        assert " best " in box.title.text and box.title.has_class("-danger")
        black = CameraView(state="black", width=128, height=96, rgb=bytes(128 * 96 * 3))
        pictures.show(Telemetry(at=0.2, cameras={"overhead": black}))
        assert "BLACK" in box.title.text
        pictures.ghost = None
        drawn = pictures.sizes()["overhead"]
        late = view(scene(60, (256, 192)))  # requested before it was switched off
        pictures.show(Telemetry(at=0.4, cameras={"overhead": late}))
        assert "ghost" not in box.title.text and not box.border_subtitle
        assert box.picture._cells is not None and box.picture._cells.shape[:2] == (drawn[1] // 2, drawn[0])
