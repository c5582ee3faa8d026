"""lab.toml: which robot, leader and cameras a bench has, and what its operators record; checked as it is read."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path
from typing import Any, get_args

import msgspec
import platformdirs

from services.bench.conditions import CheckedCondition, CheckedGrid, check_unlike
from services.bench.device_tables import check_cameras, check_observed, check_port, check_unlike_pictures, check_view
from services.bench.hotkeys import read_hotkeys
from services.folders import APP
from services.near import did_you_mean
from services.text import brief, clean
from sessions.bench import (
    CAMERAS,
    Motion,
    Profile,
    Recording,
    Task,
    arm_tables,
    camera_places,
)
from sessions.conditions import Condition, Grid
from sessions.target import Target, TargetKind

__all__ = [
    "BUILT_IN", "DEMO", "FASTEST_HZ", "Benches", "CheckedProfile", "Motion", "Profile", "ProfileProblem", "Recording",
    "Task", "apply_settings", "example_toml", "find_lab_toml", "load_benches", "write_example",
]  # fmt: skip

FILE_NAME = "lab.toml"
BUILT_IN = ("sim", "sim-state", "so101-sim", "so101-sim-state")
"""The profiles of the example that need no hardware."""
DEMO = "so101-sim"
"""What `lab-console demo` opens."""
FASTEST_HZ = 240
"""A control loop runs at most at this rate."""


_unknown = re.compile("Object contains unknown field `(.*)`")


class ProfileProblem(Exception):
    """A lab.toml or a setting cannot be used; the message names file, key and reason."""


class CheckedMotion(Motion, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Motion with its bounds checked. Raises ValueError."""

    def __post_init__(self) -> None:
        speeds = ("max_joint_speed", "max_gripper_speed", "max_follow_speed")
        for name in (*speeds, "agree_within", "jump_limit", "hold_warning_s"):
            value = getattr(self, name)
            if not 0 < value < float("inf"):
                raise ValueError(f"{name} must be a number above 0, not {value}")
        if self.waypoints and not self.rest:
            raise ValueError("waypoints need a rest pose")


