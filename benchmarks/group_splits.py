"""How often ``by_group`` calls a group worse when none is, and how often it finds one that is.

Run: ``python benchmarks/group_splits.py [people per group]`` (400). People are drawn as directions, some nearer to the
middle than others and so more often taken for somebody; four photos each, a FAR of 0.001. Equal: 100 random splits of
the people into four groups. Seeded: the same splits, and in one of the groups comparisons are accepted up to the
distance at which its own rate is three times what it was. The first row says how unevenly people are taken for others:
on LFW with MobileFaceNet (844 people, a FAR of 0.001) the spread is 0.9 to 1.1 of the mean, beyond chance. Every figure
is for synthetic vectors, of nobody's face.
"""

from __future__ import annotations

import sys

import numpy as np

from maskrec.metrics.group_rates import GroupRatio, PersonErrors, group_ratios

GROUPS, PHOTOS, WIDTH, FAR, SPLITS, MOST, FACTOR = 4, 4, 64, 1e-3, 100, 1.5, 3


def products(people: int, rng: np.random.Generator) -> np.ndarray:
    """Cosines of all comparisons of two people: ``(people, people, PHOTOS, PHOTOS)``; a person's own are -inf."""
    centre = rng.normal(size=WIDTH)
    faces = rng.normal(size=(people, WIDTH)) + rng.gamma(2, 0.12, (people, 1)) * centre
    photos = faces[:, None] + 0.7 * rng.normal(size=(people, PHOTOS, WIDTH))
    unit = (photos / np.linalg.norm(photos, axis=2, keepdims=True)).astype(np.float32).reshape(-1, WIDTH)
    found = (unit @ unit.T).reshape(people, PHOTOS, people, PHOTOS).transpose(0, 2, 1, 3)
    found[np.arange(people), np.arange(people)] = -np.inf
    return np.ascontiguousarray(found)


def errors(cosines: np.ndarray, cut: float) -> PersonErrors:
    """False accepts within a group whose cosines these are."""
    false = np.count_nonzero(cosines >= cut, axis=(1, 2, 3))
    return PersonErrors(false, np.full(len(false), (len(false) - 1) * float(PHOTOS**2)))


def judged(cosines: np.ndarray, split: np.ndarray, cut: float, seeded: bool) -> list[GroupRatio]:
    """The groups of a split, the first of which is seeded."""
    within = [cosines[np.ix_(split == group, split == group)] for group in range(GROUPS)]
    cuts = [cut] * GROUPS
    if seeded:
        mine = within[0][np.isfinite(within[0])]
        cuts[0] = float(np.quantile(mine, 1 - FACTOR * np.mean(mine >= cut)))
    return group_ratios([errors(each, at) for each, at in zip(within, cuts, strict=True)], FAR)


def main() -> None:
    """Print five rows."""
    size = int(sys.argv[1]) if len(sys.argv) > 1 else 400
    rng = np.random.default_rng(0)
    cosines = products(GROUPS * size, rng)
    cut = float(np.quantile(cosines[np.isfinite(cosines)], 1 - FAR))
    splits = [rng.permutation(np.arange(GROUPS * size) % GROUPS) for _ in range(SPLITS)]
    equal = [judged(cosines, split, cut, seeded=False) for split in splits]
    seeded = [judged(cosines, split, cut, seeded=True) for split in splits]
    failed = sum(any(group.above(MOST) for group in each) for each in equal)
    at_one = sum(any(group.above(1.0) for group in each) for each in equal)
    found = sum(each[0].above(MOST) for each in seeded)
    others = sum(any(group.above(MOST) for group in each[1:]) for each in seeded)
    people = f"{GROUPS} groups of {size} people"
    false = errors(cosines, cut).false
    print(f"standard deviation of people's false accepts | {false.std() / false.mean():.2f} of their mean | | {people}")
    print(f"equal splits that fail, --at-most {MOST} | {failed} of {SPLITS} | goal at most 5 | {people}")
    print(f"equal splits that fail, --at-most 1 | {at_one} of {SPLITS} | one-sided 5 % | {people}")
    print(f"seeded factor of {FACTOR} found | {found} of {SPLITS} | goal at least 90 | {people}")
    print(f"another group blamed beside it | {others} of {SPLITS} | | {people}")


if __name__ == "__main__":
    main()
