"""The versions of the packages that can change a result."""

from __future__ import annotations

import platform
from importlib.metadata import PackageNotFoundError, version

#: Packages whose version can change the result.
_SHAPING = (
    "meshimplant",
    "numpy",
    "scipy",
    "trimesh",
    "vtk",
    "nibabel",
    "pydicom",
    "python-gdcm",
    "edt",
    "connected-components-3d",
    "manifold3d",
    "libigl",
)


def installed_versions() -> dict[str, str]:
    """Return the version of Python and of each package that can change a number or a byte of the result."""
    versions = {"python": platform.python_version()}
    for name in _SHAPING:
        try:
            versions[name] = version(name)
        except PackageNotFoundError:
            versions[name] = "not installed"
    return versions
