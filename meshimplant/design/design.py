"""`Design`: a designed part with every intermediate that led to it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import trimesh
from numpy.typing import NDArray

from meshimplant.check.check_part import PartCheck
from meshimplant.complete.complete_skull import Completion
from meshimplant.design.print_files import ColourBy
from meshimplant.design.skull_model import SkullForm
from meshimplant.edit.round_border import RoundedBorder
from meshimplant.implant.features import Feature
from meshimplant.line.separate import Separation
from meshimplant.manufacture.mould import Mould
from meshimplant.manufacture.resection_template import ResectionTemplate
from meshimplant.preview.report_pdf import PageSize
from meshimplant.report import Report
from meshimplant.skull.resect import Resection
from meshimplant.spec.edits import Edit
from meshimplant.spec.implant_spec import ImplantSpec
from meshimplant.strength.screening import StrengthScreening
from meshimplant.theatre.fixation import Fixation
from meshimplant.theatre.lip import OnlayLip
from meshimplant.theatre.mark import Marked
from meshimplant.theatre.perforate import Perforated
from meshimplant.voxels.volume import Volume

if TYPE_CHECKING:
    from meshimplant.design.kept_design import KeptDesign
    from meshimplant.edit_page.page import Page


@dataclass(eq=False)
class PartSteps:
    """The part after each step of the line.

    Attributes
    ----------
    inside_mm : (3,) array
        A point inside the head, LPS mm.
    deepened : sequence of Volume
        The chosen bodies, deepened towards the inside of the head.
    raw : Trimesh
        The part after `extract`.
    smoothed, trimmed, edited, thinned, ended, bevelled, cleared, repaired : Trimesh
        The part after the step of that name; `edited` after the edits of its shape, `thinned` after
        `thickness`, `ended` after `border`, `cleared` after `insertion`. Without edits, `edited` is
        `trimmed`; without a free border, `ended` is `thinned`; without a prescribed bevel,
        `bevelled` is `ended`.
    simplified : Trimesh
        The part after `simplify`: its shape, before anything is added for surgery.
    rounded : RoundedBorder or None
        The part with a rounded border; None where the prescription has none.
    fixation : Fixation or None
        Plates, tabs or pockets and their screws; None where the prescription has none.
    marked : Marked or None
        The part with its text; None where the prescription has none.
    perforated, lip : Perforated or None, OnlayLip or None
        The part with its holes, and with its lip; None where the prescription has none.
    implant : Trimesh
        The finished part.
    directions : (k, 3) array
        Straight ways out of the head that `insertion` cleared, LPS; one for each body.
    """

    inside_mm: NDArray[np.float64]
    deepened: Sequence[Volume]
    raw: trimesh.Trimesh
    smoothed: trimesh.Trimesh
    trimmed: trimesh.Trimesh
    edited: trimesh.Trimesh
    thinned: trimesh.Trimesh
    ended: trimesh.Trimesh
    bevelled: trimesh.Trimesh
    cleared: trimesh.Trimesh
    repaired: trimesh.Trimesh
    simplified: trimesh.Trimesh
    rounded: RoundedBorder | None
    fixation: Fixation | None
    marked: Marked | None
    perforated: Perforated | None
    lip: OnlayLip | None
    implant: trimesh.Trimesh
    directions: NDArray[np.float64]

    @property
    def shaped(self) -> trimesh.Trimesh:
        """The part with its border, before anything is added: `rounded`, or `simplified` without it."""
        return self.simplified if self.rounded is None else self.rounded.mesh

    @property
    def fixed(self) -> trimesh.Trimesh:
        """The part after `fixation`, or as it was before without one."""
        return self.shaped if self.fixation is None else self.fixation.mesh

    @property
    def features(self) -> tuple[Feature, ...]:
        """What was made in the part on purpose."""
        made = (self.fixation, self.marked, self.perforated)
        return tuple(feature for each in made if each is not None for feature in each.features)


@dataclass(eq=False)
class Design(PartSteps):
    """A designed part with every intermediate that led to it: those of `PartSteps`, and the following.

    Attributes
    ----------
    defective : Volume
        Mask of the defective skull on the input's grid; on a finer one for a CT with slices more than 3.2 mm
        apart, as `reconstruction`.
    spec : ImplantSpec
        The prescription.
    skull : Volume
        The defective skull as the line works on it: uint8, axes to L, P and S, thick slices interpolated.
    completion : Completion or None
        How the skull was completed; None when the missing bone came from elsewhere, and in a design that was
        loaded.
    missing : Volume
        Complete minus defective: a mask (bool) with all its debris.
    separation : Separation
        The chosen bodies (fields, positive inside, each on a box of its own) and every piece that was
        removed.
    reconstruction : Volume
        The missing *bone*: uint8 mask on the input's grid.
    check : PartCheck
        What `check` measured and found.
    report : Report
        All of it as `report.json` holds it.
    scan : Volume or None
        The values of the CT, if the skull was one; None in a design that was loaded.
    screening : StrengthScreening or None
        The part under load, if the prescription asks for it.
    mould : Mould or None
        A mould of `simplified`; None where the prescription has none, or it could not be made.
    edits : tuple of Edit
        Changes of the shape, in order.
    resection : Resection or None
        How the defect was planned on an intact skull, see `plan_resection`; None where the skull came with
        it.
    template : ResectionTemplate or None
        The guide for that cut and for the screws; None without a resection, or where none could be made.
    maps : dict of str to object
        `Disagreement` of methods and `Uncertainty` of a network, where there are any.
    region_maps : dict of str to Volume
        The masks of the prescription's painted regions, uint8, by the names that it has for them.
    kept : KeptDesign or None
        What the steps are saved from.
    """

    defective: Volume
    spec: ImplantSpec
    skull: Volume
    completion: Completion | None
    missing: Volume
    separation: Separation[Volume]
    reconstruction: Volume
    check: PartCheck
    report: Report = field(repr=False)
    scan: Volume | None = None
    screening: StrengthScreening | None = None
    mould: Mould | None = None
    edits: tuple[Edit, ...] = ()
    resection: Resection | None = None
    template: ResectionTemplate | None = None
    maps: dict[str, Any] = field(default_factory=dict, repr=False)
    region_maps: dict[str, Volume] = field(default_factory=dict, repr=False)
    kept: KeptDesign | None = field(default=None, repr=False)

    def save(
        self,
        folder: str | Path,
        *,
        sources: dict[str, Path] | None = None,
        force: bool = False,
        skull_model: bool | SkullForm = False,
        label: str = "",
        date: str = "",
        pdf: PageSize | None = None,
        colour_by: ColourBy | None = None,
        steps: bool = True,
        log: str | Path | None = None,
    ) -> None:
        """Write part, reconstruction, prescription, report and previews into a folder, all or nothing.

        Parameters
        ----------
        folder : str or Path
            Where to write; new or empty, unless `force`.
        sources : dict of str to Path, optional
            The input files by role (``"defective"``, ``"template"``, ...); the report keeps their SHA-256,
            not their names.
        force : bool
            Replace the design of an earlier run as a whole; files that are not of one stay.
        skull_model : bool or SkullForm
            Also write ``skull.stl``, the defective skull as a printable solid, on which the printed part is
            tried, and ``fit.3mf``, skull, part and plates in their places; a `SkullForm` says whether it is
            cut flat or hollow.
        label : str
            What the case is called, in report, pictures and pages; never a patient's name.
        date : str
            YYYY-MM-DD, in the same places; see `meshimplant.runtime.today`. Neither is in the STL.
        pdf : str, optional
            ``A4`` or ``letter``: also write ``report.pdf``, two pages to print and to sign.
        colour_by : str, optional
            ``thickness`` or ``gap``: colour the part in ``implant.3mf`` by it.
        steps : bool
            Also write the folder ``steps``, from which `load` and `redesign` continue.
        log : str or Path, optional
            The log of the edits that made this design: copied as ``edits.jsonl``. Without it, a log of the
            earlier run stays there under another name.

        Raises
        ------
        MissingDependencyError
            `pdf` without reportlab (``meshimplant[pdf]``); nothing is written.
        OutputError
            The folder is occupied (without `force`), not writable, or written by another run now; its
            contents are untouched.
        """
        from meshimplant.design.kept_design import shown_skull
        from meshimplant.design.write_design import write_design

        write_design(
            Path(folder),
            implant=self.implant,
            without_lip=None if self.lip is None else self.lip.plain,
            features=self.features,
            plates=() if self.fixation is None else self.fixation.plates,
            reconstruction=self.reconstruction,
            skull=self.skull,
            shown_skull=lambda: shown_skull(self.kept, self.skull),
            maps=self.maps,
            spec=self.spec,
            check=self.check,
            report=self.report,
            sources=sources or {},
            force=force,
            skull_form=SkullForm() if skull_model is True else skull_model or None,
            scan=self.scan,
            screening=self.screening,
            label=label,
            date=date,
            pdf=pdf,
            colour_by=colour_by,
            mould=self.mould,
            resection=self.resection,
            template=self.template,
            region_maps=self.region_maps,
            kept=self.kept if steps else None,
            log=None if log is None else Path(log),
        )

    def show(self) -> Page:
        """Serve a page on which the design is looked at; in a notebook, a cell that ends with it shows it.

        Returns
        -------
        Page
            To be closed; ``design.show().open_browser()`` opens it in the user's browser.

        Raises
        ------
        MissingDependencyError
            viser is not installed: ``pip install 'meshimplant[edit]'``.
        """
        from meshimplant.edit_page.page import view

        return view(self)

    @classmethod
    def load(cls, folder: str | Path) -> Design:
        """Return the design that `save` wrote, with every mesh between; nothing is computed again.

        The completed skull and the CT are not kept: `completion` and `scan` are None. Nor is it kept how
        long each step took.

        Parameters
        ----------
        folder : str or Path
            The folder of the design.

        Returns
        -------
        Design

        Raises
        ------
        FileReadError
            The folder has no saved steps, or they are damaged or of another version.
        """
        from meshimplant.design.redesign import load_design

        return load_design(folder)
