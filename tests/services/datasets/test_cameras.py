"""A camera's name and the key of its feature, in the datasets of every tool."""

from __future__ import annotations

import pytest

from services.datasets.cameras import UnknownCamera, camera_keys, camera_name, channels, find_cameras

PICTURE = {"dtype": "video", "shape": [48, 64, 3]}
FEATURES = {
    "action": {"dtype": "float32", "shape": [6]},
    "observation.images.front.left": PICTURE,
    "observation.image": PICTURE,
    "observation.wrist_image": {"dtype": "image", "shape": [48, 64, 3]},
    "image": PICTURE,
}


def test_every_picture_is_a_camera_whatever_tool_named_it() -> None:
    assert camera_keys(FEATURES) == {
        "front.left": "observation.images.front.left",
        "observation.image": "observation.image",
        "observation.wrist_image": "observation.wrist_image",
        "image": "image",
    }
    assert {camera_name(key) for key in camera_keys(FEATURES).values()} == set(camera_keys(FEATURES))


def test_a_camera_is_found_by_its_name_by_its_key_or_by_the_end_of_it() -> None:
    names = tuple(camera_keys(FEATURES))
    words = ("wrist_image", "observation.images.front.left", "image", " front.left ", "")
    assert find_cameras(names, words) == ("observation.wrist_image", "front.left", "image")
    with pytest.raises(UnknownCamera, match=r"no camera 'wrist' to leave out: it has front.left, observation.image"):
        find_cameras(names, ["wrist"])


def test_a_camera_with_a_comma_in_its_name_is_found_in_a_list() -> None:
    names = ("a,b", "c=d", "a", "observation.x,y")
    assert find_cameras(names, ["a", "b", "c=d"]) == ("a,b", "c=d")
    assert find_cameras(names, ["c=d", " a", "observation.x", "y"]) == ("c=d", "a", "observation.x,y")
    with pytest.raises(UnknownCamera, match="no camera 'b'"):
        find_cameras(names, ["b", "a"])


@pytest.mark.parametrize(
    ("feature", "count"),
    [
        ({"shape": [480, 640, 3], "names": ["height", "width", "channels"]}, 3),
        ({"shape": [480, 640, 1], "names": ["height", "width", "channel"]}, 1),
        ({"shape": [3, 96, 96], "names": ["channels", "height", "width"]}, 3),
        ({"shape": [1, 96, 96], "names": None}, 1),
        ({"shape": [96, 96, 1]}, 1),
        ({"shape": [6]}, 0),
    ],
)
def test_channels_are_where_the_feature_says_or_the_shape_is_small(feature: dict[str, object], count: int) -> None:
    assert channels(feature) == count
