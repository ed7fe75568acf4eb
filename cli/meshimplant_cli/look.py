"""Verbs that look and measure: check, preview, info, evaluate."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from cyclopts import Parameter

from meshimplant_cli.options import Force, Frame, Output, Print, Reading, SkullFile, Wanted
from meshimplant_cli.terminal import (
    CHECK_FAILED,
    DONE,
    SHOWN_METRICS,
    VOXEL_SUFFIXES,
    UsageError,
    describe_criteria,
    describe_finding,
    headlines,
    is_mesh,
    require_free_file,
    show,
    suffix_of,
    table,
    working,
)

if TYPE_CHECKING:
    import trimesh

    from meshimplant.metrics import Metrics
    from meshimplant.volume import Volume


def check(
    mesh: Path,
    /,
    *,
    skull: SkullFile | None = None,
    wanted: Wanted = Wanted(),
    reading: Reading = Reading(),
    answer: Print = Print(),
) -> int:
    """Check whether a mesh is a printable part, and with --skull whether it fits.

    Exit code 3 and named findings, with places, if not. With --skull it also estimates the notes that
    neurosurgeons would give.

    Parameters
    ----------
    mesh
        The part: .stl .3mf .ply .obj .glb.
    """
    spec = wanted.prescription()
    from meshimplant import check_part, read_mesh

    with working("checking"):
        part = read_mesh(mesh, frame=reading.frame)
        bone = reading.bone(skull)
        result = check_part(part, spec=spec, skull=bone)
    verdict = "passed" if result.passed else "failed"
    lines = [f"{mesh.name}: {verdict}", table(headlines(result.measures))]
    lines += [describe_finding(finding) for finding in result.findings]
    lines += describe_criteria(result.criteria)
    found = [finding.to_dict() for finding in result.findings]
    rated = [criterion.to_dict() for criterion in result.criteria]
    answered = {"passed": result.passed, "measures": result.measures, "criteria": rated, "findings": found}
    show(answered, as_json=answer.json, text="\n".join(lines))
    return DONE if result.passed else CHECK_FAILED


def preview(
    *parts: Path,
    output: Output,
    skull: SkullFile | None = None,
    title: Annotated[str, Parameter(help="Line above the picture.")] = "",
    reading: Reading = Reading(),
    force: Force = False,
) -> None:
    """Draw parts as four anatomical views (.png) or as a page that turns with the mouse (.html), offline.

    Parts are coloured by thickness, and with --skull by gap; needs no display and no GPU.

    Parameters
    ----------
    parts
        One or more meshes, drawn together.
    """
    if not parts:
        raise UsageError("expected at least one mesh to draw, got none: name it before -o")
    require_free_file(output, (".png", ".html"), force=force)
    from meshimplant import check_part, read_mesh, render_preview, write_viewer
    from meshimplant.io.bridges import join_meshes
    from meshimplant.output import skull_surface

    with working("drawing"):
        implant = join_meshes([read_mesh(part, frame=reading.frame) for part in parts])
        bone = reading.bone(skull)
        maps = check_part(implant, skull=bone)
        draw = render_preview if suffix_of(output) == ".png" else write_viewer
        draw(
            output,
            implant=implant,
            skull=None if bone is None else skull_surface(bone),
            thickness_mm=maps.thickness_mm,
            gap_mm=maps.gap_mm,
            title=title,
        )
    print(f"{output.name}: drawn")


def info(file: Path, /, *, frame: Frame = "LPS", answer: Print = Print()) -> None:
    """Tell what a voxel file, DICOM folder or mesh holds: size, spacing, place, volume, solidity.

    Parameters
    ----------
    file
        Voxel file, DICOM folder, or mesh.
    """
    from meshimplant import read_mesh, read_volume

    with working("reading"):
        facts = (
            _mesh_facts(read_mesh(file, frame=frame)) if is_mesh(file) else _volume_facts(read_volume(file))
        )
    show(facts, as_json=answer.json, text=table(facts.items()))


def evaluate(
    *,
    prediction: Annotated[Path, Parameter(help="Predicted implant: voxels, or a folder of them.")],
    truth: Annotated[Path, Parameter(help="True implant: voxels, or a folder of them.")],
    defective: Annotated[Path, Parameter(help="Defective skull: voxels, or a folder of them.")],
    answer: Print = Print(),
) -> None:
    """Measure predictions against the truth as the challenge does: Dice, border Dice, HD, HD95.

    Folders are matched by file name without ending; a folder CASE that holds a reconstruction.nrrd, as
    `design` writes it, counts as CASE. A case without prediction has failed: overlaps 0, distances infinite.
    """
    folders = [path.is_dir() for path in (prediction, truth, defective)]
    if any(folders) and not all(folders):
        raise UsageError("expected three files or three folders, got both: give all three of one kind")
    if not any(folders):
        with working("measuring"):
            metrics = _measure(prediction, truth, defective)
        show(metrics.to_dict(), as_json=answer.json, text=table(metrics.to_dict().items()))
        return
    from meshimplant import summarize

    cases: dict[str, Metrics | None] = {}
    with working("measuring"):
        for name, files in _cases(prediction, truth, defective):
            cases[name] = None if files[0] is None else _measure(files[0], files[1], files[2])
    summary = summarize(list(cases.values()))
    per_case = {name: None if metrics is None else metrics.to_dict() for name, metrics in cases.items()}
    rows: list[tuple[object, ...]] = [("case", *SHOWN_METRICS)]
    rows += [
        (name, *(None if m is None else getattr(m, key) for key in SHOWN_METRICS))
        for name, m in cases.items()
    ]
    for row in ("mean", "median", "worst"):
        rows.append((row, *(getattr(summary.statistics[key], row) for key in SHOWN_METRICS)))
    text = f"{table(rows)}\n{summary.cases} cases, {summary.failures} without a prediction"
    show({"cases": per_case, "summary": summary.to_dict()}, as_json=answer.json, text=text)


VERBS = (check, preview, info, evaluate)


def _volume_facts(volume: Volume) -> dict[str, Any]:
    return {
        "kind": "voxels",
        "shape": list(volume.shape),
        "type": str(volume.array.dtype),
        "spacing_mm": volume.spacing_mm.round(4).tolist(),
        "orientation": volume.orientation,
        "origin_mm": volume.affine[:3, 3].round(3).tolist(),
        "minimum": float(volume.array.min()),
        "maximum": float(volume.array.max()),
        "nonzero_volume_mm3": float((volume.array != 0).sum() * volume.voxel_volume_mm3),
    }


def _mesh_facts(mesh: trimesh.Trimesh) -> dict[str, Any]:
    return {
        "kind": "mesh",
        "vertices": len(mesh.vertices),
        "faces": len(mesh.faces),
        "low_mm": mesh.bounds[0].round(3).tolist(),
        "high_mm": mesh.bounds[1].round(3).tolist(),
        "extents_mm": mesh.extents.round(3).tolist(),
        "volume_mm3": float(mesh.volume) if mesh.is_watertight else None,
        "area_mm2": float(mesh.area),
        "watertight": bool(mesh.is_watertight),
        "consistent_winding": bool(mesh.is_winding_consistent),
        "bodies": int(mesh.body_count),
    }


def _measure(prediction: Path, truth: Path, defective: Path) -> Metrics:
    from meshimplant import evaluate as measure

    return measure(_read_mask(prediction), _read_mask(truth), _read_mask(defective))


def _read_mask(path: Path) -> Volume:
    from meshimplant import read_volume
    from meshimplant.errors import InputError

    volume = read_volume(path)
    if volume.array.dtype.kind == "f" and ((volume.array != 0) & (volume.array != 1)).any():
        raise InputError(
            f"expected a mask of 0 and 1 in {path.name}, got values from {volume.array.min():g} to "
            f"{volume.array.max():g}: threshold it first, or evaluate the reconstruction that design writes"
        )
    return volume


def _cases(
    prediction: Path, truth: Path, defective: Path
) -> Iterator[tuple[str, tuple[Path | None, Path, Path]]]:
    """Yield each case of the truth folder with its three files; raise `InputError` where there is none."""
    from meshimplant.errors import InputError

    truths, predictions, skulls = _named(truth), _named(prediction), _named(defective)
    if not truths:
        raise InputError(f"expected voxel files in the truth folder {truth.name}, got none: check the folder")
    missing = sorted(set(truths) - set(skulls))
    if missing:
        raise InputError(
            f"expected a defective skull for each true implant, got none for {', '.join(missing)}: add them"
        )
    if not set(truths) & set(predictions):
        raise InputError(
            f"expected predictions named like the truth ({', '.join(sorted(truths)[:3])}, ...), got none: "
            "rename the files"
        )
    for name in sorted(truths):
        yield name, (predictions.get(name), truths[name], skulls[name])


def _named(folder: Path) -> dict[str, Path]:
    """Voxel files of a folder by case name; a sub-folder with a reconstruction counts under its own name."""
    found = {}
    for path in sorted(folder.iterdir()):
        if (path / "reconstruction.nrrd").is_file():
            found[path.name] = path / "reconstruction.nrrd"
        elif suffix_of(path) in VOXEL_SUFFIXES:
            found[path.name[: -len(suffix_of(path))]] = path
    return found
