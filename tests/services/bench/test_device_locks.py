"""Device locks: one session at a time on a device, whichever name, user or folder it comes by."""

from __future__ import annotations

import fcntl
import os
import re
import signal
import stat
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from services import folders
from services.bench import device_locks
from services.bench.device_locks import DeviceBusy, DeviceLocks, device_keys, holder
from services.folders import FolderProblem, device_lock_folder
from sessions.locks import user_name
from tests import ROOT

ME = {"session": "20260217-142001-aaaa", "bench": "so101", "operator": "anna"}


@pytest.fixture(autouse=True)
def lock_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    path = tmp_path / "locks"
    path.mkdir()
    path.chmod(0o1777)
    monkeypatch.setattr(device_locks, "device_lock_folder", lambda: path)
    return path


# --- which devices ------------------------------------------------------------------------------


def test_an_arm_pair_and_its_cameras_are_its_devices(tmp_path: Path) -> None:
    robot = {
        "type": "so101_follower",
        "port": "/dev/null",
        "id": "follower",
        "cameras": {
            "wrist": {"type": "intelrealsense", "serial_number_or_name": "0123", "fps": 30},
            "overhead": {"type": "opencv", "index_or_path": 2},
        },
    }
    assert device_keys(robot, {"type": "so101_leader", "port": "/dev/zero"}, tmp_path) == {
        "/dev/null": "follower port /dev/null",
        "realsense:0123": "wrist camera 0123",
        "/dev/video2": "overhead camera 2",
        "/dev/zero": "leader port /dev/zero",
    }


def test_every_link_to_a_device_is_one_key(tmp_path: Path) -> None:
    link = tmp_path / "usb-FOLLOWER"
    link.symlink_to("/dev/null")
    by_link = device_keys({"type": "x", "port": str(link)}, {}, tmp_path)
    assert set(by_link) == {"/dev/null"}
    assert by_link["/dev/null"] == f"follower port {link}"


def test_a_device_that_is_not_plugged_in_has_a_key(tmp_path: Path) -> None:
    assert "/dev/serial/by-id/usb-NONE" in device_keys({"port": "/dev/serial/by-id/usb-NONE"}, {}, tmp_path)


def test_both_arms_of_a_bimanual_robot_count(tmp_path: Path) -> None:
    robot = {
        "type": "bi_so_follower",
        "left_arm_config": {"port": "/dev/null", "cameras": {"left": {"type": "opencv", "index_or_path": "0"}}},
        "right_arm_config": {"port": "/dev/zero"},
    }
    assert device_keys(robot, {}, tmp_path) == {
        "/dev/null": "left follower port /dev/null",
        "/dev/video0": "left camera 0",
        "/dev/zero": "right follower port /dev/zero",
    }


def test_a_robot_on_the_network_is_its_address_and_its_port_no_device(tmp_path: Path) -> None:
    keys = device_keys({"type": "reachy2", "ip_address": "10.0.0.5", "port": 50065}, {}, tmp_path)
    assert keys == {"net:10.0.0.5": "follower address 10.0.0.5"}


def test_a_can_interface_is_no_file(tmp_path: Path) -> None:
    assert device_keys({"type": "openarm_follower", "port": "can0"}, {}, tmp_path) == {
        "port:can0": "follower port can0"
    }


def test_one_folders_simulated_bench_is_one_device(tmp_path: Path) -> None:
    robot = {"type": "sim_so101_follower", "cameras": {"wrist": {"type": "sim_camera", "view": "wrist"}}}
    link = tmp_path / "link"
    link.symlink_to(tmp_path)
    keys = device_keys(robot, {"type": "sim_so101_leader"}, link)
    assert keys == {f"sim:{tmp_path}": "the simulated bench"}


def test_real_cameras_on_a_simulated_arm_are_devices_of_their_own(tmp_path: Path) -> None:
    cameras = {
        "wrist": {"type": "opencv", "index_or_path": 2},
        "depth": {"type": "intelrealsense", "serial_number_or_name": "0123"},
        "front": {"type": "sim_camera", "view": "front"},
    }
    real = {"/dev/video2": "wrist camera 2", "realsense:0123": "depth camera 0123"}
    one = {f"sim:{tmp_path}": "the simulated bench"} | real
    assert device_keys({"type": "so101_follower", "port": "sim", "cameras": cameras}, {}, tmp_path) == one
    assert device_keys({"type": "sim_so101_follower", "cameras": cameras}, {}, tmp_path) == one
    left = {"type": "bi_so_follower", "left_arm_config": {"port": "sim", "cameras": cameras}}
    assert device_keys(left, {}, tmp_path) == one


def test_a_config_without_devices_has_no_keys(tmp_path: Path) -> None:
    assert device_keys({"type": "x", "port": "", "nested": {"index_or_path": None}}, {}, tmp_path) == {}


# --- holding them -------------------------------------------------------------------------------

