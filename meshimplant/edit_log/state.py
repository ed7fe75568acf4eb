"""States of a design: what edits amount to, the digest of a state, and the refusal of an edit."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

import numpy as np

from meshimplant.design.design import Design
from meshimplant.design.kept_values import digest_of
from meshimplant.edit_log.log_file import LogStart
from meshimplant.errors import EditRefused, MeshImplantError
from meshimplant.report import Finding, place_of
from meshimplant.spec.edits import SET, Edit, changed_spec
from meshimplant.spec.implant_spec import ImplantSpec


def state_of(start: LogStart, edits: Sequence[Edit]) -> tuple[ImplantSpec, tuple[Edit, ...]]:
    """Return the prescription and the edits of the shape after edits of a start."""
    spec, shape = start.spec, list(start.edits)
    for edit in edits:
        if edit.verb == SET:
            spec = changed_spec(spec, edit.parameters)
        else:
            shape.append(edit)
    return spec, tuple(shape)


def state_hash(design: Design) -> str:
    """Return the digest of a state: of its prescription, the edits of its shape, and the finished part."""
    part = {name: np.ascontiguousarray(getattr(design.implant, name)) for name in ("vertices", "faces")}
    edits = [each.to_dict() for each in design.edits]
    digests = {name: hashlib.sha256(array.tobytes()).hexdigest() for name, array in part.items()}
    return digest_of({"spec": design.spec.to_dict(), "edits": edits, "part": digests})


def refused(edit: Edit, error: MeshImplantError) -> EditRefused:
    """Return the refusal of an edit, with a finding at its place."""
    findings = getattr(error, "findings", ())
    if not findings:
        point = edit.parameters.get("point_mm")
        place = None if point is None else place_of(point)
        findings = (Finding(f"edit.{edit.verb}", "error", str(error), location_mm=place),)
    return EditRefused(f"the edit {edit.verb} was not made, and all is as it was: {error}", findings)