class CheckedRecording(Recording, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Recording defaults with their bounds checked. Raises ValueError."""

    def __post_init__(self) -> None:
        if not 1 <= self.fps <= FASTEST_HZ:
            raise ValueError(f"fps must lie between 1 and {FASTEST_HZ}, not {self.fps}")
        if not self.episode_seconds > 0 or self.reset_seconds < 0:
            raise ValueError("episode_seconds must be above 0 and reset_seconds not below 0")


class CheckedTask(Task, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A task without unknown keys."""


class CheckedProfile(Profile, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A profile that a bench may run with: no unknown keys, all bounds checked. Raises ValueError naming the key."""

    motion: CheckedMotion = CheckedMotion()
    recording: CheckedRecording = CheckedRecording()
    tasks: tuple[CheckedTask, ...] = ()
    conditions: tuple[CheckedCondition, ...] = ()
    conditions_grid: CheckedGrid | None = None

    def __post_init__(self) -> None:
        check_unlike(self.conditions)
        for part, config in (("robot", self.robot), ("teleop", self.teleop)):
            if config and not isinstance(config.get("type"), str):
                raise ValueError(f"{part} needs a `type`, the name of a LeRobot {part} such as so101_follower")
        for part, config in (("robot", self.robot), ("teleop", self.teleop)):
            for key, table in {"": config, **{f".{key}": arm for key, arm in arm_tables(config).items()}}.items():
                check_port(f"{part}{key}.port", table.get("port"), simulated=self.simulated)
        check_cameras("robot", self.robot.get(CAMERAS, {}))
        for key, arm in arm_tables(self.robot).items():
            check_cameras(f"robot.{key}", arm.get(CAMERAS, {}))
        for place in camera_places(self.robot):
            check_observed(place)
            check_view(place, simulated=self.simulated)
        check_unlike_pictures(camera_places(self.robot))


class CheckedTarget(Target, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A `[target.NAME]` that can be reached. Raises ValueError naming the key."""

    def __post_init__(self) -> None:
        if self.kind is TargetKind.SSH and not self.host:
            raise ValueError("host is missing: the machine as ssh calls it, such as anna@gpu")
        if (self.kind is TargetKind.HF) is not bool(self.flavor):
            raise ValueError('kind = "hf" and `flavor`, such as "a10g-small", belong together')
        if self.host.startswith("-") or any(c.isspace() for c in self.host):
            raise ValueError(f"host: {clean(self.host)!r} is no machine that ssh could reach")
        if not self.folder or not self.command.strip():
            raise ValueError("folder and command must not be empty")
        if any("\n" in text for text in (self.folder, self.command, self.partition, self.gres, self.time, *self.extra)):
            raise ValueError("a value has a line break")


class LabFile(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The top level of a lab.toml. Its operators, tasks and the like apply to every bench that names none."""

    default: str = ""
    operators: tuple[str, ...] = ()
    tasks: tuple[CheckedTask, ...] = ()
    conditions: tuple[CheckedCondition, ...] = ()
    conditions_grid: CheckedGrid | None = None
    plugins: tuple[str, ...] = ()
    share_runs: bool = False
    keymap: Any = msgspec.field(default_factory=dict)
    hotkeys: Any = msgspec.field(default_factory=dict)
    bench: dict[str, Any] = {}
    target: dict[str, Any] = {}

    def __post_init__(self) -> None:
        check_unlike(self.conditions)


class _Shared(msgspec.Struct, frozen=True, kw_only=True):
    """What of the top level applies to every bench, as profiles store it."""

    operators: tuple[str, ...]
    tasks: tuple[Task, ...]
    conditions: tuple[Condition, ...]
    conditions_grid: Grid | None
    plugins: tuple[str, ...]
    share_runs: bool


class Keymap(msgspec.Struct, frozen=True):
    """Other keys for actions, by action id, several separated by commas. One keymap serves all benches.

    Only the console knows which actions and keys exist; it checks the keymap before it opens.
    """

    keys: dict[str, str] = {}
    source: Path | None = None


class Benches(msgspec.Struct, frozen=True):
    """The available profiles, and the file that they come from (None: built in)."""

    profiles: dict[str, Profile]
    default: str
    source: Path | None
    keymap: Keymap = Keymap()
    targets: dict[str, Target] = {}
    """Where a training may run besides this machine."""
    hotkeys: dict[str, str] = {}
    """Combinations of keys by action, as `ctrl+alt+t`: they act wherever the keyboard's focus is."""

    def pick(self, name: str | None) -> Profile:
        """The named profile, else the default one. Raises ProfileProblem listing the known names."""
        wanted = name or self.default
        if wanted not in self.profiles:
            where = self.source or "the built-in profiles"
            raise ProfileProblem(
                f"no bench {brief(wanted)!r} in {where}; there are: {', '.join(sorted(self.profiles))}"
            )
        return self.profiles[wanted]


def example_toml() -> str:
    """The commented example that `lab-console init` writes; its `sim` bench is the built-in profile."""
    return Path(__file__).with_name("lab.example.toml").read_text("utf-8")


def find_lab_toml() -> Path | None:
    """lab.toml in the working directory, else in the user's config folder."""
    for path in (Path.cwd() / FILE_NAME, platformdirs.user_config_path(APP) / FILE_NAME):
        if path.is_file():
            return path
    return None


def load_benches(path: Path | None = None, *, built_in: bool = False) -> Benches:
    """The profiles of `path`, else of the lab.toml that is found, else (or with `built_in`) the built-in ones.

    The keymap comes from the same file; with built-in profiles, from the lab.toml that is found.
    Raises ProfileProblem naming file, key and reason.
    """
    source = None if built_in else path or find_lab_toml()
    if source is None:
        _, profiles = _decode(example_toml(), "the built-in profiles")
        return Benches({name: profiles[name] for name in BUILT_IN}, BUILT_IN[0], None, _keymap_alone(find_lab_toml()))
    try:
        text = source.read_text("utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise ProfileProblem(f"{source} cannot be read: {error}") from error
    lab, profiles = _decode(text, str(source))
    if not profiles:
        raise ProfileProblem(f"{source} has no [bench.NAME]; `lab-console init` writes an example to start from")
    default = lab.default or next(iter(profiles))
    if default not in profiles:
        raise ProfileProblem(f"{source}: default: no bench {default!r}; there are: {', '.join(sorted(profiles))}")
    targets = {name: _target(table, name, str(source)) for name, table in lab.target.items()}
    keymap = Keymap(_flat(lab.keymap, source), source)
    return Benches(profiles, default, source, keymap, targets, _hotkeys(lab.hotkeys, source))


def _hotkeys(table: object, source: Path) -> dict[str, str]:
    try:
        return read_hotkeys(table)
    except ValueError as error:
        raise ProfileProblem(f"{source}: hotkeys: {error}") from error


def _target(table: object, name: str, source: str) -> Target:
    checked = _convert(table, CheckedTarget, source, f"target.{name}")
    return msgspec.structs.replace(msgspec.convert(checked, Target, from_attributes=True), name=name)


def _keymap_alone(source: Path | None) -> Keymap:
    """The keymap of a lab.toml whose benches are not used; empty if the file cannot be read."""
    try:
        table = tomllib.loads(source.read_text("utf-8")).get("keymap", {}) if source else {}
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError):
        return Keymap()
    return Keymap(_flat(table, source), source)


def _flat(table: object, source: Path | None, prefix: str = "") -> dict[str, str]:
    """Keys by action, from nested tables: TOML nests an unquoted `session.finish = "F"`."""
    if isinstance(table, str) and prefix:
        return {prefix: table}
    if not isinstance(table, dict):
        where = f"keymap.{prefix}".rstrip(".")
        raise ProfileProblem(f'{source}: {where}: write "ACTION" = "KEY", such as "session.finish" = "F,ctrl+f"')
    nested = [_flat(value, source, f"{prefix}.{name}".lstrip(".")) for name, value in table.items()]
    return {action: keys for found in nested for action, keys in found.items()}


def _decode(text: str, source: str) -> tuple[LabFile, dict[str, Profile]]:
    try:
        lab = _convert(tomllib.loads(text), LabFile, source, "")
    except tomllib.TOMLDecodeError as error:
        raise ProfileProblem(f"{source} is not valid TOML: {error}") from error
    plain = msgspec.convert(lab, _Shared, from_attributes=True)
    shared = {name: getattr(plain, name) for name in _Shared.__struct_fields__}
    profiles = {}
    for name, table in lab.bench.items():
        profile = _profile(table, source, f"bench.{name}")
        missing = {key: value for key, value in shared.items() if not getattr(profile, key)}
        profiles[name] = msgspec.structs.replace(profile, name=name, **missing)
    return lab, profiles


def _profile(table: object, source: str, prefix: str) -> Profile:
    """Check the table, and convert it to the plain profile that sessions store."""
    checked = _convert(table, CheckedProfile, source, prefix)
    _check_health(checked, source, f"{prefix}." if prefix else "")
    return msgspec.convert(checked, Profile, from_attributes=True)


def _convert[T](value: object, kind: type[T], source: str, prefix: str) -> T:
    """Convert `value` to `kind`. Raises ProfileProblem with the message `file: key: reason`."""
    try:
        return msgspec.convert(value, kind)
    except msgspec.ValidationError as error:
        reason, _, path = str(error).partition(" - at `$")
        key = (prefix + path.rstrip("`").replace("[...]", ".*")).removeprefix(".")
        if unknown := _unknown.fullmatch(reason):
            reason = f"unknown key `{unknown[1]}`{did_you_mean(unknown[1], _keys(kind))}"
        reason = reason.replace("Object missing required field", "missing key")
        raise ProfileProblem(f"{source}: {key + ': ' if key else ''}{reason}") from error


def _keys(kind: type) -> set[str]:
    """Every key of a struct and of the structs in it: which one lacks the key is not told."""
    known: set[str] = set()
    for field in msgspec.structs.fields(kind):
        known.add(field.encode_name)
        inner = [part for part in (field.type, *get_args(field.type)) if isinstance(part, type)]
        for part in inner:
            known |= _keys(part) if issubclass(part, msgspec.Struct) else set()
    return known


def _check_health(profile: Profile, source: str, prefix: str) -> None:
    if not profile.health:
        return
    from services.health.bench_thresholds import check_thresholds  # imports numpy, so only if needed
    from services.health.checks import HealthProblem

    try:
        check_thresholds(profile.health)
    except HealthProblem as problem:
        raise ProfileProblem(f"{source}: {prefix}health.{problem}") from problem


def apply_settings(profile: Profile, settings: list[str]) -> tuple[Profile, dict[str, Any]]:
    """The profile with `KEY=VALUE` settings applied, and the `dataset.*` keys among them.

    KEY begins with robot, teleop, sim, motion, recording, health or dataset; VALUE is read as TOML, else as text.
    Raises ProfileProblem naming the setting and the reason.
    """
    tree = msgspec.to_builtins(profile)
    dataset: dict[str, Any] = {}
    for setting in settings:
        key, equals, value = setting.partition("=")
        parts = key.strip().split(".")
        if not equals or not all(parts) or len(parts) < 2:
            raise ProfileProblem(f"--set {setting}: write KEY=VALUE with a dotted key, such as sim.strategy=nudge")
        roots = {"robot": tree["robot"], "teleop": tree["teleop"], "motion": tree["motion"]}
        roots |= {"recording": tree["recording"], "health": tree["health"], "dataset": dataset}
        if tree["sim"] is not None:
            roots["sim"] = tree["sim"]
        if parts[0] not in roots:
            raise ProfileProblem(f"--set {setting}: a key begins with one of {', '.join(sorted(roots))}")
        _put(roots[parts[0]], parts[1:], _value(value), setting)
    return _profile(tree, "--set", ""), dataset


def _put(table: dict[str, Any], parts: list[str], value: object, setting: str) -> None:
    for part in parts[:-1]:
        inner = table.setdefault(part, {})
        if not isinstance(inner, dict):
            raise ProfileProblem(f"--set {setting}: {part} is a value, not a table")
        table = inner
    table[parts[-1]] = value


def _value(text: str) -> Any:
    try:
        return tomllib.loads(f"value = {text}")["value"]
    except tomllib.TOMLDecodeError:
        return text.strip()


def write_example(folder: Path | None = None) -> Path:
    """Write the commented example as lab.toml. Raises ProfileProblem if the file exists already."""
    path = (folder or Path.cwd()) / FILE_NAME
    try:
        with path.open("x", encoding="utf-8") as file:
            file.write(example_toml())
    except FileExistsError as error:
        raise ProfileProblem(f"{path} exists and was left alone; remove it or run init in another folder") from error
    except OSError as error:
        raise ProfileProblem(f"{path} cannot be written: {error.strerror}") from error
    return path