HOLD = """
import sys
from pathlib import Path
from services.bench import device_locks
device_locks.device_lock_folder = lambda: Path(sys.argv[1])
held = device_locks.DeviceLocks({sys.argv[2]: "its port"}, {"session": "s-1", "bench": "so101", "operator": "bo"})
print("held", flush=True)
sys.stdin.read()
"""


@pytest.fixture
def other(lock_folder: Path) -> Iterator[subprocess.Popen[bytes]]:
    """Another process that holds /dev/null."""
    command = [sys.executable, "-c", HOLD, str(lock_folder), "/dev/null"]
    process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, cwd=ROOT)
    assert process.stdout and process.stdout.readline() == b"held\n"
    yield process
    process.kill()
    process.communicate()


def test_a_held_device_says_who_holds_it_and_what_to_do(other: subprocess.Popen[bytes]) -> None:
    with pytest.raises(DeviceBusy) as busy:
        DeviceLocks({"/dev/null": "follower port /dev/null"}, ME, patience_s=0.1)
    user = user_name()
    assert re.fullmatch(
        rf"follower port /dev/null is held by session s-1 \(bench so101, operator bo, user {user}, pid {other.pid}, "
        r"since \d\d:\d\d \S+\): end that session or attach to it with `lab-console attach s-1`",
        str(busy.value),
    )
    told = holder("/dev/null")
    assert told is not None and told.startswith("session s-1 (bench so101")


