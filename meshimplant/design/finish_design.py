"""`finish_design`: the second half of the line, from the missing bone to a checked part."""

from __future__ import annotations

from meshimplant.complete.complete_skull import Completion
from meshimplant.design.design import Design
from meshimplant.design.kept_design import PICTURE_SKULL, DesignStart, KeptDesign, tree_of_start
from meshimplant.design.make_part import check_made, make_part, mould_made
from meshimplant.design.screened import screened
from meshimplant.design.step_keeper import StepKeeper
from meshimplant.design.step_runner import StepRunner
from meshimplant.head.pose import fit_pose
from meshimplant.implant.place_regions import maps_in_use, place_regions
from meshimplant.spec.edits import Edit
from meshimplant.spec.implant_spec import ImplantSpec
from meshimplant.voxels.volume import Volume


def finish_design(
    start: DesignStart,
    spec: ImplantSpec,
    line: StepRunner,
    keeper: StepKeeper,
    *,
    edits: tuple[Edit, ...] = (),
    region_maps: dict[str, Volume],
    scan: Volume | None = None,
) -> Design:
    """Make a part of the missing bone, check it, and return the design with all its steps.

    Parameters
    ----------
    start : DesignStart
        What the part is made from.
    spec : ImplantSpec
        The prescription.
    line : StepRunner
        Its report is that of the design.
    keeper : StepKeeper
        Of the line.
    edits : tuple of Edit
        Changes of the shape, in order.
    region_maps : dict of str to Volume
        The masks of painted regions, see `named_maps`; those that earlier edits named stay with the steps.
    scan : Volume, optional
        The values of the CT.

    Returns
    -------
    Design

    Raises
    ------
    DesignRefused
        A step has no valid result.
    """
    tree = tree_of_start(start, keeper.values)
    pose = line.keep("pose", fit_pose, start.shape.skull) if spec.regions else None
    regions = place_regions(spec, pose, maps=region_maps)
    made = make_part(start.shape, spec, line, edits=edits, regions=regions)
    check = check_made(made, start.shape, spec, line, regions=regions)
    mould = None if spec.mould is None else mould_made(made.simplified, start.shape, spec.mould, line)
    keeper.find(keeper.key(PICTURE_SKULL, [start.shape.skull], {}))  # drawn again when the design is saved
    screening = screened(made, spec, line, inside_mm=start.shape.inside_mm)
    return Design(
        **vars(made),
        defective=start.defective,
        spec=spec,
        skull=start.shape.skull,
        completion=start.shape.completion,
        missing=start.shape.missing,
        separation=start.shape.separation,
        reconstruction=start.shape.mask,
        check=check,
        report=line.report,
        edits=edits,
        scan=scan,
        screening=screening,
        mould=mould,
        maps=start.maps,
        region_maps=maps_in_use(spec, region_maps),
        kept=KeptDesign(
            keeper.values,
            keeper.versions,
            tree,
            spec,
            keeper.kept,
            edits=edits,
            region_maps=region_maps,
        ),
    )


def maps_of(completion: Completion | None) -> dict[str, object]:
    """Return the maps of a completion by name."""
    if completion is None:
        return {}
    maps = {"disagreement": completion.disagreement, "uncertainty": completion.uncertainty}
    return {name: each for name, each in maps.items() if each is not None}
