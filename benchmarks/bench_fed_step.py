"""Training from packed JPEG beside the same step on a batch that lies on the GPU already: images a second.

    python benchmarks/bench_fed_step.py                          # InceptionResnetV1 at 160 px, arcface_inception
    python benchmarks/bench_fed_step.py RECIPE KEY=VALUE ...     # another one, sampler.batch_size=64 for instance
    python benchmarks/bench_fed_step.py --device cpu --steps 2   # that it runs at all; says nothing about a GPU

4,096 faces are packed first (drawn by the program where LFW is not there). Ours loads (``train.workers``: auto),
copies, transforms and trains as a run does, with ``train.prefetch`` 1, and 0 in a row of its own; the peer makes the
step on one prepared batch again and again. In turn, ``--pairs`` times (3), ``--steps`` steps each (100).
"""

from __future__ import annotations

import argparse
import statistics
import tempfile
from collections.abc import Iterator
from itertools import count, islice
from pathlib import Path

import torch
from bench_reading import write_faces
from rows import report, report_needs

from maskrec.cli.running import recipe_path
from maskrec.plugin.host import discover
from maskrec.preparation.packing.packing import Packing, pack
from maskrec.preparation.sources.opening import open_source
from maskrec.recipe.checking import resolve
from maskrec.runtime.epoch_batches import epoch_places
from maskrec.runtime.loading import EpochLoader, LoadedBatch
from maskrec.training.assemble import assemble
from maskrec.training.steps.prefetching import PreparedBatch
from maskrec.training.steps.step_window import StepWindow
from maskrec.training.steps.train_step import TrainStep
from maskrec.training.worker_choice import MOST, WorkerChoice

LFW = Path(__file__).parents[2] / "shared" / "faces"
GOAL, ROW = 0.95, 10
_WARM_UP = MOST + 5  # the number of loader processes is known, and they are at work
FIGURE = "{} from packed JPEG, prefetch {}, beside the step alone"


class Fed:
    """One recipe's networks with batches from its loader, or with one that stays.

    Args:
        recipe: a name of a shipped one.
        overrides: of it.
        folder: of the packed faces.
    """

    def __init__(self, recipe: str, overrides: list[str], folder: Path) -> None:
        files = [f"data={{use: image_packed, path: {folder}}}", "train.workers=auto", "train.best=null"]
        none = ["evaluate=null", "observe=null", "init=null"]
        catalog = discover(plugins=False)
        plan = resolve(recipe_path(f"maskrec:{recipe}"), catalog=catalog, overrides=[*files, *none, *overrides])
        self.assembly = assemble(plan, catalog, Path())
        self.stepper = TrainStep(self.assembly)

    def loaded(self) -> Iterator[LoadedBatch]:
        """Epoch after epoch."""
        assembly, compute = self.assembly, self.stepper.compute
        choice = WorkerChoice(assembly.plan.train.workers, compute, print)
        with EpochLoader(assembly.dataset, choice.workers, compute.pin_memory) as loader:
            for epoch in count():
                yield from choice.batches(loader, epoch_places(assembly.sampler, epoch))

    def from_files(self, steps: int) -> float:
        """Images a second with loading."""
        return self._rate(self.stepper.prepare.ahead(self.loaded(), 0, 0), steps)

    def from_device(self, steps: int) -> float:
        """Images a second of one batch that is there."""
        prepared = self.stepper.prepare(next(self.loaded()), 0, 0)
        return self._rate((prepared for _ in count()), steps)

    def _rate(self, batches: Iterator[PreparedBatch], steps: int) -> float:
        self._train(islice(batches, _WARM_UP))
        began = self.stepper.compute.time_when_done()
        images = self._train(islice(batches, steps))
        return images / (self.stepper.compute.time_when_done() - began)

    def _train(self, batches: Iterator[PreparedBatch]) -> int:
        """Steps, and a read every ``ROW`` of them; how many images."""
        window, images = StepWindow(), 0
        for prepared in batches:
            size = len(prepared.loaded.labels)
            window.add(self.stepper.step([prepared]), 1, size)
            images += size
            if len(window) == ROW:
                window.read()
                window = StepWindow()
        return images


def main() -> None:
    """Print a row with prefetching and one without."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("recipe", nargs="?", default="arcface_inception")
    parser.add_argument("overrides", nargs="*", metavar="KEY=VALUE")
    parser.add_argument("--device", choices=("cpu", "cuda"), default="cuda")
    parser.add_argument("--size", type=int, default=160, help="Side of the packed faces in pixels.")
    parser.add_argument("--steps", type=int, default=100)
    parser.add_argument("--pairs", type=int, default=3)
    given = parser.parse_args()
    if given.device == "cuda" and not torch.cuda.is_available():
        report_needs(FIGURE.format(given.recipe, "1 and 0"), "a GPU")
        return
    overrides = [*given.overrides, f"train.device={given.device}"]
    overrides += ["backbone.pretrained=null"] if given.recipe.endswith("inception") else []
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary) / "faces"
        write_faces(folder, given.size, LFW)
        pack(Packing(open_source(folder), folder.with_name("packed")))
        for ahead in (1, 0):
            fed = Fed(given.recipe, [*overrides, f"train.prefetch={ahead}"], folder.with_name("packed"))
            pairs = [(fed.from_files(given.steps), fed.from_device(given.steps)) for _ in range(given.pairs)]
            ours, peer = (statistics.median(column) for column in zip(*pairs, strict=True))
            ratio = statistics.median(one / other for one, other in pairs)
            shown = f"{ours:,.0f} images/s", f"{peer:,.0f} images/s"
            report(FIGURE.format(given.recipe, ahead), *shown, ratio, GOAL)


if __name__ == "__main__":
    main()
