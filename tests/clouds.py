"""Points with normals on analytic bodies, and point clouds as other programs write them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import trimesh
from numpy.typing import NDArray

from meshimplant.io.points import PointCloud


def ball_points(radius_mm: float, count: int, *, inward: bool = False) -> PointCloud:
    """Return points spread evenly over a sphere around the origin (a Fibonacci lattice)."""
    turn = np.arange(count) * np.pi * (3 - np.sqrt(5))
    z = 1 - (2 * np.arange(count) + 1) / count
    flat = np.sqrt(1 - z**2)
    out = np.column_stack([flat * np.cos(turn), flat * np.sin(turn), z])
    return PointCloud(out * radius_mm, -out if inward else out)


def shell_points(radius_mm: float = 60.0, thickness_mm: float = 6.0, count: int = 8000) -> PointCloud:
    """Return points on both surfaces of a hollow sphere; the inner normals point to the centre."""
    outer = ball_points(radius_mm, count)
    inner = ball_points(radius_mm - thickness_mm, count, inward=True)
    return PointCloud(
        np.concatenate([outer.points_mm, inner.points_mm]), np.concatenate([outer.normals, inner.normals])
    )


def mesh_points(mesh: trimesh.Trimesh, count: int, *, seed: int = 0) -> PointCloud:
    """Return points sampled from a mesh, with the normals of their faces."""
    points, face = trimesh.sample.sample_surface(mesh, count, seed=seed)
    return PointCloud(np.array(points), np.array(mesh.face_normals[face]))


def rows(cloud: PointCloud) -> NDArray[np.float64]:
    """Return the cloud as rows of x y z nx ny nz, (n, 6)."""
    return np.hstack([cloud.points_mm, cloud.normals])


def write_ply(
    path: Path, table: NDArray[np.float64], *, form: str = "binary_little_endian", comment: str = ""
) -> None:
    """Write rows of x y z, or of x y z nx ny nz, as open3d and PCL do: doubles followed by a colour."""
    names = ("x", "y", "z", "nx", "ny", "nz")[: table.shape[1]]
    head = ["ply", f"format {form} 1.0", *([f"comment {comment}"] if comment else [])]
    head += [f"element vertex {len(table)}", *(f"property double {name}" for name in names)]
    head += ["property uchar red", "end_header", ""]
    if form == "ascii":
        body = "".join(" ".join(f"{value!r}" for value in row) + " 7\n" for row in table.tolist()).encode()
    else:
        order = "<" if "little" in form else ">"
        packed = np.zeros(len(table), [*((name, order + "f8") for name in names), ("red", "u1")])
        for name, column in zip(names, table.T, strict=True):
            packed[name] = column
        body = packed.tobytes()
    path.write_bytes("\n".join(head).encode() + body)
