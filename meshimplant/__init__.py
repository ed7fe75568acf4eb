"""From a defective skull to a checked, printable cranial implant.

Every public name is loaded when it is first used, so that ``import meshimplant`` costs next to nothing:

>>> import meshimplant
>>> meshimplant.ImplantSpec(thickness_mm=3.5).thickness_mm
3.5
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from meshimplant.check.fit import check_fit as check_fit
    from meshimplant.check.part import check_part as check_part
    from meshimplant.check.solid import check_solid as check_solid
    from meshimplant.complete import complete_skull as complete_skull
    from meshimplant.datasets.craniectomy import craniectomy as craniectomy
    from meshimplant.datasets.phantom import skull_phantom as skull_phantom
    from meshimplant.design import Design as Design
    from meshimplant.design import design_implant as design_implant
    from meshimplant.edit.insertion import find_insertion as find_insertion
    from meshimplant.edit.insertion import make_insertable as make_insertable
    from meshimplant.edit.repair import repair as repair
    from meshimplant.edit.scissors import trim_box as trim_box
    from meshimplant.edit.scissors import trim_curve as trim_curve
    from meshimplant.edit.scissors import trim_plane as trim_plane
    from meshimplant.edit.simplify import simplify as simplify
    from meshimplant.edit.smooth import smooth as smooth
    from meshimplant.edit.thickness import measure_thickness as measure_thickness
    from meshimplant.edit.thickness import rescale_inner as rescale_inner
    from meshimplant.edit.thickness import set_thickness as set_thickness
    from meshimplant.edit.trim import trim as trim
    from meshimplant.errors import DesignRefused as DesignRefused
    from meshimplant.errors import MeshImplantError as MeshImplantError
    from meshimplant.io.curves import read_curve as read_curve
    from meshimplant.io.meshes import read_mesh as read_mesh
    from meshimplant.io.meshes import write_mesh as write_mesh
    from meshimplant.io.volumes import read_volume as read_volume
    from meshimplant.io.volumes import write_volume as write_volume
    from meshimplant.metrics import Metrics as Metrics
    from meshimplant.metrics import evaluate as evaluate
    from meshimplant.metrics import summarize as summarize
    from meshimplant.preview.render import render_preview as render_preview
    from meshimplant.preview.viewer import write_viewer as write_viewer
    from meshimplant.reconstruction import reconstruct as reconstruct
    from meshimplant.report import Finding as Finding
    from meshimplant.report import Report as Report
    from meshimplant.report import Step as Step
    from meshimplant.skull.segment import read_skull as read_skull
    from meshimplant.skull.segment import segment_bone as segment_bone
    from meshimplant.skull.segment import voxelize as voxelize
    from meshimplant.spec import ImplantSpec as ImplantSpec
    from meshimplant.surface.extract import extract as extract
    from meshimplant.surface.separate import separate as separate
    from meshimplant.surface.subtract import subtract as subtract
    from meshimplant.volume import Volume as Volume

__version__ = "0.1.0"

#: Where each public name lives; a test compares it with the imports above.
_HOME = {
    "Design": "design",
    "DesignRefused": "errors",
    "Finding": "report",
    "ImplantSpec": "spec",
    "MeshImplantError": "errors",
    "Metrics": "metrics",
    "Report": "report",
    "Step": "report",
    "Volume": "volume",
    "check_fit": "check.fit",
    "check_part": "check.part",
    "check_solid": "check.solid",
    "complete_skull": "complete",
    "craniectomy": "datasets.craniectomy",
    "design_implant": "design",
    "evaluate": "metrics",
    "find_insertion": "edit.insertion",
    "extract": "surface.extract",
    "make_insertable": "edit.insertion",
    "measure_thickness": "edit.thickness",
    "read_curve": "io.curves",
    "read_mesh": "io.meshes",
    "read_skull": "skull.segment",
    "read_volume": "io.volumes",
    "render_preview": "preview.render",
    "reconstruct": "reconstruction",
    "repair": "edit.repair",
    "rescale_inner": "edit.thickness",
    "segment_bone": "skull.segment",
    "separate": "surface.separate",
    "set_thickness": "edit.thickness",
    "simplify": "edit.simplify",
    "skull_phantom": "datasets.phantom",
    "smooth": "edit.smooth",
    "subtract": "surface.subtract",
    "summarize": "metrics",
    "trim": "edit.trim",
    "trim_box": "edit.scissors",
    "trim_curve": "edit.scissors",
    "trim_plane": "edit.scissors",
    "voxelize": "skull.segment",
    "write_mesh": "io.meshes",
    "write_viewer": "preview.viewer",
    "write_volume": "io.volumes",
}

__all__ = ["__version__", *sorted(_HOME)]


def __getattr__(name: str) -> Any:
    """Load a public name from its module on first use."""
    if name not in _HOME:
        raise AttributeError(f"module 'meshimplant' has no attribute {name!r}")
    value = getattr(import_module(f"meshimplant.{_HOME[name]}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    """List the public names, loaded or not."""
    return sorted(__all__)
