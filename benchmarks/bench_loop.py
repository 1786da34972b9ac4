"""The training loop's own work a step, over a bare loop with the same batches, tiny network, loss and optimizer.

    python benchmarks/bench_loop.py [rounds] [steps]

A matrix over 8 x 8 pixels with ArcFace, batch 8, SGD with momentum, one thread. Ours is a run's whole epoch as
`maskrec run` makes it: loading in this process, the finite guard, rows of metrics, the checkpoint at its end. The bare
loop loads the same batches and is the fewest lines that train on them. Ours and bare in turn, ``rounds`` times (9),
``steps`` (300) each, in processor time, which other work on the machine disturbs less than the clock; the row has the
median of the differences.
"""

from __future__ import annotations

import statistics
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import torch
from rich.console import Console
from rows import report

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "tests" / "support"))
from probe_runs import PROBES, probe_plan

from maskrec.base.files import write_json
from maskrec.faces.normalising import normalise
from maskrec.plugin.host import discover
from maskrec.runtime.epoch_batches import epoch_places
from maskrec.runtime.loading import load
from maskrec.runtime.run_directory import RunDirectory
from maskrec.training.assemble import Assembly, assemble
from maskrec.training.checkpoints.train_state import TrainState
from maskrec.training.records.display import Display
from maskrec.training.records.observing import Observers
from maskrec.training.records.recording import Recorder
from maskrec.training.records.run_log import RunLog
from maskrec.training.steps.train_step import TrainStep
from maskrec.training.trainer import Trainer
from maskrec.training.worker_choice import WorkerChoice

BATCH, MOST_MS = 8, 1.0


def tiny(folder: Path, steps: int) -> Assembly:
    """One epoch of ``steps`` batches."""
    changes: dict[str, Any] = {
        "data": {"use": "noise", "people": steps * BATCH // 4},
        "sampler": {"use": "shuffled", "batch_size": BATCH},
        "loss": {"use": "arcface", "scale": 16.0, "margin": 0.2},
        "optimizer": {"use": "sgd", "lr": 0.01, "momentum": 0.9},
        **dict.fromkeys(("transforms", "evaluate", "observe")),
    }
    plan = probe_plan(folder, changes, "train.log_every=10")
    return assemble(plan, discover([PROBES]), folder, folder)


def ours(folder: Path, steps: int) -> float:
    """Processor seconds a step of a run's epoch."""
    assembly, run = tiny(folder, steps), RunDirectory(folder)
    stepper = TrainStep(assembly)
    write_json(run.provenance, {"run_id": "bench"})
    run.checkpoint("last").parent.mkdir()
    with Recorder(run.metrics, 0) as recorder, Display(1, steps, 0, Console(quiet=True)) as display:
        log = RunLog(recorder, Observers({}, display.line), display, run.figures, run.evaluations)
        workers = WorkerChoice(0, stepper.compute, display.line)
        trainer = Trainer(assembly, stepper, run, log, TrainState(), workers)
        began = time.process_time()
        trainer.train()
        return (time.process_time() - began) / steps


def bare(folder: Path, steps: int) -> float:
    """Processor seconds a step of the fewest lines that train on the same batches."""
    assembly = tiny(folder, steps)
    network, loss, spec = assembly.backbone, assembly.loss, assembly.backbone.input_spec
    weights = [*network.parameters(), *loss.parameters()]
    optimizer = torch.optim.SGD(weights, lr=0.01, momentum=0.9, fused=True)
    began = time.process_time()
    for loaded in load(assembly.dataset, epoch_places(assembly.sampler, 0), 0, False):
        optimizer.zero_grad(set_to_none=True)
        loss(network(normalise(loaded.images.float() / 255, spec)), loaded.labels).backward()
        optimizer.step()
    return (time.process_time() - began) / steps


def main() -> None:
    """Print the row."""
    given = [int(word) for word in sys.argv[1:]]
    rounds, steps = (*given, *(9, 300)[len(given) :])
    torch.set_num_threads(1)
    pairs = []
    for _ in range(rounds):
        seconds = []
        for work in (ours, bare):
            with tempfile.TemporaryDirectory() as folder:
                seconds.append(1000 * work(Path(folder), steps))
        pairs.append(seconds)
    each = [statistics.median(column) for column in zip(*pairs, strict=True)]
    own = statistics.median(one - other for one, other in pairs)
    figure = "the loop's own work a step, in ms of a processor over a bare loop with a tiny network"
    report(figure, f"{each[0]:.2f} ms a step", f"{each[1]:.2f} ms", own, MOST_MS, at_most=True)


if __name__ == "__main__":
    main()
