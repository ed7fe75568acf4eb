"""Analytic bodies: a `Body` provides its exact distance, mask, distance field and watertight mesh.

    from shapes import cap, sphere, grid_around, random_rotation, signed_permutations

    body = cap(radius_mm=90, thickness_mm=6, half_angle_deg=30)  # axis +z, sphere's centre at the origin
    body = body.moved(random_rotation(1), (120, -250, 400))  # rotate about the origin, then translate
    body.distance(points)                    # (n,) mm, exact, positive inside
    body.mask((0.5, 0.5, 1.0))               # Volume uint8 on a grid around the body
    body.mask((0.5, 0.5, 1.0), direction=oblique())  # an oblique grid; det < 0 is fine
    body.field((0.5, 0.5, 1.0))              # Volume float32, exact signed distance
    body.mesh                                # Trimesh, watertight, outward, float64 LPS mm
    body.volume_mm3                          # exact volume

`union(a, b)` and `difference(a, b)` have no mesh. Their sign is exact everywhere, their distance near the
surface.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import permutations, product

import numpy as np
import trimesh
from numpy.typing import ArrayLike, NDArray

from meshimplant.voxels.volume import Volume

Points = NDArray[np.float64]


@dataclass(frozen=True)
class Body:
    """A solid: exact signed distance (positive inside), bounding box, and volume and mesh if known."""

    distance: Callable[[Points], Points]
    lower_mm: Points
    upper_mm: Points
    volume_mm3: float = float("nan")
    _mesh: trimesh.Trimesh | None = None

    @property
    def mesh(self) -> trimesh.Trimesh:
        """A fresh copy of the body's watertight mesh."""
        if self._mesh is None:
            raise ValueError("this body has no mesh of its own: use its field or mask")
        return self._mesh.copy()

    @property
    def centre_mm(self) -> Points:
        """Middle of the bounding box."""
        return (self.lower_mm + self.upper_mm) / 2

    def moved(self, rotation: ArrayLike | None = None, translation_mm: ArrayLike = (0, 0, 0)) -> Body:
        """Return the body rotated about the origin by a (3, 3) matrix (det +1), then translated."""
        turn = np.eye(3) if rotation is None else np.asarray(rotation, float)
        shift = np.asarray(translation_mm, float)
        corners = np.array(list(product(*zip(self.lower_mm, self.upper_mm, strict=True)))) @ turn.T + shift
        mesh = None
        if self._mesh is not None:
            mesh = plain_mesh(self._mesh.vertices @ turn.T + shift, self._mesh.faces)
        return Body(
            lambda p: self.distance((p - shift) @ turn), corners.min(0), corners.max(0), self.volume_mm3, mesh
        )

    def grid(
        self, spacing_mm: ArrayLike, *, direction: ArrayLike | None = None, margin_mm: float = 5.0
    ) -> Volume:
        """Return an all-zero uint8 grid around the body."""
        return grid_around(self.lower_mm, self.upper_mm, spacing_mm, direction=direction, margin_mm=margin_mm)

    def field(
        self,
        spacing_mm: ArrayLike,
        *,
        direction: ArrayLike | None = None,
        margin_mm: float = 5.0,
        grid: Volume | None = None,
    ) -> Volume:
        """Return the exact signed distance at the voxel centres, float32 mm."""
        grid = grid or self.grid(spacing_mm, direction=direction, margin_mm=margin_mm)
        return Volume(sample_on(self.distance, grid).astype(np.float32), grid.affine)

    def mask(
        self,
        spacing_mm: ArrayLike,
        *,
        direction: ArrayLike | None = None,
        margin_mm: float = 5.0,
        grid: Volume | None = None,
    ) -> Volume:
        """Return the voxels whose centre lies inside, uint8."""
        grid = grid or self.grid(spacing_mm, direction=direction, margin_mm=margin_mm)
        return Volume((sample_on(self.distance, grid) > 0).astype(np.uint8), grid.affine)


# -- bodies ---------------------------------------------------------------------------------------------


def sphere(radius_mm: float = 20.0, centre_mm: ArrayLike = (0, 0, 0), *, subdivisions: int = 5) -> Body:
    """Return a ball. The mesh vertices lie exactly on the sphere; the mesh volume is slightly smaller."""
    centre = np.asarray(centre_mm, float)
    ball = trimesh.creation.icosphere(subdivisions=subdivisions, radius=radius_mm)
    return Body(
        lambda p: radius_mm - np.linalg.norm(p - centre, axis=-1),
        centre - radius_mm,
        centre + radius_mm,
        4 / 3 * np.pi * radius_mm**3,
        plain_mesh(ball.vertices + centre, ball.faces),
    )


def box(size_mm: ArrayLike = (40, 30, 10), centre_mm: ArrayLike = (0, 0, 0)) -> Body:
    """Return a cuboid; its mesh has 8 vertices and 12 faces."""
    half, centre = np.asarray(size_mm, float) / 2, np.asarray(centre_mm, float)

    def distance(points: Points) -> Points:
        excess = np.abs(points - centre) - half
        outside = np.linalg.norm(np.maximum(excess, 0), axis=-1)
        return -(outside + np.minimum(excess.max(axis=-1), 0))

    cuboid = trimesh.creation.box(extents=half * 2)
    mesh = plain_mesh(cuboid.vertices + centre, cuboid.faces)
    return Body(distance, centre - half, centre + half, float(np.prod(half * 2)), mesh)


