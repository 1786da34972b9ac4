"""What one training step asks of a device: operations other than views, and host reads; the same on every machine.

    python benchmarks/bench_step.py                          # the quickstart, the reference recipes, distill_masked
    python benchmarks/bench_step.py quickstart distill_masked
    python benchmarks/bench_step.py --all-types quickstart   # with eleven mask types

Each recipe as it is written, on embedded faces and with random weights. The transforms are counted on a batch of the
recipe's size, the whole step on a small one: the number of operations does not depend on it. The first step makes
checks of its own, so the third is counted.
"""

from __future__ import annotations

import argparse
import sys
from dataclasses import dataclass
from pathlib import Path

import torch
from rows import report

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "tests" / "support"))
from operation_counts import OperationCounts

from maskrec.cli.running import recipe_path
from maskrec.plugin.host import discover
from maskrec.recipe.checking import resolve
from maskrec.runtime.epoch_batches import epoch_batches, shard_places
from maskrec.runtime.loading import LoadedBatch, load
from maskrec.runtime.model_input import apply_transforms
from maskrec.training.assemble import Assembly, assemble
from maskrec.training.steps.train_step import TrainStep

RECIPES = ("quickstart", "arcface_inception", "triplet_inception", "arcface_seresnext101", "distill_masked")
MOST_OPERATIONS, MOST_READS = 700, 0
READS_BY_OPTIMIZER = {"triplet_inception": 1}  # adadelta
READS_ON_A_CPU = {"triplet_inception": 1}  # whether there is any triplet: on a GPU in the first step only
IN_A_SMALL_BATCH = 8
ELEVEN = [
    *("surgical_green", "surgical_blue", "n95", "kn95", "cloth_black", "surgical", "cloth"),
    *("cloth_striped", "cloth_checked", "cloth_dotted", "cloth_printed"),
]
_NO_FILES = (
    *("train.workers=0", "train.best=null", "observe=null", "evaluate=null"),
    *("data.use=synthetic_faces", "data.identities=64", "data.images_per_identity=30"),
)
_RANDOM_WEIGHTS = {
    "arcface_inception": ("backbone.pretrained=null",),
    "triplet_inception": ("backbone.pretrained=null",),
    "distill_masked": ("backbone.pretrained=null", "loss.teacher.pretrained=null"),
}


@dataclass(frozen=True, slots=True)
class StepCounts:
    """What was counted of one recipe."""

    transforms: OperationCounts
    step: OperationCounts


def built(recipe: str, *overrides: str) -> Assembly:
    """A shipped recipe without files of its own."""
    catalog = discover(plugins=False)
    changes = (*_NO_FILES, *_RANDOM_WEIGHTS.get(recipe, ()), *overrides)
    plan = resolve(recipe_path(f"maskrec:{recipe}"), catalog=catalog, overrides=changes)
    return assemble(plan, catalog, Path())


def batches_of(assembly: Assembly, count: int, most: int | None = None) -> list[LoadedBatch]:
    """The first batches of the first epoch.

    Args:
        assembly: of a recipe.
        count: how many.
        most: of how many samples, at least 2: the first and the last ones, so that triplets find two people; None for
            whole ones.
    """
    places = shard_places(epoch_batches(assembly.sampler, 0, len(assembly.dataset)))[:count]
    if most is not None:
        places = [[*each[: most // 2], *each[most // 2 - most :]] for each in places]
    return list(load(assembly.dataset, places, 0, False))


def count_transforms(assembly: Assembly) -> OperationCounts:
    """The transforms of one batch, after one that fills caches."""
    counts = OperationCounts()
    (loaded,) = batches_of(assembly, 1)
    loaded = loaded.to(torch.device("cpu"))
    apply_transforms(loaded, assembly.transforms, 0, 0, 0)
    with counts:
        apply_transforms(loaded, assembly.transforms, 0, 0, 0)
    return counts


def count_step(assembly: Assembly) -> OperationCounts:
    """The third step of a small batch."""
    counts, stepper = OperationCounts(), TrainStep(assembly)
    *before, last = batches_of(assembly, 3, IN_A_SMALL_BATCH)
    for number, loaded in enumerate(before):
        stepper.step([stepper.prepare(loaded, 0, number)])
    with counts:
        stepper.step([stepper.prepare(last, 0, len(before))])
    return counts


def count(recipe: str, *overrides: str) -> StepCounts:
    """Both counts of a shipped recipe."""
    assembly = built(recipe, *overrides)
    return StepCounts(count_transforms(assembly), count_step(assembly))


def main() -> None:
    """Print the rows."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("recipes", nargs="*", default=RECIPES, metavar="RECIPE")
    parser.add_argument("--all-types", action="store_true", help="Masks of eleven types instead of the recipe's.")
    parser.add_argument("--names", action="store_true", help="The operations by name, too.")
    given = parser.parse_args()
    overrides = (f"transforms.mask.types=[{','.join(ELEVEN)}]",) if given.all_types else ()
    for recipe in given.recipes:
        found = count(recipe, *overrides)
        transforms, step = found.transforms, found.step
        name = f"{recipe} with eleven mask types" if given.all_types else recipe
        report(
            f"operations of the transforms of {name}",
            f"{transforms.operations}, the whole step {step.operations}",
            f"{MOST_OPERATIONS}",
            transforms.operations / MOST_OPERATIONS,
            1.0,
            at_most=True,
        )
        most = READS_BY_OPTIMIZER.get(recipe, MOST_READS)
        reads = step.host_reads - READS_ON_A_CPU.get(recipe, 0)
        shown = f"{transforms.host_reads} in transforms, {reads} in the step"
        report(f"host reads of {name}", shown, f"{most} in the step", reads, most, at_most=True)
        if given.names:
            for title, counts in (("transforms", transforms), ("step", step)):
                print(f"  {title}: {dict(counts.names.most_common())}; reads {dict(counts.reads)}")


if __name__ == "__main__":
    main()
