"""The original's open questions: its settings or ours, triplets or ArcFace, balanced or shuffled, EfficientNet or not.

    python benchmarks/real_faces/split_lfw.py --lfw lfw --landmarks lfw_landmarks.csv --out data/lfw_split
    python benchmarks/real_faces/open_questions.py --out data/open_questions --seeds 17 18 19
    python benchmarks/real_faces/open_questions.py --out data/tiny --size tiny         # cartoon faces: it only runs

Each arm is a recipe on the same training photos, measured on the same pairs with the same masks; arms with one network
start from the same weights, those of their seed, or of the run that ``--start`` names. Stopped and called again, it
goes on: a run from its last checkpoint, and one that is finished is not made again. Two intervals with 95 % stand
beside each accuracy: over people (who are resampled with all pairs on whose left side they are; of the first seed) and
over seeds (Student's t over the runs, two at least). A question is answered by the second: by the difference of two
arms, seed by seed. One seed answers nothing, and the table says so.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import fmean

import numpy as np

from maskrec.base.errors import MaskrecError
from maskrec.base.files import write_json
from maskrec.contracts.pair_set import CONDITIONS, PairSet
from maskrec.inference.embedder import Embedder
from maskrec.inference.open_model import open_run
from maskrec.metrics.distances import pair_distances
from maskrec.metrics.intervals import t_interval
from maskrec.metrics.people_intervals import people_interval
from maskrec.plugin.catalog import Catalog
from maskrec.plugin.host import discover
from maskrec.recipe.checking import resolve
from maskrec.recipe.plan import Plan
from maskrec.recipe.shipped import shipped_recipe
from maskrec.runtime.compute import Compute
from maskrec.training.assemble import assemble
from maskrec.training.runner import start

HERE = Path(__file__).parent
ARCFACE = "{use: arcface, scale: 45, margin: 0.4, criterion: focal, gamma: 2}"
MULTISTEP = "scheduler={use: multistep, milestones: [5, 10, 15, 20], gamma: 0.1, every: epoch}"
SGD = "optimizer={use: sgd, lr: 0.1, momentum: 0.9, nesterov: true, weight_decay: 5e-4, decay_norm_and_bias: true}"
# What the original has that a recipe of ours does not: no warm-up, no masks put on, class weights that its focal
# criterion cancelled, the last epoch tested, float32.
ORIGINAL = (f"loss={ARCFACE}", SGD, MULTISTEP, "transforms.mask=null", "train.best=null", "train.precision=float32")
ADADELTA = "optimizer={use: adadelta, lr: 0.05, weight_decay: 5e-4, decay_norm_and_bias: true}"
ADAMW = "optimizer={use: adamw, lr: 1e-3, weight_decay: 0.05, groups: {loss: {lr: 5e-3}}}"


@dataclass(frozen=True)
class Size:
    """What the arms are made on.

    Args:
        recipe: of the arm ``ours``.
        label: of the evaluator whose test pairs count.
        common: overrides of every arm.
        efficientnet: the network of the arms that ask for one.
        balanced: people and photos of a batch, as ``identity_balanced`` takes them.
        triplets: likewise, for the arm ``triplet``.
    """

    recipe: Path
    label: str
    common: tuple[str, ...]
    efficientnet: str
    balanced: tuple[int, int]
    triplets: tuple[int, int]


def sizes() -> dict[str, Size]:
    """``full`` is real faces; ``tiny`` shows in seconds that all of it runs."""
    few = ("identities=20", "images_per_identity=4", "pairs=60")
    pairs = [f"evaluate.held_out.{which}.{each}" for which in ("pairs", "test") for each in few]
    small = [
        "image_size=32",
        "data.identities=12",
        "data.images_per_identity=8",
        "sampler={use: shuffled, batch_size: 32}",
    ]
    small += ["train.epochs=1", "train.evaluate_every=1", "backbone.embedding_size=32", "train.threads=1"]
    b3 = "{use: timm, model: efficientnet_b3, pooling: gem, neck: linear_bn, embedding_size: 512, dropout: 0.2}"
    tiny = "{use: timm, model: test_efficientnet, neck: linear_bn, embedding_size: 32}"
    return {
        "full": Size(HERE / "arcface_inception_lfw.yaml", "rates", (), b3, (32, 4), (20, 30)),
        "tiny": Size(
            shipped_recipe("quickstart"), "held_out", (*small, *pairs, "train.device=cpu"), tiny, (8, 4), (4, 8)
        ),
    }


def arms(size: Size) -> dict[str, tuple[str, ...]]:
    """What each arm changes in the recipe of ``ours``."""

    def balanced(batch: tuple[int, int]) -> str:
        return f"sampler={{use: identity_balanced, identities_per_batch: {batch[0]}, images_per_identity: {batch[1]}}}"

    triplets = ("loss={use: triplet, miner: batch_hard, margin: 2.0}", balanced(size.triplets), ADADELTA)
    network = f"backbone={size.efficientnet}"
    return {
        "ours": (),
        "original": ORIGINAL,
        "triplet": (*triplets, MULTISTEP),
        "balanced": (balanced(size.balanced),),
        "efficientnet": (network, ADAMW, "train.clip_gradient_norm=5.0"),
        "efficientnet_original": (network, *ORIGINAL),
    }


QUESTIONS = {
    "our settings or the original's": ("ours", "original"),
    "triplets or ArcFace": ("triplet", "ours"),
    "balanced or shuffled sampling": ("balanced", "ours"),
    "EfficientNet or the recipe's network": ("efficientnet", "ours"),
    "EfficientNet with our settings or the original's": ("efficientnet", "efficientnet_original"),
}

Counts = dict[str, dict[str, list[int]]]  # by condition: pairs decided correctly and pairs, of each person
Answers = Mapping[str, Mapping[int, Counts]]  # by arm and seed


def main() -> None:
    """Read the arguments, make what is missing, print the tables."""
    known = sizes()
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, required=True, help="where the runs and their answers go")
    parser.add_argument("--size", choices=list(known), default="full")
    parser.add_argument("--seeds", type=int, nargs="+", default=[17], help="of the runs; each arm is made with each")
    parser.add_argument("--only", nargs="+", choices=list(arms(known["tiny"])), help="some of the arms")
    parser.add_argument("--start", type=Path, help="a run whose backbone's weights are the start of those like it")
    parser.add_argument("--data-root", type=Path, default=Path())
    parser.add_argument("changes", nargs="*", metavar="KEY=VALUE", help="overrides of every arm")
    given = parser.parse_args()
    size, catalog = known[given.size], discover(plugins=False)
    found: dict[str, dict[int, Counts]] = {}
    for arm, changes in arms(size).items():
        if given.only and arm not in given.only:
            continue
        begun = (f"init={given.start}",) if given.start and "efficientnet" not in arm else ()
        for seed in given.seeds:
            overrides = last_of_each([*size.common, *changes, *begun, f"seed={seed}", *given.changes])
            plan = resolve(size.recipe, catalog=catalog, overrides=overrides, data_root=given.data_root)
            run_dir = given.out / f"{arm}-seed{seed}"
            found.setdefault(arm, {})[seed] = answered(plan, catalog, given.data_root, run_dir, size.label)
    print("\n" + "\n".join([*arm_table(found), "", *question_table(found)]), flush=True)


def last_of_each(words: Sequence[str]) -> list[str]:
    """Of the overrides of one value the last: a recipe takes one."""
    values = dict(word.partition("=")[::2] for word in words)
    return [f"{name}={value}" for name, value in values.items()]


def answered(plan: Plan, catalog: Catalog, data_root: Path, run_dir: Path, label: str) -> Counts:
    """The run made or continued, and its decisions on the test pairs by condition and person, kept beside it."""
    start(plan, catalog, data_root, run_dir)
    kept = run_dir.with_name(f"{run_dir.name}.json")
    if not kept.exists():
        built = assemble(plan, catalog, data_root, restoring=True)
        pairs = next(each for spec, each in built.pair_sets if spec.path == f"evaluate.{label}.test")
        write_json(kept, decisions(plan, catalog, run_dir, label, pairs))
    counts: Counts = json.loads(kept.read_text(encoding="utf-8"))
    return counts


def decisions(plan: Plan, catalog: Catalog, run_dir: Path, label: str, pairs: PairSet) -> Counts:
    """With the best weights and the threshold that the evaluation pairs chose."""
    model = open_run(run_dir, catalog)
    threshold = (model.thresholds or {})[f"{label}.best"]
    rows = Embedder(model, Compute.pick(plan.train), plan.seed, workers=0)(pairs)
    distances = pair_distances(rows, pairs.left, pairs.right, threshold.distance, threshold.normalize)
    right = (distances <= threshold.value) == pairs.same
    names = pairs.identities or [str(place) for place in range(len(pairs.images))]
    _, people = np.unique([names[place] for place in pairs.left], return_inverse=True)
    found = {}
    for condition in ("all", *CONDITIONS):
        chosen = np.full(len(pairs), True) if condition == "all" else pairs.condition == CONDITIONS.index(condition)
        if chosen.any():
            trials = np.bincount(people[chosen], minlength=people.max() + 1)
            hits = np.bincount(people[chosen & right], minlength=people.max() + 1)
            found[condition] = {"right": hits.tolist(), "pairs": trials.tolist()}
    return found


def accuracy(counts: Mapping[str, Sequence[int]]) -> float:
    """The share of pairs decided correctly."""
    return sum(counts["right"]) / sum(counts["pairs"])


def arm_table(found: Answers) -> list[str]:
    """A row for each arm and condition."""
    lines = [f"{'arm':22} | {'pairs':11} | accuracy | 95 % over people   | 95 % over seeds    | seeds"]
    for arm, by_seed in found.items():
        first = next(iter(by_seed.values()))
        for condition, counts in first.items():
            values = [accuracy(each[condition]) for each in by_seed.values()]
            people = people_interval(*(np.asarray(counts[each], np.int64) for each in ("right", "pairs")))
            seeds = shown(t_interval(values)) if len(values) > 1 else "-"
            row = f"{arm:22} | {condition:11} | {fmean(values):8.4f} | {shown(people):18} | {seeds:18} | {len(values)}"
            lines.append(row)
    return lines


def question_table(found: Answers) -> list[str]:
    """A row for each question whose arms were both made: the first one's accuracy less the second one's."""
    lines = [f"{'question':48} | difference | 95 % over seeds    | answer"]
    for question, (one, other) in QUESTIONS.items():
        if one not in found or other not in found:
            continue
        shared = sorted(found[one].keys() & found[other].keys())
        values = [accuracy(found[one][seed]["all"]) - accuracy(found[other][seed]["all"]) for seed in shared]
        answer, interval = "one seed answers nothing", "-"
        if len(values) > 1:
            low, high = t_interval(values)
            answer = one if low > 0 else other if high < 0 else "not told apart"
            interval = shown((low, high))
        lines.append(f"{question:48} | {fmean(values):+10.4f} | {interval:18} | {answer}")
    return lines


def shown(ends: tuple[float, float]) -> str:
    """An interval as text."""
    return f"[{ends[0]:+.4f}, {ends[1]:+.4f}]" if ends[0] < 0 else f"[{ends[0]:.4f}, {ends[1]:.4f}]"


if __name__ == "__main__":
    try:
        main()
    except MaskrecError as error:
        raise SystemExit(f"open_questions.py: {error}") from None
