"""The two cameras, painted: MuJoCo's state projected through a pinhole and filled with OpenCV. No OpenGL.

Solids are convex (boxes) or the bowl; faces turned away are dropped, the rest painted far to near,
shaded by one lamp, over a table with a cutting mat and the solids' shadows.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import pi, radians, tan
from typing import Any

import cv2
import mujoco
import numpy as np
from numpy.typing import NDArray

from services.sim.plant import BOWL_HEIGHT, BOWL_RIM_RADIUS
from services.sim.wire import VIEWS, Frame

type Array = NDArray[np.float64]

_LAMP = np.array([0.35, -0.45, 0.82]) / np.linalg.norm([0.35, -0.45, 0.82])
_FLOOR, _WOOD, _MAT, _LINE = (58, 60, 66), (176, 142, 104), (58, 84, 78), (112, 140, 130)
_MAT_SHADOW, _WOOD_SHADOW = (34, 50, 47), (112, 90, 66)
_TABLE = (-0.22, 0.46, -0.45, 0.45)
_MAT_AREA = (0.06, 0.38, -0.22, 0.28)
_NEAR = 0.012
_SUBPIXEL = 4
_BOWL_SIDES = 18
_BOWL_BLUE, _BOWL_INSIDE = (52, 102, 196), (120, 164, 226)
_GRAIN = 5
"""Sensor noise: each pixel gains 0 to this many counts, so that two frames are never the same."""


@dataclass(frozen=True)
class _Mesh:
    """Vertices in their geoms' frames, and faces as rows of vertex numbers with outward normals."""

    points: Array
    geom_of_point: NDArray[np.intp]
    faces: list[NDArray[np.intp]]
    first_of_face: NDArray[np.intp]
    normals: Array
    geom_of_face: NDArray[np.intp]
    colours: Array
    solids: list[slice]
    corners: NDArray[np.intp]
    offsets: NDArray[np.intp]
    sizes: Array


