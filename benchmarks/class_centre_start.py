"""How long class centres should be at first: the head of ArcFace alone, trained from both starts, loss by step.

    python benchmarks/class_centre_start.py
    python benchmarks/class_centre_start.py --classes 1000

Embeddings stand still: each person has a direction, each photo is that direction with noise. Only the class centres
learn, with the optimizer of the reference recipes, so that what differs is their length at the start.
"""

from __future__ import annotations

import argparse
from typing import get_args

import torch
from torch import Tensor
from torch.nn import functional as F

from maskrec.losses.heads.class_centres import Start
from maskrec.losses.margins.arcface import ArcFace

SIZE, BATCH, NOISE = 512, 128, 0.6
SHOWN = (1, 5, 10, 25, 50, 100, 150)


def photos(people: Tensor, generator: torch.Generator) -> tuple[Tensor, Tensor]:
    """A batch of embeddings ``(B, d)`` and their people, drawn from those whose directions are given."""
    labels = torch.randint(0, len(people), (BATCH,), generator=generator)
    noise = F.normalize(torch.randn(BATCH, SIZE, generator=generator))
    return F.normalize(people[labels] + NOISE * noise), labels


def train(init: Start, classes: int, people: int, seed: int) -> dict[int, tuple[float, float]]:
    """Loss before each of the shown steps, and how far the step turned the centres of its people, in degrees."""
    torch.manual_seed(seed)  # of the class centres; people must not be drawn from the same numbers
    loss = ArcFace(SIZE, classes, [1] * classes, scale=45, margin=0.4, criterion="focal", gamma=2, init=init)
    generator = torch.Generator().manual_seed(seed + 1000)
    directions = F.normalize(torch.randn(people, SIZE, generator=generator))
    optimizer = torch.optim.SGD(loss.parameters(), lr=0.1, momentum=0.9, nesterov=True, weight_decay=5e-4)
    found = {}
    for step in range(1, SHOWN[-1] + 1):
        embeddings, labels = photos(directions, generator)
        value = loss(embeddings, labels)
        optimizer.zero_grad()
        value.backward()
        before = F.normalize(loss.head.weight.detach()[labels])
        optimizer.step()
        turned = (before * F.normalize(loss.head.weight.detach()[labels])).sum(1).clamp(max=1).acos()
        if step in SHOWN:
            found[step] = float(value.detach()), float(turned.rad2deg().mean())
    return found


def main() -> None:
    """Print one row a start, one column a step."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--classes", type=int, default=20_000)
    parser.add_argument("--people", type=int, default=512, help="of the classes, those whose photos are seen")
    parser.add_argument("--seed", type=int, default=1)
    given = parser.parse_args()
    print(f"{given.classes} classes of {SIZE} numbers, batches of {BATCH} photos of {given.people} of them")
    print("loss before the step (degrees by which it turned the batch's centres)")
    print("start   " + "".join(f"{f'step {step}':>16}" for step in SHOWN))
    for init in get_args(Start):
        rows = train(init, given.classes, given.people, given.seed)
        print(f"{init:<8}" + "".join(f"{f'{value:.2f} ({turned:.2f})':>16}" for value, turned in rows.values()))


if __name__ == "__main__":
    main()
