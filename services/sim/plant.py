"""The physics: MuJoCo's model of arm, cube and bowl, driven in LeRobot's units."""

from __future__ import annotations

from collections.abc import Sequence
from importlib import resources
from math import ceil, cos, radians, sin

import mujoco
import numpy as np
from numpy.typing import NDArray

from services.sim.arm import JOINTS, REST, Pose, clip

TIMESTEP = 1 / 480
CUBE_HALF = 0.0125
SPAWN_CENTRE = (0.225, -0.01)
SPAWN_RANGE = 0.10
"""The cube is put down within this many metres, along x and along y."""
BOWL = (0.165, 0.165)
BOWL_RIM_RADIUS, BOWL_HEIGHT = 0.055, 0.040

_ALL_OFF = (1 << len(JOINTS)) - 1
"""MuJoCo's mask of disabled actuator groups; so101.xml has one group per motor."""


class Plant:
    """Arm, cube and bowl. Poses are degrees and percent; the cube's pose is metres and a quaternion."""

    def __init__(self, control_period: float | None = None) -> None:
        """With `control_period` (seconds), the physics step divides it exactly; else it is TIMESTEP."""
        xml = resources.files("services.sim").joinpath("so101.xml").read_text("utf-8")
        self.model = mujoco.MjModel.from_xml_string(xml)
        self.data = mujoco.MjData(self.model)
        self.steps_per_period = 1
        if control_period is not None:
            self.steps_per_period = ceil(control_period / TIMESTEP - 1e-6)
            self.model.opt.timestep = control_period / self.steps_per_period
        else:
            self.model.opt.timestep = TIMESTEP
        joint_ids = [mujoco.mj_name2id(self.model, mujoco.mjtObj.mjOBJ_JOINT, name) for name in JOINTS]
        cube_joint = mujoco.mj_name2id(self.model, mujoco.mjtObj.mjOBJ_JOINT, "cube")
        self._joint_at = np.array([self.model.jnt_qposadr[j] for j in joint_ids])
        self._speed_at = np.array([self.model.jnt_dofadr[j] for j in joint_ids])
        self._cube_at = int(self.model.jnt_qposadr[cube_joint])
        self._cube_speed_at = int(self.model.jnt_dofadr[cube_joint])
        self._gains = self.model.actuator_gainprm[:, 0].copy()
        self._limits = self.model.actuator_forcerange.copy()
        self._goals = REST.copy()
        self.place_arm(REST)
        self.place_cube(*SPAWN_CENTRE, 0.0)
        self.set_torque(on=False)

    @property
    def timestep(self) -> float:
        """Seconds per physics step."""
        return float(self.model.opt.timestep)

    @property
    def time(self) -> float:
        """Simulated seconds since the plant was made."""
        return float(self.data.time)

    def step(self, steps: int = 1) -> None:
        """Advance the physics by `steps` steps."""
        mujoco.mj_step(self.model, self.data, steps)

    # --- the arm --------------------------------------------------------------------------------

    @property
    def joints(self) -> Pose:
        """The measured pose."""
        return np.rad2deg(self.data.qpos[self._joint_at])

    @property
    def joint_speeds(self) -> Pose:
        """Degrees (percent) per second."""
        return np.rad2deg(self.data.qvel[self._speed_at])

    @property
    def goals(self) -> Pose:
        """The last goals, within the joint limits."""
        return self._goals.copy()

    @goals.setter
    def goals(self, pose: Pose) -> None:
        self._goals = clip(np.asarray(pose, dtype=np.float64))
        self.data.ctrl[:] = np.deg2rad(self._goals)

    @property
    def torque(self) -> bool:
        """Whether any motor pulls towards its goal."""
        return self.model.opt.disableactuator != _ALL_OFF

    def set_torque(self, *, on: bool) -> None:
        """Switch all motors on (towards the last goals, as real servos do) or off (the arm sags)."""
        self.model.opt.disableactuator = 0 if on else _ALL_OFF

    def set_motors(self, on: Sequence[bool], gain: Sequence[float], limit: Sequence[float]) -> None:
        """Each motor by itself: torque on, its P gain and its torque limit as shares of the model's."""
        self.model.opt.disableactuator = sum(1 << at for at, pulls in enumerate(on) if not pulls)
        self.model.actuator_gainprm[:, 0] = self._gains * gain
        self.model.actuator_biasprm[:, 1] = -self._gains * gain
        self.model.actuator_forcerange[:] = self._limits * np.asarray(limit)[:, None]

    @property
    def loads(self) -> Pose:
        """Each motor's torque as a share of what it can give, signed."""
        return np.asarray(self.data.actuator_force / self._limits[:, 1])

    def place_arm(self, pose: Pose) -> None:
        """Set the arm's pose directly, at rest, goals included. For the start and for tests."""
        self.data.qpos[self._joint_at] = np.deg2rad(clip(np.asarray(pose, dtype=np.float64)))
        self.data.qvel[self._speed_at] = 0.0
        self.goals = pose
        mujoco.mj_forward(self.model, self.data)

    # --- the cube -------------------------------------------------------------------------------

    def place_cube(self, x: float, y: float, yaw: float) -> None:
        """Put the cube flat on the table at (x, y) metres, turned by `yaw` degrees, at rest."""
        at = self._cube_at
        half = radians(yaw) / 2
        self.data.qpos[at : at + 7] = (x, y, CUBE_HALF, cos(half), 0.0, 0.0, sin(half))
        self.data.qvel[self._cube_speed_at : self._cube_speed_at + 6] = 0.0
        mujoco.mj_forward(self.model, self.data)

    @property
    def cube(self) -> NDArray[np.float64]:
        """x, y, z in metres and the quaternion w, x, y, z."""
        return np.array(self.data.qpos[self._cube_at : self._cube_at + 7])

    @property
    def cube_yaw(self) -> float:
        """The cube's turn about the vertical in degrees, -180 to 180."""
        w, x, y, z = self.cube[3:]
        return float(np.rad2deg(np.arctan2(2 * (w * z + x * y), 1 - 2 * (y * y + z * z))))

    @property
    def cube_in_bowl(self) -> bool:
        """The oracle: the cube lies inside the bowl's rim, below its edge, nearly at rest."""
        x, y, z = self.cube[:3]
        inside = (x - BOWL[0]) ** 2 + (y - BOWL[1]) ** 2 < (BOWL_RIM_RADIUS - 0.010) ** 2
        speed = self.data.qvel[self._cube_speed_at : self._cube_speed_at + 3]
        return bool(inside and z < BOWL_HEIGHT and np.linalg.norm(speed) < 0.05)

    def touches(self, *names: str) -> set[str]:
        """Names of the arm's geoms that touch one of the named geoms or bodies now."""
        wanted = set(names)
        found: set[str] = set()
        for contact in self.data.contact[: self.data.ncon]:
            pair = [self.model.geom(int(g)) for g in contact.geom]
            labels = [{g.name, self.model.body(int(g.bodyid[0])).name} for g in pair]
            for mine, other in ((0, 1), (1, 0)):
                if labels[other] & wanted and not labels[mine] & {"cube", "bowl", "table", "world"}:
                    found.add(pair[mine].name)
        return found


def spawn_pose(seed: int, take: int) -> tuple[float, float, float]:
    """Where the cube lies for `take`: x, y in metres and yaw in degrees, from the seed alone."""
    rng = np.random.default_rng([abs(seed), take, 1])
    dx, dy = rng.uniform(-SPAWN_RANGE / 2, SPAWN_RANGE / 2, 2)
    return SPAWN_CENTRE[0] + float(dx), SPAWN_CENTRE[1] + float(dy), float(rng.uniform(-45.0, 45.0))
