"""Align a skull to a mean once for all the methods that are measured on it."""

from __future__ import annotations

import time
from typing import Any

from benchmarks.speed_meter import peak_mb

from meshimplant.complete import complete_skull as completion
from meshimplant.head.mean_vault import VaultMean
from meshimplant.voxels.volume import Volume


class SharedHeads:
    """Aligns one skull to each mean once; `saved` lists the cost of alignments that were reused."""

    def __init__(self) -> None:
        self.saved: list[dict[str, float]] = []
        self._kept: dict[VaultMean | None, tuple[Any, dict[str, float]]] = {}
        self._lay = completion.locate_openings

    def lay(self, defective: Volume, mean: VaultMean | None) -> Any:
        """Call `completion.locate_openings`, or return its earlier result for the same mean."""
        if mean in self._kept:
            head, cost = self._kept[mean]
            self.saved.append(cost)
            return head
        wall, cpu = time.perf_counter(), time.process_time()
        head = self._lay(defective, mean)
        cost = {"wall_s": time.perf_counter() - wall, "cpu_s": time.process_time() - cpu}
        self._kept[mean] = head, cost | {"peak_mb": peak_mb()}
        return head
