"""lab.toml: what a good one gives, and what a bad one is told."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from services.bench.device_locks import device_keys
from services.bench.equipment import inspect
from services.bench.profiles import (
    Profile,
    ProfileProblem,
    apply_settings,
    example_toml,
    load_benches,
    write_example,
)
from services.folders import DataFolder
from sessions.alarm_source import AlarmSource
from sessions.bench import camera_places
from sessions.conditions import Place


def lab(tmp_path: Path, text: str) -> Path:
    path = tmp_path / "lab.toml"
    path.write_text(text, encoding="utf-8")
    return path


def refusal(tmp_path: Path, text: str) -> str:
    with pytest.raises(ProfileProblem) as caught:
        load_benches(lab(tmp_path, text))
    return str(caught.value)


def test_without_a_lab_toml_there_is_the_simulated_bench(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    benches = load_benches()
    profile = benches.pick(None)
    assert (benches.source, profile.name, profile.simulated) == (None, "sim", True)
    assert set(profile.cameras) == {"overhead", "wrist"}
    assert profile.motion.rest


def test_the_example_holds_the_simulated_bench_and_an_so101(tmp_path: Path) -> None:
    benches = load_benches(write_example(tmp_path))
    assert set(benches.profiles) == {"sim", "sim-state", "so101-sim", "so101-sim-state", "so101"}
    so101 = benches.pick("so101")
    assert so101.robot["type"] == "so101_follower"
    assert so101.cameras["wrist"]["type"] == "intelrealsense"
    assert so101.cameras["overhead"]["type"] == "opencv"
    assert not so101.motion.rest, "there is no default rest pose for hardware"


def test_an_existing_lab_toml_is_left_alone(tmp_path: Path) -> None:
    path = lab(tmp_path, "mine")
    with pytest.raises(ProfileProblem, match="left alone"):
        write_example(tmp_path)
    assert path.read_text() == "mine"


def test_the_working_directory_comes_before_the_config_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    here, config = tmp_path / "here", tmp_path / "config" / "lab-console"
    for folder, name in ((here, "near"), (config, "far")):
        folder.mkdir(parents=True)
        lab(folder, f'[bench.{name}.robot]\ntype = "x"')
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    monkeypatch.chdir(here)
    assert list(load_benches().profiles) == ["near"]
    monkeypatch.chdir(tmp_path)
    assert list(load_benches().profiles) == ["far"]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("x = [", "not valid TOML"),
        ('colour = "red"', "unknown key `colour`"),
        ('default = "b"\n[bench.a.robot]\ntype = "x"', "no bench 'b'"),
        ("[bench.a.motion]\nmax_joint_speed = 3", "bench.a: missing key `robot`"),
        ('[bench.a.robot]\nport = "/dev/x"', "bench.a: robot needs a `type`"),
        ('[bench.a.robot]\ntype = "x"\n[bench.a.motion]\nspeed = 1', "bench.a.motion: unknown key `speed`"),
        ('[bench.a.robot]\ntype = "x"\n[bench.a.motion]\nmax_joint_speed = "fast"', "bench.a.motion.max_joint_speed"),
        ('[bench.a.robot]\ntype = "x"\n[bench.a.motion]\nmax_joint_speed = 0', "must be a number above 0"),
        ('[bench.a.robot]\ntype = "x"\n[bench.a.recording]\nfps = 0', "fps must lie between"),
        ('[bench.a.robot]\ntype = "x"\ncameras = 3', "robot.cameras must be a table"),
        ('[bench.a.robot]\ntype = "x"\n[bench.a.motion]\nmax_joint_sped = 1', "did you mean max_joint_speed"),
        ("", "lab-console init"),
    ],
)
def test_a_bad_lab_toml_is_answered_with_file_key_and_reason(tmp_path: Path, text: str, said: str) -> None:
    message = refusal(tmp_path, text)
    assert said in message
    assert str(tmp_path / "lab.toml") in message


def test_a_lab_toml_that_is_no_text_is_named(tmp_path: Path) -> None:
    (tmp_path / "lab.toml").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(ProfileProblem, match="cannot be read"):
        load_benches(tmp_path / "lab.toml")


def test_operators_and_tasks_on_top_serve_every_bench(tmp_path: Path) -> None:
    text = 'operators = ["anna"]\n[[tasks]]\nname = "p"\ntext = "pick"\n[bench.a.robot]\ntype = "x"\n'
    text += '[bench.b]\noperators = ["bo"]\n[bench.b.robot]\ntype = "x"'
    benches = load_benches(lab(tmp_path, text))
    assert benches.pick("a").operators == ("anna",)
    assert benches.pick("b").operators == ("bo",)
    assert benches.pick("b").tasks[0].text == "pick"


def test_settings_reach_lerobot_and_the_simulated_bench() -> None:
    profile = load_benches(built_in=True).pick("sim")
    settings = [
        "sim.strategy=nudge",
        "sim.jerkiness=0.5",
        "robot.max_relative_target=5.0",
        "robot.cameras.wrist.fps=15",
        "motion.max_joint_speed=10",
        "dataset.rgb_encoder.preset=fast",
        'sim.faults=[{kind = "black", device = "wrist", episode = 2, frame = 10}]',
    ]
    changed, dataset = apply_settings(profile, settings)
    assert changed.sim is not None
    assert (changed.sim["strategy"], changed.sim["jerkiness"]) == ("nudge", 0.5)
    assert changed.sim["faults"][0]["device"] == "wrist"
    assert changed.robot["max_relative_target"] == 5.0
    assert changed.cameras["wrist"]["fps"] == 15
    assert changed.motion.max_joint_speed == 10.0
    assert dataset == {"rgb_encoder": {"preset": "fast"}}
    assert profile.sim is not None
    assert profile.sim["strategy"] == "roll", "the profile itself is not changed"


@pytest.mark.parametrize(
    "setting", ["strategy=nudge", "sim.strategy", "nowhere.x=1", "motion.nothing=1", "robot.type.x=1", "=3"]
)
def test_a_bad_setting_is_answered_by_its_name(setting: str) -> None:
    with pytest.raises(ProfileProblem, match="--set"):
        apply_settings(load_benches(built_in=True).pick("sim"), [setting])


BENCH = '[bench.a.robot]\ntype = "x"\n'


@pytest.mark.parametrize(
    "table", ['"session.finish" = "F,ctrl+f"', 'session.finish = "F,ctrl+f"', '[keymap.session]\nfinish = "F,ctrl+f"']
)
def test_a_keymap_names_actions_with_or_without_quotes(tmp_path: Path, table: str) -> None:
    path = lab(tmp_path, f"[keymap]\n{table}\n{BENCH}")
    keymap = load_benches(path).keymap
    assert (keymap.keys, keymap.source) == ({"session.finish": "F,ctrl+f"}, path)


@pytest.mark.parametrize("table", ["keymap = 3\n", "[keymap]\nstop = 5\n", '[keymap]\nstop = ["f8"]\n'])
def test_a_keymap_of_anything_but_text_is_answered_with_file_and_key(tmp_path: Path, table: str) -> None:
    message = refusal(tmp_path, table + BENCH)
    assert f"{tmp_path / 'lab.toml'}" in message
    assert "keymap" in message
    assert '"session.finish" = "F,ctrl+f"' in message


def test_the_demo_has_the_keys_of_the_lab_toml_and_none_of_its_benches(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    monkeypatch.chdir(tmp_path)
    assert load_benches(built_in=True).keymap.keys == {}
    lab(tmp_path, '[keymap]\nstop = "f8"\n')
    found = load_benches(built_in=True)
    assert (set(found.profiles), found.source, found.keymap.keys) == (
        {"sim", "sim-state", "so101-sim", "so101-sim-state"},
        None,
        {"stop": "f8"},
    )
    for text in ("x = [", '[bench.a]\nnothing = "here"'):
        lab(tmp_path, text)
        assert load_benches(built_in=True).keymap.keys == {}


def test_an_unknown_bench_is_answered_with_the_known_ones() -> None:
    with pytest.raises(ProfileProblem, match="there are: sim"):
        load_benches(built_in=True).pick("so999")


def test_the_example_is_commented() -> None:
    assert example_toml().count("#") > 15


# --- cameras ------------------------------------------------------------------------------------------

ROBOT = '[bench.b.robot]\ntype = "so101_follower"\n'
TWO = """
[bench.b.robot]
type = "bi_so_follower"
[bench.b.robot.cameras.top]
type = "opencv"
[bench.b.robot.left_arm_config.cameras.wrist]
type = "opencv"
[bench.b.robot.right_arm_config.cameras.wrist]
type = "intelrealsense"
use_depth = true
"""


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("top/left", "no '/' (a slash)"),
        (r"a\\b", "(a backslash)"),
        ("", "a camera needs a name"),
        ("..", "neither begins nor ends with a dot"),
        ("wrist ", "neither begins nor ends with a dot or a space"),
        (r"a\u001bb", "printable characters only"),
        ("x" * 65, "at most 64 characters"),
    ],
)
def test_a_camera_that_no_dataset_can_have_is_refused_where_it_is_named(tmp_path: Path, name: str, words: str) -> None:
    text = refusal(tmp_path, f'{ROBOT}[bench.b.robot.cameras."{name}"]\ntype = "opencv"')
    assert words in text
    assert f"{tmp_path / 'lab.toml'}: bench.b: robot.cameras." in text


@pytest.mark.parametrize("name", [*AlarmSource, "gripper.pos"])
def test_a_camera_is_not_called_like_what_alarms_or_motors_are_called(tmp_path: Path, name: str) -> None:
    text = refusal(tmp_path, f'{ROBOT}[bench.b.robot.cameras."{name}"]\ntype = "opencv"')
    assert text.startswith(f"{tmp_path / 'lab.toml'}: bench.b: robot.cameras.{name}: no camera")
    assert f"call it {name.removesuffix('.pos')}_camera, for example" in text


def test_what_counts_is_what_the_robots_observations_call_a_camera(tmp_path: Path) -> None:
    arm = '[bench.b.robot]\ntype = "bi_so_follower"\n[bench.b.robot.left_arm_config.cameras.'
    left = load_benches(lab(tmp_path, f'{arm}motion]\ntype = "opencv"')).pick("b")
    assert list(left.cameras) == ["left_motion"]
    text = refusal(tmp_path, f'{arm}"gripper.pos"]\ntype = "opencv"')
    assert "robot.left_arm_config.cameras.gripper.pos: no camera's name can end with '.pos'" in text
    assert AlarmSource("wrist").known is False


def test_names_with_spaces_dots_and_accents_are_fine(tmp_path: Path) -> None:
    names = ("front.left", "cam 1", "caméra[0]", "a,b", "Wrist")
    tables = "".join(f'[bench.b.robot.cameras."{name}"]\ntype = "opencv"\n' for name in names)
    assert tuple(load_benches(lab(tmp_path, ROBOT + tables)).pick("b").cameras) == names


def test_the_cameras_of_two_arms_are_called_as_the_robots_observations_call_them(tmp_path: Path) -> None:
    profile = load_benches(lab(tmp_path, TWO)).pick("b")
    assert list(profile.cameras) == ["top", "left_wrist", "right_wrist"]
    assert list(profile.pictures) == ["top", "left_wrist", "right_wrist", "right_wrist_depth"]
    assert profile.cameras["right_wrist"]["type"] == "intelrealsense"


def test_two_cameras_of_one_name_are_refused(tmp_path: Path) -> None:
    text = refusal(tmp_path, f'{TWO}[bench.b.robot.cameras.left_wrist]\ntype = "opencv"')
    assert "robot.cameras.left_wrist and robot.left_arm_config.cameras.wrist both give a picture called left_w" in text
    text = refusal(tmp_path, f'{TWO}[bench.b.robot.cameras.right_wrist_depth]\ntype = "opencv"')
    assert "both give a picture called right_wrist_depth" in text
    text = refusal(tmp_path, f'{TWO}[bench.b.robot.left_arm_config.cameras."a/b"]\ntype = "opencv"')
    assert 'robot.left_arm_config.cameras."a/b"' in text


def test_each_arm_of_a_bench_of_two_has_its_own_port(tmp_path: Path) -> None:
    ports = {f"{side}_arm_config": {"port": f"/dev/{side}"} for side in ("left", "right")}
    profile = Profile(robot={"type": "bi_so_follower", **ports}, teleop={"type": "bi_so_leader", **ports})
    parts = inspect(profile, DataFolder(tmp_path)).parts
    assert [(part.name, part.prefix, part.where, part.present) for part in parts] == [
        (name, f"{side}_", f"/dev/{side}", False) for name in ("follower", "leader") for side in ("left", "right")
    ]
    keys = device_keys(profile.robot, {"type": "bi_so_leader", "left_arm_config": {"port": "/dev/l"}}, tmp_path)
    assert keys == {
        "/dev/left": "left follower port /dev/left",
        "/dev/right": "right follower port /dev/right",
        "/dev/l": "left leader port /dev/l",
    }


SIM_ARM = '[bench.x.robot]\ntype = "so101_follower"\nport = "{port}"\n'


def test_a_port_of_the_simulated_bench_that_is_misspelt_names_key_and_what_is_possible(tmp_path: Path) -> None:
    said = refusal(tmp_path, SIM_ARM.format(port="simm") + "[bench.x.sim]\n")
    assert "bench.x: robot.port: 'simm' is no port; write \"sim\" for the simulated bench's or the path of a" in said
    two = '[bench.x.robot]\ntype = "bi_so_follower"\nleft_arm_config = { port = "simm" }\n[bench.x.sim]\n'
    assert "robot.left_arm_config.port: 'simm' is no port" in refusal(tmp_path, two)


def test_a_port_of_the_simulated_bench_needs_its_table(tmp_path: Path) -> None:
    said = refusal(tmp_path, SIM_ARM.format(port="sim"))
    assert 'bench.x: robot.port = "sim" is the simulated bench\'s, which needs a table [bench.NAME.sim]' in said
    teleop = SIM_ARM.format(port="/dev/ttyACM0") + SIM_ARM.format(port="sim").replace("robot", "teleop")
    assert 'bench.x: teleop.port = "sim"' in refusal(tmp_path, teleop)


def test_a_view_of_the_simulated_bench_needs_its_table(tmp_path: Path) -> None:
    camera = '[bench.x.robot.cameras.top]\ntype = "opencv"\nindex_or_path = "sim:overhead"\n'
    said = refusal(tmp_path, SIM_ARM.format(port="/dev/ttyACM0") + camera)
    assert 'robot.cameras.top.index_or_path = "sim:overhead" is a view of the simulated bench, which needs a ta' in said
    assert load_benches(lab(tmp_path, SIM_ARM.format(port="sim") + camera + "[bench.x.sim]\n")).profiles["x"].simulated


@pytest.mark.parametrize("port", ["/dev/ttyACM0", "./link", "sim"])
def test_a_path_and_the_simulated_port_are_ports(tmp_path: Path, port: str) -> None:
    assert load_benches(lab(tmp_path, SIM_ARM.format(port=port) + "[bench.x.sim]\n")).profiles["x"].simulated


GRID = "[conditions_grid]\nx = [180, 270]\ny = [-60, 40]\ncounts = [3, 2]\n"
BENCHES = '[bench.a.robot]\ntype = "x"\n[bench.b.robot]\ntype = "x"\n[[bench.b.conditions]]\nname = "dim light"\n'


def test_start_conditions_are_a_list_and_a_grid_for_every_bench_that_has_none(tmp_path: Path) -> None:
    listed = '[[conditions]]\nname = "back"\nx = 260\ny = -40.5\nyaw = 30\nnote = "at the tape"\n'
    benches = load_benches(lab(tmp_path, listed + GRID + BENCHES))
    (back,) = benches.pick("a").conditions
    assert back.place == Place(260, -40.5, 30)
    assert [each.name for each in benches.pick("b").conditions] == ["dim light"]
    grid = benches.pick("b").conditions_grid
    assert grid is not None
    names = ["x180 y-60", "x180 y40", "x225 y-60", "x225 y40", "x270 y-60", "x270 y40"]
    assert [each.name for each in grid.conditions] == names
    assert grid.conditions[3].place == Place(225, 40)


@pytest.mark.parametrize(
    ("table", "words"),
    [
        ('[[conditions]]\nname = "a"\nyav = 3\n', "unknown key `yav`; did you mean yaw?"),
        ('[[conditions]]\nname = "a"\nx = 200\n', "'a': x and y belong together"),
        ('[[conditions]]\nname = "a"\nyaw = 3\n', "'a': yaw needs x and y"),
        ('[[conditions]]\nname = "a"\nx = 0.26\ny = 0.1\n', "x and y are millimetres"),
        ('[[conditions]]\nname = "a"\nx = 2600\ny = 1\n', "over 1000 mm away"),
        ('[[conditions]]\nname = "a"\nlike = "cubes"\n', "like is DATASET#EPISODE"),
        ('[[conditions]]\nname = "all"\n', "cannot be called 'all'"),
        ('[[conditions]]\nname = "a"\n[[conditions]]\nname = "a"\n', "two conditions are called 'a'"),
        (GRID.replace("counts", "count"), "conditions_grid: unknown key `count`; did you mean counts?"),
        (GRID.replace("[3, 2]", "[3, 0]"), "counts are two numbers above 0"),
        (GRID.replace("[180, 270]", "[180, 180]"), "two places of the grid are the same"),
    ],
)
def test_a_condition_that_cannot_be_is_named(tmp_path: Path, table: str, words: str) -> None:
    assert words in refusal(tmp_path, table + BENCHES)


def test_a_log_from_elsewhere_may_call_anything_a_camera() -> None:
    table: dict[str, Any] = {"type": "opencv"}
    for cameras in ("x", [table], 3, None):
        assert camera_places({"cameras": cameras, "left_arm_config": {"cameras": cameras}}) == []
    (place,) = camera_places({"cameras": {"wrist": table, "odd": "x"}})
    assert (place.name, place.table) == ("wrist", table)
