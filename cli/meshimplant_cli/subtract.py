"""The verb `subtract`: subtract a defective skull from a completed one."""

from __future__ import annotations

from pathlib import Path

from meshimplant_cli.inputs import Inputs
from meshimplant_cli.options import (
    Output,
    OutputOptions,
    SkullOptions,
)
from meshimplant_cli.outputs import WRITABLE_VOXEL_SUFFIXES, require_free_file
from meshimplant_cli.predictions import PredictionOptions
from meshimplant_cli.terminal import show_body, working


def subtract(
    completed: Path,
    defective: Path,
    /,
    *,
    output: Output,
    prediction_options: PredictionOptions = PredictionOptions(),
    skull_options: SkullOptions = SkullOptions(),
    output_options: OutputOptions = OutputOptions(),
) -> None:
    """Subtract the defective skull from a completed one: the result is the missing bone, with debris.

    Writes signed distances (float32 millimetres, positive inside, surface at 0) on a crop of the defective
    skull's grid, which reaches beyond it where a skull was cropped to its bone. `separate` extracts the
    implant from them.

    Parameters
    ----------
    completed
        The completed skull: signed distances, a mask, labels or probabilities on any grid, or points with
        normals (.ply .npy .npz).
    defective
        Mask or CT, DICOM study, or closed mesh.
    """
    require_free_file(output, WRITABLE_VOXEL_SUFFIXES, force=output_options.force)
    from meshimplant import subtract as subtract_skull
    from meshimplant import write_volume
    from meshimplant.design.reconstruct import prepare_prediction, prepare_skull

    inputs = Inputs()
    with working("subtracting"):
        skull = inputs.skull(defective, skull_options)
        given = prediction_options.prediction(completed, skull, frame=skull_options.frame)
        prepared, _ = prepare_skull(skull)
        source, level = prepare_prediction(given.volume, prepared, given.level)
        missing = subtract_skull(source, prepared, level=level)
        write_volume(missing, output)
    show_body(missing, output, output_options, inputs)
