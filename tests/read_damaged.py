"""Read damaged files of some kinds in this process, and print what became of each kind as a line of JSON.

``python tests/read_damaged.py COUNT SEED KIND ...``
"""

from __future__ import annotations

import json
import signal
import sys
import tempfile
import traceback
import tracemalloc
import warnings
from pathlib import Path
from typing import Any

import numpy as np
from damage import damaged
from readable_files import KINDS, Kind

from meshimplant.errors import MeshImplantError

#: No small file takes longer to read, seconds.
LONGEST_S = 10
#: Memory that a reader may take, per byte of its undamaged file when unpacked, and in any case.
MEMORY_PER_BYTE, MEMORY_BYTES = 4, 6 << 20


class Hung(BaseException):
    """A reader took too long."""


def outcomes(name: str, kind: Kind, count: int, seed: int) -> dict[str, Any]:
    """Return how many damaged files of one kind were accepted and refused, and each that did neither."""
    with tempfile.TemporaryDirectory(prefix="damaged-") as folder:
        path = kind.make(Path(folder))
        whole = path.read_bytes()
        found: dict[str, Any] = {"kind": name, "accepted": 0, "refused": 0, "wrong": []}
        kind.read(path)
        promised = _peak(lambda: kind.read(path))
        for number in range(seed, seed + count):
            path.write_bytes(damaged(whole, np.random.default_rng([number, *name.encode()])))
            signal.alarm(LONGEST_S)
            try:
                peak = _peak(lambda: kind.read(path))
                found["accepted"] += 1
            except MeshImplantError:
                found["refused"] += 1
                peak = tracemalloc.get_traced_memory()[1]
            except KeyboardInterrupt:
                raise
            except BaseException as error:
                found["wrong"].append(f"{number}: {_described(error)}")
                continue
            finally:
                signal.alarm(0)
            if peak > MEMORY_PER_BYTE * promised + MEMORY_BYTES:
                found["wrong"].append(f"{number}: {peak / 2**20:.0f} MB of memory")
    return found


def _described(error: BaseException) -> str:
    frames = [f for f in traceback.extract_tb(error.__traceback__) if "/meshimplant/" in f.filename]
    place = f"{Path(frames[-1].filename).name}:{frames[-1].lineno}" if frames else "nowhere"
    return f"{type(error).__name__} in {place}: {str(error)[:90]}"


def _peak(read: Any) -> int:
    tracemalloc.clear_traces()
    tracemalloc.reset_peak()
    read()
    return tracemalloc.get_traced_memory()[1]


def _stop(_signal: int, _frame: object) -> None:
    raise Hung


def main() -> None:
    """Read, and print."""
    count, seed, *names = sys.argv[1:]
    signal.signal(signal.SIGALRM, _stop)
    tracemalloc.start(1)
    warnings.simplefilter("error")
    kinds = dict(KINDS)
    if not names or not set(names) <= set(kinds):
        from readable_models import MODEL_KINDS

        kinds |= MODEL_KINDS
    for name in names or kinds:
        print(json.dumps(outcomes(name, kinds[name], int(count), int(seed))), flush=True)


if __name__ == "__main__":
    main()
