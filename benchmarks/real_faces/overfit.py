"""Overfit 8 people x 20 real photos with each reference model's backbone, loss and optimizer, from scratch.

    python benchmarks/real_faces/overfit.py --faces DIR --landmarks lfw_landmarks.csv --out data/overfit

Takes the people of DIR (a folder each) with the most photos, writes train.csv (path,target and the five landmarks),
trains the recipes in benchmarks/real_faces/overfit/ on it for at most 300 steps and prints the training accuracy by
nearest class centre (cosine, eval mode). It shows that backbone, loss and optimizer learn together; that says nothing
about people who were not trained on. An existing run is continued.
"""

from __future__ import annotations

import argparse
import csv
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import fmean
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from split_lfw import LANDMARKS, read_landmarks, relative
from torch.nn.functional import interpolate

from maskrec import PairSet, View
from maskrec.base.errors import MaskrecError, UsageError
from maskrec.inference.embedder import Embedder
from maskrec.inference.model import Model
from maskrec.plugin.catalog import Catalog
from maskrec.plugin.host import discover
from maskrec.recipe.checking import resolve
from maskrec.recipe.plan import Plan
from maskrec.runtime.compute import Compute
from maskrec.training.assemble import assemble
from maskrec.training.runner import start

HERE = Path(__file__).parent
PLUGIN = HERE / "class_centres.py"
BAR = 0.95
LAST_STEPS = 10


@dataclass(frozen=True)
class Trial:
    """One run: a recipe of benchmarks/real_faces/overfit/ and what is changed in it."""

    recipe: str
    overrides: tuple[str, ...] = ()


# At the reference's rate the hardest triplets come nearer too slowly to see any of them fall idle within 300 steps.
FASTER = ("optimizer.lr=1.0", "scheduler.warmup_steps=20")
TRIALS = {
    "arcface_inception": Trial("arcface_inception"),
    "triplet_inception": Trial("triplet_inception"),
    "triplet_inception_margin_0.5": Trial(
        "triplet_inception", ("loss.margin=0.5", "observe.enough.active_share=0.5", *FASTER)
    ),
    "arcface_seresnext101": Trial("arcface_seresnext101"),
}
COLUMNS = ("8x8 pixels", "untrained", "accuracy", "steps", "first over 0.95", "active share", "batch")


