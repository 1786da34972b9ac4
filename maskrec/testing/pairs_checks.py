"""What a pair set must be; its images are looked at where it does not say itself what they show."""

from __future__ import annotations

from collections import defaultdict

import numpy as np

from maskrec.contracts.component_calls import origin_of
from maskrec.contracts.conditions import CONDITIONS
from maskrec.contracts.pair_set import PairSet
from maskrec.testing.candidate import Candidate
from maskrec.testing.contract_check import ContractError, Skipped, contract_check
from maskrec.testing.opened_data import evenly_spread, opened

_MOST = 500  # pairs whose images are asked for what they show


@contract_check("pairs", since="0.1")
def indices_in_range(candidate: Candidate) -> None:
    """``left`` and ``right`` are integer indices of images that exist, one of each for every pair."""
    pairs: PairSet = opened(candidate)
    images = len(pairs.images)
    for side in ("left", "right"):
        indices = np.asarray(getattr(pairs, side))
        if indices.dtype.kind not in "iu" or len(indices) != len(pairs.same):
            raise ContractError(
                f"{candidate.name} has {len(indices)} values of {indices.dtype} in `{side}` for {len(pairs)} pairs "
                "and needs an int64 for each"
            )
        wrong = indices[(indices < 0) | (indices >= images)]
        if len(wrong):
            raise ContractError(f"{candidate.name} has the index {wrong[0]} in `{side}`, and {images} images, from 0")


@contract_check("pairs", since="0.1")
def conditions_true(candidate: Candidate) -> None:
    """A pair's ``condition`` is the number of its images that show a mask or get one put on."""
    pairs: PairSet = opened(candidate)
    worn: dict[int, bool] = {}
    for number in evenly_spread(len(pairs), _MOST):
        sides = int(pairs.left[number]), int(pairs.right[number])
        for image in sides:
            if image not in worn:
                worn[image] = pairs.mask_types[image] is not None or origin_of(pairs.images, image)[1]
        true, said = sum(worn[image] for image in sides), int(pairs.condition[number])
        if said != true:
            shown = CONDITIONS[said] if 0 <= said < len(CONDITIONS) else said
            raise ContractError(
                f"{candidate.name} says that pair {number} is {shown}, and by its images it is {CONDITIONS[true]}"
            )


@contract_check("pairs", since="0.1")
def folds_identity_disjoint(candidate: Candidate) -> None:
    """Where pairs have folds and images have identities, nobody is in two folds."""
    pairs: PairSet = opened(candidate)
    if pairs.fold is None or pairs.identities is None:
        raise Skipped("it has no folds" if pairs.fold is None else "it does not say who its images show")
    folds: dict[str, set[int]] = defaultdict(set)
    for side in (pairs.left, pairs.right):
        for image, fold in zip(side.tolist(), pairs.fold.tolist(), strict=True):
            folds[pairs.identities[image]].add(fold)
    shared = next((name for name, found in folds.items() if len(found) > 1), None)
    if shared is not None:
        found = ", ".join(map(str, sorted(folds[shared])[:4]))
        raise ContractError(
            f"{candidate.name} has {shared!r} in the folds {found}; a threshold chosen on one fold is measured on "
            "the others, which must show other people"
        )
