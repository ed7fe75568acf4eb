"""The verb `batch`: another verb on many cases."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

from cyclopts import CycloptsError, Parameter

from meshimplant_cli.exit_codes import CHECK_FAILED, DONE, FAILED, UsageError
from meshimplant_cli.options import Count, Positive, PrintOptions, Strict
from meshimplant_cli.terminal import say, show, table

if TYPE_CHECKING:
    from meshimplant.batch.batch_summary import BatchSummary
    from meshimplant.batch.find_cases import FoundCases
    from meshimplant.batch.run_jobs import Tally

Verb = Literal["design", "check", "evaluate", "convert", "preview", "perforate"]


def batch(
    *cases: Path,
    output: Annotated[
        Path | None, Parameter(alias="-o", help="Where to write: a new folder, or that of an earlier batch.")
    ] = None,
    example: Annotated[
        bool, Parameter(help="Print a table of cases as CSV, to be changed, and end.")
    ] = False,
    verb: Annotated[Verb, Parameter(help="What to do with each case.")] = "design",
    prediction: Annotated[
        Path | None,
        Parameter(help="Folder with a prediction for each case, named like it; for design and evaluate."),
    ] = None,
    prediction_is: Annotated[
        Literal["complete", "implant"] | None,
        Parameter(help="What the predictions are: completed skulls, or implants."),
    ] = None,
    skull: Annotated[
        Path | None, Parameter(help="Folder with the defective skull of each part, or one for all.")
    ] = None,
    truth: Annotated[Path | None, Parameter(help="Folder with the true implant of each case.")] = None,
    metrics: Annotated[bool, Parameter(help="Also compare each design with the truth.")] = False,
    spec: Annotated[
        Path | None, Parameter(help="Prescription of the cases that have none of their own.")
    ] = None,
    options: Annotated[
        str,
        Parameter(
            allow_leading_hyphen=True,
            help='Options of the verb for all cases, in quotes, such as "--thickness-mm 3.5 --seed 1".',
        ),
    ] = "",
    ending: Annotated[
        str | None,
        Parameter(help="Ending of what convert (.stl), preview (.png) and perforate (.stl) write."),
    ] = None,
    workers: Annotated[
        Count | None,
        Parameter(
            help="Processes on this computer. Default: one for each core and each 2 GB of free memory."
        ),
    ] = None,
    scheduler: Annotated[
        str | None,
        Parameter(help="Dask scheduler, tcp://HOST:PORT, whose workers see the same files, in their place."),
    ] = None,
    max_memory_gb: Annotated[
        Positive | None,
        Parameter(
            help="End a case whose process takes more memory. Default: an equal share of what is free."
        ),
    ] = None,
    time_limit_s: Annotated[Positive | None, Parameter(help="End a case that takes longer, seconds.")] = None,
    again: Annotated[bool, Parameter(help="Also run the cases that an earlier run has finished.")] = False,
    strict: Strict = False,
    print_options: PrintOptions = PrintOptions(),
) -> int:
    """Run design, or another verb, on many cases: each in a process of its own, worst results first.

    Writes what the verb writes for each case under the case's name, and summary.csv, summary.json and
    summary.html. A case that fails, dies or goes beyond its limits is named there, and the others go on (exit
    code 1; without such a case 3 if a part failed its check). The same command continues an interrupted
    batch: what is finished, with the same files, options and versions, is not run again.

    Parameters
    ----------
    cases
        Folders, patterns in quotes ("scans/*.nii.gz"), files, or a table (.csv, .toml) with a row for each.
    """
    from meshimplant.batch.case_table import example_table, words_of

    if example:
        say(example_table().rstrip())
        return DONE
    if not cases or output is None:
        raise UsageError("expected cases and an output, got none: batch CASES -o DIR, or batch --example")
    if workers is not None and scheduler is not None:
        raise UsageError("expected --workers or --scheduler, got both: a scheduler has its own workers")
    from meshimplant.batch.find_cases import find_cases
    from meshimplant.batch.run_batch import BatchLimits, run_batch
    from meshimplant_cli.main import run

    found = find_cases(
        cases,
        verb=verb,
        prediction=prediction,
        prediction_is=prediction_is,
        prescription=spec,
        skull=skull,
        truth=truth,
        options=words_of(options, Path.cwd(), where="--options"),
    )
    _require_options(found, verb, output, ending)
    with _counting() as progress:
        summary = run_batch(
            found.cases,
            output,
            command=run,
            verb=verb,
            metrics=metrics,
            ending=ending,
            limits=BatchLimits(workers, scheduler, max_memory_gb, time_limit_s),
            again=again,
            progress=progress,
        )
    show(summary.to_dict(), as_json=print_options.json, text=_text(summary, found, output))
    if summary.failures:
        return FAILED
    below = ("failed", "passed with warnings") if strict else ("failed",)
    return CHECK_FAILED if any(case.outcome in below for case in summary.cases) else DONE


def _require_options(found: FoundCases, verb: Verb, output: Path, ending: str | None) -> None:
    """Refuse options that the verb does not have, before any work is done."""
    from meshimplant.batch.batch_verbs import VERBS, command_line, ending_of
    from meshimplant_cli.main import build_app

    app = build_app()
    for case in {(each.options, tuple(each.files())): each for each in found.cases}.values():
        place = VERBS[verb].place(output, case.name, ending_of(verb, ending))
        try:
            app.parse_args(command_line(verb, case, place))
        except CycloptsError as error:
            text = " ".join(str(error).split())
            raise UsageError(
                f"expected options that {verb} has, got others for {case.name} ({text}): change them"
            ) from error


@contextmanager
def _counting() -> Iterator[Callable[[Tally], None] | None]:
    """Show a line with the counts during the block; silent unless stderr is a terminal."""
    if not sys.stderr.isatty():
        yield None
        return
    from meshimplant_cli.progress import CountLine

    with CountLine() as line:
        yield line.count


def _text(summary: BatchSummary, found: FoundCases, output: Path) -> str:
    """Return outcomes, failures, the distribution of each number, and where the summary is."""
    from meshimplant.runtime.value_text import count_of, in_unit, label_and_unit

    counts = ", ".join(f"{count} {outcome}" for outcome, count in summary.counts.items())
    lines = [f"{output.name}: {count_of(len(summary.cases), 'case')}: {counts}"]
    if kept := summary.run["kept"]:
        lines.append(f"{kept} kept from an earlier run")
    lines += [f"  {case.name}: {case.error}: {case.message}" for case in summary.failures]
    if summary.distributions:
        shown = ("min", "p25", "median", "p75", "max")
        rows: list[tuple[object, ...]] = [("number", "cases", *shown)]
        for name, spread in summary.distributions.items():
            unit = label_and_unit(name)[1]
            values = [in_unit(spread[key], unit).replace("\u202f", " ") for key in shown]
            rows.append((name, spread["cases"], *values))
        lines += ["", table(rows)]
    if found.left_out:
        lines.append(f"no cases, left out: {', '.join(found.left_out)}")
    lines.append(f"written to {output}: summary.csv, summary.html, summary.json")
    return "\n".join(lines)
