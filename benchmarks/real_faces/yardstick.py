"""LFW's 6,000 pairs as a yardstick: 10-fold accuracy and TAR at FAR 1e-2, bare and with each type of simulated mask.

    python benchmarks/real_faces/yardstick.py --weights mobilefacenet.safetensors --lfw lfw \\
        --landmarks lfw_landmarks.csv --pairs lfw_pairs.txt
    python benchmarks/real_faces/yardstick.py --run runs/distil/20261123T120000Z --lfw ...
    python benchmarks/real_faces/yardstick.py --weights mobilefacenet.safetensors --csv data/flat/pairs.csv

Nothing is trained: a network is opened (MobileFaceNet's weights, an exported file or a run) and measured by the
evaluator ``verification``. With ``one`` the right face of every pair wears a mask, with ``both`` both do; masks are
drawn by the seed, the same for every network. Accuracies have 95 % Wilson intervals over the pairs, TAR the intervals
of the evaluator. MobileFaceNet is that of plugins/maskrec-example-backbone.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from maskrec.base.errors import MaskrecError
from maskrec.contracts.context import Context
from maskrec.contracts.evaluation import View
from maskrec.contracts.input_spec import InputSpec
from maskrec.contracts.pair_set import Images, PairSet
from maskrec.contracts.sample import Sample
from maskrec.evaluators.verification import Verification
from maskrec.faces.masks import MASK_TYPES
from maskrec.inference.embedder import Embedder
from maskrec.inference.model import Model, frozen_model
from maskrec.inference.open_model import open_model
from maskrec.pairs.lfw_pairs import lfw_pairs
from maskrec.pairs.pairs_csv import pairs_csv
from maskrec.pairs.photo_pairs import PairImages
from maskrec.plugin.host import discover
from maskrec.runtime.compute import Compute, pick_device

FAR = 0.01
HEADER = (
    "pairs                           |     n | accuracy +- sd  [95 % interval]           | TAR at FAR 1e-2 [interval]"
)


def main() -> None:
    """Open the network, measure one pair set after the other, print a row per condition."""
    arguments = read_arguments()
    model = open_network(arguments)
    embed = Embedding(model, arguments)
    print(HEADER, flush=True)
    rows = []
    for label, pairs in pair_sets(arguments, model.spec):
        for row in measure(embed, pairs):
            rows.append({"set": label, **row})
            print(line(rows[-1]), flush=True)
        if arguments.json:
            arguments.json.write_text(json.dumps(rows, indent=1) + "\n", encoding="utf-8")


def read_arguments() -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    which = parser.add_mutually_exclusive_group(required=True)
    which.add_argument("--weights", type=Path, help="MobileFaceNet's state_dict as safetensors")
    which.add_argument("--run", type=Path, help="a run directory: its best weights")
    which.add_argument("--onnx", type=Path, help="an exported file with the metadata entry maskrec.input_spec")
    parser.add_argument("--lfw", type=Path, help="a folder per person, photos or aligned faces")
    parser.add_argument("--landmarks", type=Path, help="CSV of path and five points; without it photos are aligned")
    parser.add_argument("--pairs", type=Path, help="LFW's pairs.txt")
    parser.add_argument("--types", nargs="*", default=list(MASK_TYPES), help="mask types, each measured alone")
    parser.add_argument("--together", nargs="*", default=[], metavar="TYPE", help="types measured mixed, as one row")
    parser.add_argument("--csv", type=Path, nargs="*", default=[], help="pairs of aligned faces in CSVs instead")
    parser.add_argument("--seed", type=int, default=17, help="of the masks")
    parser.add_argument("--workers", type=int, default=0)
    parser.add_argument("--json", type=Path, help="also write the rows here")
    arguments = parser.parse_args()
    if not arguments.csv and not (arguments.lfw and arguments.pairs):
        parser.error("give --lfw and --pairs, or --csv")
    return arguments


def open_network(arguments: argparse.Namespace) -> Model:
    """The frozen network with what it expects to see."""
    if arguments.weights:
        from maskrec_example_backbone.mobilefacenet import MobileFaceNet

        return frozen_model(MobileFaceNet(arguments.weights), str(arguments.weights))
    return open_model(arguments.run or arguments.onnx, discover())


def pair_sets(arguments: argparse.Namespace, spec: InputSpec) -> Iterator[tuple[str, PairSet]]:
    """The named CSVs; or LFW bare, then with each mask type, then with some of them mixed."""
    for path in arguments.csv:
        context = Context(input_spec=spec, path=path.stem)
        yield path.stem, pairs_csv(context, spec.size, arguments.seed, path=path)
    if arguments.csv:
        return
    worn: list[tuple[str, list[str]]] = [(name, [name]) for name in arguments.types]
    worn += [("mixed", arguments.together)] if arguments.together else []
    wanted: list[tuple[str, Any, list[str] | None]] = [("bare", "none", None)]
    wanted += [(name, ["one", "both"], types) for name, types in worn]
    for label, masks, types in wanted:
        context = Context(input_spec=spec, path=f"lfw.{label}")
        files = (arguments.pairs, arguments.lfw, context, spec.size, arguments.seed)
        yield label, lfw_pairs(*files, landmarks=arguments.landmarks, masks=masks, types=types)


@dataclass(frozen=True)
class Chosen:
    """Some of a set's images."""

    images: Images
    places: list[int]

    def __len__(self) -> int:
        return len(self.places)

    def __getitem__(self, index: int) -> Sample:
        return self.images[self.places[index]]


