"""`BatchCase`: one case of a batch, as files and options."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from meshimplant.errors import InputError
from meshimplant.runtime.printable import printable

PredictionIs = Literal["complete", "implant"]
#: What a prediction can be: the completed skull, or the implant alone.
PREDICTION_WORDS: tuple[PredictionIs, ...] = ("complete", "implant")
#: Longest name of a case, characters: file systems hold 255 bytes, and what is written has longer names.
_LONGEST_NAME = 100


@dataclass(frozen=True)
class BatchCase:
    """One case of a batch.

    Attributes
    ----------
    name : str
        Name of the case, and of what is written for it.
    input : Path
        What the verb reads: a defective skull for ``design`` and ``evaluate``, else the file to work on.
    prediction : Path or None
        A prediction from elsewhere, of ``design`` or ``evaluate``.
    prediction_is : str or None
        For ``design``: ``complete`` (a completed skull) or ``implant`` (the missing bone).
    prescription : Path or None
        A prescription, as ``--spec`` takes it.
    skull : Path or None
        The defective skull of a part.
    truth : Path or None
        The true implant, as voxels.
    options : tuple of str
        Further words of the command line.
    """

    name: str
    input: Path
    prediction: Path | None = None
    prediction_is: PredictionIs | None = None
    prescription: Path | None = None
    skull: Path | None = None
    truth: Path | None = None
    options: tuple[str, ...] = ()

    def files(self) -> dict[str, Path]:
        """Return the files that the case names, by their role."""
        roles = ("input", "prediction", "prescription", "skull", "truth")
        return {role: path for role in roles if (path := getattr(self, role)) is not None}


def require_names(cases: list[BatchCase]) -> None:
    """Raise `InputError` unless each case has a name of its own that a file can have."""
    seen: dict[str, str] = {}
    for case in cases:
        name = case.name
        is_plain = name == printable(name).strip() and not set(name) & set('/\\:*?"<>|\t\n')
        if not name or not is_plain or name.startswith((".", "-")) or len(name) > _LONGEST_NAME:
            raise InputError(
                f"expected names of cases that files can have, at most {_LONGEST_NAME} characters, "
                f"got {name[:_LONGEST_NAME]!r}: give the case another name"
            )
        if name.lower() in seen:
            raise InputError(
                f"expected each case to have a name of its own, got {name} twice "
                f"({seen[name.lower()]} and {case.input.name}): name the cases in a table"
            )
        seen[name.lower()] = case.input.name
