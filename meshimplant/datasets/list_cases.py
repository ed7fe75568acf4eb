"""Recognise the layout of a data set's folder, and list its cases."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

from meshimplant.datasets.case import Case, contents_of
from meshimplant.datasets.mug500 import is_mug500, list_mug500
from meshimplant.datasets.skullbreak import is_skullbreak, list_skullbreak
from meshimplant.datasets.skullfix import has_training, is_skullfix, list_skullfix, list_skullfix_tests
from meshimplant.errors import FileReadError

#: A data set is searched for down to this many levels below the given folder.
_DEEPEST = 2


def list_cases(folder: str | Path) -> tuple[Case, ...]:
    """List the cases in a folder with the layout of SkullFix, SkullBreak or MUG500+.

    ========== ======================================================================================
    SkullFix   ``complete_skull/NNN.nrrd``, ``implant/NNN.nrrd``, also in ``training_set/``; test skulls
               in ``test_set_for_participants/`` (see `list_skullfix`)
    SkullBreak ``complete_skull/NNN.nrrd``, ``defective_skull/KIND/NNN.nrrd``, ``implant/KIND/NNN.nrrd``
               (see `list_skullbreak`)
    MUG500+    ``A0001/A0001.nrrd``, ``B0001/B0001.nrrd``, ``B0001/B0001_implant.stl`` (see `list_mug500`)
    ========== ======================================================================================

    Data sets are found up to two levels below the folder. Only names are read; `read_case` reads the volumes.
    Split by `Case.group`, which is common to the cases of one patient, not by name.

    Parameters
    ----------
    folder : str or Path

    Returns
    -------
    tuple of Case

    Raises
    ------
    FileReadError
        The folder has none of these layouts, or an incomplete one; the message says what was expected and
        found.

    Examples
    --------
    >>> cases = list_cases("skullfix")  # doctest: +SKIP
    >>> cases[0].name, cases[0].kind, cases[0].group  # doctest: +SKIP
    ('000', 'challenge', 'skullfix-000')
    """
    folder = Path(folder)
    cases = _cut_by_design(folder, _DEEPEST)
    cases += list_mug500(folder) if is_mug500(folder) else ()
    if not cases:
        raise FileReadError(
            "expected the layout of SkullFix (complete_skull/, implant/), SkullBreak "
            f"(defective_skull/bilateral/, ...) or MUG500+ (A0001/, B0001/, ...) in {folder.name}/, "
            f"got {contents_of(folder)}: pass the data set's own folder"
        )
    twice = [name for name, count in Counter(case.name for case in cases).items() if count > 1]
    if twice:
        raise FileReadError(
            f"expected each case once under {folder.name}/, got {', '.join(twice[:5])} more than once: "
            "pass the folder of one data set"
        )
    return cases


def _cut_by_design(folder: Path, depth: int) -> tuple[Case, ...]:
    """Return the cases of SkullFix and SkullBreak in a folder, or else in the folders below."""
    if is_skullbreak(folder):
        return list_skullbreak(folder)
    if is_skullfix(folder):
        tests = list_skullfix_tests(folder)
        return (*list_skullfix(folder), *tests) if has_training(folder) or not tests else tests
    below = sorted(path for path in folder.iterdir() if path.is_dir()) if depth and folder.is_dir() else []
    return tuple(case for path in below for case in _cut_by_design(path, depth - 1))