class Embedding:
    """Embeds the images of pair sets; a bare photo that several sets have is embedded once.

    Args:
        model: the network.
        arguments: the command line.
    """

    def __init__(self, model: Model, arguments: argparse.Namespace) -> None:
        compute = Compute(pick_device("auto"), channels_last=True)
        self.embedder = Embedder(model, compute, arguments.seed, arguments.workers)
        self.bare: dict[str, NDArray[np.float32]] = {}

    def __call__(self, pairs: PairSet, view: View | None = None) -> NDArray[np.float32]:
        """float32 ``(n, d)``, a row for each of ``pairs.images``; there are no views here."""
        assert isinstance(pairs.images, PairImages)
        names = [pairs.images.photos.paths[int(photo)] for photo in pairs.images.photo]
        wanted = [i for i, worn in enumerate(pairs.mask_types) if worn is not None or names[i] not in self.bare]
        found = dict(zip(wanted, self._embed(pairs, wanted), strict=True))
        self.bare |= {names[i]: row for i, row in found.items() if pairs.mask_types[i] is None}
        return np.stack([found[i] if i in found else self.bare[name] for i, name in enumerate(names)])

    def _embed(self, pairs: PairSet, wanted: list[int]) -> NDArray[np.float32]:
        worn = [pairs.mask_types[i] for i in wanted]
        return self.embedder(replace(pairs, images=Chosen(pairs.images, wanted), mask_types=worn, identities=None))


def measure(embed: Embedding, pairs: PairSet) -> Iterator[dict[str, Any]]:
    """A row for each condition of the pairs: accuracy and TAR with their intervals."""
    tables = Verification(pairs, fars=(FAR,)).evaluate(embed).tables
    rates = {row["condition"]: row for row in tables["tar_at_far"]}
    for row in tables["accuracy"]:
        if row["condition"] != "all" and row["accuracy"] is not None:
            rate = rates[row["condition"]]
            tar = {f"tar{end}": rate[name] for end, name in (("", "tar"), ("_low", "low"), ("_high", "high"))}
            yield {**row, **tar}


def line(row: dict[str, Any]) -> str:
    """A row of the printed table."""
    name = row["set"] if row["set"] == row["condition"] else f"{row['set']}, {row['condition'].replace('_', ' ')}"
    pairs = row["same_pairs"] + row["different_pairs"]
    accuracy = f"{row['accuracy']:.4f} +- {row['standard_deviation']:.4f} [{row['low']:.4f}, {row['high']:.4f}]"
    return f"{name:31} | {pairs:5} | {accuracy:41} | {row['tar']:.4f} [{row['tar_low']:.4f}, {row['tar_high']:.4f}]"


if __name__ == "__main__":
    try:
        main()
    except MaskrecError as error:
        raise SystemExit(f"yardstick.py: {error}") from None