def main() -> None:
    """Read the arguments, write the data, train, print one row a run."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--faces", type=Path, required=True, help="a folder per person")
    parser.add_argument("--landmarks", type=Path, required=True, help="CSV of path and five points")
    parser.add_argument("--out", type=Path, required=True, help="where train.csv and the runs go")
    parser.add_argument("--people", type=int, default=8)
    parser.add_argument("--photos", type=int, default=20, help="of each of them")
    parser.add_argument("--only", action="append", choices=list(TRIALS), help="may be repeated")
    parser.add_argument("--to-the-end", action="store_true", help="all 300 steps, also when the accuracy is reached")
    parser.add_argument("changes", nargs="*", metavar="KEY=VALUE", help="overrides of every recipe")
    arguments = parser.parse_args()
    write_photos(arguments.out, chosen(arguments.faces, arguments.people, arguments.photos), arguments.landmarks)
    catalog = discover([PLUGIN], plugins=False)
    rows = {}
    for name in arguments.only or TRIALS:
        overrides = [*TRIALS[name].overrides, *arguments.changes]
        if arguments.to_the_end:
            overrides = [word for word in overrides if "enough" not in word] + ["observe.enough=null"]
        rows[name] = overfit(TRIALS[name].recipe, overrides, catalog, arguments.out, arguments.out / name)
        print_table({name: rows[name]})
    print(f"\n{arguments.people} people x {arguments.photos} photos, nearest class centre of the training photos")
    print_table(rows)


def chosen(faces: Path, people: int, photos: int) -> list[list[Path]]:
    """The first photos of the people who have the most, the most photographed first.

    Raises:
        UsageError: too few people with so many photos.
    """
    folders = [sorted(folder.glob("*.jpg")) for folder in sorted(faces.iterdir()) if folder.is_dir()]
    most = sorted(folders, key=len, reverse=True)[:people]
    if len(most) < people or len(most[-1]) < photos:
        raise UsageError(f"{faces} has fewer than {people} people with {photos} photos; ask for fewer")
    return [files[:photos] for files in most]


def write_photos(out: Path, people: Sequence[Sequence[Path]], landmarks: Path) -> None:
    """train.csv in ``out``: a target a person, in the order given, and the landmarks of each photo."""
    points = read_landmarks(landmarks)
    out.mkdir(parents=True, exist_ok=True)
    with (out / "train.csv").open("w", encoding="utf-8", newline="") as stream:
        writer = csv.writer(stream)
        writer.writerow(["path", "target", *LANDMARKS])
        for target, files in enumerate(people):
            for file in files:
                writer.writerow([relative(file, out), target, *(points[file.name][column] for column in LANDMARKS)])


def overfit(recipe: str, overrides: Sequence[str], catalog: Catalog, data: Path, run_dir: Path) -> dict[str, str]:
    """Train one recipe in ``run_dir`` and read off what came out, a text for each of ``COLUMNS``."""
    path = HERE / "overfit" / f"{recipe}.yaml"
    plan = resolve(path, catalog=catalog, overrides=overrides, data_root=data)
    before = untrained(plan, catalog, data)
    start(plan, catalog, data, run_dir, [PLUGIN])
    rows = [json.loads(line) for line in (run_dir / "metrics.jsonl").read_bytes().splitlines()]
    return {**before, **figures(rows), "batch": batch_in_words(plan)}


def untrained(plan: Plan, catalog: Catalog, data: Path) -> dict[str, str]:
    """The same accuracy of the weights that the run starts with, and of the photos' pixels without any network."""
    assembly = assemble(plan, catalog, data)
    model = Model(assembly.backbone, assembly.backbone.input_spec, None, "untrained")
    embed = Embedder(model, Compute(torch.device("cpu")), plan.seed, workers=0)
    centres = assembly.evaluators["centres"]
    return {
        "8x8 pixels": f"{centres.evaluate(small_pixels).metrics['accuracy']:.4f}",
        "untrained": f"{centres.evaluate(embed).metrics['accuracy']:.4f}",
    }


def small_pixels(pairs: PairSet, view: View | None = None) -> NDArray[np.float32]:
    """``(n, 192)``: each photo averaged to 8 x 8 pixels, less its mean."""
    photos = torch.stack([pairs.images[index].image for index in range(len(pairs.images))]).float()
    rows = interpolate(photos, size=(8, 8), mode="area").flatten(1)
    return (rows - rows.mean(1, keepdim=True)).numpy()


def figures(rows: Sequence[Mapping[str, Any]]) -> dict[str, str]:
    """Accuracy and steps at the end, the first evaluation over the bar, the active share of the last steps."""
    evaluations = [(row["step"], row["metrics"]["accuracy"]) for row in rows if row["kind"] == "evaluate"]
    steps = [row for row in rows if row["kind"] == "step"]
    mined = [row for row in steps if "active_share" in row["diagnostics"]]
    shares = [row["diagnostics"]["active_share"] for row in mined for _ in range(row.get("steps", 1))]
    over = [step for step, accuracy in evaluations if accuracy > BAR]
    return {
        "accuracy": f"{evaluations[-1][1]:.4f}",
        "steps": str(steps[-1]["step"]),
        "first over 0.95": str(over[0]) if over else "never",
        "active share": f"{fmean(shares[-LAST_STEPS:]):.3f}" if shares else "-",
    }


def batch_in_words(plan: Plan) -> str:
    """``32``, or ``8 x 4`` for identities and images."""
    sizes = plan.sampler.parameters
    if "batch_size" in sizes:
        return str(sizes["batch_size"])
    return f"{sizes['identities_per_batch']} x {sizes['images_per_identity']}"


def print_table(rows: Mapping[str, Mapping[str, str]]) -> None:
    """One line a run."""
    print(" | ".join([f"{'run':30}", *(f"{column:>{max(8, len(column))}}" for column in COLUMNS)]))
    for name, row in rows.items():
        cells = [f"{row[column]:>{max(8, len(column))}}" for column in COLUMNS]
        print(" | ".join([f"{name:30}", *cells]), flush=True)


if __name__ == "__main__":
    try:
        main()
    except MaskrecError as error:
        raise SystemExit(f"overfit.py: {error}") from None
