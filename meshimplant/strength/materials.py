"""`MATERIALS`: stiffness, strength and density of the materials of a part, each with its source."""

from __future__ import annotations

from dataclasses import dataclass

from meshimplant.errors import InputError, SpecError


@dataclass(frozen=True)
class Material:
    """A material that is elastic, and equal in all directions.

    Attributes
    ----------
    name : str
    young_mpa : float
        Young's modulus.
    poisson : float
        Poisson's ratio, below 0.5.
    strength_mpa : float
        The stress that the largest von Mises stress is held against.
    strength_kind : str
        Which strength that is: ``yield``, ``flexural``, ``tensile``.
    density_g_cm3 : float
    source : str
        Where each number comes from, or "our choice".

    Raises
    ------
    InputError
        A number is not above 0, or Poisson's ratio not within 0 to 0.49.
    """

    name: str
    young_mpa: float
    poisson: float
    strength_mpa: float
    strength_kind: str
    density_g_cm3: float
    source: str

    def __post_init__(self) -> None:
        numbers = (self.young_mpa, self.strength_mpa, self.density_g_cm3)
        if not (all(0 < number < float("inf") for number in numbers) and 0 <= self.poisson <= 0.49):
            raise InputError(
                "expected a modulus, a strength and a density above 0 and a Poisson's ratio of 0 to 0.49, "
                f"got {self.young_mpa:g} MPa, {self.strength_mpa:g} MPa, {self.density_g_cm3:g} g/cm3 and "
                f"{self.poisson:g}: correct the material"
            )


#: Properties by the names of `ImplantSpec.material`. Where a standard states a least value, that is taken,
#: not a typical one: a certificate of the batch in hand is better than any row of this table.
MATERIALS = {
    material.name: material
    for material in (
        Material(
            *("PEEK", 3800.0, 0.38, 90.0, "yield", 1.30),
            "unfilled PEEK: flexural modulus 3.8 GPa, density 1.3 (makeitfrom.com); strength: our choice, "
            "below the lowest tensile strength listed there (97 MPa); Poisson's ratio: our choice. Printed "
            "PEEK is weaker across its layers",
        ),
        Material(
            *("PMMA", 2200.0, 0.35, 50.0, "flexural", 1.20),
            "bone cement: 50 MPa is the least bending strength of ISO 5833; modulus: the lower end of the "
            "2.2 to 3.3 GPa of cements (ASME SBC2011 54587:831); Poisson's ratio, density: our choice",
        ),
        Material(
            *("titanium", 114000.0, 0.34, 795.0, "yield", 4.43),
            "Ti-6Al-4V ELI: 795 MPa is the least yield strength of ASTM F136; modulus 113.8 GPa, Poisson's "
            "ratio 0.342, density 4.43 (MatWeb MTP643). Pure titanium yields at a fraction of it",
        ),
        Material(
            *("ceramic", 110000.0, 0.28, 40.0, "flexural", 3.1),
            "dense hydroxyapatite: modulus 112 GPa (de With et al., J. Mater. Sci. 16:1592, 1981); strength, "
            "Poisson's ratio, density: our choice. Porous ceramics have a fraction of both stiffness and "
            "strength: give your own",
        ),
    )
}


def material_of(material: str | Material) -> Material:
    """Return a material by its name, or the material itself.

    Raises
    ------
    SpecError
        The name is unknown.
    """
    if isinstance(material, Material):
        return material
    if material not in MATERIALS:
        raise SpecError(f"expected material to be one of {', '.join(MATERIALS)}, got {material!r}")
    return MATERIALS[material]
