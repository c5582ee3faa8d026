"""Which combinations may be hotkeys, where they can work, and that a held one asks once."""

from __future__ import annotations

from pathlib import Path

import pytest

from services.bench.hotkeys import for_pynput, read_hotkeys
from services.bench.profiles import ProfileProblem, load_benches
from services.hotkeys.listen import Presses
from services.hotkeys.place import why_off


@pytest.mark.parametrize(
    ("action", "combination", "says"),
    [
        ("trial", "t", "'t' has no modifier besides shift, and would act at every letter typed anywhere"),
        ("trial", "shift+t", "'shift+t' has no modifier besides shift"),
        ("stop", "f12", "'f12' has no modifier besides shift"),
        ("trial", "hyper+t", "no modifier is called 'hyper' in 'hyper+t': ctrl, alt, cmd, shift are"),
        ("trial", "ctrl+foo", "no key is called 'foo'"),
        ("trial", "ctrl+", "no key is called ''"),
        ("trail", "ctrl+t", "trail: no hotkey does that"),
        ("release", "ctrl+alt+r", "release: no hotkey does that"),
        ("void", "ctrl+alt+s", "void: ctrl+alt+s is success already: choose another combination for one of them"),
    ],
)
def test_a_hotkey_that_cannot_be_is_answered_with_file_action_and_reason(
    tmp_path: Path, action: str, combination: str, says: str
) -> None:
    file = tmp_path / "lab.toml"
    file.write_text(
        f'[bench.a.robot]\ntype = "so101_follower"\n[hotkeys]\nsuccess = "Alt+ctrl+S"\n{action} = "{combination}"\n'
    )
    with pytest.raises(ProfileProblem) as caught:
        load_benches(file)
    assert str(caught.value).startswith(f"{file}: hotkeys: {action}: ") and says in str(caught.value)


def test_a_combination_is_written_in_any_order_and_read_in_one() -> None:
    assert read_hotkeys({"trial": " Alt + Ctrl+SPACE", "take": "ctrl+PageDown"}) == {
        "trial": "ctrl+alt+space",
        "take": "ctrl+page_down",
    }
    assert for_pynput("ctrl+alt+space") == "<ctrl>+<alt>+<space>" and for_pynput("cmd+7") == "<cmd>+7"
    with pytest.raises(ValueError, match="write a table of actions"):
        read_hotkeys("ctrl+t")


@pytest.mark.parametrize(
    ("env", "why"),
    [
        ({"DISPLAY": ":0"}, ""),
        ({"DISPLAY": "unix:1.0", "XDG_SESSION_TYPE": "x11"}, ""),
        ({"DISPLAY": ":0", "SSH_CONNECTION": "1 2 3 4"}, "over SSH"),
        ({"DISPLAY": ":0", "SSH_TTY": "/dev/pts/3"}, "over SSH"),
        ({"DISPLAY": "localhost:10.0"}, "listen to the keyboard of a local X display only"),
        ({"DISPLAY": "desk.lab:0"}, "$DISPLAY is desk.lab:0"),
        ({}, "there is no X display here"),
        ({"WAYLAND_DISPLAY": "wayland-0"}, "Wayland tells no program the keys of another one"),
        ({"DISPLAY": ":0", "XDG_SESSION_TYPE": "wayland"}, "Wayland"),
    ],
)
def test_they_are_on_at_a_local_x_display_only(env: dict[str, str], why: str) -> None:
    assert why_off(env).startswith(why) or why in why_off(env)
    assert bool(why_off(env)) == bool(why)


def test_a_combination_that_is_held_asks_once_and_each_stop_is_one() -> None:
    presses = Presses()
    held = [0.0, 0.66, 0.70, 0.74, 1.2, 2.0]
    assert [presses.counts("trial", at) for at in held] == [True, False, False, False, False, True]
    assert [presses.counts("stop", at) for at in held] == [True] * 6
    assert presses.counts("success", 0.7)
