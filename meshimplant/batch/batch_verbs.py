"""The verbs that a batch can run: which files of a case each takes, its command line, and what it writes."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, get_args

from meshimplant.batch.batch_case import BatchCase
from meshimplant.errors import InputError
from meshimplant.io.meshes import MESH_SUFFIXES
from meshimplant.io.volumes import VOLUME_SUFFIXES, WRITABLE_VOLUME_SUFFIXES

BatchVerb = Literal["design", "check", "evaluate", "convert", "preview", "perforate"]
BATCH_VERBS: tuple[BatchVerb, ...] = get_args(BatchVerb)


@dataclass(frozen=True)
class VerbOfBatch:
    """How a verb is run on one case.

    Attributes
    ----------
    takes, needs : tuple of str
        Files of a case that it can take beside the input, and those of them that it needs.
    reads : tuple of str
        Endings of its inputs in a folder.
    endings : tuple of str
        Endings of the one file that it writes, the default first; empty where it writes none or a folder.
    line : callable
        Return its command line without the verb, from a case and the place of its output.
    writes_folder : bool
        Whether its output is a folder.
    """

    takes: tuple[str, ...]
    needs: tuple[str, ...]
    reads: tuple[str, ...]
    endings: tuple[str, ...]
    line: Callable[[BatchCase, Path], list[str]]
    writes_folder: bool = False

    def place(self, folder: Path, name: str, ending: str) -> Path:
        """Return where the output of a case is written in a folder."""
        return folder / (name if self.writes_folder else f"{name}{ending}")


def command_line(verb: BatchVerb, case: BatchCase, output: Path) -> list[str]:
    """Return the words of the command line of a case, with the verb first."""
    return [verb, *VERBS[verb].line(case, output)]


def ending_of(verb: BatchVerb, ending: str | None) -> str:
    """Return the ending of what a verb writes; raises `InputError` for one that it does not write."""
    allowed = VERBS[verb].endings
    if ending is None:
        return allowed[0] if allowed else ""
    if ending not in allowed:
        known = f"one of {' '.join(allowed)}" if allowed else f"none, because {verb} writes no such file"
        raise InputError(f"expected the ending of written files to be {known}, got {ending!r}: change it")
    return ending


def require_files(verb: BatchVerb, cases: Sequence[BatchCase], *, metrics: bool) -> None:
    """Raise `InputError` for a case that names a file which the verb does not take, or lacks one."""
    takes = {"input", *VERBS[verb].takes, *(("truth",) if metrics else ())}
    needs = {*VERBS[verb].needs, *(("truth",) if metrics else ())}
    for case in cases:
        given = set(case.files())
        if verb == "design" and not metrics:
            given.discard("truth")  # a table for --metrics serves a run without it, too
        if other := sorted(given - takes):
            raise InputError(f"expected no {other[0]} for {verb}, got one for {case.name}: leave it out")
        if missing := sorted(needs - given):
            why = " (metrics need the true implant)" if missing[0] == "truth" and metrics else ""
            raise InputError(f"expected a {missing[0]} for each case{why}, got none for {case.name}: add it")
        if verb == "design" and (case.prediction is None) != (case.prediction_is is None):
            raise InputError(
                "expected a prediction together with prediction_is (complete: a completed skull, implant: "
                f"the missing bone), got one without the other for {case.name}: state both"
            )


def _design(case: BatchCase, output: Path) -> list[str]:
    prediction = [] if case.prediction is None else [f"--{case.prediction_is}", str(case.prediction)]
    return [str(case.input), "-o", str(output), *prediction, *_spec(case), *case.options, "--json", "--force"]


def _check(case: BatchCase, _output: Path) -> list[str]:
    return [str(case.input), *_skull(case), *_spec(case), *case.options, "--json"]


def _evaluate(case: BatchCase, _output: Path) -> list[str]:
    files = ("--prediction", str(case.prediction), "--truth", str(case.truth), "--defective", str(case.input))
    return [*files, *case.options, "--json"]


def _convert(case: BatchCase, output: Path) -> list[str]:
    return [str(case.input), str(output), *case.options, "--json", "--force"]


def _preview(case: BatchCase, output: Path) -> list[str]:
    return [str(case.input), "-o", str(output), *_skull(case), *case.options, "--force"]


def _perforate(case: BatchCase, output: Path) -> list[str]:
    return [str(case.input), "-o", str(output), *_skull(case), *case.options, "--json", "--force"]


def _skull(case: BatchCase) -> list[str]:
    return [] if case.skull is None else ["--skull", str(case.skull)]


def _spec(case: BatchCase) -> list[str]:
    return [] if case.prescription is None else ["--spec", str(case.prescription)]


_MESHES = (*MESH_SUFFIXES, ".zip")
VERBS: dict[BatchVerb, VerbOfBatch] = {
    "design": VerbOfBatch(
        ("prediction", "prescription"),
        (),
        (*VOLUME_SUFFIXES, ".zip", ".dcm", ".stl", ".ply"),
        (),
        _design,
        writes_folder=True,
    ),
    "check": VerbOfBatch(("skull", "prescription"), (), _MESHES, (), _check),
    "evaluate": VerbOfBatch(("prediction", "truth"), ("prediction", "truth"), VOLUME_SUFFIXES, (), _evaluate),
    "convert": VerbOfBatch(
        (),
        (),
        (*VOLUME_SUFFIXES, *_MESHES, ".dcm"),
        (*(suffix for suffix in MESH_SUFFIXES), *WRITABLE_VOLUME_SUFFIXES),
        _convert,
    ),
    "preview": VerbOfBatch(("skull",), (), _MESHES, (".png", ".html"), _preview),
    "perforate": VerbOfBatch(("skull",), (), _MESHES, MESH_SUFFIXES, _perforate),
}