def test_somebody_elses_session_cannot_be_attached_to(
    other: subprocess.Popen[bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    owner = user_name()
    monkeypatch.setattr(device_locks, "user_name", lambda: "carla")
    with pytest.raises(DeviceBusy, match=f"ask {owner} to end that session"):
        DeviceLocks({"/dev/null": "follower port"}, ME, patience_s=0)


def test_all_or_none(other: subprocess.Popen[bytes]) -> None:
    with pytest.raises(DeviceBusy):
        DeviceLocks({"/dev/a": "a", "/dev/null": "b", "/dev/z": "c"}, ME, patience_s=0.1)
    assert holder("/dev/a") is None and holder("/dev/z") is None


def test_a_killed_holders_lock_is_free_and_worth_a_moments_patience(other: subprocess.Popen[bytes]) -> None:
    killer = subprocess.Popen(["sh", "-c", f"sleep 0.3; kill -9 {other.pid}"])
    began = time.monotonic()
    with DeviceLocks({"/dev/null": "port"}, ME, patience_s=10):
        assert 0.2 < time.monotonic() - began < 5
    killer.wait()


def test_closing_lets_go_and_may_be_done_twice() -> None:
    held = DeviceLocks({"/dev/a": "a"}, ME)
    assert "20260217-142001-aaaa" in str(holder("/dev/a"))
    held.close()
    held.close()
    assert holder("/dev/a") is None
    DeviceLocks({"/dev/a": "a"}, ME, patience_s=0).close()


def test_what_comes_back_when_the_session_is_over_is_not_locked_any_more(monkeypatch: pytest.MonkeyPatch) -> None:
    held = DeviceLocks({"/dev/a": "a"}, ME)
    asked, end = threading.Event(), threading.Event()
    lock = device_locks.Lock

    def slowly(*wanted: Any) -> Any:
        asked.set()
        assert end.wait(5)
        return lock(*wanted)

    monkeypatch.setattr(device_locks, "Lock", slowly)
    search = threading.Thread(target=held.add, args=("/dev/b", "b"))
    search.start()
    assert asked.wait(5)
    threading.Timer(0.05, end.set).start()
    held.close()
    search.join(5)
    assert holder("/dev/a") is None and holder("/dev/b") is None
    with (
        pytest.raises(DeviceBusy, match="b camera is not opened any more: the session is over"),
        held.moving("/dev/a", "/dev/b", "b camera"),
    ):
        pytest.fail("opened without a lock")
    assert holder("/dev/b") is None


def test_asking_about_a_device_that_was_never_locked_makes_no_file(lock_folder: Path) -> None:
    assert holder("/dev/a") is None
    assert list(lock_folder.iterdir()) == []


def test_asking_does_not_keep_a_session_out() -> None:
    DeviceLocks({"/dev/a": "a"}, ME).close()
    fd = os.open(device_locks._path("/dev/a"), os.O_RDONLY)
    fcntl.flock(fd, fcntl.LOCK_SH | fcntl.LOCK_NB)  # somebody asks at this moment
    reader = subprocess.Popen(["sleep", "0.2"], pass_fds=[fd])
    os.close(fd)
    DeviceLocks({"/dev/a": "a"}, ME).close()
    reader.wait()


def test_lock_files_are_everybodys_and_readable_by_name(lock_folder: Path) -> None:
    before = os.umask(0o077)
    try:
        with DeviceLocks({"/dev/serial/by-id/usb-A": "a", "realsense:0123": "b"}, ME):
            names = sorted(p.name for p in lock_folder.iterdir())
            modes = {stat.S_IMODE(p.stat().st_mode) for p in lock_folder.iterdir()}
    finally:
        os.umask(before)
    assert modes == {0o666}
    assert [re.sub(r"[0-9a-f]{8}\.lock$", "", n) for n in names] == ["dev-serial-by-id-usb-A-", "realsense-0123-"]


def test_devices_whose_names_look_alike_have_locks_of_their_own() -> None:
    with DeviceLocks(
        {"/dev/a-b": "1", "/dev/a_b": "2", "/dev/" + "x" * 300 + "1": "3", "/dev/" + "x" * 300 + "2": "4"}, ME
    ):
        assert all(holder(key) for key in ("/dev/a-b", "/dev/a_b"))


@pytest.mark.skipif(os.geteuid() != 0, reason="needs a second user")
@pytest.mark.parametrize("mode", [0o666, 0o644])
def test_another_users_lock_file_can_be_locked(lock_folder: Path, mode: int) -> None:
    for parent in lock_folder.parents:
        if parent.is_relative_to("/tmp") and parent != Path("/tmp"):
            parent.chmod(parent.stat().st_mode | 0o055)
    DeviceLocks({"/dev/a": "a"}, ME).close()
    (file,) = lock_folder.iterdir()
    file.chmod(mode)
    os.seteuid(65534)
    try:
        with DeviceLocks({"/dev/a": "a"}, ME):
            assert holder("/dev/a")
    finally:
        os.seteuid(0)


def test_what_a_lock_file_says_cannot_steer_the_terminal(lock_folder: Path) -> None:
    with DeviceLocks({"/dev/a": "a"}, {"session": "\x1b[2Js", "bench": "b\nb"}):
        assert (
            holder(
                "/dev/a",
            )
            is not None
        )
        assert not re.search(r"[\x00-\x1f]", str(holder("/dev/a")))


@pytest.mark.parametrize("content", [b"", b"{", b"\xff" * 9000, b"[]"])
def test_a_holder_that_says_nothing_readable_is_another_process(lock_folder: Path, content: bytes) -> None:
    with DeviceLocks({"/dev/a": "a"}, ME):
        (file,) = lock_folder.iterdir()
        file.write_bytes(content)
        assert holder("/dev/a") == "another process"
        with pytest.raises(DeviceBusy, match="a is held by another process: end what uses it"):
            DeviceLocks({"/dev/a": "a"}, ME, patience_s=0)


def test_a_link_in_the_place_of_a_lock_file_is_refused(lock_folder: Path, tmp_path: Path) -> None:
    (tmp_path / "precious").write_text("precious")
    DeviceLocks({"/dev/a": "a"}, ME).close()
    (file,) = lock_folder.iterdir()
    file.unlink()
    file.symlink_to(tmp_path / "precious")
    with pytest.raises(DeviceBusy, match="cannot be locked"):
        DeviceLocks({"/dev/a": "a"}, ME, patience_s=0)
    assert (tmp_path / "precious").read_text() == "precious"


def test_two_sessions_that_start_together_do_not_lock_each_other_out(lock_folder: Path) -> None:
    """One of two with the same devices in another order gets all, the other none."""
    code = HOLD.replace('{sys.argv[2]: "its port"}', "dict.fromkeys(sys.argv[2].split(), 'x')")
    orders = ["/dev/a /dev/b /dev/c", "/dev/c /dev/b /dev/a"]
    both = [
        subprocess.Popen(
            [sys.executable, "-c", code, str(lock_folder), order],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            cwd=ROOT,
        )
        for order in orders
    ]
    won = [p for p in both if p.stdout and p.stdout.readline() == b"held\n"]
    assert len(won) == 1
    for process in both:
        process.send_signal(signal.SIGKILL)
        process.communicate()


# --- the folder ---------------------------------------------------------------------------------


def test_the_lock_folder_is_the_same_for_every_user_of_this_machine() -> None:
    path = device_lock_folder()
    assert stat.S_IMODE(path.stat().st_mode) == 0o1777


def test_a_folder_that_others_cannot_write_is_mended_by_its_owner_and_refused_to_others(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tmp_path.chmod(0o1777)
    monkeypatch.setattr(folders, "Path", lambda p: tmp_path if str(p) == "/run/lock" else Path(p))
    (tmp_path / "lab-console").mkdir(mode=0o755)
    monkeypatch.setattr(os, "getuid", lambda: 12345)
    with pytest.raises(FolderProblem, match="chmod 1777"):
        device_lock_folder()
    monkeypatch.undo()
    monkeypatch.setattr(folders, "Path", lambda p: tmp_path if str(p) == "/run/lock" else Path(p))
    assert stat.S_IMODE(device_lock_folder().stat().st_mode) == 0o1777


def test_who_holds_one_of_several_devices_is_said_as_a_session_would_end(other: subprocess.Popen[bytes]) -> None:
    keys = {"/dev/a": "leader port", "/dev/null": "follower port"}
    assert device_locks.who_holds({"/dev/a": "leader port"}) == ""
    with pytest.raises(DeviceBusy) as busy:
        DeviceLocks(keys, ME, patience_s=0)
    assert device_locks.who_holds(keys) == str(busy.value)