def capsule(start_mm: ArrayLike, stop_mm: ArrayLike, radius_mm: float) -> Body:
    """Return a rod with hemispherical ends, such as a bridge, a neck or a screw. It has no mesh."""
    a, b = np.asarray(start_mm, float), np.asarray(stop_mm, float)
    axis = b - a

    def distance(points: Points) -> Points:
        t = np.clip((points - a) @ axis / (axis @ axis), 0, 1)
        return radius_mm - np.linalg.norm(points - a - t[..., None] * axis, axis=-1)

    volume = np.pi * radius_mm**2 * (np.linalg.norm(axis) + 4 / 3 * radius_mm)
    return Body(distance, np.minimum(a, b) - radius_mm, np.maximum(a, b) + radius_mm, float(volume))


def dumbbell(radius_mm: float = 8.0, length_mm: float = 40.0, neck_radius_mm: float = 1.0) -> Body:
    """Return two balls on the x axis joined by a thin neck. It has no mesh."""
    ends = ((-length_mm / 2, 0, 0), (length_mm / 2, 0, 0))
    balls = union(sphere(radius_mm, ends[0], subdivisions=1), sphere(radius_mm, ends[1], subdivisions=1))
    return union(balls, capsule(*ends, neck_radius_mm))


def shell(radius_mm: float = 80.0, thickness_mm: float = 6.0) -> Body:
    """Return a hollow sphere, a skull without a hole, of outer radius `radius_mm`. It has no mesh."""
    inner = radius_mm - thickness_mm
    reach = np.full(3, radius_mm)
    volume = 4 / 3 * np.pi * (radius_mm**3 - inner**3)

    def distance(points: Points) -> Points:
        r = np.linalg.norm(points, axis=-1)
        return np.minimum(radius_mm - r, r - inner)

    return Body(distance, -reach, reach, float(volume))


def cap(
    radius_mm: float = 90.0, thickness_mm: float = 6.0, half_angle_deg: float = 30.0, *, edge_mm: float = 1.5
) -> Body:
    """Return a piece of a spherical shell around +z: outer surface at `radius_mm`, border at the half-angle.

    This is the ideal implant: surfaces, thickness, radial border, volume and outward direction (from the
    origin, the centre of the sphere) are known exactly. `edge_mm` is the longest edge of the mesh.
    """
    outer, inner, angle = radius_mm, radius_mm - thickness_mm, np.radians(half_angle_deg)
    across = outer * np.sin(min(angle, np.pi / 2))
    low = min(inner * np.cos(angle), outer * np.cos(angle))
    volume = 2 / 3 * np.pi * (1 - np.cos(angle)) * (outer**3 - inner**3)
    mesh = _cap_mesh(outer, inner, angle, edge_mm)
    lower, upper = np.array([-across, -across, low]), np.array([across, across, outer])
    return Body(lambda p: _cap_distance(p, outer, inner, angle), lower, upper, float(volume), mesh)


def skull_with_hole(
    radius_mm: float = 80.0, thickness_mm: float = 6.0, half_angle_deg: float = 30.0
) -> tuple[Body, Body, Body]:
    """Return (complete shell, defective shell, implant): the hole is exactly the `cap` of that half-angle."""
    complete = shell(radius_mm, thickness_mm)
    implant = cap(radius_mm, thickness_mm, half_angle_deg)
    return complete, difference(complete, implant), implant


def union(first: Body, second: Body) -> Body:
    """Return the union of two bodies; the volume is unknown."""
    return Body(
        lambda p: np.maximum(first.distance(p), second.distance(p)),
        np.minimum(first.lower_mm, second.lower_mm),
        np.maximum(first.upper_mm, second.upper_mm),
    )


def difference(first: Body, second: Body) -> Body:
    """Return the first body without the second; the volume is unknown."""
    return Body(lambda p: np.minimum(first.distance(p), -second.distance(p)), first.lower_mm, first.upper_mm)


# -- grids and motions ----------------------------------------------------------------------------------


def grid_around(
    lower_mm: ArrayLike,
    upper_mm: ArrayLike,
    spacing_mm: ArrayLike,
    *,
    direction: ArrayLike | None = None,
    margin_mm: float = 5.0,
) -> Volume:
    """Return a zero grid that holds a box with a margin; columns of `direction` are the unit axes."""
    axes = np.eye(3) if direction is None else np.asarray(direction, float)
    spacing = np.broadcast_to(np.asarray(spacing_mm, float), 3)
    corners = np.array(list(product(*zip(np.asarray(lower_mm), np.asarray(upper_mm), strict=True)))) @ axes
    start = corners.min(0) - margin_mm
    shape = np.ceil((corners.max(0) + margin_mm - start) / spacing).astype(int) + 1
    affine = np.eye(4)
    affine[:3, :3] = axes * spacing
    affine[:3, 3] = axes @ start
    return Volume(np.zeros(shape, np.uint8), affine)


