"""What a design keeps of its steps, and the files that hold it."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, TypeVar, cast

import trimesh

from meshimplant.design.kept_values import KeptValues, LazyVolumes, digest_of
from meshimplant.design.reconstruct import Reconstruction
from meshimplant.design.step_keeper import KeptStep, StepKeeper
from meshimplant.errors import FileReadError
from meshimplant.io.packed_arrays import read_packed, write_packed
from meshimplant.line.separate import Separation
from meshimplant.preview.skull_surface import picture_skull
from meshimplant.report import Report
from meshimplant.runtime.regular_files import parse_json, read_regular
from meshimplant.spec.edits import Edit
from meshimplant.spec.implant_spec import ImplantSpec
from meshimplant.voxels.volume import Volume

#: The folder of the steps in that of a design, and its two files.
STEPS_FOLDER, FACTS_FILE, ARRAYS_FILE = "steps", "steps.json", "arrays.zip"
#: The log of edits in the folder of a design.
LOG_FILE = "edits.jsonl"
#: Version of the layout of `steps.json`.
SCHEMA_VERSION = "1.1"
_OURS = "meshimplant steps"
#: The skull of the pictures among the steps; see `picture_skull`.
PICTURE_SKULL = "picture skull"
Input = TypeVar("Input")
Result = TypeVar("Result")


@dataclass(frozen=True, eq=False)
class DesignStart:
    """What the part is made from: all that the line found before it makes a mesh.

    Attributes
    ----------
    defective : Volume
        See `Design`.
    shape : Reconstruction
        The missing bone; without its completion where it was read from a file.
    bodies : int or None
        The number of bodies that was prescribed for it.
    method : str or None
        The method that completes the skull again; None where a model, a network or a shape from elsewhere
        was used, which is not kept.
    read_report, report : Report
        The report after reading the input, and after finding the missing bone; without seconds.
    maps : dict of str to object
        `Disagreement` and `Uncertainty` of the completion, under those names in lower case.
    """

    defective: Volume
    shape: Reconstruction
    bodies: int | None
    method: str | None
    read_report: Report
    report: Report
    maps: dict[str, Any] = field(default_factory=dict)


@dataclass(eq=False)
class KeptDesign:
    """The steps of a design, kept so that it can be changed without repeating all of them.

    Attributes
    ----------
    values : KeptValues
        The arrays.
    versions : dict of str to str
        Versions of the packages that made the steps.
    start : Any
        Tree of the `DesignStart`.
    spec : ImplantSpec
        The prescription.
    steps : dict of str to KeptStep
        Results of the steps by key.
    inputs : list of dict
        Role and SHA-256 of each input file.
    label : str
        What the case is called.
    edits : tuple of Edit
        Changes of the shape, in order.
    region_maps : dict of str to Volume
        The masks of the prescription's painted regions by the names that it has for them.
    """

    values: KeptValues
    versions: dict[str, str]
    start: Any
    spec: ImplantSpec
    steps: dict[str, KeptStep]
    inputs: list[dict[str, Any]] = field(default_factory=list)
    label: str = ""
    edits: tuple[Edit, ...] = ()
    region_maps: dict[str, Volume] = field(default_factory=dict)

    def once(self, name: str, function: Callable[[Input], Result], given: Input) -> Result:
        """Return what a function makes of a value; it is kept among the steps and made only once."""
        keeper = StepKeeper(self.values, self.versions, self.steps)
        key = keeper.key(name, [given], {})
        found = keeper.find(key)
        if found is not None:
            return cast(Result, self.values.value(found.tree))
        result = function(given)
        keeper.keep(key, name, result)
        self.steps |= keeper.kept
        return result

    def write(self, folder: Path) -> None:
        """Write the steps into a new folder: facts as JSON, arrays packed without loss; no time, no path.

        The same steps give the same bytes. The seconds that steps took are not kept.
        """
        folder.mkdir()
        steps = [
            {"key": key, "name": each.name, "is_stored": each.is_stored, "result": each.tree}
            | {"step": self.values.tree(each.step and _timeless(each.step))}
            for key, each in sorted(self.steps.items())
        ]
        stored = [each["result"] for each in steps if each["is_stored"]]
        region_maps = self.values.tree(self.region_maps)
        packed = self.values.packed_of([self.start, region_maps, *stored])
        write_packed(folder / ARRAYS_FILE, packed)
        facts = {
            "what": _OURS,
            "schema_version": SCHEMA_VERSION,
            "frame": "LPS",
            "unit": "mm",
            "versions": self.versions,
            "label": self.label,
            "inputs": self.inputs,
            "spec": self.spec.to_dict(),
            "edits": [each.to_dict() for each in self.edits],
            "region_maps": region_maps,
            "start": self.start,
            "steps": steps,
            "arrays": {digest: each.to_dict() for digest, each in packed.items()},
            "arrays_sha256": hashlib.sha256((folder / ARRAYS_FILE).read_bytes()).hexdigest(),
        }
        text = json.dumps({**facts, "sha256": digest_of(facts)}, indent=1, allow_nan=False)
        (folder / FACTS_FILE).write_text(text + "\n", encoding="utf-8")

    @classmethod
    def read(cls, case: Path) -> KeptDesign:
        """Read the steps in the folder of a design.

        Raises
        ------
        FileReadError
            There are none, they are damaged or were changed, or they are of another version of the layout.
        """
        folder = case / STEPS_FOLDER
        if not folder.is_dir():
            raise FileReadError(
                f"expected the saved steps of a design in {case.name}, got no folder {STEPS_FOLDER} there: "
                "run design again, without --no-steps"
            )
        facts, packed = _read_facts(folder), read_regular(folder / ARRAYS_FILE)
        if hashlib.sha256(packed).hexdigest() != facts["arrays_sha256"]:
            raise _damaged(ARRAYS_FILE)
        try:
            values = KeptValues(read_packed(packed, facts["arrays"], name=ARRAYS_FILE))
            steps = {
                each["key"]: KeptStep(
                    each["name"], each["result"], each["is_stored"], values.value(each["step"])
                )
                for each in facts["steps"]
            }
            spec = ImplantSpec.from_dict(facts["spec"])
            edits = tuple(Edit.from_dict(each) for each in facts.get("edits", ()))
            region_maps = values.value(facts.get("region_maps", {}))
            told = facts["inputs"], facts["label"], edits, region_maps
            return cls(values, facts["versions"], facts["start"], spec, steps, *told)
        except (KeyError, ValueError, TypeError, AttributeError) as error:
            raise _damaged(FACTS_FILE) from error

    def opened_start(self) -> DesignStart:
        """Return what the part is made from; fields of bodies are unpacked when they are first used."""
        start = self.start
        try:
            values = {name: self.values.value(each) for name, each in start.items() if name != "bodies_tree"}
            bodies = LazyVolumes(start["bodies_tree"], lambda: self.values.value(start["bodies_tree"]))
            separation: Separation[Volume] = Separation(bodies, values["removed"])
            volumes = {name: values[name] for name in ("mask", "skull", "missing")}
            shape = Reconstruction(
                **volumes, completion=None, separation=separation, inside_mm=values["inside_mm"]
            )
            names = ("defective", "bodies", "method", "read_report", "report", "maps")
            return DesignStart(shape=shape, **{name: values[name] for name in names})
        except (KeyError, ValueError, TypeError, AttributeError) as error:
            raise _damaged(FACTS_FILE) from error


def shown_skull(kept: KeptDesign | None, skull: Volume) -> trimesh.Trimesh:
    """Return the skull of the pictures, LPS mm, which is kept among the steps where these are."""
    return picture_skull(skull) if kept is None else kept.once(PICTURE_SKULL, picture_skull, skull)


def tree_of_start(start: DesignStart, values: KeptValues) -> Any:
    """Return what the part is made from as a tree; the completed skull itself is left out."""
    shape = start.shape
    kept = {
        **{name: getattr(start, name) for name in ("defective", "bodies", "method", "maps")},
        **{name: _without_seconds(getattr(start, name)) for name in ("read_report", "report")},
        **{name: getattr(shape, name) for name in ("mask", "skull", "missing", "inside_mm")},
        "removed": shape.separation.removed,
        "bodies_tree": _tuple_of(shape.separation.bodies),
    }
    return values.tree(kept)


def _tuple_of(bodies: Any) -> Any:
    return bodies if isinstance(bodies, LazyVolumes) else tuple(bodies)


def _without_seconds(report: Report) -> Report:
    """Return a report without what differs from run to run, and without what is stated elsewhere."""
    steps = [_timeless(step) for step in report.steps]
    return report.copy_with(steps=steps, versions={}, spec={}, inputs=[])


def _timeless(step: Any) -> Any:
    return replace(step, seconds=0.0, process_peak_mb=None)


def _read_facts(folder: Path) -> dict[str, Any]:
    try:
        facts = parse_json(read_regular(folder / FACTS_FILE))
    except ValueError as error:
        raise _damaged(FACTS_FILE) from error
    if not isinstance(facts, dict) or facts.get("what") != _OURS:
        raise FileReadError(
            f"expected the steps of a design of meshimplant in {STEPS_FOLDER}/{FACTS_FILE}, got another "
            "file: move that folder away, and run design again"
        )
    version = str(facts.get("schema_version"))
    if version.partition(".")[0] != SCHEMA_VERSION.partition(".")[0]:
        raise FileReadError(
            f"expected steps of version {SCHEMA_VERSION}, got {version}: "
            "run design again, or use the meshimplant that wrote them"
        )
    if facts.pop("sha256", None) != digest_of(facts) or "arrays_sha256" not in facts:
        raise _damaged(FACTS_FILE)
    return facts


def _damaged(name: str) -> FileReadError:
    return FileReadError(
        f"expected {STEPS_FOLDER}/{name} as design wrote it, got a damaged or changed file: "
        "copy the folder again, or run design again"
    )
