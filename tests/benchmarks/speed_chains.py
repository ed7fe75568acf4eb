"""Run one chain on one input in this process, and write the cost of each step; `run_speed` starts it.

    python tests/benchmarks/speed_chains.py given|free|naive INPUT OUTPUT

``given`` and ``naive`` start from a prediction of the complete skull, ``free`` from the defective skull
alone.
"""

from __future__ import annotations

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
from benchmarks.speed_meter import Meter

CHAINS = ("given", "free", "naive")
#: Prescription of every chain, mm.
THICKNESS_MM, CLEARANCE_MM = 4.0, 0.8


def run_own(folder: Path, output: Path, meter: Meter, *, given: bool) -> None:
    """Run this project's line, from the files to the files."""
    meter.begin("import")
    from meshimplant import ImplantSpec, design_implant, read_skull, read_volume

    spec = ImplantSpec(thickness_mm=THICKNESS_MM, clearance_mm=CLEARANCE_MM)
    meter.begin("read")
    defective = read_skull(folder / "defective.nrrd").mask
    prediction = read_volume(folder / "prediction.nrrd") if given else None
    made = design_implant(defective, spec=spec, complete=prediction, progress=meter.begin)
    meter.begin("write")
    made.save(output, force=True)


def run_chain(chain: str, folder: Path, output: Path, meter: Meter) -> None:
    """Run one of `CHAINS`; `output` holds implant.stl afterwards."""
    if chain != "naive":
        run_own(folder, output, meter, given=chain == "given")
        return
    meter.begin("import")
    from benchmarks.speed_naive import run_naive

    run_naive(folder, output, thickness_mm=THICKNESS_MM, clearance_mm=CLEARANCE_MM, begin=meter.begin)


def main() -> None:
    """Run the chain that the command line names, and leave run.json beside the part."""
    chain, folder, output = sys.argv[1], Path(sys.argv[2]), Path(sys.argv[3])
    output.mkdir(parents=True, exist_ok=True)
    meter = Meter()
    run_chain(chain, folder, output, meter)
    meter.save(output)


if __name__ == "__main__":
    main()
