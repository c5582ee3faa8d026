"""Drawings of a report: whatever was logged, they are whole SVG whose points lie inside."""

from __future__ import annotations

import re
import xml.etree.ElementTree as ET

import numpy as np
from hypothesis import example, given, settings
from hypothesis import strategies as st

from services.report.charts import HIGH, LARGEST, WIDE, curve, places_map, success_map
from sessions.conditions import Place

ANY = st.floats(width=64)
NEAR = st.floats(-2_000, 2_000)


@settings(max_examples=60, deadline=None)
@given(st.lists(ANY, min_size=2, max_size=12), st.booleans())
@example([1.7e308, -1.7e308, 1.0, 2.0], True)
@example([5e-324, 1e308, 1e-90, 1e90], True)
@example([0.0, 5e-324], False)
def test_a_curve_of_any_values_stays_inside_its_drawing(values: list[float], log: bool) -> None:
    svg = curve(np.arange(len(values)), np.array(values), "loss <b>", log=log)
    finite = [value for value in values if abs(value) < LARGEST]
    assert bool(svg) == (len(finite) > 1)
    if svg:
        assert ET.fromstring(svg).tag.endswith("svg") and "nan" not in svg and "inf" not in svg
        points = re.search(r'points="(.*?)"', svg)
        assert points is not None
        for point in points[1].split():
            x, y = map(float, point.split(","))
            assert 0 <= x <= WIDE and 0 <= y <= HIGH


@settings(max_examples=40, deadline=None)
@given(st.lists(st.tuples(NEAR, NEAR), min_size=1, max_size=6))
def test_a_map_of_any_places_is_whole(places: list[tuple[float, float]]) -> None:
    svg = success_map([("<&>", Place(x, y), 1, 2) for x, y in places], "map")
    assert ET.fromstring(svg).tag.endswith("svg") and svg.count("1/2") >= len(places)
    _, _, wide, high = map(float, ET.fromstring(svg).attrib["viewBox"].split())
    dots = places_map([("at", Place(x, y)) for x, y in places], "dots")
    for x, y in re.findall(r'class="dot" cx="(.*?)" cy="(.*?)"', dots):
        assert 0 <= float(x) <= wide + 1 and 0 <= float(y) <= high + 1


def test_a_loss_over_powers_of_ten_is_drawn_on_a_logarithmic_axis_and_others_on_a_plain_one() -> None:
    steps = np.arange(4)
    assert ">0.1<" in curve(steps, np.array([1.0, 0.1, 0.01, 0.02]), "loss", log=True)
    assert curve(steps, np.array([0.3, 0.2, 0.25, 0.28]), "loss", log=True).count('class="grid"') == 3
    assert curve(steps, np.array([np.nan, 1.0, np.inf, np.nan]), "loss", log=False) == ""
    assert places_map([], "none") == success_map([], "none") == ""
