"""Commands for the workers of a batch: what they do is written in the input file of each case."""

from __future__ import annotations

import json
import os
import sys
import time
from collections.abc import Sequence
from pathlib import Path

#: Verdict, measures and findings of a part, as the command line prints them.
PART = {
    "verdict": "passed",
    "measures": {"thickness_min_mm": 3.0, "gap_p95_mm": 1.0, "coverage_fraction": 0.99},
    "findings": [],
    "spec": {},
}


def act(words: Sequence[str]) -> int:
    """Do what the input says, as ``check`` does: print JSON and return an exit code, or worse."""
    path = Path(words[1])
    what, _, rest = path.read_text(encoding="utf-8").strip().partition(" ")
    with path.with_suffix(".log").open("a", encoding="utf-8") as log:
        log.write(f"{os.getpid()} {os.environ.get('OMP_NUM_THREADS')}\n")
    if what == "sleep":
        time.sleep(60)
    if what == "fill":
        filled = []
        while True:
            filled.append(b"1" * (20 << 20))
            time.sleep(0.02)
    if what == "die" or (what == "die-once" and path.with_suffix(".log").read_text().count("\n") == 1):
        os._exit(9)
    if what == "refuse":
        error = {"type": "EmptyMaskError", "message": "expected bone, got none", "findings": []}
        print(json.dumps({"error": error}))
        return 1
    if what == "stop":
        print("meshimplant: error: unexpected KeyError: 'x': report it", file=sys.stderr)
        return 1
    print(json.dumps({**PART, **json.loads(rest or "{}")}))
    return 3 if "failed" in rest else 0


def begun(folder: Path, name: str) -> list[str]:
    """Return a line for each time a case was begun: process, and limit of threads."""
    log = folder / f"{name}.log"
    return log.read_text(encoding="utf-8").splitlines() if log.exists() else []
