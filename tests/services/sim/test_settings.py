"""Settings and faults, from a plain table."""

import pytest

from services.sim.settings import Fault, SettingsProblem, SimSettings, decode


def test_an_empty_table_gives_the_defaults() -> None:
    assert decode({}) == SimSettings(0, "roll", 0.0, 0.0, 1.0, ())


def test_faults_are_decoded() -> None:
    table = {"faults": [{"kind": "black", "device": "wrist", "episode": 3, "frame": 45}]}
    assert decode(table).faults == (Fault("black", "wrist", 3, 45),)


@pytest.mark.parametrize(
    ("table", "said"),
    [
        ({"strategy": "shove"}, "strategy: invalid enum value 'shove'"),
        ({"tempo": 0}, "tempo: expected `float` >= 0.1"),
        ({"sed": 1}, "unknown field `sed`"),
        (
            {"faults": [{"kind": "stuck", "device": "wrist"}]},
            r"faults\[0\]: a fault of kind 'stuck' needs device",
        ),
        ({"faults": [{"kind": "black", "device": "wrist", "episode": 0}]}, r"faults\[0\].episode: expected"),
    ],
)
def test_a_wrong_setting_is_named_with_its_reason(table: dict[str, object], said: str) -> None:
    with pytest.raises(SettingsProblem, match=said):
        decode(table)


def test_a_fault_acts_from_its_frame_on_and_in_later_takes() -> None:
    fault = Fault("black", "wrist", episode=2, frame=10)
    assert [fault.active(*when) for when in ((1, 99), (2, 9), (2, 10), (3, 0))] == [False, False, True, True]


def test_a_fault_of_some_frames_ends_with_them() -> None:
    fault = Fault("black", "wrist", episode=2, frame=10, frames=5)
    assert [fault.active(*when) for when in ((2, 9), (2, 14), (2, 15), (3, 12))] == [
        False,
        True,
        False,
        False,
    ]