def sample_on(distance: Callable[[Points], Points], grid: Volume) -> Points:
    """Evaluate a function of LPS points (n, 3) at all voxel centres, slab by slab."""
    rows = np.stack(np.meshgrid(*[np.arange(n) for n in grid.shape[1:]], indexing="ij"), -1)
    out = np.empty(grid.shape)
    for i in range(grid.shape[0]):
        index = np.concatenate([np.full((*rows.shape[:2], 1), i), rows], axis=-1)
        out[i] = distance(grid.to_mm(index))
    return out


def random_rotation(seed: int) -> NDArray[np.float64]:
    """Return a random rotation matrix (3, 3) with determinant +1; the seed determines it."""
    q, r = np.linalg.qr(np.random.default_rng(seed).normal(size=(3, 3)))
    q = q * np.sign(np.diag(r))
    return q * np.sign(np.linalg.det(q))


def oblique() -> NDArray[np.float64]:
    """Return a rotation matrix (3, 3) of 20 degrees about an oblique axis, as of a tilted head."""
    return np.asarray(trimesh.transformations.rotation_matrix(np.radians(20), (1, 2, 3))[:3, :3])


def signed_permutations() -> Iterator[NDArray[np.float64]]:
    """Yield the 48 axis-aligned orientations as matrices (3, 3), including reflections."""
    for order in permutations(range(3)):
        for signs in product((1.0, -1.0), repeat=3):
            yield np.eye(3)[:, list(order)] * np.array(signs)


# -- meshes ---------------------------------------------------------------------------------------------


def plain_mesh(vertices: ArrayLike, faces: ArrayLike) -> trimesh.Trimesh:
    """Return a `Trimesh` of exactly these arrays."""
    return trimesh.Trimesh(np.array(vertices, float), np.array(faces, int), process=False, validate=False)


def joined(*meshes: trimesh.Trimesh) -> trimesh.Trimesh:
    """Return several meshes as one; no vertices are merged."""
    offsets = np.cumsum([0, *[len(m.vertices) for m in meshes]])
    faces = [m.faces + o for m, o in zip(meshes, offsets, strict=False)]
    return plain_mesh(np.concatenate([m.vertices for m in meshes]), np.concatenate(faces))


def _cap_distance(points: Points, outer: float, inner: float, angle: float) -> Points:
    """Return the exact signed distance (n,) of a cap, positive inside."""
    across, along = np.hypot(points[..., 0], points[..., 1]), points[..., 2]
    radius, polar = np.hypot(across, along), np.arctan2(across, along)

    def to_arc(arc_radius: float) -> Points:
        nearest = np.minimum(polar, angle)
        return np.hypot(across - arc_radius * np.sin(nearest), along - arc_radius * np.cos(nearest))

    wall = np.clip(across * np.sin(angle) + along * np.cos(angle), inner, outer)
    to_wall = np.hypot(across - wall * np.sin(angle), along - wall * np.cos(angle))
    size = np.minimum(np.minimum(to_arc(outer), to_arc(inner)), to_wall)
    inside = (polar < angle) & (radius < outer) & (radius > inner)
    return np.where(inside, size, -size)


def _cap_mesh(outer: float, inner: float, angle: float, edge: float) -> trimesh.Trimesh:
    """Return the surface of revolution of the profile outer pole -> rim -> inner pole around z."""
    steps = max(3, int(np.ceil(outer * angle / edge)))
    wall = max(1, int(np.ceil((outer - inner) / edge)))
    polar = np.linspace(0, angle, steps + 1)
    down = np.linspace(outer, inner, wall + 1)[1:-1]
    radius = np.concatenate([np.full(steps + 1, outer), down, np.full(steps + 1, inner)])
    polar = np.concatenate([polar, np.full(len(down), angle), polar[::-1]])
    ring_count = max(12, int(np.ceil(2 * np.pi * outer * np.sin(angle) / edge)))
    turn = np.arange(ring_count) * 2 * np.pi / ring_count
    across, along = (radius * np.sin(polar))[1:-1], (radius * np.cos(polar))[1:-1]
    rings = np.stack([across[:, None] * np.cos(turn), across[:, None] * np.sin(turn)], -1)
    rings = np.concatenate([rings, np.broadcast_to(along[:, None, None], (*rings.shape[:2], 1))], -1).reshape(
        -1, 3
    )
    vertices = np.concatenate([rings, [[0, 0, outer], [0, 0, inner]]])
    current = np.arange(ring_count)
    following = (current + 1) % ring_count
    faces = [np.stack([np.full(ring_count, len(rings)), current, following], 1)]
    for ring in range(len(across) - 1):
        a, b = ring * ring_count, (ring + 1) * ring_count
        faces += [
            np.stack([a + current, b + current, a + following], 1),
            np.stack([a + following, b + current, b + following], 1),
        ]
    last = (len(across) - 1) * ring_count
    faces.append(np.stack([last + current, np.full(ring_count, len(rings) + 1), last + following], 1))
    return plain_mesh(vertices, np.concatenate(faces))
