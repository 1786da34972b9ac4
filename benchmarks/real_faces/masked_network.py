"""How much of what masks cost a network it gets back by training on drawn ones, on mask types it was not trained with.

    python benchmarks/real_faces/masked_network.py dlib_resnet RUN RUN RUN --data-root FACES --cache CACHE

The first model is the network before, the others are trainings of one recipe with other seeds. Measured with the bare
pairs of yardstick.yaml and with those in the four mask types that recipes/masked_dlib.yaml keeps out of the training:
10-fold accuracy on LFW's 6,000 pairs, each with its mask on one face and on both. What is recovered is (after - before)
/ (bare before - before), the mean over the types. Two intervals with 95 % stand beside each figure: over people (two on
a pair; the mean of the seeds) and over seeds (Student's t). Exit status 1: a recovered share is below 0.4, or bare
pairs lose more than 0.004.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from statistics import fmean

import numpy as np
import yaml
from numpy.typing import NDArray
from rich.console import Console

from maskrec.base.errors import MaskrecError
from maskrec.base.processors import usable_processors
from maskrec.base.progress import Progress
from maskrec.inference.comparing.compared_models import open_compared
from maskrec.inference.comparing.model_answers import ModelAnswers, ask_model
from maskrec.metrics.arrays import Floats
from maskrec.metrics.intervals import t_interval
from maskrec.metrics.people_resamples import DrawnWeights, PeopleOfPairs, spread_over_people
from maskrec.plugin.host import discover
from maskrec.recipe.plan import Train
from maskrec.runtime.compute import Compute

EVALUATIONS = Path(__file__).with_name("yardstick.yaml")
CHOSEN = ("bare", "kn95", "cloth_dotted", "duckbill", "scarf")
BARE = ("bare", "bare")
RECOVERED, LOST = 0.4, 0.004

Key = tuple[str, str]  # an evaluation and a condition
Decided = Mapping[Key, NDArray[np.float32]]  # 1 where a pair is decided rightly, else 0
Means = Mapping[Key, Floats]  # accuracies, of each draw of people
Figure = Callable[[Means, Means], Floats]  # of the accuracies before and after


def main() -> int:
    """Read the arguments, ask every model, print the tables."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("models", nargs="+", help="the network before, then one run or more")
    parser.add_argument("--data-root", type=Path, required=True, help="a folder with lfw and its two files")
    parser.add_argument("--cache", type=Path, help="keeps embeddings in this folder")
    parser.add_argument("--workers", type=int, default=usable_processors() - 1, help="loader processes")
    given = parser.parse_args()
    catalog, compute = discover(), Compute.pick(Train(epochs=1, precision="float32", channels_last=True))
    every = yaml.safe_load(EVALUATIONS.read_text(encoding="utf-8"))["evaluate"]
    left_out = [f"evaluate.{label}=null" for label in every if label not in CHOSEN]
    models = open_compared(given.models, EVALUATIONS, left_out, catalog, given.data_root)
    progress = Progress(Console(stderr=True), unit="images")
    answers = [ask_model(each, compute, given.workers, catalog, progress, given.cache) for each in models]
    before, *after = map(decided, answers)
    people = next(iter(answers[0].answers.values()))[0].people
    return 0 if print_tables(before, after, people) else 1


def decided(model: ModelAnswers) -> Decided:
    """Which pairs the model decides rightly, by evaluation and condition.

    Raises:
        MaskrecError: evaluations that list different pairs, so that people cannot be drawn again for all at once.
    """
    rows = {(label, each.condition): each for label, found in model.answers.items() for each in found}
    rows = {key: each for key, each in rows.items() if key[1] != "all"}
    first = next(iter(rows.values())).people
    for (label, condition), each in rows.items():
        if not (np.array_equal(each.people.one, first.one) and np.array_equal(each.people.other, first.other)):
            raise MaskrecError(f"{label}, {condition} lists other pairs than the rest of {EVALUATIONS}; list the same")
    return {key: each.right.astype(np.float32) for key, each in rows.items()}


def print_tables(before: Decided, after: Sequence[Decided], people: PeopleOfPairs) -> bool:
    """A row for each kind of pairs, then what is recovered and what bare pairs lose; whether the goals are met."""
    print(f"{'pairs':26} | before | after  | {'change':7} | {'95 % over people':18} | 95 % over {len(after)} seeds")
    for key in before:
        name = key[0] if key == BARE else f"{key[0]}, {key[1].replace('_', ' ')}"
        now = fmean(float(each[key].mean()) for each in after)
        print(f"{name:26} | {before[key].mean():.4f} | {now:.4f} | {measured(change(key), before, after, people)[1]}")
    types = [label for label, condition in before if condition == "one_masked"]
    met = []
    for condition in ("one_masked", "both_masked"):
        value, row = measured(recovered(condition, types), before, after, people)
        met.append(value >= RECOVERED)
        print(f"recovered, {condition.replace('_', ' '):15} | {row} | goal at least {RECOVERED} | {word(met[-1])}")
    value, row = measured(change(BARE), before, after, people)
    met.append(value >= -LOST)
    print(f"{'change of bare pairs':26} | {row} | goal at least -{LOST} | {word(met[-1])}")
    return all(met)


def change(key: Key) -> Figure:
    """After less before of one kind of pairs."""
    return lambda before, after: after[key] - before[key]


def recovered(condition: str, types: Sequence[str]) -> Figure:
    """The mean over the types of what the training gets back of what the mask costs."""

    def share(before: Means, after: Means, key: Key) -> Floats:
        with np.errstate(divide="ignore", invalid="ignore"):  # draws in which the mask costs nothing measure nothing
            return (after[key] - before[key]) / (before[BARE] - before[key])

    def mean(before: Means, after: Means) -> Floats:
        shares = np.array([share(before, after, (each, condition)) for each in types])
        return np.where(
            np.isfinite(shares).all(axis=0), shares.sum(axis=0, where=np.isfinite(shares)) / len(types), np.nan
        )

    return mean


def measured(figure: Figure, before: Decided, after: Sequence[Decided], people: PeopleOfPairs) -> tuple[float, str]:
    """The mean of a figure over the seeds, and it as text with both intervals."""

    def of_seed(drawn: DrawnWeights, one: Decided) -> Floats:
        return figure(means(before, drawn), means(one, drawn))

    def of_all(drawn: DrawnWeights) -> Floats:
        return np.mean([of_seed(drawn, one) for one in after], axis=0)

    (spread,) = spread_over_people([of_all], people)
    once = DrawnWeights(np.ones((len(people), 1), np.float32))
    seeds = [float(of_seed(once, one)[0]) for one in after]
    over_seeds = shown(t_interval(seeds)) if len(seeds) > 1 else "-"
    return spread.value, f"{spread.value:+.4f} | {shown(spread.interval()):18} | {over_seeds}"


def means(decisions: Decided, drawn: DrawnWeights) -> Means:
    """The accuracy of each kind of pairs when pairs have the weights of each draw."""
    totals = drawn.rows.sum(axis=0, dtype=np.float64)
    return {key: (right @ drawn.rows).astype(np.float64) / totals for key, right in decisions.items()}


def word(met: bool) -> str:
    """Whether a goal is met."""
    return "ok" if met else "MISSED"


def shown(ends: tuple[float, float]) -> str:
    """An interval as text."""
    return f"[{ends[0]:+.4f}, {ends[1]:+.4f}]"


if __name__ == "__main__":
    try:
        sys.exit(main())
    except MaskrecError as error:
        raise SystemExit(f"masked_network.py: {error}") from None
