"""`write_design`: part, reconstruction, prescription, report and previews as files, all or nothing."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import trimesh

from meshimplant.check.check_part import PartCheck
from meshimplant.complete.choose_model import disagreement_findings
from meshimplant.design.earlier_files import fates_of_earlier_files
from meshimplant.design.kept_design import LOG_FILE, STEPS_FOLDER, KeptDesign
from meshimplant.design.part_bodies import measure_bodies
from meshimplant.design.print_files import ColourBy, PrintLabels, write_fit, write_part
from meshimplant.design.skull_model import SkullForm, skull_model
from meshimplant.design.write_resection import write_resection
from meshimplant.errors import MeshImplantError
from meshimplant.implant.features import Feature
from meshimplant.implant.features_file import FEATURE_SUFFIXES, write_features
from meshimplant.io.atomic import atomic_folder
from meshimplant.io.maps import write_map
from meshimplant.io.meshes import write_mesh
from meshimplant.io.payload import sha256_of
from meshimplant.io.volumes import write_volume
from meshimplant.manufacture.mould import Mould
from meshimplant.manufacture.resection_template import ResectionTemplate
from meshimplant.manufacture.write_mould import write_mould
from meshimplant.mesh.convert import join_meshes
from meshimplant.preview.part_drawing import write_drawing
from meshimplant.preview.picture_errors import picture_errors
from meshimplant.preview.render_strength import render_strength
from meshimplant.preview.report_page import write_report_html
from meshimplant.preview.report_pdf import PageSize, require_reportlab, write_report_pdf
from meshimplant.preview.scan_slices import SlicePlace, write_slices
from meshimplant.preview.write_previews import write_previews
from meshimplant.report import Finding, Report
from meshimplant.runtime.printable import printable
from meshimplant.runtime.regular_files import read_regular
from meshimplant.skull.resect import Resection
from meshimplant.spec.implant_spec import ImplantSpec
from meshimplant.strength.screening import StrengthScreening
from meshimplant.voxels.volume import Volume

_TITLE = "Cranial implant"
#: A usual length of a printer's bed, mm.
PRINT_BED_MM = 250.0


def write_design(
    folder: Path,
    *,
    implant: trimesh.Trimesh,
    features: Sequence[Feature],
    plates: Sequence[trimesh.Trimesh],
    reconstruction: Volume,
    skull: Volume,
    shown_skull: Callable[[], trimesh.Trimesh],
    maps: Mapping[str, Any],
    spec: ImplantSpec,
    check: PartCheck,
    report: Report,
    sources: dict[str, Path],
    force: bool,
    skull_form: SkullForm | None = None,
    scan: Volume | None = None,
    label: str = "",
    date: str = "",
    pdf: PageSize | None = None,
    colour_by: ColourBy | None = None,
    screening: StrengthScreening | None = None,
    mould: Mould | None = None,
    resection: Resection | None = None,
    template: ResectionTemplate | None = None,
    region_maps: Mapping[str, Volume] | None = None,
    kept: KeptDesign | None = None,
    log: Path | None = None,
    without_lip: trimesh.Trimesh | None = None,
) -> None:
    """Write the files of a design into a folder.

    implant.stl and implant.3mf (LPS millimetres), implant-without-lip.stl of a part with a lip,
    reconstruction.nrrd, spec.toml, preview.png, preview.html, slices.png (the CT or mask with the outline of
    the part), report.json and report.html; features.json,
    features.mrk.json (3D Slicer) and features.csv, what was made in the part on purpose, and drawing.png,
    which shows it; plates.stl, models of the plates of a fixation; mould-outer.stl and the other pieces of a
    mould; region-1.nrrd and so on, the painted regions of the prescription; defective.nrrd, cut.mrk.json,
    template.stl and template.png of a planned resection; disagreement.csv where methods of completion differ;
    strength.png of a screening under load; uncertainty.csv of a network; skull.stl, fit.3mf and report.pdf if
    asked for; steps/ with `kept`; edits.jsonl, a copy of `log`. A picture or a model of the skull that cannot
    be made is a warning, never a failure. With `force` the folder is replaced as a whole, see
    `atomic_folder`: files of an earlier run go, files of others stay. File names and paths of the sources may
    name a patient and are not kept: only their role and their SHA-256. Without sources the inputs that
    `report` has already stay. Inputs, outputs and that finding are added to `report`.

    `shown_skull` gives the skull of the pictures.

    Raises
    ------
    OutputError
        The folder is occupied (without `force`) or not writable; its contents are untouched.
    """
    if pdf is not None:
        require_reportlab()
    report.label, report.date = printable(label), printable(date)
    title = ", ".join(filter(None, (report.label or _TITLE, report.date)))
    with atomic_folder(folder, force=force, fates=fates_of_earlier_files) as target:
        labels = PrintLabels(report.label, spec.material, report.method.get("model_licences") or {})
        write_part(implant, target, labels=labels, check=check, spec=spec, colour_by=colour_by)
        report.measures |= measure_bodies(implant, check)
        if without_lip is not None:
            write_mesh(without_lip, target / "implant-without-lip.stl")
        if features:
            for suffix in FEATURE_SUFFIXES:
                write_features(target / f"features{suffix}", features)
        if plates:
            write_mesh(join_meshes(plates), target / "plates.stl")
        if mould is not None:
            write_mould(mould, target)
        if resection is not None:
            report.add(write_resection(target, resection, template, title))
        write_volume(reconstruction, target / "reconstruction.nrrd")
        (target / "spec.toml").write_text(spec.to_toml(), encoding="utf-8")
        for name, mask in (region_maps or {}).items():
            write_volume(mask, target / name)
        _write_maps(maps, target)
        if skull_form is not None:
            model = _write_skull_model(skull, skull_form, report, target)
            if model is not None:
                write_fit(target / "fit.3mf", skull=model, part=implant, plates=plates, labels=labels)
        bone, seen = shown_skull(), skull if scan is None else scan
        _write_previews(implant, plates, bone, check, report, target, title, spec=spec, scan=seen)
        if features or without_lip is not None:
            _write_drawing(implant, features, bone, report, target)
        if screening is not None:
            _write_strength(implant, screening, bone, report, target)
        _write_slices(implant, seen, features, report, target, title)
        if sources:
            report.inputs = [
                {"name": role, "sha256": sha256_of(path)} for role, path in sources.items() if path.is_file()
            ]
        files = sorted(path for path in target.iterdir() if path.is_file())
        report.outputs = [{"name": path.name, "sha256": sha256_of(path)} for path in files]
        if kept is not None:
            replace(kept, inputs=report.inputs, label=report.label).write(target / STEPS_FOLDER)
            files = sorted((target / STEPS_FOLDER).iterdir())
            report.outputs += [
                {"name": f"{STEPS_FOLDER}/{path.name}", "sha256": sha256_of(path)} for path in files
            ]
        if log is not None:
            (target / LOG_FILE).write_bytes(read_regular(log))
        (target / "report.json").write_text(report.to_json(), encoding="utf-8")
        names = "preview", "slices", "drawing", "strength", "template"
        read = {
            f"{name}_png": path.read_bytes() for name in names if (path := target / f"{name}.png").is_file()
        }
        write_report_html(report, target / "report.html", **read)
        if pdf is not None:
            for name in ("strength_png", "template_png"):
                read.pop(name, None)
            write_report_pdf(report, target / "report.pdf", page_size=pdf, **read)


def _write_maps(maps: Mapping[str, Any], target: Path) -> None:
    """Write the disagreement of methods where it is a warning, and the uncertainty of a network."""
    disagreement, uncertainty = maps.get("disagreement"), maps.get("uncertainty")
    if disagreement is not None and disagreement_findings(disagreement):
        write_map(target / "disagreement.csv", disagreement.points_mm, disagreement.distance_mm)
    if uncertainty is not None:
        write_map(target / "uncertainty.csv", uncertainty.points_mm, uncertainty.distance_mm)


def _write_skull_model(
    skull: Volume, form: SkullForm, report: Report, target: Path
) -> trimesh.Trimesh | None:
    """Write the skull as a printable solid, and its size into the report; return it."""
    try:
        model = skull_model(skull, cut_mm=form.cut_mm, hollow_mm=form.hollow_mm)
    except MeshImplantError as error:
        message = f"The model of the skull could not be made; the part itself was written: {error}"
        report.add([Finding("skull_model.missing", "warning", message)])
        return None
    write_mesh(model, target / "skull.stl")
    report.measures["skull_model_extents_mm"] = model.extents.tolist()
    report.measures["skull_model_faces"] = len(model.faces)
    report.measures["skull_model_volume_mm3"] = float(model.volume)
    longest_mm = float(model.extents.max())
    if longest_mm > PRINT_BED_MM:
        message = "The model of the skull is longer than the bed of many printers: turn it, or cut it below."
        report.add([Finding("skull_model.large", "info", message, longest_mm, PRINT_BED_MM, "mm")])
    return model


def _write_previews(
    implant: trimesh.Trimesh,
    plates: Sequence[trimesh.Trimesh],
    bone: trimesh.Trimesh,
    check: PartCheck,
    report: Report,
    target: Path,
    title: str,
    *,
    spec: ImplantSpec,
    scan: Volume,
) -> None:
    """Write the pictures, plates included, or a warning."""
    shown = join_meshes([implant, *plates]) if plates else implant
    unknown = np.full(len(shown.vertices) - len(implant.vertices), np.nan)
    try:
        with picture_errors("previews"):
            write_previews(
                target / "preview.png",
                target / "preview.html",
                implant=shown,
                skull=bone,
                thickness_mm=np.concatenate([check.thickness_mm, unknown]),
                gap_mm=np.concatenate([check.gap_mm, unknown]),
                measures=check.measures,
                verdict=report.verdict,
                asked_thickness_mm=spec.thickness_mm,
                scan=scan,
                title=title,
            )
    except MeshImplantError as error:
        message = f"A picture could not be made; the part itself was written: {error}"
        report.add([Finding("preview.missing", "warning", message)])


def _write_drawing(
    implant: trimesh.Trimesh, features: Sequence[Feature], bone: trimesh.Trimesh, report: Report, target: Path
) -> None:
    """Write the drawing of the outer side, or a warning."""
    try:
        write_drawing(
            target / "drawing.png",
            implant=implant,
            features=features,
            skull=bone,
            measures=report.measures,
        )
    except MeshImplantError as error:
        message = f"The drawing could not be made; the part itself was written: {error}"
        report.add([Finding("drawing.missing", "warning", message)])


def _write_strength(
    implant: trimesh.Trimesh,
    screening: StrengthScreening,
    bone: trimesh.Trimesh,
    report: Report,
    target: Path,
) -> None:
    """Write the picture of a screening, or a warning."""
    try:
        render_strength(target / "strength.png", part=implant, screening=screening, skull=bone)
    except MeshImplantError as error:
        message = f"The picture of the screening could not be drawn; the part itself was written: {error}"
        report.add([Finding("strength.no_picture", "warning", message)])


def _write_slices(
    implant: trimesh.Trimesh,
    scan: Volume,
    features: Sequence[Feature],
    report: Report,
    target: Path,
    title: str,
) -> None:
    """Write the planes through the part and through each screw, or a warning."""
    screws = [
        SlicePlace(feature.label, feature.point_mm, feature.axis)
        for feature in features
        if feature.kind == "screw"
    ]
    try:
        words = "" if title == _TITLE else f"{title}: the part in the scan"
        write_slices(target / "slices.png", implant=implant, scan=scan, places=screws, title=words)
    except MeshImplantError as error:
        message = f"The slices of the scan could not be drawn; the part itself was written: {error}"
        report.add([Finding("slices.missing", "warning", message)])