class Painter:
    """Paints one view of a model at one size."""

    def __init__(self, model: Any, view: str, width: int = 640, height: int = 480) -> None:
        """`view` is one of VIEWS. Raises ValueError for another."""
        if view not in VIEWS:
            raise ValueError(f"the simulated bench has no camera view {view!r}; choose {' or '.join(VIEWS)}")
        cv2.setNumThreads(1)
        self.width, self.height = width, height
        self._camera = mujoco.mj_name2id(model, mujoco.mjtObj.mjOBJ_CAMERA, view)
        self._focal = 0.5 * height / tan(radians(float(model.cam_fovy[self._camera])) / 2)
        self._mesh = _mesh(model)
        self._moves = view == "wrist"
        self._table: Frame | None = None
        self._floor = np.full((height, width, 3), _FLOOR, np.uint8)
        self._lines = _grid()
        noise = np.random.default_rng(5).integers(0, _GRAIN + 1, (height + 64, width, 3), dtype=np.uint8)
        self._grain = np.ascontiguousarray(noise)

    def paint(self, data: Any, index: int = 0) -> Frame:
        """A new frame of the state in `data` (after kinematics); `index` chooses the sensor noise."""
        eye = data.cam_xpos[self._camera]
        axes = data.cam_xmat[self._camera].reshape(3, 3)
        frame = self._table_frame(eye, axes)
        mesh = self._mesh
        turns = data.geom_xmat.reshape(-1, 3, 3)
        world = np.einsum("nij,nj->ni", turns[mesh.geom_of_point], mesh.points)
        world += data.geom_xpos[mesh.geom_of_point]
        self._paint_shadows(frame, world, eye, axes)
        self._paint_faces(frame, world, turns, eye, axes)
        start = (index * 29) % 64
        cv2.add(frame, self._grain[start : start + self.height], frame)
        return frame

    # --- parts of a picture ---------------------------------------------------------------------

    def _paint_faces(self, frame: Frame, world: Array, turns: Array, eye: Array, axes: Array) -> None:
        mesh = self._mesh
        normals = np.einsum("nij,nj->ni", turns[mesh.geom_of_face], mesh.normals)
        away = world[mesh.first_of_face] - eye
        facing = np.einsum("ij,ij->i", normals, away) < 0.0
        light = 0.50 + 0.50 * np.clip(normals @ _LAMP, -0.35, 1.0)
        colours = np.clip(mesh.colours * light[:, None], 0, 250)
        pixels, depth = self._project(world, eye, axes)
        sums = np.add.reduceat(depth[mesh.corners], mesh.offsets)
        nearest = np.minimum.reduceat(depth[mesh.corners], mesh.offsets)
        order = np.argsort(-sums / mesh.sizes)
        paint = colours.astype(int).tolist()
        for i in order[(facing & (nearest > _NEAR))[order]]:
            cv2.fillConvexPoly(frame, pixels[mesh.faces[i]], paint[i], cv2.LINE_AA, _SUBPIXEL)

    def _paint_shadows(self, frame: Frame, world: Array, eye: Array, axes: Array) -> None:
        on_table = world - world[:, 2:3] * (_LAMP / _LAMP[2])
        pixels, depth = self._project(on_table, eye, axes)
        for solid in self._mesh.solids:
            if depth[solid].min() > _NEAR:
                hull = cv2.convexHull(pixels[solid])
                x, y = on_table[solid].mean(axis=0)[:2]
                on_mat = _MAT_AREA[0] < x < _MAT_AREA[1] and _MAT_AREA[2] < y < _MAT_AREA[3]
                cv2.fillConvexPoly(frame, hull, _MAT_SHADOW if on_mat else _WOOD_SHADOW, cv2.LINE_8, _SUBPIXEL)

    def _table_frame(self, eye: Array, axes: Array) -> Frame:
        if self._moves:
            return self._paint_table(eye, axes)
        if self._table is None:
            self._table = self._paint_table(eye, axes)
        return self._table.copy()

    def _paint_table(self, eye: Array, axes: Array) -> Frame:
        frame = self._floor.copy()
        self._fill(frame, _rectangle(*_TABLE), _WOOD, eye, axes)
        self._fill(frame, _rectangle(*_MAT_AREA), _MAT, eye, axes)
        lines = _lines_before_eye((self._lines - eye) @ axes)
        pixels = self._pixels(lines.reshape(-1, 3)).reshape(-1, 2, 2).tolist()
        width = max(1, self.height // 320)
        for start, end in pixels:
            cv2.line(frame, start, end, _LINE, width, cv2.LINE_AA, _SUBPIXEL)
        return frame

    def _fill(self, frame: Frame, corners: Array, colour: tuple[int, int, int], eye: Array, axes: Array) -> None:
        seen = _before_eye((corners - eye) @ axes)
        if len(seen) >= 3:
            cv2.fillConvexPoly(frame, self._pixels(seen), colour, cv2.LINE_AA, _SUBPIXEL)

    # --- projection -----------------------------------------------------------------------------

    def _project(self, world: Array, eye: Array, axes: Array) -> tuple[NDArray[np.int32], Array]:
        seen = (world - eye) @ axes
        return self._pixels(seen), -seen[:, 2]

    def _pixels(self, seen: Array) -> NDArray[np.int32]:
        """Points in the camera's frame to fixed-point pixels; points behind the eye give meaningless ones."""
        depth = np.maximum(-seen[:, 2], 1e-3)
        across = self.width / 2 + self._focal * seen[:, 0] / depth
        down = self.height / 2 - self._focal * seen[:, 1] / depth
        scaled = np.stack((across, down), axis=1) * (1 << _SUBPIXEL)
        limit = 1 << 20
        return np.clip(scaled, -limit, limit).astype(np.int32)


def _rectangle(x0: float, x1: float, y0: float, y1: float) -> Array:
    return np.array([(x0, y0, 0.0), (x1, y0, 0.0), (x1, y1, 0.0), (x0, y1, 0.0)])


def _grid() -> Array:
    """The mat's lines, 4 cm apart: (lines, 2 ends, 3)."""
    x0, x1, y0, y1 = _MAT_AREA
    lengthwise = [((x0, y, 0.0), (x1, y, 0.0)) for y in np.arange(y0, y1 + 1e-6, 0.04)]
    crosswise = [((x, y0, 0.0), (x, y1, 0.0)) for x in np.arange(x0, x1 + 1e-6, 0.04)]
    return np.array([*lengthwise, *crosswise], dtype=np.float64)


def _lines_before_eye(lines: Array) -> Array:
    """The parts of lines that lie beyond the near plane; (lines, 2, 3) in the camera's frame."""
    depth = -lines[:, :, 2]
    lines, depth = lines[(depth > _NEAR).any(axis=1)], depth[(depth > _NEAR).any(axis=1)]
    behind = depth <= _NEAR
    share = (_NEAR - depth) / np.where(behind, depth[:, ::-1] - depth, 1.0)
    cut = lines + share[:, :, None] * (lines[:, ::-1] - lines)
    return np.where(behind[:, :, None], cut, lines)


def _before_eye(points: Array) -> Array:
    """The outline cut at the near plane; points are in the camera's frame, which looks along -z."""
    kept: list[Array] = []
    for here, there in zip(points, np.roll(points, -1, axis=0), strict=True):
        here_in, there_in = here[2] < -_NEAR, there[2] < -_NEAR
        if here_in:
            kept.append(here)
        if here_in != there_in:
            share = (-_NEAR - here[2]) / (there[2] - here[2])
            kept.append(here + share * (there - here))
    return np.array(kept).reshape(-1, 3)


# --- the mesh -----------------------------------------------------------------------------------

_BOX = np.array([(x, y, z) for x in (-1, 1) for y in (-1, 1) for z in (-1, 1)], dtype=np.float64)
_BOX_FACES = ((0, 1, 3, 2), (4, 6, 7, 5), (0, 4, 5, 1), (2, 3, 7, 6), (0, 2, 6, 4), (1, 5, 7, 3))


def _mesh(model: Any) -> _Mesh:
    points: list[Array] = []
    point_geoms: list[int] = []
    faces: list[NDArray[np.intp]] = []
    face_geoms: list[int] = []
    colours: list[Array] = []
    solids: list[slice] = []

    def add(geom: int, corners: Array, outlines: list[tuple[int, ...]], paint: list[Any], *, solid: bool) -> None:
        base = len(point_geoms)
        points.append(corners)
        point_geoms.extend([geom] * len(corners))
        if solid:
            solids.append(slice(base, base + len(corners)))
        for outline, colour in zip(outlines, paint, strict=True):
            faces.append(np.array(outline, dtype=np.intp) + base)
            face_geoms.append(geom)
            colours.append(np.array(colour, dtype=np.float64))

    for geom in range(model.ngeom):
        body = model.body(int(model.geom_bodyid[geom])).name
        if body != "bowl" and model.geom_type[geom] == mujoco.mjtGeom.mjGEOM_BOX:
            rgb = np.array(model.geom_rgba[geom][:3]) * 235
            add(geom, _BOX * model.geom_size[geom], list(_BOX_FACES), [rgb] * 6, solid=True)
    floor = mujoco.mj_name2id(model, mujoco.mjtObj.mjOBJ_GEOM, "bowl_floor")
    corners, outlines, paint = _bowl(float(model.geom_pos[floor][2]))
    add(floor, corners, outlines, paint, solid=False)
    solids.append(slice(len(point_geoms) - len(corners), len(point_geoms) - _BOWL_SIDES * 2))

    every = np.concatenate(points)
    first = np.array([f[0] for f in faces], dtype=np.intp)
    edges = np.stack([np.cross(every[f[1]] - every[f[0]], every[f[2]] - every[f[1]]) for f in faces])
    normals = edges / np.linalg.norm(edges, axis=1, keepdims=True)
    return _Mesh(
        every,
        np.array(point_geoms, dtype=np.intp),
        faces,
        first,
        normals,
        np.array(face_geoms, dtype=np.intp),
        np.stack(colours),
        solids,
        np.concatenate(faces),
        np.cumsum([0, *(len(f) for f in faces[:-1])], dtype=np.intp),
        np.array([len(f) for f in faces], dtype=np.float64),
    )


def _bowl(floor_height: float) -> tuple[Array, list[tuple[int, ...]], list[Any]]:
    """Rings of points (outer foot, outer rim, inner rim, inner floor), wall and floor faces, colours."""
    turn = np.arange(_BOWL_SIDES) * (2 * pi / _BOWL_SIDES)
    ring = np.stack((np.cos(turn), np.sin(turn), np.zeros_like(turn)), axis=1)
    up = np.array([0.0, 0.0, 1.0])
    heights = (0.0, BOWL_HEIGHT, BOWL_HEIGHT, 0.003)
    radii = (0.039, BOWL_RIM_RADIUS + 0.003, BOWL_RIM_RADIUS - 0.001, 0.036)
    corners = np.concatenate([ring * r + up * (h - floor_height) for r, h in zip(radii, heights, strict=True)])
    outlines: list[tuple[int, ...]] = []
    paint: list[Any] = []
    n = _BOWL_SIDES
    for i in range(n):
        j = (i + 1) % n
        for inner, outer, colour in ((0, 1, _BOWL_BLUE), (1, 2, (176, 204, 240)), (2, 3, _BOWL_INSIDE)):
            outlines.append((inner * n + i, inner * n + j, outer * n + j, outer * n + i))
            paint.append(colour)
    outlines.append(tuple(3 * n + i for i in range(n)))
    paint.append(_BOWL_INSIDE)
    return corners, outlines, paint
