"""Measure the cost of each packaged network, untrained: parameters, seconds, memory, in use and in training.

    python tests/benchmarks/run_networks.py -o RESULTS [--data DATA] [--case 001] [--configs head,patches]
                                   [--device cpu] [--store STORE] [--steps 5] [--save FILE.json]

In use: one skull is completed by method network, the packaged sample or a SkullFix case (512 x 512 x about
240; DATA holds ``skullfix/``). In training: some steps on STORE, a folder of ``meshimplant training-set``;
without one that part is left out. Weights do not affect any of this. Every network is measured in a process
of its own, on as many threads as the environment allows (OMP_NUM_THREADS and its like). One JSON line each
goes to RESULTS/networks.jsonl; a second run measures only what is missing there.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
from benchmarks.network_tables import COSTS, cost_row
from benchmarks.own_process import in_own_process
from benchmarks.result_table import markdown, save_results
from benchmarks.speed_meter import Meter

import meshimplant
from meshimplant.datasets.case import read_case
from meshimplant.datasets.sample_files import sample_path
from meshimplant.datasets.skullfix import list_skullfix
from meshimplant.networks.architectures import build_coarse, build_fine
from meshimplant.networks.config import Config, Stage, packaged_configs, read_config
from meshimplant.networks.learner import Learner
from meshimplant.networks.run_folder import RunFolder, RunState
from meshimplant.networks.training_samples import HeadCrops, case_for_draw, draw_augmentation, make_sample
from meshimplant.networks.training_store import open_store
from meshimplant.networks.weights import write_weights
from meshimplant.voxels.volume import Volume

Record = dict[str, Any]


def measure_network(name: str, options: argparse.Namespace) -> Record:
    """Return what one network costs."""
    config = read_config(name)
    torch.manual_seed(0)
    modules: dict[Stage, torch.nn.Module] = {"coarse": build_coarse(config)}
    if config.fine is not None:
        modules["fine"] = build_fine(config)
    record: Record = {
        "network": name,
        "coarse": config.coarse.architecture,
        "fine": config.fine.architecture if config.fine else "none",
        "parameters": sum(p.numel() for module in modules.values() for p in module.parameters()),
    }
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "untrained.npz"
        write_weights(path, config, modules, {"data": "none", "licence": "none"})
        record["file_mb"] = round(path.stat().st_size / 2**20, 2)
        record["use"] = use(path, skull(options.data, options.case), options.device)
        if options.store is not None:
            record["training"] = learn(config, modules, options, Path(folder))
    return record


def skull(data: Path | None, case: str) -> Volume:
    """Return the defective skull to complete."""
    if data is None:
        return meshimplant.read_volume(sample_path("defective.nrrd"))
    known = {known.name: known for known in list_skullfix(data / "skullfix")}
    return read_case(known[case]).defective


def use(weights: Path, defective: Volume, device: str) -> Record:
    """Complete a skull once to warm up and once to measure."""
    network = meshimplant.open_network(weights, device=device)
    meter, method = Meter(), {}
    for turn in ("first", "second"):
        meter.begin(turn)
        method = meshimplant.complete_skull(defective, method="network", network=network).method["network"]
    meter.end()
    record = {"shape": list(defective.shape), "device": method["device"], "network_s": method["seconds"]}
    return record | meter.steps["second"] | _gpu(method["device"])


def learn(
    config: Config, modules: dict[Stage, torch.nn.Module], options: argparse.Namespace, folder: Path
) -> Record:
    """Take some steps of each stage; the fine one goes on from the untrained coarse one."""
    store = open_store(options.store)
    cases = store.cases("training")
    pieces = HeadCrops(store, config.data.channels)
    found: Record = {}
    for stage in modules:
        if not list(modules[stage].parameters()):
            continue
        run = RunFolder(folder, stage)
        run.begin(config)
        learner = Learner(config, stage, run, torch.device(options.device))
        training, seconds = learner.training, []
        meter = Meter()
        meter.begin(stage)
        for number in range(options.steps + 1):
            rng = np.random.default_rng([training.seed, 3, number])
            piece = pieces[case_for_draw(cases, training.seed, number)]
            sample = make_sample(
                piece, config.data, training, draw_augmentation(rng, training), coarse=stage == "coarse"
            )
            start = time.perf_counter()
            learner.step(number, [sample])
            seconds.append(time.perf_counter() - start)
        meter.end()
        found[stage] = {"step_s": float(np.median(seconds[1:])), "peak_mb": meter.steps[stage]["peak_mb"]}
        found[stage] |= _gpu(options.device)
        run.save(RunState(step=1, tensors=learner.tensors()), {})
    return found


def _gpu(device: str) -> Record:
    """Return the peak GPU memory since the last call; nothing on a CPU."""
    if device != "cuda":
        return {}
    peak = torch.cuda.max_memory_allocated() / 2**20
    torch.cuda.reset_peak_memory_stats()
    return {"gpu_mb": peak}


def main(tokens: Sequence[str] | None = None) -> None:
    """Measure the networks that are missing, and print the table."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("-o", "--output", type=Path, required=True, help="results folder")
    parser.add_argument(
        "--data", type=Path, help="folder that holds skullfix/; left out: the packaged sample"
    )
    parser.add_argument("--case", default="001", help="the SkullFix case")
    parser.add_argument("--configs", default=",".join(packaged_configs()), help="networks, with commas")
    parser.add_argument("--device", choices=("cpu", "cuda"), default="cpu")
    parser.add_argument("--store", type=Path, help="training set; left out: no training is measured")
    parser.add_argument("--steps", type=int, default=5, help="steps of each stage")
    parser.add_argument("--save", type=Path, help="JSON file for the table's rows")
    options = parser.parse_args(tokens)
    options.output.mkdir(parents=True, exist_ok=True)
    log = options.output / "networks.jsonl"
    lines = log.read_text(encoding="utf-8").splitlines() if log.exists() else []
    records = {record["network"]: record for record in map(json.loads, lines)}
    names = options.configs.split(",")
    for name in names:
        if name not in records:
            records[name] = in_own_process(measure_network, name, options)
            with log.open("a", encoding="utf-8") as out:
                print(json.dumps(records[name]), file=out)
    rows = [cost_row(records[name]) for name in names]
    print(markdown(COSTS, rows))
    if options.save:
        save_results(
            options.save,
            "python tests/benchmarks/run_networks.py -o RESULTS --data DATA --store store",
            {"costs": rows},
        )


if __name__ == "__main__":
    main()
