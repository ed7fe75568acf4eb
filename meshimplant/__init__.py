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
    from meshimplant.complete.models import read_model as read_model
    from meshimplant.complete.population import build_shape_model as build_shape_model
    from meshimplant.complete.population import build_vault_mean as build_vault_mean
    from meshimplant.complete.population import read_head_vault as read_head_vault
    from meshimplant.datasets.augment import augment as augment
    from meshimplant.datasets.case import read_case as read_case
    from meshimplant.datasets.cases import list_cases as list_cases
    from meshimplant.datasets.craniectomy import craniectomy as craniectomy
    from meshimplant.datasets.headshape import HeadShape as HeadShape
    from meshimplant.datasets.headshape import read_head_shape as read_head_shape
    from meshimplant.datasets.link import link as link
    from meshimplant.datasets.phantom import skull_phantom as skull_phantom
    from meshimplant.design import Design as Design
    from meshimplant.design import design_implant as design_implant
    from meshimplant.edit.bone_thickness import skull_thickness as skull_thickness
    from meshimplant.edit.insertion import find_insertion as find_insertion
    from meshimplant.edit.insertion import make_insertable as make_insertable
    from meshimplant.edit.repair import repair as repair
    from meshimplant.edit.scissors import trim_box as trim_box
    from meshimplant.edit.scissors import trim_curve as trim_curve
    from meshimplant.edit.scissors import trim_plane as trim_plane
    from meshimplant.edit.simplify import simplify as simplify
    from meshimplant.edit.smooth import smooth as smooth
    from meshimplant.edit.thickness import find_violations as find_violations
    from meshimplant.edit.thickness import measure_thickness as measure_thickness
    from meshimplant.edit.thickness import rescale_inner as rescale_inner
    from meshimplant.edit.thickness import set_thickness as set_thickness
    from meshimplant.edit.thickness_map import feather as feather
    from meshimplant.edit.thickness_map import thicken_at as thicken_at
    from meshimplant.edit.trim import trim as trim
    from meshimplant.errors import DesignRefused as DesignRefused
    from meshimplant.errors import MeshImplantError as MeshImplantError
    from meshimplant.evaluation import evaluate_files as evaluate_files
    from meshimplant.evaluation import evaluate_folders as evaluate_folders
    from meshimplant.io.curves import read_curve as read_curve
    from meshimplant.io.maps import read_map as read_map
    from meshimplant.io.maps import write_map as write_map
    from meshimplant.io.meshes import read_mesh as read_mesh
    from meshimplant.io.meshes import write_mesh as write_mesh
    from meshimplant.io.points import read_points as read_points
    from meshimplant.io.volumes import read_volume as read_volume
    from meshimplant.io.volumes import write_volume as write_volume
    from meshimplant.metrics import Metrics as Metrics
    from meshimplant.metrics import evaluate as evaluate
    from meshimplant.networks.network import open_network as open_network
    from meshimplant.predictions import read_prediction as read_prediction
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
    from meshimplant.summary import summarize as summarize
    from meshimplant.surface.extract import extract as extract
    from meshimplant.surface.points import points_to_volume as points_to_volume
    from meshimplant.surface.separate import separate as separate
    from meshimplant.surface.subtract import subtract as subtract
    from meshimplant.volume import Volume as Volume

__version__ = "0.1.0"

#: Where each public name lives; a test compares it with the imports above.
_HOME = {
    "Design": "design",
    "DesignRefused": "errors",
    "Finding": "report",
    "HeadShape": "datasets.headshape",
    "ImplantSpec": "spec",
    "MeshImplantError": "errors",
    "Metrics": "metrics",
    "Report": "report",
    "Step": "report",
    "Volume": "volume",
    "augment": "datasets.augment",
    "build_shape_model": "complete.population",
    "build_vault_mean": "complete.population",
    "check_fit": "check.fit",
    "check_part": "check.part",
    "check_solid": "check.solid",
    "complete_skull": "complete",
    "craniectomy": "datasets.craniectomy",
    "design_implant": "design",
    "evaluate": "metrics",
    "evaluate_files": "evaluation",
    "evaluate_folders": "evaluation",
    "extract": "surface.extract",
    "feather": "edit.thickness_map",
    "find_insertion": "edit.insertion",
    "find_violations": "edit.thickness",
    "link": "datasets.link",
    "list_cases": "datasets.cases",
    "make_insertable": "edit.insertion",
    "measure_thickness": "edit.thickness",
    "open_network": "networks.network",
    "points_to_volume": "surface.points",
    "read_case": "datasets.case",
    "read_curve": "io.curves",
    "read_head_shape": "datasets.headshape",
    "read_head_vault": "complete.population",
    "read_map": "io.maps",
    "read_mesh": "io.meshes",
    "read_model": "complete.models",
    "read_points": "io.points",
    "read_prediction": "predictions",
    "read_skull": "skull.segment",
    "read_volume": "io.volumes",
    "reconstruct": "reconstruction",
    "render_preview": "preview.render",
    "repair": "edit.repair",
    "rescale_inner": "edit.thickness",
    "segment_bone": "skull.segment",
    "separate": "surface.separate",
    "set_thickness": "edit.thickness",
    "simplify": "edit.simplify",
    "skull_phantom": "datasets.phantom",
    "skull_thickness": "edit.bone_thickness",
    "smooth": "edit.smooth",
    "subtract": "surface.subtract",
    "summarize": "summary",
    "thicken_at": "edit.thickness_map",
    "trim": "edit.trim",
    "trim_box": "edit.scissors",
    "trim_curve": "edit.scissors",
    "trim_plane": "edit.scissors",
    "voxelize": "skull.segment",
    "write_map": "io.maps",
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
