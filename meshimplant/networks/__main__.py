"""Put a trained network into the package.

    python -m meshimplant.networks WEIGHTS --licence TEXT --hardware TEXT

WEIGHTS is a file written by `meshimplant train`. It is copied to where method ``network`` finds it, and the
registry ``weights.toml`` is rewritten from the file's own description and the options given here.
"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from meshimplant.io.atomic import atomic_path
from meshimplant.networks.packaged import DEFAULT, REGISTRY, packaged_folder
from meshimplant.networks.weights import Weights, read_weights

_HOUR_S = 3600


def main(arguments: list[str] | None = None) -> None:
    """Read the weights, copy them, and write the registry."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("weights", type=Path)
    parser.add_argument(
        "--licence", required=True, help="licence of the network, as the training data permit"
    )
    parser.add_argument("--hardware", required=True, help="hardware it was trained on")
    given = parser.parse_args(arguments)
    package(given.weights, licence=given.licence, hardware=given.hardware)


def package(path: Path, *, licence: str, hardware: str) -> None:
    """Copy a weights file into the package and write the registry; raise `FileReadError` if it is invalid."""
    import tomli_w

    weights = read_weights(path)
    with atomic_path(packaged_folder() / DEFAULT) as temporary:
        temporary.write_bytes(path.read_bytes())
    head = "# Networks in this package; written by python -m meshimplant.networks.\n\n"
    entries = {DEFAULT: registry_entry(weights, licence=licence, hardware=hardware)}
    with atomic_path(packaged_folder() / REGISTRY) as temporary:
        temporary.write_text(head + tomli_w.dumps(entries), encoding="utf-8")


def registry_entry(weights: Weights, *, licence: str, hardware: str) -> dict[str, Any]:
    """Return the registry entry of a network: data, licence, skulls, hardware, hours, parameters, SHA-256."""
    stages = [weights.about.get(stage, {}) for stage in weights.modules]
    counts = [sum(values.numel() for values in module.parameters()) for module in weights.modules.values()]
    return {
        "what": f"network in {len(weights.modules)} stage(s), {', '.join(weights.modules)}",
        "data": str(weights.about.get("data", "not told")),
        "licence": licence,
        "skulls": int(weights.about.get("skulls", 0)),
        "hardware": hardware,
        "hours": round(sum(float(stage.get("seconds", 0)) for stage in stages) / _HOUR_S, 2),
        "parameters": sum(counts),
        "sha256": weights.sha256,
    }


if __name__ == "__main__":
    main()
